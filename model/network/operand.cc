#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/network/operand.cc"
#include "model/network/operand.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "data/base/simd_targets.h"
#include "model/network/bfloat16-inl.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void RoundRow(const float* x, int64_t count, uint16_t* y) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) StoreOperand(hn::LoadU(d, x + i), d, y + i);
  for (; i < count; ++i) StoreOperand(hn::LoadU(one, x + i), one, y + i);
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(RoundRow);

OperandTensor::OperandTensor(int64_t rows, int64_t columns, Precision precision)
    : precision_(precision),
      rows_(rows),
      columns_(columns),
      memory_(1, precision == Precision::kFloat32 ? rows * columns : (rows * columns + 1) / 2) {}

OperandView OperandTensor::view() {
  if (precision_ == Precision::kFloat32) {
    return TensorView{memory_.data(), rows_, columns_, columns_};
  }
  return Bfloat16View{reinterpret_cast<uint16_t*>(memory_.data()), rows_, columns_, columns_};
}

ConstOperandView ToOperand(ConstTensorView x, OperandView to) {
  if (to.precision == Precision::kFloat32) {
    Copy(x, to.float32);
  } else {
    for (int64_t r = 0; r < x.rows; ++r) {
      OCCAM_SIMD_DISPATCH(RoundRow)(x.row(r), x.columns, to.bfloat16.row(r));
    }
  }
  return to;
}

}  // namespace occam
#endif  // HWY_ONCE
