// Products of packed int8 weights (fast_linear.h) as vector code.
#include <hwy/highway.h>

#include <cstring>

#include "model/exact/fast_linear.h"

HWY_PUSH_ATTRIBUTES(OCCAM_SIMD_TARGET)
namespace occam {
namespace OCCAM_SIMD {
namespace hn = hwy::HWY_NAMESPACE;

using PanelInts = hn::CappedTag<int32_t, kPanel>;

// Rows and panels that one pass over the weights serves, so that sums and operands stay in
// registers: 12 sums of 32 registers, or 8 of 16.
constexpr int kPanelVectors = kPanel / static_cast<int>(hn::MaxLanes(PanelInts()));
constexpr int kPanelsAtOnce = kPanelVectors == 1 ? 2 : 1;
constexpr int kRowsAtOnce = kPanelVectors == 1 ? 6 : kPanelVectors == 2 ? 4 : 2;

// y (+)= (float(sum) * scale) * x_scale, one vector of outputs.
template <class D>
HWY_INLINE void PutOutputs(D /*d*/, hn::Vec<D> sum, hn::Vec<hn::RebindToFloat<D>> scale,
                           float x_scale, bool add, float* y) {
  const hn::RebindToFloat<D> df;
  auto value = hn::Mul(hn::Mul(hn::ConvertTo(df, sum), scale), hn::Set(df, x_scale));
  if (add) value = hn::Add(hn::LoadU(df, y), value);
  hn::StoreU(value, df, y);
}

struct RowBlock {
  const int8_t* x;
  const float* x_scales;
  const int32_t* offsets;  // what kWeightOffset added to each row's products
  float* y;
  int x_stride;
  int y_stride;
};

// kRows rows times kPanels panels from `panel` on.
template <int kRows, int kPanels>
HWY_INLINE void MultiplyBlock(const PackedWeights& w, const RowBlock& rows, int panel, bool add) {
  const PanelInts d;
  const hn::RebindToFloat<PanelInts> df;
  constexpr int kVectors = kPanels * kPanelVectors;
  constexpr int kLanes = kPanel / kPanelVectors;
  const size_t panel_bytes = static_cast<size_t>(w.inputs) * kPanel;
  hn::Vec<PanelInts> sums[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::Set(d, -rows.offsets[r]);
  }
  const uint8_t* from = w.bytes.data() + static_cast<size_t>(panel) * panel_bytes;
  for (int k = 0; k < w.inputs; k += 4, from += kPanel * 4) {
    hn::Vec<PanelInts> weights[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      const uint8_t* const at = from + static_cast<size_t>(v / kPanelVectors) * panel_bytes +
                                v % kPanelVectors * kLanes * 4;
      weights[v] = hn::LoadU(d, reinterpret_cast<const int32_t*>(at));
    }
    for (int r = 0; r < kRows; ++r) {
      int32_t four;
      std::memcpy(&four, rows.x + r * rows.x_stride + k, sizeof(four));
      const auto x = hn::Set(d, four);
      for (int v = 0; v < kVectors; ++v) sums[r][v] = Dot4(sums[r][v], weights[v], x);
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    const int j = panel * kPanel + v * kLanes;
    const auto scale = hn::LoadU(df, w.scales.data() + j);
    for (int r = 0; r < kRows; ++r) {
      PutOutputs(d, sums[r][v], scale, rows.x_scales[r], add, rows.y + r * rows.y_stride + j);
    }
  }
}

template <int kPanels>
HWY_INLINE void MultiplyRows(const PackedWeights& w, const RowBlock& all, int rows, int panel,
                             bool add) {
  for (int r = 0; r < rows;) {
    const RowBlock block{all.x + r * all.x_stride, all.x_scales + r, all.offsets + r,
                         all.y + r * all.y_stride, all.x_stride,     all.y_stride};
    const int left = rows - r;
    if (left >= kRowsAtOnce) {
      MultiplyBlock<kRowsAtOnce, kPanels>(w, block, panel, add);
      r += kRowsAtOnce;
    } else if (left >= 4) {
      MultiplyBlock<4, kPanels>(w, block, panel, add);
      r += 4;
    } else if (left >= 2) {
      MultiplyBlock<2, kPanels>(w, block, panel, add);
      r += 2;
    } else {
      MultiplyBlock<1, kPanels>(w, block, panel, add);
      r += 1;
    }
  }
}

// kWeightOffset * sum_k x[k].
HWY_INLINE int32_t OffsetOf(const int8_t* x, int inputs) {
  const PanelInts d;
  const hn::Repartition<uint8_t, PanelInts> du8;
  const int step = static_cast<int>(hn::Lanes(du8));
  const auto offset = hn::BitCast(d, hn::Set(du8, kWeightOffset));
  auto sums = hn::Zero(d);
  int k = 0;
  for (; k + step <= inputs; k += step) {
    sums = Dot4(sums, offset, hn::LoadU(d, reinterpret_cast<const int32_t*>(x + k)));
  }
  int32_t sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (; k < inputs; ++k) sum += kWeightOffset * x[k];
  return sum;
}

HWY_INLINE void ScaleSums(const PackedWeights& w, const int32_t* sums, const float* x_scales,
                          int rows, bool add, float* y) {
  const PanelInts d;
  const hn::RebindToFloat<PanelInts> df;
  const int stride = RoundUp(w.outputs, kFloatPad);
  for (int r = 0; r < rows; ++r, sums += stride, y += stride) {
    for (int j = 0; j < stride; j += LanesOf(d)) {
      PutOutputs(d, hn::LoadU(d, sums + j), hn::LoadU(df, w.scales.data() + j), x_scales[r], add,
                 y + j);
    }
  }
}

HWY_INLINE void MultiplyPacked(const PackedWeights& w, const int8_t* x, const float* x_scales,
                               int rows, bool add, float* y) {
  int32_t offsets[kTileRows];
  const int x_stride = RoundUp(w.inputs, kCodePad);
  for (int r = 0; r < rows; ++r) offsets[r] = OffsetOf(x + r * x_stride, w.inputs);
  const RowBlock all{x, x_scales, offsets, y, x_stride, RoundUp(w.outputs, kFloatPad)};
  int panel = 0;
  for (; panel + kPanelsAtOnce <= w.panels(); panel += kPanelsAtOnce) {
    MultiplyRows<kPanelsAtOnce>(w, all, rows, panel, add);
  }
  for (; panel < w.panels(); ++panel) MultiplyRows<1>(w, all, rows, panel, add);
}

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
