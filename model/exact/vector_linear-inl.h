// Products of packed int8 weights (fast_linear.h) as vector code.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cstring>

#include "model/exact/fast_linear.h"

HWY_PUSH_ATTRIBUTES(OCCAM_SIMD_TARGET)
namespace occam {
namespace OCCAM_SIMD {
namespace hn = hwy::HWY_NAMESPACE;

using PanelInts = hn::CappedTag<int32_t, kPanel>;

// Rows and panels that one pass over the weights serves. So sums and operands stay in registers: 24
// sums of 32 registers, or 8 of 16.
constexpr int kPanelVectors = kPanel / static_cast<int>(hn::MaxLanes(PanelInts()));
constexpr int kPanelsAtOnce = kPanelVectors == 1 ? 3 : 1;
constexpr int kRowsAtOnce = kPanelVectors == 1 ? 8 : kPanelVectors == 2 ? 4 : 2;

// y (+)= (float(sum) * scale) * x_scale, one vector of outputs.
template <bool kAdd, class D, class VF>
HWY_INLINE void PutOutputs(D /*d*/, hn::Vec<D> sum, VF scale, VF x_scale, float* y) {
  const hn::RebindToFloat<D> df;
  auto value = hn::Mul(hn::Mul(hn::ConvertTo(df, sum), scale), x_scale);
  if constexpr (kAdd) value = hn::Add(hn::Load(df, y), value);
  hn::Store(value, df, y);
}

struct RowBlock {
  const uint8_t* x;  // made unsigned
  const float* x_scales;
  float* y;
  int x_stride;
  int y_stride;
};

// kRows rows times the kPanels panels of a group.
template <int kRows, int kPanels, bool kWide>
struct BlockProduct {
  static constexpr int kVectors = kPanels * kPanelVectors;
  static constexpr int kLanes = kPanel / kPanelVectors;
  using Sums = hn::Vec<PanelInts>[kRows][kVectors];

  template <bool kAdd>
  static HWY_INLINE void Put(const Sums& sums, const float* scales, const RowBlock& rows, int j) {
    const PanelInts d;
    const hn::RebindToFloat<PanelInts> df;
    hn::Vec<decltype(df)> scale[kVectors];
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) scale[v] = hn::Load(df, scales + j + v * kLanes);
    HWY_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const auto x_scale = hn::Set(df, rows.x_scales[r]);
      float* const y = rows.y + r * rows.y_stride + j;
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) {
        auto sum = sums[r][v];
        ForgetOrigin(&sum);
        PutOutputs<kAdd>(d, sum, scale[v], x_scale, y + v * kLanes);
      }
    }
  }

  // Is not inlined, so that its registers are its own.
  static HWY_NOINLINE void Multiply(const PackedWeights& w, const RowBlock& rows, int panel,
                                    bool add) {
    const PanelInts d;
    Sums sums;
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) {
      const auto start = hn::Load(d, w.starts.data() + panel * kPanel + v * kLanes);
      HWY_UNROLL(8)
      for (int r = 0; r < kRows; ++r) sums[r][v] = start;
    }
    const int8_t* from = w.codes.data() + panel * w.panel_bytes();
    // The next group comes from afar while this one is multiplied.
    const int64_t ahead = panel + kPanels < w.panels() ? kPanels * w.panel_bytes() : 0;
    for (int k = 0; k < w.inputs; k += 4, from += kPanels * kPanel * 4) {
      HWY_UNROLL(8)
      for (int p = 0; p < kPanels; ++p) hwy::Prefetch(from + ahead + p * kPanel * 4);
      hn::Vec<PanelInts> weights[kVectors];
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) {
        const int8_t* const at = from + v * kLanes * 4;
        weights[v] = hn::Load(d, reinterpret_cast<const int32_t*>(at));
      }
      HWY_UNROLL(8)
      for (int r = 0; r < kRows; ++r) {
        int32_t four;
        std::memcpy(&four, rows.x + r * rows.x_stride + k, sizeof(four));
        const auto x = hn::Set(d, four);
        HWY_UNROLL(8)
        for (int v = 0; v < kVectors; ++v) {
          if constexpr (kWide) {
            sums[r][v] = WideDot4(sums[r][v], x, weights[v]);
          } else {
            sums[r][v] = Dot4(sums[r][v], x, weights[v]);
          }
        }
      }
    }
    if (add) {
      Put<true>(sums, w.scales.data(), rows, panel * kPanel);
    } else {
      Put<false>(sums, w.scales.data(), rows, panel * kPanel);
    }
  }
};

