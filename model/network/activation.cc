#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/network/activation.cc"
#include "model/network/activation.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "data/base/simd_targets.h"
#include "model/network/bfloat16-inl.h"
#include "model/network/norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename T>
HWY_INLINE void ForwardRows(ConstTensorView x, BasicTensorView<T> relu,
                            BasicTensorView<T> activated) {
  WithLanes(x.columns, [&](auto d) HWY_ATTR {
    for (int64_t r = 0; r < x.rows; ++r) {
      for (int64_t i = 0; i < x.columns; i += LanesOf(d)) {
        const auto v = hn::LoadU(d, x.row(r) + i);
        // Not Max, which would hide a value that is not a number.
        StoreOperand(hn::IfThenZeroElse(hn::Lt(v, hn::Zero(d)), v), d, relu.row(r) + i);
        // The square of what is kept, as in the backward pass.
        const auto kept = LoadOperand(d, relu.row(r) + i);
        StoreOperand(hn::Mul(kept, kept), d, activated.row(r) + i);
      }
    }
  });
}

template <typename T>
HWY_INLINE void BackwardRows(BasicTensorView<const T> relu, ConstTensorView dactivated,
                             BasicTensorView<T> dx, BasicTensorView<T> activated) {
  WithLanes(relu.columns, [&](auto d) HWY_ATTR {
    for (int64_t r = 0; r < relu.rows; ++r) {
      for (int64_t i = 0; i < relu.columns; i += LanesOf(d)) {
        const auto v = LoadOperand(d, relu.row(r) + i);
        const auto dy = hn::LoadU(d, dactivated.row(r) + i);
        StoreOperand(hn::Mul(dy, hn::Add(v, v)), d, dx.row(r) + i);
        StoreOperand(hn::Mul(v, v), d, activated.row(r) + i);
      }
    }
  });
}

void ReluSquare(ConstTensorView x, OperandView relu, OperandView activated) {
  if (relu.precision == Precision::kFloat32) {
    ForwardRows(x, relu.float32, activated.float32);
  } else {
    ForwardRows(x, relu.bfloat16, activated.bfloat16);
  }
}

void ReluSquareGradient(ConstOperandView relu, ConstTensorView dactivated, OperandView dx,
                        OperandView activated) {
  if (relu.precision == Precision::kFloat32) {
    BackwardRows(relu.float32, dactivated, dx.float32, activated.float32);
  } else {
    BackwardRows(relu.bfloat16, dactivated, dx.bfloat16, activated.bfloat16);
  }
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(ReluSquare);
HWY_EXPORT(ReluSquareGradient);

void ReluSquareForward(ConstTensorView x, OperandView relu, OperandView activated) {
  OCCAM_SIMD_DISPATCH(ReluSquare)(x, relu, activated);
}

void ReluSquareBackward(ConstOperandView relu, ConstTensorView dactivated, OperandView dx,
                        OperandView activated) {
  OCCAM_SIMD_DISPATCH(ReluSquareGradient)(relu, dactivated, dx, activated);
}

}  // namespace occam
#endif  // HWY_ONCE
