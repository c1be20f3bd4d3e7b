// Small matrix products with everything in the first level cache. It is included once for each
// Highway target.
#if defined(OCCAM_MODEL_NETWORK_PANEL_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OCCAM_MODEL_NETWORK_PANEL_PRODUCT_INL_H_
#undef OCCAM_MODEL_NETWORK_PANEL_PRODUCT_INL_H_
#else
#define OCCAM_MODEL_NETWORK_PANEL_PRODUCT_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <utility>

#include "model/network/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {

using PanelLanes = hwy::HWY_NAMESPACE::ScalableTag<float>;

// Read one element at a time: (r, k) at data[r * row_step + k * inner_step].
struct Scalars {
  const float* data;
  int64_t row_step;
  int64_t inner_step;
};

// A block of rows times one or two vectors of columns stays in registers: of 32, or of 16.
#if HWY_TARGET <= HWY_AVX3
using BlockRows = std::index_sequence<12, 8, 4, 1>;
#else
using BlockRows = std::index_sequence<6, 4, 2, 1>;
#endif

template <int kVectors, size_t... R>
HWY_INLINE void ProductBlock(std::index_sequence<R...>, Scalars a, int64_t inner, const float* b,
                             int64_t b_stride, float* c, int64_t c_stride, bool add) {
  namespace hn = hwy::HWY_NAMESPACE;
  const PanelLanes d;
  using V = hn::Vec<PanelLanes>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V first[] = {(static_cast<void>(R), hn::Zero(d))...};
  V second[] = {(static_cast<void>(R), hn::Zero(d))...};
  if (add) {
    ((first[R] = hn::LoadU(d, c + int64_t{R} * c_stride)), ...);
    if constexpr (kVectors == 2)
      ((second[R] = hn::LoadU(d, c + int64_t{R} * c_stride + lanes)), ...);
  }
  for (int64_t k = 0; k < inner; ++k) {
    const float* x = a.data + k * a.inner_step;
    const V b0 = hn::LoadU(d, b + k * b_stride);
    if constexpr (kVectors == 1) {
      ((first[R] = hn::MulAdd(hn::Set(d, x[int64_t{R} * a.row_step]), b0, first[R])), ...);
    } else {
      const V b1 = hn::LoadU(d, b + k * b_stride + lanes);
      V s;
      ((s = hn::Set(d, x[int64_t{R} * a.row_step]), first[R] = hn::MulAdd(s, b0, first[R]),
        second[R] = hn::MulAdd(s, b1, second[R])),
       ...);
    }
  }
  (hn::StoreU(first[R], d, c + int64_t{R} * c_stride), ...);
  if constexpr (kVectors == 2) (hn::StoreU(second[R], d, c + int64_t{R} * c_stride + lanes), ...);
}

// Rows in blocks of the first size as long as they last, then of the next.
template <int kVectors, size_t kRows, size_t... kSmaller>
HWY_INLINE void ProductBlocks(std::index_sequence<kRows, kSmaller...>, Scalars a, int64_t inner,
                              const float* b, int64_t b_stride, TensorView c, bool add) {
  int64_t r = 0;
  for (; r + int64_t{kRows} <= c.rows; r += int64_t{kRows}) {
    const Scalars rows{a.data + r * a.row_step, a.row_step, a.inner_step};
    ProductBlock<kVectors>(std::make_index_sequence<kRows>(), rows, inner, b, b_stride, c.row(r),
                           c.stride, add);
  }
  if constexpr (sizeof...(kSmaller) > 0) {
    const Scalars rest{a.data + r * a.row_step, a.row_step, a.inner_step};
    ProductBlocks<kVectors>(std::index_sequence<kSmaller...>(), rest, inner, b, b_stride,
                            c.Rows(r, c.rows - r), add);
  }
}

// c [M, N] = or += a [M, K] b [K, N]; N is a multiple of the vector's length. Each element is
// summed in the order of K.
HWY_INLINE void PanelProduct(Scalars a, ConstTensorView b, TensorView c, bool add) {
  const auto lanes = static_cast<int64_t>(hwy::HWY_NAMESPACE::Lanes(PanelLanes()));
  int64_t column = 0;
  for (; column + 2 * lanes <= c.columns; column += 2 * lanes) {
    ProductBlocks<2>(BlockRows(), a, b.rows, b.data + column, b.stride,
                     c.Columns(column, 2 * lanes), add);
  }
  if (column < c.columns) {
    ProductBlocks<1>(BlockRows(), a, b.rows, b.data + column, b.stride, c.Columns(column, lanes),
                     add);
  }
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // OCCAM_MODEL_NETWORK_PANEL_PRODUCT_INL_H_
