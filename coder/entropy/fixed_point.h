// Logarithm and power of two in integers alone, the same on every machine. A number is in units of
// 2^-30, that is kFixedOne for 1, unless its function says otherwise.
#ifndef OCCAM_CODER_ENTROPY_FIXED_POINT_H_
#define OCCAM_CODER_ENTROPY_FIXED_POINT_H_

#include <bit>
#include <cstdint>

namespace occam {

constexpr int kFixedBits = 30;
constexpr uint64_t kFixedOne = uint64_t{1} << kFixedBits;

// A number in [0, 4) in units of 2^-62 leaves room for a product in 128 bits.
constexpr int kInnerBits = 62;
constexpr uint64_t MultiplyInner(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>((static_cast<Wide>(a) * b) >> kInnerBits);
}

// log2(x) in units of 2^-bits, rounded down; x >= 1, bits <= kFixedBits. Squaring doubles the
// logarithm: the bits of its fraction come out one by one. What a square loses is 2^-62 of it at
// most, and counts half as much at every step that follows.
constexpr uint64_t Log2(uint32_t x, int bits) {
  const int whole = static_cast<int>(std::bit_width(x)) - 1;
  uint64_t m = static_cast<uint64_t>(x) << (kInnerBits - whole);  // in [1, 2)
  auto result = static_cast<uint64_t>(whole);
  for (int i = 0; i < bits; ++i) {
    m = MultiplyInner(m, m);
    const uint64_t bit = m >> (kInnerBits + 1);
    result = result << 1 | bit;
    m >>= bit;
  }
  return result;
}

// log2(x) in units of 2^-30, rounded down; x >= 1.
inline uint64_t Log2Fixed(uint32_t x) { return Log2(x, kFixedBits); }

// 2^(-y / 2^30) in units of 2^-32, at most one away from it: 2^32 for y = 0, at last 0.
uint64_t NegativeExp2Fixed(uint64_t y);

}  // namespace occam

#endif  // OCCAM_CODER_ENTROPY_FIXED_POINT_H_
