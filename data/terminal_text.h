// Any bytes as text that a terminal can be given: it neither breaks nor obeys them.
#ifndef OCCAM_DATA_TERMINAL_TEXT_H_
#define OCCAM_DATA_TERMINAL_TEXT_H_

#include <cstdint>
#include <span>
#include <string>

namespace occam {

// Bytes come piece by piece and are let through as far as they are well-formed UTF-8 (Unicode 15,
// table 3-7) of no control characters but newline and tab. Whatever else there is becomes U+FFFD, a
// character that was begun and broke off one.
class TerminalText {
 public:
  // Returns what can be shown by now. A character that is not complete waits.
  std::string Take(std::span<const uint8_t> bytes);
  // Returns what waited.
  std::string Finish();

 private:
  void Add(uint8_t byte, std::string* shown);
  void Begin(uint8_t byte, std::string* shown);

  std::string waiting_;   // bytes of one character, the first ones
  int missing_ = 0;       // of it
  uint8_t least_ = 0x80;  // what the next one of them may be
  uint8_t most_ = 0xbf;
};

}  // namespace occam

#endif  // OCCAM_DATA_TERMINAL_TEXT_H_
