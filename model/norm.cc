#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/norm.cc"
#include "model/norm.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "model/simd_targets.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows are multiples of 8, so vectors of at most 8 leave no rest.
using Lanes = hn::CappedTag<float, 8>;

float MaxMagnitude(const float* x, size_t n) {
  const Lanes d;
  auto m = hn::Zero(d);
  for (size_t i = 0; i < n; i += hn::Lanes(d)) m = hn::Max(m, hn::Abs(hn::LoadU(d, x + i)));
  return hn::GetLane(hn::MaxOfLanes(d, m));
}

float SumOfSquares(const float* x, size_t n, float scale) {
  const Lanes d;
  const auto s = hn::Set(d, scale);
  auto sum = hn::Zero(d);
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    const auto v = hn::Mul(hn::LoadU(d, x + i), s);
    sum = hn::MulAdd(v, v, sum);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

float InverseRms(const float* x, size_t n) {
  // Squares of ordinary rows neither overflow nor lose bits; the others are scaled first.
  constexpr float kSmallest = 0x1p-100f;
  constexpr float kSmall = 0x1p-80f;
  const float size = static_cast<float>(n);
  const float sum = SumOfSquares(x, n, 1.0f);
  if (!(sum < kSmall)) return 1.0f / std::sqrt(sum / size);
  if (MaxMagnitude(x, n) < kSmallest) return 0.0f;
  constexpr float kScale = 0x1p70f;
  return kScale / std::sqrt(SumOfSquares(x, n, kScale) / size);
}

// y = x * factor * gain; gain may be null, y may be x.
void Scale(const float* x, size_t n, float factor, const float* gain, float* y) {
  const Lanes d;
  const auto f = hn::Set(d, factor);
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {
    auto v = hn::Mul(hn::LoadU(d, x + i), f);
    if (gain != nullptr) v = hn::Mul(v, hn::LoadU(d, gain + i));
    hn::StoreU(v, d, y + i);
  }
}

void NormRows(ConstTensorView x, const float* gain, TensorView y, float* inverse_rms) {
  const auto n = static_cast<size_t>(x.columns);
  for (int64_t r = 0; r < x.rows; ++r) {
    inverse_rms[r] = InverseRms(x.row(r), n);
    Scale(x.row(r), n, inverse_rms[r], gain, y.row(r));
  }
}

// With z = x / rms and dz = dy * gain: dx = (dz - z * mean(dz z)) / rms, dgain = dy * z.
void NormRowsBackward(ConstTensorView x, const float* gain, const float* inverse_rms,
                      ConstTensorView dy, TensorView dx, float* dgain) {
  const Lanes d;
  const auto n = static_cast<size_t>(x.columns);
  for (int64_t r = 0; r < x.rows; ++r) {
    const float* xr = x.row(r);
    const float* dyr = dy.row(r);
    float* dxr = dx.row(r);
    const auto inverse = hn::Set(d, inverse_rms[r]);
    auto sum = hn::Zero(d);
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {
      const auto product = hn::Mul(hn::LoadU(d, dyr + i), hn::Mul(hn::LoadU(d, xr + i), inverse));
      if (gain != nullptr) {
        hn::StoreU(hn::Add(hn::LoadU(d, dgain + i), product), d, dgain + i);
        sum = hn::MulAdd(product, hn::LoadU(d, gain + i), sum);
      } else {
        sum = hn::Add(sum, product);
      }
    }
    const auto mean = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum)) / static_cast<float>(n));
    for (size_t i = 0; i < n; i += hn::Lanes(d)) {
      const auto z = hn::Mul(hn::LoadU(d, xr + i), inverse);
      auto dz = hn::LoadU(d, dyr + i);
      if (gain != nullptr) dz = hn::Mul(dz, hn::LoadU(d, gain + i));
      const auto change = hn::NegMulAdd(z, mean, dz);
      hn::StoreU(hn::MulAdd(change, inverse, hn::LoadU(d, dxr + i)), d, dxr + i);
    }
  }
}

void NormHeads(TensorView x, size_t head_size, float* inverse_rms) {
  const auto heads = static_cast<size_t>(x.columns) / head_size;
  for (int64_t r = 0; r < x.rows; ++r) {
    for (size_t h = 0; h < heads; ++h) {
      float* head = x.row(r) + h * head_size;
      const float inverse = *inverse_rms++ = InverseRms(head, head_size);
      Scale(head, head_size, inverse, nullptr, head);
    }
  }
}

void NormHeadsBackward(ConstTensorView y, size_t head_size, const float* inverse_rms,
                       TensorView dy) {
  const Lanes d;
  const auto heads = static_cast<size_t>(y.columns) / head_size;
  for (int64_t r = 0; r < y.rows; ++r) {
    for (size_t h = 0; h < heads; ++h) {
      const float* yh = y.row(r) + h * head_size;
      float* dyh = dy.row(r) + h * head_size;
      auto sum = hn::Zero(d);
      for (size_t i = 0; i < head_size; i += hn::Lanes(d)) {
        sum = hn::MulAdd(hn::LoadU(d, yh + i), hn::LoadU(d, dyh + i), sum);
      }
      const auto mean =
          hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum)) / static_cast<float>(head_size));
      const auto inverse = hn::Set(d, *inverse_rms++);
      for (size_t i = 0; i < head_size; i += hn::Lanes(d)) {
        const auto change = hn::NegMulAdd(hn::LoadU(d, yh + i), mean, hn::LoadU(d, dyh + i));
        hn::StoreU(hn::Mul(change, inverse), d, dyh + i);
      }
    }
  }
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(NormRows);
HWY_EXPORT(NormRowsBackward);
HWY_EXPORT(NormHeads);
HWY_EXPORT(NormHeadsBackward);

void NormForward(ConstTensorView x, std::span<const float> gain, TensorView y,
                 std::span<float> inverse_rms) {
  OCCAM_SIMD_DISPATCH(NormRows)
  (x, gain.empty() ? nullptr : gain.data(), y, inverse_rms.data());
}

void NormBackward(ConstTensorView x, std::span<const float> gain,
                  std::span<const float> inverse_rms, ConstTensorView dy, TensorView dx,
                  std::span<float> dgain) {
  OCCAM_SIMD_DISPATCH(NormRowsBackward)
  (x, gain.empty() ? nullptr : gain.data(), inverse_rms.data(), dy, dx, dgain.data());
}

void HeadNormForward(TensorView x, int head_size, std::span<float> inverse_rms) {
  OCCAM_SIMD_DISPATCH(NormHeads)(x, static_cast<size_t>(head_size), inverse_rms.data());
}

void HeadNormBackward(ConstTensorView y, int head_size, std::span<const float> inverse_rms,
                      TensorView dy) {
  OCCAM_SIMD_DISPATCH(NormHeadsBackward)
  (y, static_cast<size_t>(head_size), inverse_rms.data(), dy);
}

}  // namespace occam
#endif  // HWY_ONCE