template <int kPanels, bool kWide>
HWY_INLINE void MultiplyRows(const PackedWeights& w, const RowBlock& all, int rows, int panel,
                             bool add) {
  for (int r = 0; r < rows;) {
    const RowBlock block{all.x + r * all.x_stride, all.x_scales + r, all.y + r * all.y_stride,
                         all.x_stride, all.y_stride};
    const int left = rows - r;
    if (left >= kRowsAtOnce) {
      BlockProduct<kRowsAtOnce, kPanels, kWide>::Multiply(w, block, panel, add);
      r += kRowsAtOnce;
    } else if (left >= 4) {
      BlockProduct<4, kPanels, kWide>::Multiply(w, block, panel, add);
      r += 4;
    } else if (left >= 2) {
      BlockProduct<2, kPanels, kWide>::Multiply(w, block, panel, add);
      r += 2;
    } else {
      BlockProduct<1, kPanels, kWide>::Multiply(w, block, panel, add);
      r += 1;
    }
  }
}

// x + kCodeOffset as unsigned bytes, the padding with it.
HWY_INLINE void MakeUnsigned(const int8_t* x, int n, uint8_t* y) {
  const hn::CappedTag<uint8_t, 64> d;
  const auto sign = hn::Set(d, kCodeOffset);
  for (int i = 0; i < n; i += LanesOf(d)) {
    const auto codes = hn::Load(d, reinterpret_cast<const uint8_t*>(x + i));
    hn::Store(hn::Xor(codes, sign), d, y + i);
  }
}

template <bool kAdd>
HWY_INLINE void ScaleSums(const PackedWeights& w, int panel, int panels, const int32_t* sums,
                          const float* x_scales, int rows, float* y) {
  const PanelInts d;
  const hn::RebindToFloat<PanelInts> df;
  const int outputs = panels * kPanel;
  const float* const scales = w.scales.data() + panel * kPanel;
  y += panel * kPanel;
  for (int r = 0; r < rows; ++r, sums += outputs, y += RoundUp(w.outputs, kFloatPad)) {
    const auto x_scale = hn::Set(df, x_scales[r]);
    for (int j = 0; j < outputs; j += LanesOf(d)) {
      PutOutputs<kAdd>(d, hn::Load(d, sums + j), hn::Load(df, scales + j), x_scale, y + j);
    }
  }
}

template <bool kWide>
HWY_INLINE void MultiplyPackedAs(const PackedWeights& w, const int8_t* x, const float* x_scales,
                                 int rows, bool add, float* y, std::byte* scratch) {
  const int x_stride = RoundUp(w.inputs, kCodePad);
  auto* const unsigned_x = reinterpret_cast<uint8_t*>(scratch);
  MakeUnsigned(x, rows * x_stride, unsigned_x);
  const RowBlock all{unsigned_x, x_scales, y, x_stride, RoundUp(w.outputs, kFloatPad)};
  for (int panel = 0; panel < w.panels(); panel += kPanelsAtOnce) {
    const int panels = HWY_MIN(kPanelsAtOnce, w.panels() - panel);
    if (panels == 3) MultiplyRows<HWY_MIN(3, kPanelsAtOnce), kWide>(w, all, rows, panel, add);
    if (panels == 2) MultiplyRows<HWY_MIN(2, kPanelsAtOnce), kWide>(w, all, rows, panel, add);
    if (panels == 1) MultiplyRows<1, kWide>(w, all, rows, panel, add);
  }
}

HWY_INLINE void MultiplyPacked(const PackedWeights& w, const int8_t* x, const float* x_scales,
                               int rows, bool add, float* y, std::byte* scratch) {
  if (w.wide && !OCCAM_SIMD_VNNI)
    return MultiplyPackedAs<true>(w, x, x_scales, rows, add, y, scratch);
  MultiplyPackedAs<false>(w, x, x_scales, rows, add, y, scratch);
}

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
