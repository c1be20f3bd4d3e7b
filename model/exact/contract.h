// The scalar functions and constants of the numeric contract (docs/spec/contract.md), which every
// kernel computes, one value or many at a time. All floats are IEEE binary32, one operation at a
// time, in the mode of float_mode.h. What is not here is the order of operations: see
// plain_kernels.cc.
#ifndef OCCAM_MODEL_EXACT_CONTRACT_H_
#define OCCAM_MODEL_EXACT_CONTRACT_H_

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>

#include "data/base/float_mode.h"  // refuses flags that change arithmetic

namespace occam::contract {

static_assert(FLT_EVAL_METHOD == 0, "floats must be evaluated as floats, not in a wider type");

constexpr float kSmallest = 0x1p-100f;    // below it a vector's largest magnitude counts as zero
constexpr int kActivationCode = 127;      // codes of activations and queries are in [-127, 127]
constexpr int kCacheCode = 63;            // codes of keys and values are in [-63, 63]
constexpr int kNormCode = 2047;           // codes inside norm
constexpr float kLog2E = 0x1.715476p+0f;  // log2(e), rounded to nearest

// The nearest integer, ties to even, of |x| <= 2^22: adding 1.5 * 2^23 leaves no bits below one.
constexpr float Round(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }
constexpr int32_t RoundToInt(float x) { return static_cast<int32_t>(Round(x)); }

// Point 6. Temperature of the attention: t = min(kMaxTerm, rint((M - d) * F)), in units of 2^-11 of
// an octave.
constexpr int kMaxTerm = 32767;
constexpr float kTermScale = 0x1p11f;

constexpr int32_t MultiplyHigh(int32_t a, int32_t b) { return (a * b + 0x4000) >> 15; }

// 2^(-t / 2048) * 2^15, nearly, for t in [0, kMaxTerm]; in [0, 32712].
constexpr int32_t AttentionTerm(int32_t t) {
  const int32_t x = (t << 4) & 0x7ff0;
  const int32_t g = 32712 + MultiplyHigh(x, -21627 + MultiplyHigh(x, 5571));
  return g >> (t >> 11);
}
// The weight of a value, in [0, 255]; 128 times smaller than the term.
constexpr int32_t AttentionWeight(int32_t term) {
  const int32_t p = (term + 64) >> 7;
  return p < 255 ? p : 255;
}

// Point 7. E(x) for x <= 0: rint(2^21 * 2^x) by a polynomial of relative error 4.4e-7; x below -24
// counts as -24, where E is 0. E(0) = 2^21, and no E is larger.
constexpr float kOutputFloor = -24.0f;
constexpr int kOutputBits = 21;
constexpr float kExp2[] = {0x1p+0f,        0x1.62e39ep-1f, 0x1.ebfa4ep-3f,
                           0x1.c74322p-5f, 0x1.3cbea8p-7f, 0x1.23a604p-10f};
constexpr int32_t OutputTerm(float x) {
  const float y = x < kOutputFloor ? kOutputFloor : x;
  const float n = Round(y);
  const float f = y - n;
  float p = kExp2[5];
  for (int i = 4; i >= 0; --i) {
    const float product = p * f;
    p = product + kExp2[i];
  }
  // 2^(21 + n), n in [-24, 0], by its bits.
  const auto exponent = static_cast<uint32_t>(127 + kOutputBits + static_cast<int32_t>(n));
  return RoundToInt(p * std::bit_cast<float>(exponent << 23));
}

// Constants of imported networks (docs/spec/import.md).
constexpr float kLeastNormed = 0x1p-40f;       // below it a row counts as zero before epsilon
constexpr int kWideCode = 127 * 128;           // of two planes
constexpr float kMostExponent = 60.0f;         // of Exp2
constexpr int kFineCode = 32767;               // of queries, keys and values in a fine network
constexpr float kFineWeight = 0x1p15f;         // the largest weight of its attention
constexpr float kPhaseUnit = 0x1.921fb6p-30f;  // 2 pi / 2^32, of its rotary steps
constexpr float kGeluCube = 0x1.6e4e26p-5f;    // 0.044715
constexpr float kGeluLog2 = 0x1.26aec2p+1f;    // sqrt(8 / pi) log2(e)

// 2^y by the polynomial of the output's terms, |y| at most kMostExponent.
inline float Exp2Within(float y) {
  const float n = Round(y);
  const float f = y - n;
  float p = kExp2[5];
  for (int i = 4; i >= 0; --i) {
    const float product = p * f;
    p = product + kExp2[i];
  }
  const auto exponent = static_cast<uint32_t>(127 + static_cast<int32_t>(n));
  return p * std::bit_cast<float>(exponent << 23);
}

// 2^y, y clamped to what silu can tell from the limits.
inline float Exp2(float y) {
  return Exp2Within(std::min(std::max(y, -kMostExponent), kMostExponent));
}

// Exp2(-distance) for distance >= 0. Such floats are in the order of their bits, and a compiler
// makes vectors of comparisons of integers.
inline float Exp2Below(float distance) {
  const int32_t bits =
      std::min(std::bit_cast<int32_t>(distance), std::bit_cast<int32_t>(kMostExponent));
  return Exp2Within(-std::bit_cast<float>(bits));
}

// One divided by the root of the mean square, epsilon added, of n numbers. Their largest magnitude
// is `a`; `sum` is that of the squares of their codes.
inline float InverseSize(float a, int64_t sum, int n, float epsilon) {
  const float unit = a / kNormCode;
  const float mean = static_cast<float>(sum) / static_cast<float>(n);
  const float size = unit * std::sqrt(mean + (epsilon / unit) / unit);
  return 1.0f / size;
}

}  // namespace occam::contract

#endif  // OCCAM_MODEL_EXACT_CONTRACT_H_
