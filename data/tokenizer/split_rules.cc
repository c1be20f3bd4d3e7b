#include "data/tokenizer/split_rules.h"

#include "data/tokenizer/unicode_classes.h"

namespace occam {
namespace {

constexpr uint32_t kNoCharacter = 0xffffffff;

// A character at some place of a text.
struct Character {
  uint32_t code = kNoCharacter;  // of none, or of a byte that is no UTF-8, this one
  size_t bytes = 0;              // 0 at the end
  CharacterClass kind = CharacterClass::kOther;

  bool is(CharacterClass other) const { return bytes > 0 && kind == other; }
  bool ends_line() const { return code == '\r' || code == '\n'; }
};

// Unicode 15, section 3.9, table 3-7: no overlong forms, no surrogates, nothing beyond 10FFFF.
uint32_t DecodeUtf8(std::string_view text, size_t* bytes) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint32_t first = byte(0);
  *bytes = 1;
  if (first < 0x80) return first;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || size > text.size()) return kNoCharacter;
  uint32_t code = first & (0x7f >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return kNoCharacter;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
    return kNoCharacter;
  *bytes = size;
  return code;
}

class Splitter {
 public:
  Splitter(std::string_view text, SplitRule rule) : text_(text), rule_(rule) {}

  size_t Piece() const {
    if (text_.empty() || rule_ == SplitRule::kNone) return text_.size();
    const bool lines = rule_ == SplitRule::kLlama3 || rule_ == SplitRule::kQwen;
    if (const size_t ending = Ending(/*any_case=*/lines)) return ending;
    return lines ? LinePiece() : WordPiece();
  }

 private:
  Character At(size_t place) const {
    Character c;
    if (place >= text_.size()) return c;
    c.code = DecodeUtf8(text_.substr(place), &c.bytes);
    c.kind = ClassOf(c.code);
    return c;
  }
  // The place after the characters of a class from `place` on, `most` at most.
  size_t RunEnd(size_t place, CharacterClass kind, size_t most = SIZE_MAX) const {
    for (Character c = At(place); most > 0 && c.is(kind); c = At(place), --most) place += c.bytes;
    return place;
  }

  // 's 't 're 've 'm 'll 'd
  size_t Ending(bool any_case) const {
    if (text_[0] != '\'') return 0;
    const auto letter = [&](size_t i) {
      const char c = i < text_.size() ? text_[i] : '\0';
      return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    if (any_case && text_.substr(1).starts_with("\xc5\xbf"))
      return 3;  // the long s, an s in any case
    const char first = letter(1), second = letter(2);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
    if (first == 'l') return second == 'l' ? 3 : 0;
    return (first == 'r' || first == 'v') && second == 'e' ? 3 : 0;
  }

  // The rule of GPT-2. By kDigits a text ends before every number, and a number is one alone.
  size_t WordPiece() const {
    const bool digits = rule_ == SplitRule::kDigits;
    const Character first = At(0);
    if (digits && first.is(CharacterClass::kNumber)) return first.bytes;
    const size_t blank = first.code == ' ' ? 1 : 0;
    const Character next = blank > 0 ? At(1) : first;
    if (next.bytes > 0 && !next.is(CharacterClass::kSpace) &&
        !(digits && next.is(CharacterClass::kNumber)))
      return RunEnd(blank, next.kind);
    return SpacePiece();
  }

  // White space up to the last of it, which goes with what follows; all of it at a text's end.
  size_t SpacePiece() const {
    size_t end = 0, last = 0;
    for (Character c = At(0); c.is(CharacterClass::kSpace); c = At(end)) {
      last = end;
      end += c.bytes;
    }
    const bool ends =
        end == text_.size() || (rule_ == SplitRule::kDigits && At(end).is(CharacterClass::kNumber));
    return ends || last == 0 ? end : last;
  }

  // The rule of Llama 3 and Qwen.
  size_t LinePiece() const {
    const Character first = At(0), second = At(first.bytes);
    if (first.is(CharacterClass::kLetter)) return RunEnd(0, CharacterClass::kLetter);
    if (first.is(CharacterClass::kNumber))
      return RunEnd(0, CharacterClass::kNumber, rule_ == SplitRule::kQwen ? 1 : 3);
    if (!first.ends_line() && second.is(CharacterClass::kLetter))
      return RunEnd(first.bytes, CharacterClass::kLetter);
    if (first.is(CharacterClass::kOther) ||
        (first.code == ' ' && second.is(CharacterClass::kOther))) {
      size_t end = RunEnd(first.bytes, CharacterClass::kOther);
      while (At(end).ends_line()) ++end;
      return end;
    }
    size_t after_line = 0;
    size_t end = 0;
    for (Character c = At(0); c.is(CharacterClass::kSpace); c = At(end)) {
      end += c.bytes;
      if (c.ends_line()) after_line = end;
    }
    return after_line > 0 ? after_line : SpacePiece();
  }

  std::string_view text_;
  SplitRule rule_;
};

}  // namespace

size_t SplitBytes(std::string_view text, SplitRule rule) { return Splitter(text, rule).Piece(); }

}  // namespace occam
