// Turns bytes into symbols: the decoder's half of the range coder (coder/entropy/range_common.h).
#ifndef OCCAM_CODER_ENTROPY_RANGE_DECODER_H_
#define OCCAM_CODER_ENTROPY_RANGE_DECODER_H_

#include <cstdint>
#include <span>

#include "coder/entropy/range_common.h"
#include "data/base/error.h"
#include "data/base/frequency.h"

namespace occam {

// Reads one stream, never past its end: there it sees zeros. Does not own the bytes.
//
// Any bytes decode to some symbols; ConsumedExactly tells whether an encoder of these symbols would
// have written these bytes, all of them and no others.
class RangeDecoder {
 public:
  explicit RangeDecoder(std::span<const uint8_t> payload);

  // A point in the next symbol's interval, in [0, kFrequencyTotal). Throws kDamaged where no
  // encoder can have been.
  uint32_t Target() {
    unit_ = range_ >> kFrequencyBits;
    const uint64_t target = (window_ - low_) / unit_;
    if (target >= kFrequencyTotal) throw DamagedError("the coded payload is damaged");
    return static_cast<uint32_t>(target);
  }

  // Steps over the symbol whose interval holds the target.
  void Advance(SymbolInterval symbol) {
    low_ += unit_ * symbol.start;
    range_ = unit_ * symbol.size;
    while (range_ < kMinRange) Shift();
  }

  // Decodes one of two symbols, of which the first has [0, first_size): Target and Advance without
  // the division. Returns whether it is the second. Throws as Target does.
  bool Second(uint32_t first_size) {
    const uint64_t unit = range_ >> kFrequencyBits;
    const uint64_t offset = window_ - low_, whole = unit << kFrequencyBits;
    if (offset >= whole) throw DamagedError("the coded payload is damaged");
    const uint64_t split = unit * first_size;
    // A branch, so that what follows need not wait for the comparison where it is foreseen.
    const bool second = offset >= split;
    if (second) {
      low_ += split;
      range_ = whole - split;
    } else {
      range_ = split;
    }
    while (range_ < kMinRange) Shift();
    return second;
  }

  // The next symbol by its table of frequencies, which sum to kFrequencyTotal: sums of 16 until the
  // target is passed, then the 16.
  int32_t DecodeSymbol(std::span<const uint32_t> frequencies);

  // Tells that, after the last symbol.
  bool ConsumedExactly() const;

 private:
  void Shift();

  std::span<const uint8_t> payload_;
  size_t position_ = 0;  // of the first byte after the window
  uint64_t low_ = 0;     // the encoder's, modulo 2^64
  uint64_t range_ = kInitialRange;
  uint64_t window_ = 0;  // 8 bytes of the stream, in line with low_
  uint64_t unit_ = 0;
};

}  // namespace occam

#endif  // OCCAM_CODER_ENTROPY_RANGE_DECODER_H_
