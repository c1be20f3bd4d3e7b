#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/network/norm.cc"
#include "model/network/norm.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "data/base/simd_targets.h"
#include "model/network/norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void NormRows(ConstTensorView x, int64_t size, TensorView y, float* inverse_rms) {
  WithLanes(size, [&](auto d) HWY_ATTR {
    for (int64_t r = 0; r < x.rows; ++r) {
      for (int64_t begin = 0; begin < x.columns; begin += size) {
        const float* from = x.row(r) + begin;
        float* to = y.row(r) + begin;
        *inverse_rms = InverseRms(d, from, size);
        const auto inverse = hn::Set(d, *inverse_rms++);
        for (int64_t i = 0; i < size; i += LanesOf(d)) {
          hn::StoreU(hn::Mul(hn::LoadU(d, from + i), inverse), d, to + i);
        }
      }
    }
  });
}

// dx = (dy - y * mean(dy y)) / rms.
void NormRowsBackward(ConstTensorView y, int64_t size, const float* inverse_rms, TensorView dy) {
  WithLanes(size, [&](auto d) HWY_ATTR {
    for (int64_t r = 0; r < y.rows; ++r) {
      for (int64_t begin = 0; begin < y.columns; begin += size) {
        const float* const yg = y.row(r) + begin;
        float* const dyg = dy.row(r) + begin;
        auto sum = hn::Zero(d);
        for (int64_t i = 0; i < size; i += LanesOf(d)) {
          sum = hn::MulAdd(hn::LoadU(d, yg + i), hn::LoadU(d, dyg + i), sum);
        }
        const auto mean =
            hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum)) / static_cast<float>(size));
        const auto inverse = hn::Set(d, *inverse_rms++);
        for (int64_t i = 0; i < size; i += LanesOf(d)) {
          const auto change = hn::NegMulAdd(hn::LoadU(d, yg + i), mean, hn::LoadU(d, dyg + i));
          hn::StoreU(hn::Mul(change, inverse), d, dyg + i);
        }
      }
    }
  });
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(NormRows);
HWY_EXPORT(NormRowsBackward);

void NormForward(ConstTensorView x, int size, TensorView y, std::span<float> inverse_rms) {
  OCCAM_SIMD_DISPATCH(NormRows)(x, size, y, inverse_rms.data());
}

void NormBackward(ConstTensorView y, int size, std::span<const float> inverse_rms, TensorView dy) {
  OCCAM_SIMD_DISPATCH(NormRowsBackward)(y, size, inverse_rms.data(), dy);
}

}  // namespace occam
#endif  // HWY_ONCE
