// Rules by which tokenizers of public models cut text into pieces; no token reaches across two.
// They are patterns of regular expressions there, and written by hand here. How text is cut
// matters for the size of what is coded alone: any tokens of the right bytes decode.
#ifndef OCCAM_DATA_TOKENIZER_SPLIT_RULES_H_
#define OCCAM_DATA_TOKENIZER_SPLIT_RULES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace occam {

// The numbers stand in files (docs/spec/import.md, section 5.1, has the patterns).
enum class SplitRule : uint8_t {
  kNone = 0,
  kGpt2 = 1,    // Radford et al., 2019, section 2.2
  kDigits = 2,  // numbers one by one, then kGpt2 in what is between them: SmolLM2
  kLlama3 = 3,  // words with the sign before them, numbers in threes, lines
  kQwen = 4,    // the same, numbers one by one
};
constexpr int kSplitRules = 5;

// Returns the bytes of the piece at the start of `text`, which begins where the one before it
// ends; 0 for no text, all of it by kNone. Bytes that are no UTF-8 are signs. Its time is linear in
// what it looks at, which is one piece and at most a run of white space.
size_t SplitBytes(std::string_view text, SplitRule rule);

}  // namespace occam

#endif  // OCCAM_DATA_TOKENIZER_SPLIT_RULES_H_
