// Norm, convolution, quantisation, rotation and output frequencies as vector code: the loops of
// plain_kernels.cc, several elements at a time.
#include <hwy/highway.h>

#include "data/base/frequency.h"
#include "model/exact/contract.h"

HWY_PUSH_ATTRIBUTES(OCCAM_SIMD_TARGET)
namespace occam {
namespace OCCAM_SIMD {
namespace hn = hwy::HWY_NAMESPACE;

// The most lanes that rows of a multiple of 8 floats fill: all, or 8, or 4 where vectors are that
// short.
using WideFloats = hn::CappedTag<float, 16>;
using NarrowFloats = hn::CappedTag<float, 8>;

template <class D>
using IntsOf = hn::RebindToSigned<D>;

template <class D>
HWY_INLINE bool Divides(D d, int n) {
  return n % static_cast<int>(hn::Lanes(d)) == 0;
}

template <class D>
HWY_INLINE int LanesOf(D d) {
  return static_cast<int>(hn::Lanes(d));
}

template <class D>
HWY_INLINE float LargestMagnitude(D d, const float* x, int n) {
  auto largest = hn::Zero(d);
  for (int i = 0; i < n; i += LanesOf(d)) {
    largest = hn::Max(largest, hn::Abs(hn::LoadU(d, x + i)));
  }
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

template <class D>
HWY_INLINE void FillZero(D d, int n, float* y) {
  for (int i = 0; i < n; i += LanesOf(d)) hn::StoreU(hn::Zero(d), d, y + i);
}

// sum rint(|x_i| r)^2, where no rounded magnitude is above 2047. Up to 512 of them fit into 31
// bits; lanes hold at most 4096 / 4 = 1024 of them, which fit into 32.
template <class D>
HWY_INLINE uint64_t SumOfSquares(D d, const float* x, float r, int n) {
  const IntsOf<D> di;
  const hn::Repartition<int16_t, decltype(di)> d16;
  const auto factor = hn::Set(d, r);
  auto sum = hn::Zero(di);
  auto sum_more = hn::Zero(di);
  for (int i = 0; i < n; i += LanesOf(d)) {
    // The upper 16 bits of each lane are zero.
    const auto t = hn::BitCast(d16, hn::NearestInt(hn::Mul(hn::Abs(hn::LoadU(d, x + i)), factor)));
    sum = hn::ReorderWidenMulAccumulate(di, t, t, sum, sum_more);
  }
  sum = hn::Add(sum, sum_more);
  if (n <= 512) return static_cast<uint32_t>(hn::GetLane(hn::SumOfLanes(di, sum)));
  HWY_ALIGN uint32_t lanes[16];
  const hn::RebindToUnsigned<decltype(di)> du;
  hn::StoreU(hn::BitCast(du, sum), du, lanes);
  uint64_t total = 0;
  for (int i = 0; i < LanesOf(d); ++i) total += lanes[i];
  return total;
}

template <class D>
HWY_INLINE void NormRow(D d, const float* x, const float* gain, int n, float* y) {
  const float a = LargestMagnitude(d, x, n);
  if (a < contract::kSmallest) return FillZero(d, n, y);
  const uint64_t sum = SumOfSquares(d, x, contract::kNormCode / a, n);
  const hn::CappedTag<float, 1> d1;
  const float mean = static_cast<float>(static_cast<int64_t>(sum)) / static_cast<float>(n);
  const float size = (a / contract::kNormCode) * hn::GetLane(hn::Sqrt(hn::Set(d1, mean)));
  const auto inverse = hn::Set(d, 1.0f / size);
  for (int i = 0; i < n; i += LanesOf(d)) {
    auto v = hn::Mul(hn::LoadU(d, x + i), inverse);
    if (gain != nullptr) v = hn::Mul(v, hn::LoadU(d, gain + i));
    hn::StoreU(v, d, y + i);
  }
}

template <class D>
HWY_INLINE void ConvolveRow(D d, const float* const* h, const float* w, int taps, int n, float* y) {
  for (int i = 0; i < n; i += LanesOf(d)) {
    auto sum = hn::Mul(hn::LoadU(d, w + i), hn::LoadU(d, h[0] + i));
    for (int k = 1; k < taps; ++k) {
      sum = hn::Add(sum, hn::Mul(hn::LoadU(d, w + k * n + i), hn::LoadU(d, h[k] + i)));
    }
    hn::StoreU(hn::Add(hn::LoadU(d, h[taps - 1] + i), sum), d, y + i);
  }
}

template <bool kSquared, class D>
HWY_INLINE hn::Vec<D> LoadInput(D d, const float* x) {
  const auto v = hn::LoadU(d, x);
  if constexpr (!kSquared) return v;
  const auto positive = hn::Max(v, hn::Zero(d));
  return hn::Mul(positive, positive);
}

template <bool kSquared, class D>
HWY_INLINE float QuantiseRow(D d, const float* x, int n, int8_t* codes) {
  const hn::Rebind<int8_t, D> d8;
  auto largest = hn::Zero(d);
  for (int i = 0; i < n; i += LanesOf(d)) {
    largest = hn::Max(largest, hn::Abs(LoadInput<kSquared>(d, x + i)));
  }
  const float a = hn::GetLane(hn::MaxOfLanes(d, largest));
  const bool zero = a < contract::kSmallest;
  const auto r = hn::Set(d, zero ? 0.0f : contract::kActivationCode / a);
  for (int i = 0; i < n; i += LanesOf(d)) {
    const auto code = hn::NearestInt(hn::Mul(LoadInput<kSquared>(d, x + i), r));
    hn::StoreU(hn::DemoteTo(d8, code), d8, codes + i);
  }
  return zero ? 0.0f : a / contract::kActivationCode;
}

// One vector length for both steps: a load of what two narrower stores have just written would wait
// for them.
template <class D>
HWY_INLINE void RotateAndNormHead(D d, const float* cosine, const float* sine, int n, float* head) {
  const int pairs = n / 2;
  for (int i = 0; i < pairs; i += LanesOf(d)) {
    const auto c = hn::LoadU(d, cosine + i);
    const auto s = hn::LoadU(d, sine + i);
    const auto x1 = hn::LoadU(d, head + i);
    const auto x2 = hn::LoadU(d, head + pairs + i);
    hn::StoreU(hn::Sub(hn::Mul(x1, c), hn::Mul(x2, s)), d, head + i);
    hn::StoreU(hn::Add(hn::Mul(x1, s), hn::Mul(x2, c)), d, head + pairs + i);
  }
  NormRow(d, head, nullptr, n, head);
}

// contract::OutputTerm of (logit - largest) * log2 e.
template <class D>
HWY_INLINE hn::Vec<IntsOf<D>> OutputTerms(D d, hn::Vec<D> logits, hn::Vec<D> largest) {
  const IntsOf<D> di;
  const auto x = hn::Mul(hn::Sub(logits, largest), hn::Set(d, contract::kLog2E));
  const auto y = hn::Max(x, hn::Set(d, contract::kOutputFloor));
  const auto n = hn::NearestInt(y);
  const auto f = hn::Sub(y, hn::ConvertTo(d, n));
  auto p = hn::Set(d, contract::kExp2[5]);
  for (int i = 4; i >= 0; --i) p = hn::Add(hn::Mul(p, f), hn::Set(d, contract::kExp2[i]));
  const auto exponent = hn::Add(n, hn::Set(di, 127 + contract::kOutputBits));
  return hn::NearestInt(hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<23>(exponent))));
}

// Points 7 and 8. The padding gets a logit so low that its E is 0.
HWY_INLINE void FrequenciesOf(float* logits, int n, uint32_t* frequencies) {
  const WideFloats d;
  const IntsOf<WideFloats> di;
  const int lanes = LanesOf(d);
  auto* const terms = reinterpret_cast<int32_t*>(frequencies);
  const int padded = RoundUp(n, kFloatPad);
  for (int i = n; i < padded; ++i) logits[i] = -0x1p100f;

  auto largest = hn::LoadU(d, logits);
  for (int i = lanes; i < padded; i += lanes) largest = hn::Max(largest, hn::LoadU(d, logits + i));
  largest = hn::MaxOfLanes(d, largest);

  // Sums of at most 512 terms of at most 2^21 each fit into 31 bits.
  uint64_t total = 0;
  for (int start = 0; start < padded; start += 512) {
    auto sum = hn::Zero(di);
    for (int i = start; i < HWY_MIN(padded, start + 512); i += lanes) {
      const auto e = OutputTerms(d, hn::LoadU(d, logits + i), largest);
      hn::StoreU(e, di, terms + i);
      sum = hn::Add(sum, e);
    }
    total += static_cast<uint64_t>(hn::GetLane(hn::SumOfLanes(di, sum)));
  }
  int best = 0;
  while (terms[best] != 1 << contract::kOutputBits) ++best;

  // floor(N / S) with N = E (2^24 - V) < 2^45 as the whole part of (N + 1/2) * (1 / S) in double. N
  // + 1/2 is exact. The true value (N + 1/2) / S is at least 1 / (2 S) away from any whole number;
  // the two roundings are off by less than 2^-52 of it, that is 2^-52 * 2^45 / S = 2^-7 / S. So
  // both have the same whole part.
  const hn::CappedTag<double, 8> dd;
  const hn::Rebind<int32_t, decltype(dd)> di_half;
  const auto share = hn::Set(dd, static_cast<double>(kFrequencyTotal - static_cast<uint32_t>(n)));
  const auto half = hn::Set(dd, 0.5);
  const auto inverse = hn::Set(dd, 1.0 / static_cast<double>(total));
  const auto one = hn::Set(di_half, 1);
  auto sum = hn::Zero(di_half);
  for (int i = 0; i < padded; i += LanesOf(dd)) {
    const auto product = hn::Mul(hn::PromoteTo(dd, hn::LoadU(di_half, terms + i)), share);
    const auto quotient = hn::Mul(hn::Add(product, half), inverse);
    const auto frequency = hn::Add(hn::DemoteTo(di_half, quotient), one);
    hn::StoreU(frequency, di_half, terms + i);
    sum = hn::Add(sum, frequency);
  }
  // Each element of the padding counted 1.
  const int32_t given = hn::GetLane(hn::SumOfLanes(di_half, sum)) - (padded - n);
  frequencies[best] += kFrequencyTotal - static_cast<uint32_t>(given);
}

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
