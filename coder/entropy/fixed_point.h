// Logarithm and power of two in integers alone, the same on every machine. Numbers are in units of
// 2^-30, kFixedOne of them.
#ifndef OCCAM_CODER_ENTROPY_FIXED_POINT_H_
#define OCCAM_CODER_ENTROPY_FIXED_POINT_H_

#include <cstdint>

namespace occam {

constexpr int kFixedBits = 30;
constexpr uint64_t kFixedOne = uint64_t{1} << kFixedBits;

// log2(x) in units of 2^-30, rounded down; x >= 1.
uint64_t Log2Fixed(uint32_t x);

// 2^(-y / 2^30) in units of 2^-32, at most one away from it: 2^32 for y = 0, at last 0.
uint64_t NegativeExp2Fixed(uint64_t y);

}  // namespace occam

#endif  // OCCAM_CODER_ENTROPY_FIXED_POINT_H_
