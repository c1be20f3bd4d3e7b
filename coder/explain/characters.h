// Bytes as a reader sees them: characters of UTF-8, each with its class and its cost.
#ifndef OCCAM_CODER_EXPLAIN_CHARACTERS_H_
#define OCCAM_CODER_EXPLAIN_CHARACTERS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "coder/explain/page.h"

namespace occam::explain {

enum class Class : uint8_t { kLetter, kDigit, kSpace, kPunctuation, kMarkup, kOther };
constexpr size_t kClasses = 6;
const char* NameOf(Class kind);
const char* ExamplesOf(Class kind);  // HTML

struct Character {
  uint32_t begin = 0;  // byte
  uint8_t size = 1;    // bytes
  Class kind = Class::kOther;
  DecidedBy by = DecidedBy::kNetwork;  // who decided its most expensive byte
  float bits = 0;                      // the sum over its bytes
  float beside_bits = 0;
};

// Returns the characters of all bytes, in order. A byte that is no part of UTF-8 is one of its own.
// Every byte is one where they are not to be read as text.
std::vector<Character> CharactersOf(const Explanation& explanation, bool text);

// Returns whether most of it is to be read as text. What is not is shown as hexadecimal digits.
bool IsText(std::span<const Character> characters);

// Returns a character as the page's script wants it in a string of JSON. It is escaped, and a byte
// that is no part of UTF-8 becomes U+E000 + byte.
std::string JsonOf(std::span<const uint8_t> bytes, const Character& character);

// Returns a character as HTML shows it in a line: ends of lines and control characters are visible.
std::string HtmlOf(std::span<const uint8_t> bytes, const Character& character);

// Returns a text with what HTML would take for markup escaped.
std::string Escaped(const std::string& text);

}  // namespace occam::explain

#endif  // OCCAM_CODER_EXPLAIN_CHARACTERS_H_
