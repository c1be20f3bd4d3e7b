// The common part of range encoder and range decoder. A carrying range coder (Martin, 1979, "Range
// encoding: an algorithm for removing redundancy from a digitised message") with 64 bits of state:
// the stream is one long number, symbols narrow the interval [low, low + range) that it lies in.
//
// Between symbols range >= 2^48. A symbol of frequency f takes f * floor(range / 2^24), so what the
// division drops is below 2^-24 of the interval: under 10^-7 bits a symbol.
#ifndef OCCAM_CODER_ENTROPY_RANGE_COMMON_H_
#define OCCAM_CODER_ENTROPY_RANGE_COMMON_H_

#include <cstdint>

namespace occam {

constexpr uint64_t kMinRange = uint64_t{1} << 48;
constexpr uint64_t kInitialRange = ~uint64_t{0};

// The end of a stream: of all numbers in [low, low + range) the one with the fewest bytes, zeros
// after it not counted. Since range >= 2^48 it takes at most 2 bytes beyond those already fixed.
struct StreamEnd {
  uint64_t window = 0;  // the last 8 bytes, most significant first
  int bytes = 0;        // of them that must be written
};

inline StreamEnd ShortestEnd(uint64_t low, uint64_t range) {
  StreamEnd end;
  for (; end.bytes < 8; ++end.bytes) {
    // A carry out of 64 bits wraps, and the difference stays right.
    const uint64_t mask = kInitialRange >> (8 * end.bytes);
    end.window = (low + mask) & ~mask;
    if (end.window - low < range) return end;
  }
  end.window = low;
  return end;
}

}  // namespace occam

#endif  // OCCAM_CODER_ENTROPY_RANGE_COMMON_H_
