#include "coder/explain/characters.h"

#include <algorithm>
#include <cstring>

#include "data/base/format.h"

namespace occam::explain {
namespace {

// Bytes of the character that begins here; 0 where none of UTF-8 does (RFC 3629, section 4).
size_t SizeOf(std::span<const uint8_t> rest) {
  const uint8_t first = rest[0];
  const size_t size = first < 0x80                    ? 1
                      : first >= 0xc2 && first < 0xe0 ? 2
                      : first >= 0xe0 && first < 0xf0 ? 3
                      : first >= 0xf0 && first < 0xf5 ? 4
                                                      : 0;
  if (size > rest.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((rest[i] & 0xc0) != 0x80) return 0;
  }
  // No longer form than needed, no halves of surrogate pairs, nothing above U+10FFFF.
  const uint8_t second = size > 1 ? rest[1] : 0x80;
  const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
                     (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90);
  return wrong ? 0 : size;
}

Class ClassOf(uint8_t byte) {
  if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')) return Class::kLetter;
  if (byte >= '0' && byte <= '9') return Class::kDigit;
  if (byte == ' ' || (byte >= '\t' && byte <= '\r')) return Class::kSpace;
  if (byte > ' ' && byte < 127)
    return std::strchr(".,;:!?'\"()-", byte) != nullptr ? Class::kPunctuation : Class::kMarkup;
  return Class::kOther;
}

uint32_t CodePointOf(std::span<const uint8_t> bytes) {
  if (bytes.size() == 1) return bytes[0];
  uint32_t point = bytes[0] & (0x7fu >> bytes.size());
  for (const uint8_t byte : bytes.subspan(1)) point = point << 6 | (byte & 0x3f);
  return point;
}

std::string TextOf(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

// U+E000 + byte and U+FFFD, in UTF-8.
std::string PrivateOf(uint8_t byte) {
  return {'\xee', static_cast<char>(0x80 | byte >> 6), static_cast<char>(0x80 | (byte & 0x3f))};
}
constexpr char kReplacement[] = "\xef\xbf\xbd";

}  // namespace

const char* NameOf(Class kind) {
  static constexpr const char* kNames[] = {"letters",     "digits", "space",
                                           "punctuation", "markup", "other"};
  return kNames[static_cast<size_t>(kind)];
}

const char* ExamplesOf(Class kind) {
  static constexpr const char* kExamples[] = {"a–z, and letters of other scripts",
                                              "0–9",
                                              "spaces and ends of lines",
                                              ". , ; : ! ? ' \" ( ) -",
                                              "&lt; &gt; [ ] { } | = &amp; # * _ /",
                                              "control characters and bytes that are no text"};
  return kExamples[static_cast<size_t>(kind)];
}

std::vector<Character> CharactersOf(const Explanation& explanation, bool text) {
  std::vector<Character> characters;
  characters.reserve(explanation.bytes.size());
  for (size_t begin = 0; begin < explanation.bytes.size();) {
    const auto rest = explanation.bytes.subspan(begin);
    const size_t size = text || rest[0] < 128 ? SizeOf(rest) : 0;
    Character c;
    c.begin = static_cast<uint32_t>(begin);
    c.size = static_cast<uint8_t>(std::max<size_t>(size, 1));
    c.kind = size > 1 ? Class::kLetter : size == 1 ? ClassOf(rest[0]) : Class::kOther;
    float most = -1;
    for (size_t i = begin; i < begin + c.size; ++i) {
      c.bits += explanation.bits[i];
      if (!explanation.beside_bits.empty()) c.beside_bits += explanation.beside_bits[i];
      if (explanation.bits[i] <= most) continue;
      most = explanation.bits[i];
      if (!explanation.decided_by.empty()) c.by = explanation.decided_by[i];
    }
    characters.push_back(c);
    begin += c.size;
  }
  return characters;
}

bool IsText(std::span<const Character> characters) {
  const auto others = std::ranges::count(characters, Class::kOther, &Character::kind);
  return 10 * static_cast<size_t>(others) <= characters.size();
}

std::string JsonOf(std::span<const uint8_t> bytes, const Character& character) {
  const auto own = bytes.subspan(character.begin, character.size);
  if (own.size() > 1) {
    const uint32_t point = CodePointOf(own);
    return point >= 0xe000 && point < 0xe100 ? kReplacement : TextOf(own);
  }
  const uint8_t byte = own[0];
  if (byte >= 128) return PrivateOf(byte);
  // "<" could end the script that holds the string.
  if (byte < ' ' || byte == 127 || byte == '"' || byte == '\\' || byte == '<')
    return fmt::format("\\u{:04x}", byte);
  return TextOf(own);
}

std::string HtmlOf(std::span<const uint8_t> bytes, const Character& character) {
  const auto own = bytes.subspan(character.begin, character.size);
  if (own.size() > 1) return TextOf(own);
  const uint8_t byte = own[0];
  if (byte >= 128) return kReplacement;
  if (byte == '\n') return "↵";
  if (byte < ' ' || byte == 127)  // pictures of control characters, from U+2400 on
    return fmt::format("&#x{:x};", byte == 127 ? 0x2421 : 0x2400 + byte);
  return Escaped(TextOf(own));
}

std::string Escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

}  // namespace occam::explain
