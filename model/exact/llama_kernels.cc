// The definition of these steps: scalar loops in the order of the page. The compiler may make
// vectors of them, since no sum of floats is among them.
#include "model/exact/llama_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

#include "model/exact/contract.h"

namespace occam {
namespace {

using contract::RoundToInt;

constexpr float kLeastNormed = 0x1p-40f;  // below it a row counts as zero before epsilon
constexpr int kWideCode = 127 * 128;
constexpr float kMostExponent = 60.0f;  // of the exponential in silu

float LargestMagnitude(const float* x, int n) {
  float a = 0.0f;
  for (int i = 0; i < n; ++i) a = std::max(a, std::fabs(x[i]));
  return a;
}

// 2^y by the polynomial of the output's terms, y clamped to what silu can tell from the limits.
float Exp2(float y) {
  const float clamped = std::min(std::max(y, -kMostExponent), kMostExponent);
  const float n = contract::Round(clamped);
  const float f = clamped - n;
  float p = contract::kExp2[5];
  for (int i = 4; i >= 0; --i) {
    const float product = p * f;
    p = product + contract::kExp2[i];
  }
  const auto exponent = static_cast<uint32_t>(127 + static_cast<int32_t>(n));
  return p * std::bit_cast<float>(exponent << 23);
}

float Silu(float x) { return x / (1.0f + Exp2(-(x * contract::kLog2E))); }

}  // namespace

void NormWithEpsilon(const float* x, const float* gain, float epsilon, int n, float* y) {
  const float a = LargestMagnitude(x, n);
  if (a < kLeastNormed) {
    std::fill_n(y, n, 0.0f);
    return;
  }
  const float r = contract::kNormCode / a;
  int64_t sum = 0;
  for (int i = 0; i < n; ++i) {
    const int32_t t = RoundToInt(x[i] * r);
    sum += t * t;
  }
  const float unit = a / contract::kNormCode;
  const float mean = static_cast<float>(sum) / static_cast<float>(n);
  const float size = unit * std::sqrt(mean + (epsilon / unit) / unit);
  const float inverse = 1.0f / size;
  for (int i = 0; i < n; ++i) {
    const float normed = x[i] * inverse;
    y[i] = normed * gain[i];
  }
}

void TurnHead(const float* cosine, const float* sine, int n, float* head) {
  const int pairs = n / 2;
  for (int i = 0; i < pairs; ++i) {
    const float x1 = head[i];
    const float x2 = head[pairs + i];
    const float x1c = x1 * cosine[i];
    const float x2s = x2 * sine[i];
    const float x1s = x1 * sine[i];
    const float x2c = x2 * cosine[i];
    head[i] = x1c - x2s;
    head[pairs + i] = x1s + x2c;
  }
}

float QuantiseHead(const float* x, int n, int8_t* codes) {
  const float a = LargestMagnitude(x, n);
  if (a < contract::kSmallest) {
    std::fill_n(codes, n, int8_t{0});
    return 0.0f;
  }
  const float r = contract::kActivationCode / a;
  for (int i = 0; i < n; ++i) codes[i] = static_cast<int8_t>(RoundToInt(x[i] * r));
  return a / contract::kActivationCode;
}

void QuantiseValue(const float* x, float inverse_scale, int n, int8_t* codes) {
  constexpr float kMost = contract::kActivationCode;
  for (int i = 0; i < n; ++i) {
    const float scaled = x[i] * inverse_scale;
    codes[i] = static_cast<int8_t>(RoundToInt(std::min(std::max(scaled, -kMost), kMost)));
  }
}

void Gate(const float* gates, const float* values, int n, float* gated) {
  for (int i = 0; i < n; ++i) gated[i] = Silu(gates[i]) * values[i];
}

float QuantisePlanes(const float* x, int n, int8_t* high, int8_t* low) {
  const float a = LargestMagnitude(x, n);
  if (a < contract::kSmallest) {
    std::fill_n(high, n, int8_t{0});
    std::fill_n(low, n, int8_t{0});
    return 0.0f;
  }
  const float r = kWideCode / a;
  for (int i = 0; i < n; ++i) {
    const int32_t code = RoundToInt(x[i] * r);
    const int32_t upper = (code + 64) >> 7;
    high[i] = static_cast<int8_t>(upper);
    low[i] = static_cast<int8_t>(code - 128 * upper);
  }
  return a / kWideCode;
}

void AttendByToken(const int8_t* query, float factor, const LlamaCache& cache, int64_t first,
                   int64_t last, float value_factor, float* scores, int32_t* weights, float* out) {
  const int n = cache.head_size;
  const int count = static_cast<int>(last - first + 1);
  const auto slot = [&](int i) { return static_cast<size_t>((first + i) % cache.capacity); };
  float largest = 0.0f;
  for (int i = 0; i < count; ++i) {
    const size_t at = slot(i);
    const int8_t* const key = cache.keys + at * static_cast<size_t>(n);
    int32_t product = 0;
    for (int k = 0; k < n; ++k) product += query[k] * key[k];
    scores[i] = static_cast<float>(product) * (factor * cache.key_scales[at]);
    largest = i == 0 ? scores[0] : std::max(largest, scores[i]);
  }
  int32_t terms = 0;
  for (int i = 0; i < count; ++i) {
    constexpr float kMost = contract::kMaxTerm;
    const int32_t term = contract::AttentionTerm(RoundToInt(std::min(largest - scores[i], kMost)));
    terms += term;
    weights[i] = (term + 4) >> 3;
  }
  const float scale = value_factor / static_cast<float>(terms);
  int32_t sums[256] = {};
  for (int i = 0; i < count; ++i) {
    if (weights[i] == 0) continue;
    const int8_t* const value = cache.values + slot(i) * static_cast<size_t>(n);
    for (int k = 0; k < n; ++k) sums[k] += weights[i] * value[k];
  }
  for (int k = 0; k < n; ++k) out[k] = static_cast<float>(sums[k]) * scale;
}

}  // namespace occam
