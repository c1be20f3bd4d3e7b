// Norm, convolution and quantisation as vector code: the loops of plain_kernels.cc, several
// elements at a time. Up to kGroup rows or heads go step by step together. What is one number of
// each, with its divisions and its square root, is computed for all at once. So none waits for
// another's.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "model/exact/contract.h"
#include "model/exact/kernels.h"

HWY_PUSH_ATTRIBUTES(OCCAM_SIMD_TARGET)
namespace occam {
namespace OCCAM_SIMD {
namespace hn = hwy::HWY_NAMESPACE;

// The most lanes that rows of a multiple of 8 floats fill: all, or 8, or 4 where vectors are that
// short.
using WideFloats = hn::CappedTag<float, 16>;
using NarrowFloats = hn::CappedTag<float, 8>;

constexpr int kGroup = 16;

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

constexpr float kRounder = 0x1.8p23f;

// contract::RoundToInt: |x| <= 2^22, whose bits below one are rounded away and whose whole part is
// left in the low bits. Highway's NearestInt must also do right by numbers that fit no integer.
template <class D>
HWY_INLINE hn::Vec<IntsOf<D>> RoundToInts(D d, hn::Vec<D> x) {
  const IntsOf<D> di;
  return hn::Sub(hn::BitCast(di, hn::Add(x, hn::Set(d, kRounder))),
                 hn::BitCast(di, hn::Set(d, kRounder)));
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

template <class D>
void SumRows(D d, const float* const* addends, int count, int rows, int n, float* y) {
  for (int r = 0; r < rows; ++r, y += RoundUp(n, kFloatPad)) {
    const float* const* const a = addends + r * count;
    for (int k = 0; r + 1 < rows && k < count; ++k) {
      for (int i = 0; i < n; i += kFloatPad) hwy::Prefetch(a[count + k] + i);
    }
    for (int i = 0; i < n; i += LanesOf(d)) {
      auto sum = hn::LoadU(d, a[0] + i);
      for (int k = 1; k < count; ++k) sum = hn::Add(sum, hn::LoadU(d, a[k] + i));
      hn::StoreU(sum, d, y + i);
    }
  }
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
    const auto t = hn::BitCast(d16, RoundToInts(d, hn::Mul(hn::Abs(hn::LoadU(d, x + i)), factor)));
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

// The factors that norm multiplies a group's rows by, and their largest magnitudes after it; 0
// where a row counts as zero.
struct NormFactors {
  HWY_ALIGN float inverse[kGroup];
  HWY_ALIGN float largest[kGroup];
};

template <class D>
HWY_INLINE void FindNormFactors(D d, const float* const* x, int count, int n,
                                NormFactors* factors) {
  const WideFloats dg;
  HWY_ALIGN float largest[kGroup] = {};
  HWY_ALIGN float r[kGroup];
  HWY_ALIGN float sums[kGroup] = {};
  const auto smallest = hn::Set(dg, contract::kSmallest);
  const auto codes = hn::Set(dg, static_cast<float>(contract::kNormCode));
  for (int i = 0; i < count; ++i) largest[i] = LargestMagnitude(d, x[i], n);
  for (int i = 0; i < kGroup; i += LanesOf(dg)) {
    const auto a = hn::Load(dg, largest + i);
    hn::Store(hn::IfThenZeroElse(hn::Lt(a, smallest), hn::Div(codes, a)), dg, r + i);
  }
  for (int i = 0; i < count; ++i) {
    sums[i] = static_cast<float>(static_cast<int64_t>(SumOfSquares(d, x[i], r[i], n)));
  }
  for (int i = 0; i < kGroup; i += LanesOf(dg)) {
    const auto a = hn::Load(dg, largest + i);
    const auto mean = hn::Div(hn::Load(dg, sums + i), hn::Set(dg, static_cast<float>(n)));
    const auto size = hn::Mul(hn::Div(a, codes), hn::Sqrt(mean));
    const auto small = hn::Lt(a, smallest);
    const auto inverse = hn::IfThenZeroElse(small, hn::Div(hn::Set(dg, 1.0f), size));
    hn::Store(inverse, dg, factors->inverse + i);
    // Products by a positive number keep their order, also rounded.
    hn::Store(hn::IfThenZeroElse(small, hn::Mul(a, inverse)), dg, factors->largest + i);
  }
}

template <class D>
HWY_INLINE void NormRow(D d, const float* x, float factor, const float* gain, int n, float* y) {
  if (factor == 0.0f) return FillZero(d, n, y);
  const auto inverse = hn::Set(d, factor);
  for (int i = 0; i < n; i += LanesOf(d)) {
    auto v = hn::Mul(hn::LoadU(d, x + i), inverse);
    if (gain != nullptr) v = hn::Mul(v, hn::LoadU(d, gain + i));
    hn::StoreU(v, d, y + i);
  }
}

template <class D>
HWY_INLINE void NormRows(D d, const float* x, const float* gain, int rows, int n, float* y) {
  const int stride = RoundUp(n, kFloatPad);
  for (int start = 0; start < rows; start += kGroup) {
    const int count = HWY_MIN(rows - start, kGroup);
    const float* group[kGroup];
    for (int i = 0; i < count; ++i) group[i] = x + (start + i) * stride;
    NormFactors factors;
    FindNormFactors(d, group, count, n, &factors);
    for (int i = 0; i < count; ++i) {
      NormRow(d, group[i], factors.inverse[i], gain, n, y + (start + i) * stride);
    }
  }
}

// Rows of other lanes come from far away, one lane's rows are each other's sources.
HWY_INLINE void PrefetchSources(const float* const* h, int taps, int n) {
  for (int k = 0; k < taps - 1; ++k) {
    for (int i = 0; i < n; i += 16) hwy::Prefetch(h[k] + i);
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

template <class D>
HWY_INLINE void ConvolveRows(D d, const float* const* sources, const float* w, int taps, int rows,
                             int n, float* y) {
  constexpr int kAhead = 4;
  for (int r = 0; r < rows; ++r, sources += taps, y += RoundUp(n, kFloatPad)) {
    const bool of_one_lane = r + 1 < rows && taps > 1 && sources[taps] == sources[1];
    if (!of_one_lane && r + kAhead < rows) PrefetchSources(sources + kAhead * taps, taps, n);
    if (taps == 4) {  // with its loop unrolled
      ConvolveRow(d, sources, w, 4, n, y);
    } else {
      ConvolveRow(d, sources, w, taps, n, y);
    }
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
HWY_INLINE float LargestInput(D d, const float* x, int n) {
  auto largest = hn::Zero(d);
  for (int i = 0; i < n; i += LanesOf(d)) {
    largest = hn::Max(largest, hn::Abs(LoadInput<kSquared>(d, x + i)));
  }
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

// Finds the factors r = 127 / a and scales a / 127, or zeros, of the largest magnitudes a.
HWY_INLINE void FindCodeFactors(const float* largest, float* r, float* scales) {
  const WideFloats dg;
  const auto codes = hn::Set(dg, static_cast<float>(contract::kActivationCode));
  for (int i = 0; i < kGroup; i += LanesOf(dg)) {
    const auto a = hn::Load(dg, largest + i);
    const auto small = hn::Lt(a, hn::Set(dg, contract::kSmallest));
    hn::Store(hn::IfThenZeroElse(small, hn::Div(codes, a)), dg, r + i);
    hn::Store(hn::IfThenZeroElse(small, hn::Div(a, codes)), dg, scales + i);
  }
}

template <bool kSquared, class D>
HWY_INLINE void QuantiseRows(D d, const float* x, int rows, int n, int8_t* codes, float* scales) {
  const hn::Rebind<int8_t, D> d8;
  const int stride = RoundUp(n, kFloatPad);
  const int code_stride = RoundUp(n, kCodePad);
  HWY_ALIGN float largest[kGroup] = {};
  HWY_ALIGN float factors[kGroup];
  HWY_ALIGN float scales_of_group[kGroup];
  for (int start = 0; start < rows; start += kGroup) {
    const int count = HWY_MIN(rows - start, kGroup);
    for (int i = 0; i < count; ++i) {
      largest[i] = LargestInput<kSquared>(d, x + (start + i) * stride, n);
    }
    FindCodeFactors(largest, factors, scales_of_group);
    for (int i = 0; i < count; ++i) {
      scales[start + i] = scales_of_group[i];
      const auto r = hn::Set(d, factors[i]);
      const float* const row = x + (start + i) * stride;
      int8_t* const to = codes + (start + i) * code_stride;
      for (int k = 0; k < n; k += LanesOf(d)) {
        const auto code = RoundToInts(d, hn::Mul(LoadInput<kSquared>(d, row + k), r));
        hn::StoreU(hn::DemoteTo(d8, code), d8, to + k);
      }
    }
  }
}

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
