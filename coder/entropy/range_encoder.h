// Turns symbols into bytes: the encoder's half of the range coder (coder/entropy/range_common.h).
#ifndef OCCAM_CODER_ENTROPY_RANGE_ENCODER_H_
#define OCCAM_CODER_ENTROPY_RANGE_ENCODER_H_

#include <cstddef>
#include <cstdint>

#include "coder/entropy/range_common.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/frequency.h"

namespace occam {

// One stream. Its length is the ideal code length, rounded up to bytes, plus at most 2 bytes; no
// symbols give no bytes.
class RangeEncoder {
 public:
  // `symbol` is a non-empty part of [0, kFrequencyTotal); an empty one is kInternal.
  void Encode(SymbolInterval symbol) {
    if (symbol.size == 0) throw InternalError("a predictor gave a symbol no frequency");
    const uint64_t unit = range_ >> kFrequencyBits;
    const uint64_t offset = unit * symbol.start;
    low_ += offset;
    if (low_ < offset) Carry();
    range_ = unit * symbol.size;
    while (range_ < kMinRange) Shift();
  }

  // Number of bytes that are out so far: up to 8 behind what was encoded, and Finish may still take
  // zeros at the end back.
  size_t bytes_written() const { return bytes_.size(); }

  // Ends the stream and gives it away; the encoder may not be used afterwards. No stream that goes
  // on from here ends with fewer bytes.
  Bytes Finish();

 private:
  void Carry();
  void Shift() {
    bytes_.push_back(static_cast<uint8_t>(low_ >> 56));
    bytes_.push_back(static_cast<uint8_t>(low_ >> 48));
    low_ <<= 16;
    range_ <<= 16;
  }

  uint64_t low_ = 0;
  uint64_t range_ = kInitialRange;
  Bytes bytes_;
};

}  // namespace occam

#endif  // OCCAM_CODER_ENTROPY_RANGE_ENCODER_H_
