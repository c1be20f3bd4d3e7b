#include "model/network/recall.h"

#include <algorithm>
#include <array>

namespace occam {
namespace {

constexpr float kMostGate = 2;

// Sums side by side, so that vectors may be used; the order of additions is fixed.
float Dot(const float* a, const float* b, int64_t n) {
  constexpr int64_t kSums = 8;
  std::array<float, kSums> sums = {};
  int64_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (int64_t j = 0; j < kSums; ++j) sums[static_cast<size_t>(j)] += a[i + j] * b[i + j];
  }
  float total = 0;
  for (const float sum : sums) total += sum;
  for (; i < n; ++i) total += a[i] * b[i];
  return total;
}

}  // namespace

void RecallForward(const MemoryView& memory, int64_t m, std::span<const int32_t> rows,
                   TensorView recalled) {
  const int64_t rules = recalled.columns / m;
  const float inverse_step = memory.step == 0 ? 0 : 1 / memory.step;
  const int32_t* row = rows.data();
  for (int64_t n = 0; n < recalled.rows; ++n) {
    for (int64_t r = 0; r < rules; ++r) {
      const float* const from = memory.values.data() + *row++ * m;
      float* const to = recalled.row(n) + r * m;
      if (memory.step == 0) {
        std::copy_n(from, m, to);
      } else {
        for (int64_t k = 0; k < m; ++k) to[k] = MemoryCode(from[k], inverse_step) * memory.step;
      }
    }
  }
}

void GateForward(ConstTensorView h, ConstTensorView w, ConstTensorView recalled, TensorView gates,
                 TensorView gated) {
  const int64_t rules = w.rows, m = recalled.columns / rules;
  for (int64_t n = 0; n < h.rows; ++n) {
    for (int64_t r = 0; r < rules; ++r) {
      const float gate = gates.row(n)[r] = 1 + Dot(h.row(n), w.row(r), h.columns);
      const float weight = std::clamp(gate, 0.0f, kMostGate);
      for (int64_t k = r * m; k < (r + 1) * m; ++k) gated.row(n)[k] = recalled.row(n)[k] * weight;
    }
  }
}

void GateBackward(ConstTensorView w, ConstTensorView recalled, ConstTensorView gates,
                  ConstTensorView dgated, TensorView dgates, TensorView drecalled, TensorView dh) {
  const int64_t rules = w.rows, m = recalled.columns / rules;
  Clear(dh);
  for (int64_t n = 0; n < recalled.rows; ++n) {
    for (int64_t r = 0; r < rules; ++r) {
      const float gate = gates.row(n)[r];
      const float weight = std::clamp(gate, 0.0f, kMostGate);
      const float* const d = dgated.row(n) + r * m;
      for (int64_t k = 0; k < m; ++k) drecalled.row(n)[r * m + k] = d[k] * weight;
      const float dgate = weight == gate ? Dot(d, recalled.row(n) + r * m, m) : 0;
      dgates.row(n)[r] = dgate;
      for (int64_t i = 0; i < dh.columns; ++i) dh.row(n)[i] += dgate * w.row(r)[i];
    }
  }
}

void GateWeightBackward(ConstTensorView h, ConstTensorView dgates, int64_t rule,
                        std::span<float> dw) {
  std::ranges::fill(dw, 0.0f);
  for (int64_t n = 0; n < h.rows; ++n) {
    const float dgate = dgates.row(n)[rule];
    for (size_t i = 0; i < dw.size(); ++i) dw[i] += dgate * h.row(n)[i];
  }
}

}  // namespace occam
