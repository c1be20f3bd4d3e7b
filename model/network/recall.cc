#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/network/recall.cc"
#include "model/network/recall.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "data/base/simd_targets.h"
#include "model/network/norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE float Dot(D d, const float* a, const float* b, int64_t n) {
  auto sum = hn::Zero(d);
  for (int64_t i = 0; i < n; i += LanesOf(d))
    sum = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum);
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// What a rule's numbers are multiplied by.
HWY_INLINE float BoundedGate(float gate) { return gate < 0 ? 0 : gate > 2 ? 2 : gate; }

// to = from * factor.
template <class D>
HWY_INLINE void Scale(D d, const float* from, float factor, int64_t n, float* to) {
  for (int64_t i = 0; i < n; i += LanesOf(d))
    hn::StoreU(hn::Mul(hn::LoadU(d, from + i), hn::Set(d, factor)), d, to + i);
}

// to += from * factor.
template <class D>
HWY_INLINE void AddScaled(D d, const float* from, float factor, int64_t n, float* to) {
  for (int64_t i = 0; i < n; i += LanesOf(d)) {
    const auto sum = hn::MulAdd(hn::LoadU(d, from + i), hn::Set(d, factor), hn::LoadU(d, to + i));
    hn::StoreU(sum, d, to + i);
  }
}

// What MemoryCode gives, times the step.
template <class D>
HWY_INLINE void RoundRow(D d, const float* from, float step, int64_t n, float* to) {
  const auto inverse = hn::Set(d, 1 / step), most = hn::Set(d, kMostMemoryCode);
  for (int64_t i = 0; i < n; i += LanesOf(d)) {
    const auto scaled = hn::Mul(hn::LoadU(d, from + i), inverse);
    const auto code = hn::Round(hn::Max(hn::Min(scaled, most), hn::Neg(most)));
    hn::StoreU(hn::Mul(code, hn::Set(d, step)), d, to + i);
  }
}

void Recall(const MemoryView& memory, int64_t m, std::span<const int32_t> rows,
            TensorView recalled) {
  constexpr size_t kAhead = 16;  // rows that are on their way from memory while one is copied
  const auto at = [&](size_t i) { return memory.values.data() + rows[i] * m; };
  const auto rules = static_cast<size_t>(recalled.columns / m);
  WithLanes(m, [&](auto d) HWY_ATTR {
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i + kAhead < rows.size()) __builtin_prefetch(at(i + kAhead));
      float* const to =
          recalled.row(static_cast<int64_t>(i / rules)) + static_cast<int64_t>(i % rules) * m;
      if (memory.step == 0) {
        std::copy_n(at(i), m, to);
      } else {
        RoundRow(d, at(i), memory.step, m, to);
      }
    }
  });
}

void Gate(ConstTensorView h, ConstTensorView w, ConstTensorView recalled, TensorView gates,
          TensorView gated) {
  const int64_t rules = w.rows, m = recalled.columns / rules;
  WithLanes(h.columns, [&](auto d) HWY_ATTR {
    for (int64_t n = 0; n < h.rows; ++n) {
      for (int64_t r = 0; r < rules; ++r)
        gates.row(n)[r] = 1 + Dot(d, h.row(n), w.row(r), h.columns);
    }
  });
  WithLanes(m, [&](auto d) HWY_ATTR {
    for (int64_t n = 0; n < h.rows; ++n) {
      for (int64_t r = 0; r < rules; ++r) {
        Scale(d, recalled.row(n) + r * m, BoundedGate(gates.row(n)[r]), m, gated.row(n) + r * m);
      }
    }
  });
}

void GateGradient(ConstTensorView w, ConstTensorView recalled, ConstTensorView gates,
                  ConstTensorView dgated, TensorView dgates, TensorView drecalled, TensorView dh) {
  const int64_t rules = w.rows, m = recalled.columns / rules;
  WithLanes(m, [&](auto d) HWY_ATTR {
    for (int64_t n = 0; n < recalled.rows; ++n) {
      for (int64_t r = 0; r < rules; ++r) {
        const float gate = gates.row(n)[r], weight = BoundedGate(gate);
        const float* const dout = dgated.row(n) + r * m;
        Scale(d, dout, weight, m, drecalled.row(n) + r * m);
        dgates.row(n)[r] = weight == gate ? Dot(d, dout, recalled.row(n) + r * m, m) : 0;
      }
    }
  });
  Clear(dh);
  WithLanes(dh.columns, [&](auto d) HWY_ATTR {
    for (int64_t n = 0; n < recalled.rows; ++n) {
      for (int64_t r = 0; r < rules; ++r)
        AddScaled(d, w.row(r), dgates.row(n)[r], dh.columns, dh.row(n));
    }
  });
}

void GateWeightGradient(ConstTensorView h, ConstTensorView dgates, int64_t rule,
                        std::span<float> dw) {
  std::ranges::fill(dw, 0.0f);
  WithLanes(h.columns, [&](auto d) HWY_ATTR {
    for (int64_t n = 0; n < h.rows; ++n)
      AddScaled(d, h.row(n), dgates.row(n)[rule], h.columns, dw.data());
  });
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(Recall);
HWY_EXPORT(Gate);
HWY_EXPORT(GateGradient);
HWY_EXPORT(GateWeightGradient);

void RecallForward(const MemoryView& memory, int64_t m, std::span<const int32_t> rows,
                   TensorView recalled) {
  OCCAM_SIMD_DISPATCH(Recall)(memory, m, rows, recalled);
}

void GateForward(ConstTensorView h, ConstTensorView w, ConstTensorView recalled, TensorView gates,
                 TensorView gated) {
  OCCAM_SIMD_DISPATCH(Gate)(h, w, recalled, gates, gated);
}

void GateBackward(ConstTensorView w, ConstTensorView recalled, ConstTensorView gates,
                  ConstTensorView dgated, TensorView dgates, TensorView drecalled, TensorView dh) {
  OCCAM_SIMD_DISPATCH(GateGradient)(w, recalled, gates, dgated, dgates, drecalled, dh);
}

void GateWeightBackward(ConstTensorView h, ConstTensorView dgates, int64_t rule,
                        std::span<float> dw) {
  OCCAM_SIMD_DISPATCH(GateWeightGradient)(h, dgates, rule, dw);
}

}  // namespace occam
#endif  // HWY_ONCE
