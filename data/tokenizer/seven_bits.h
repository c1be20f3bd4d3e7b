// Bytes as values of 7 bits and the bits that this takes from them, as Deletang et al. (2024,
// "Language modeling is compression") feed a model that knows only ASCII. They count the lost bits
// to the compressed size; here they are kept, so that the original comes back.
#ifndef OCCAM_DATA_TOKENIZER_SEVEN_BITS_H_
#define OCCAM_DATA_TOKENIZER_SEVEN_BITS_H_

#include <cstdint>
#include <span>

#include "data/base/file.h"

namespace occam {

// The bit of a byte that is lost.
enum class LostBit {
  kTop,     // value = byte & 127: for texts, of which it is mostly 0
  kBottom,  // value = byte >> 1: for samples
};

// Each byte becomes its 7-bit value in place. Its lost bit goes to the result: [ceil(n / 8)], the
// first of eight as the most significant, missing ones 0.
Bytes TakeLostBits(std::span<uint8_t> bytes, LostBit which);

// Goes the other way: values [n], lost [ceil(n / 8)].
void ReturnLostBits(std::span<uint8_t> values, std::span<const uint8_t> lost, LostBit which);

}  // namespace occam

#endif  // OCCAM_DATA_TOKENIZER_SEVEN_BITS_H_
