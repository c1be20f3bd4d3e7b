// The bits that a tokenizer of 7 bits takes from bytes (data/tokenizer/seven_bits.h), coded when
// all symbols of a segment are known.
#ifndef OCCAM_CODER_ARCHIVE_LOST_BITS_H_
#define OCCAM_CODER_ARCHIVE_LOST_BITS_H_

#include <cstdint>
#include <span>

#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "data/base/file.h"

namespace occam {

// Code one bit a symbol, in order, adaptively. A text's top bits take next to nothing where they
// are 0, and little where they tell letters of several bytes. Bits that are noise take one bit
// each. `symbols` are in [0, 128); `lost` is [ceil(n / 8)] as TakeLostBits gives it.
//
// A bit b_i is predicted in four contexts, mixed (bit_model.h): the three bits before it and the
// symbol s_i; the bit before it, s_i and its next; the bit before it, the symbol before and s_i;
// the two bits before it and a hash of all three symbols. Symbols beyond the ends are 0. Everything
// starts afresh with each call. lost_bits.cc is the definition.
void EncodeLostBits(std::span<const int32_t> symbols, std::span<const uint8_t> lost,
                    RangeEncoder* encoder);
Bytes DecodeLostBits(std::span<const int32_t> symbols, RangeDecoder* decoder);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_LOST_BITS_H_
