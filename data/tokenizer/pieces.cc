#include "data/tokenizer/pieces.h"

#include <algorithm>
#include <array>

namespace occam {
namespace {

enum class Kind : uint8_t { kSign, kLetter, kDigit, kSpace };

constexpr std::array<Kind, 256> MakeKinds() {
  std::array<Kind, 256> kinds{};
  for (size_t i = 0; i < 256; ++i) {
    if (i >= 128 || (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z')) kinds[i] = Kind::kLetter;
    if (i >= '0' && i <= '9') kinds[i] = Kind::kDigit;
    if ((i >= 9 && i <= 13) || i == ' ') kinds[i] = Kind::kSpace;
  }
  return kinds;
}
constexpr std::array<Kind, 256> kKinds = MakeKinds();

size_t RunEnd(std::span<const uint8_t> text, size_t begin) {
  const Kind kind = kKinds[text[begin]];
  size_t end = begin + 1;
  while (end < text.size() && kKinds[text[end]] == kind) ++end;
  return end;
}

size_t WordBytes(std::span<const uint8_t> text) {
  if (kKinds[text[0]] == Kind::kSpace) {
    const size_t end = RunEnd(text, 0);
    if (end == text.size() || text[end - 1] != ' ') return end;
    // The last blank goes with what follows.
    return end > 1 ? end - 1 : RunEnd(text, end);
  }
  if (text[0] == '\'' && text.size() > 1 && kKinds[text[1]] == Kind::kLetter)
    return RunEnd(text, 1);
  return RunEnd(text, 0);
}

}  // namespace

size_t PieceBytes(std::span<const uint8_t> text, PieceRule rule) {
  text = text.first(std::min(text.size(), kMaxPieceBytes));
  if (text.empty() || rule == PieceRule::kNone) return text.size();
  return WordBytes(text);
}

}  // namespace occam
