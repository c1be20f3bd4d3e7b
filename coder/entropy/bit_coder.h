// Binary decisions by the range coder, their probabilities given from outside.
#ifndef OCCAM_CODER_ENTROPY_BIT_CODER_H_
#define OCCAM_CODER_ENTROPY_BIT_CODER_H_

#include <algorithm>
#include <cstdint>

#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "data/base/frequency.h"

namespace occam {

// Returns the part of [0, 2^24) that a bit has; that of a 1 is above that of a 0. The probability
// is of a 1, out of 65536, and is clamped to `least` from both ends.
inline SymbolInterval PartOf(bool bit, int32_t probability, int32_t least) {
  const int32_t clamped = std::clamp(probability, least, 65536 - least);
  const uint32_t one = static_cast<uint32_t>(clamped) << (kFrequencyBits - 16);
  const uint32_t zero = kFrequencyTotal - one;
  return bit ? SymbolInterval{zero, one} : SymbolInterval{0, zero};
}

// Both have bool Bit(bool bit, int32_t probability): codes a bit and returns it; the decoder
// ignores the argument. Neither owns its coder.
class BitEncoder {
 public:
  BitEncoder(RangeEncoder* encoder, int32_t least) : encoder_(*encoder), least_(least) {}
  bool Bit(bool bit, int32_t probability) {
    encoder_.Encode(PartOf(bit, probability, least_));
    return bit;
  }

 private:
  RangeEncoder& encoder_;
  int32_t least_;
};

class BitDecoder {
 public:
  BitDecoder(RangeDecoder* decoder, int32_t least) : decoder_(*decoder), least_(least) {}
  bool Bit(bool /*unknown*/, int32_t probability) {
    return decoder_.Second(PartOf(true, probability, least_).start);
  }

 private:
  RangeDecoder& decoder_;
  int32_t least_;
};

}  // namespace occam

#endif  // OCCAM_CODER_ENTROPY_BIT_CODER_H_
