#include "data/base/printable.h"

#include <cstdint>

namespace occam {
namespace {

uint8_t ByteAt(std::string_view text, size_t i) {
  return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
}

// The bytes of the character that begins the text, 0 where none does.
size_t CharacterBytes(std::string_view text) {
  const uint8_t first = ByteAt(text, 0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  // Neither longer forms than needed, nor surrogates, nor beyond U+10FFFF.
  const uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (ByteAt(text, 1) < least || ByteAt(text, 1) > most) return 0;
  for (size_t i = 2; i < size; ++i) {
    if ((ByteAt(text, i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

bool IsControl(std::string_view character) {
  const uint8_t first = ByteAt(character, 0);
  return first < 0x20 || first == 0x7f || (first == 0xc2 && ByteAt(character, 1) < 0xa0);
}

}  // namespace

std::string Printable(std::string_view text, std::string_view kept) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string shown;
  while (!text.empty()) {
    const size_t size = CharacterBytes(text);
    const std::string_view character = text.substr(0, size == 0 ? 1 : size);
    const bool stays = size > 0 && (!IsControl(character) || kept.find(text[0]) != kept.npos);
    if (stays) {
      shown += character;
    } else {
      for (const char c : character) {
        const auto byte = static_cast<uint8_t>(c);
        shown += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
      }
    }
    text.remove_prefix(character.size());
  }
  return shown;
}

}  // namespace occam
