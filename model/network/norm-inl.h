// One over the root mean square of a row. It is included once for each Highway target.
#if defined(OCCAM_MODEL_NETWORK_NORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OCCAM_MODEL_NETWORK_NORM_INL_H_
#undef OCCAM_MODEL_NETWORK_NORM_INL_H_
#else
#define OCCAM_MODEL_NETWORK_NORM_INL_H_
#endif

#include <hwy/highway.h>

#include <cmath>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {

// Calls work(d) with the longest vectors that leave no rest of rows of n, a multiple of 8.
template <class Work>
HWY_INLINE void WithLanes(int64_t n, Work work) {
  namespace hn = hwy::HWY_NAMESPACE;
  if (n % 16 == 0) {
    work(hn::CappedTag<float, 16>());
  } else {
    work(hn::CappedTag<float, 8>());
  }
}

template <class D>
HWY_INLINE int64_t LanesOf(D d) {
  return static_cast<int64_t>(hwy::HWY_NAMESPACE::Lanes(d));
}

template <class D>
HWY_INLINE float MaxMagnitude(D d, const float* x, int64_t n) {
  namespace hn = hwy::HWY_NAMESPACE;
  auto m = hn::Zero(d);
  for (int64_t i = 0; i < n; i += LanesOf(d)) m = hn::Max(m, hn::Abs(hn::LoadU(d, x + i)));
  return hn::GetLane(hn::MaxOfLanes(d, m));
}

template <class D>
HWY_INLINE float SumOfSquares(D d, const float* x, int64_t n, float scale) {
  namespace hn = hwy::HWY_NAMESPACE;
  const auto s = hn::Set(d, scale);
  auto sum = hn::Zero(d);
  for (int64_t i = 0; i < n; i += LanesOf(d)) {
    const auto v = hn::Mul(hn::LoadU(d, x + i), s);
    sum = hn::MulAdd(v, v, sum);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// 0 for a row whose largest magnitude is below 2^-100.
template <class D>
HWY_INLINE float InverseRms(D d, const float* x, int64_t n) {
  // Squares of ordinary rows neither overflow nor lose bits; the others are scaled first.
  constexpr float kSmallest = 0x1p-100f;
  constexpr float kSmall = 0x1p-80f;
  const auto size = static_cast<float>(n);
  const float sum = SumOfSquares(d, x, n, 1.0f);
  if (!(sum < kSmall)) return 1.0f / std::sqrt(sum / size);
  if (MaxMagnitude(d, x, n) < kSmallest) return 0.0f;
  constexpr float kScale = 0x1p70f;
  return kScale / std::sqrt(SumOfSquares(d, x, n, kScale) / size);
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // OCCAM_MODEL_NETWORK_NORM_INL_H_
