#include "data/tokenizer/seven_bits.h"

namespace occam {

Bytes TakeLostBits(std::span<uint8_t> bytes, LostBit which) {
  Bytes lost((bytes.size() + 7) / 8);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int bit = which == LostBit::kTop ? bytes[i] >> 7 : bytes[i] & 1;
    bytes[i] = static_cast<uint8_t>(which == LostBit::kTop ? bytes[i] & 127 : bytes[i] >> 1);
    lost[i / 8] = static_cast<uint8_t>(lost[i / 8] | bit << (7 - i % 8));
  }
  return lost;
}

void ReturnLostBits(std::span<uint8_t> values, std::span<const uint8_t> lost, LostBit which) {
  for (size_t i = 0; i < values.size(); ++i) {
    const int bit = lost[i / 8] >> (7 - i % 8) & 1;
    values[i] =
        static_cast<uint8_t>(which == LostBit::kTop ? values[i] | bit << 7 : values[i] << 1 | bit);
  }
}

}  // namespace occam
