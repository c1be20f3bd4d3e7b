#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/convolution.cc"
#include "model/convolution.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "model/simd_targets.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Lanes = hn::CappedTag<float, 8>;  // rows are multiples of 8

// One sequence: x, y [T, D].
void Convolve(ConstTensorView x, ConstTensorView w, TensorView y) {
  const Lanes d;
  const int64_t taps = w.rows;
  for (int64_t t = 0; t < x.rows; ++t) {
    const int64_t first = std::max<int64_t>(0, taps - 1 - t);  // earlier taps see before the start
    for (int64_t c = 0; c < x.columns; c += static_cast<int64_t>(hn::Lanes(d))) {
      auto sum = hn::LoadU(d, x.row(t) + c);
      for (int64_t k = first; k < taps; ++k) {
        sum =
            hn::MulAdd(hn::LoadU(d, w.row(k) + c), hn::LoadU(d, x.row(t - taps + 1 + k) + c), sum);
      }
      hn::StoreU(sum, d, y.row(t) + c);
    }
  }
}

// dx_t = dy_t + sum_k w_k * dy_(t + taps - 1 - k);  dw_k += sum_t dy_t * x_(t - taps + 1 + k).
void ConvolveBackward(ConstTensorView x, ConstTensorView w, ConstTensorView dy, TensorView dx,
                      TensorView dw) {
  const Lanes d;
  const int64_t taps = w.rows;
  for (int64_t t = 0; t < x.rows; ++t) {
    const int64_t first_after = std::max<int64_t>(0, t + taps - x.rows);  // others end after T
    const int64_t first_before = std::max<int64_t>(0, taps - 1 - t);
    for (int64_t c = 0; c < x.columns; c += static_cast<int64_t>(hn::Lanes(d))) {
      const auto dyt = hn::LoadU(d, dy.row(t) + c);
      auto sum = dyt;
      for (int64_t k = first_after; k < taps; ++k) {
        sum =
            hn::MulAdd(hn::LoadU(d, w.row(k) + c), hn::LoadU(d, dy.row(t + taps - 1 - k) + c), sum);
      }
      hn::StoreU(sum, d, dx.row(t) + c);
      for (int64_t k = first_before; k < taps; ++k) {
        float* const dwk = dw.row(k) + c;
        const auto before = hn::LoadU(d, x.row(t - taps + 1 + k) + c);
        hn::StoreU(hn::MulAdd(dyt, before, hn::LoadU(d, dwk)), d, dwk);
      }
    }
  }
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(Convolve);
HWY_EXPORT(ConvolveBackward);

void ConvolutionForward(ConstTensorView x, ConstTensorView w, int length, TensorView y) {
  for (int64_t begin = 0; begin < x.rows; begin += length) {
    OCCAM_SIMD_DISPATCH(Convolve)(x.Rows(begin, length), w, y.Rows(begin, length));
  }
}

void ConvolutionBackward(ConstTensorView x, ConstTensorView w, int length, ConstTensorView dy,
                         TensorView dx, TensorView dw) {
  for (int64_t begin = 0; begin < x.rows; begin += length) {
    OCCAM_SIMD_DISPATCH(ConvolveBackward)
    (x.Rows(begin, length), w, dy.Rows(begin, length), dx.Rows(begin, length), dw);
  }
}

}  // namespace occam
#endif  // HWY_ONCE
