#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/activation.cc"
#include "model/activation.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "model/simd_targets.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Lanes = hn::CappedTag<float, 8>;  // rows are multiples of 8

void ReluSquare(const float* x, int64_t n, float* y) {
  const Lanes d;
  const auto zero = hn::Zero(d);
  for (int64_t i = 0; i < n; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto v = hn::LoadU(d, x + i);
    // Not Max, which would hide a value that is not a number.
    hn::StoreU(hn::Mul(v, hn::IfThenZeroElse(hn::Lt(v, zero), v)), d, y + i);
  }
}

void ReluSquareGradient(const float* x, int64_t n, float* dy) {
  const Lanes d;
  const auto zero = hn::Zero(d);
  for (int64_t i = 0; i < n; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto relu = hn::Max(hn::LoadU(d, x + i), zero);
    hn::StoreU(hn::Mul(hn::LoadU(d, dy + i), hn::Add(relu, relu)), d, dy + i);
  }
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(ReluSquare);
HWY_EXPORT(ReluSquareGradient);

void ReluSquareForward(ConstTensorView x, TensorView y) {
  OCCAM_SIMD_DISPATCH(ReluSquare)(x.data, x.rows * x.columns, y.data);
}

void ReluSquareBackward(ConstTensorView x, TensorView dy) {
  OCCAM_SIMD_DISPATCH(ReluSquareGradient)(x.data, x.rows * x.columns, dy.data);
}

}  // namespace occam
#endif  // HWY_ONCE
