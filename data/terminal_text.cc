#include "data/terminal_text.h"

namespace occam {
namespace {

constexpr char kReplacement[] = "\xef\xbf\xbd";  // U+FFFD

}  // namespace

std::string TerminalText::Take(std::span<const uint8_t> bytes) {
  std::string shown;
  for (const uint8_t byte : bytes) Add(byte, &shown);
  return shown;
}

std::string TerminalText::Finish() {
  if (missing_ == 0) return {};
  missing_ = 0;
  waiting_.clear();
  return kReplacement;
}

void TerminalText::Add(uint8_t byte, std::string* shown) {
  if (missing_ > 0 && byte >= least_ && byte <= most_) {
    waiting_ += static_cast<char>(byte);
    least_ = 0x80;
    most_ = 0xbf;
    if (--missing_ > 0) return;
    // U+0080 to U+009F are control characters, too.
    const bool control = waiting_[0] == '\xc2' && byte < 0xa0;
    *shown += control ? kReplacement : waiting_;
    waiting_.clear();
    return;
  }
  *shown += Finish();
  Begin(byte, shown);
}

void TerminalText::Begin(uint8_t byte, std::string* shown) {
  if (byte < 0x80) {
    const bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
    if (control) {
      *shown += kReplacement;
    } else {
      *shown += static_cast<char>(byte);
    }
    return;
  }
  if (byte < 0xc2 || byte > 0xf4) {  // no character begins so
    *shown += kReplacement;
    return;
  }
  missing_ = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
  waiting_ = static_cast<char>(byte);
  // Neither longer forms than needed, nor surrogates, nor beyond U+10FFFF.
  least_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
  most_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
}

}  // namespace occam
