#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "train/loss.cc"
#include "train/loss.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/simd_targets.h"
#include "model/network/exp2-inl.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Lanes = hn::ScalableTag<float>;

// Calls each(column, values) for all columns of a row [size]; values beyond it are -infinity, as
// if their probability were zero.
template <class Each>
HWY_INLINE void ForEachVector(const float* row, size_t size, Each each) {
  const Lanes d;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= size; i += hn::Lanes(d)) each(i, hn::LoadU(d, row + i));
  if (i == size) return;
  HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)];
  std::fill_n(rest, hn::Lanes(d), -HUGE_VALF);
  std::copy(row + i, row + size, rest);
  each(i, hn::Load(d, rest));
}

float MaxOfRow(const float* row, size_t size) {
  const Lanes d;
  auto max = hn::Set(d, -HUGE_VALF);
  ForEachVector(row, size, [&](size_t, auto v) HWY_ATTR { max = hn::Max(max, v); });
  return hn::GetLane(hn::MaxOfLanes(d, max));
}

// exp(x - max), at least e^-87: what is less counts for nothing beside the largest, which is 1.
template <class V>
HWY_INLINE V ShiftedExp(V x, float max) {
  const Lanes d;
  const auto log2 = hn::Mul(hn::Sub(x, hn::Set(d, max)), hn::Set(d, 1.44269504f));
  return Exp2(d, hn::IfThenElse(hn::Lt(log2, hn::Set(d, -126.0f)), hn::Set(d, -126.0f), log2));
}

float SumOfExponentials(const float* row, size_t size, float max) {
  const Lanes d;
  auto sum = hn::Zero(d);
  ForEachVector(row, size,
                [&](size_t, auto v) HWY_ATTR { sum = hn::Add(sum, ShiftedExp(v, max)); });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// out = factor * exp(row - max).
void ScaledExponentials(const float* row, size_t size, float max, float factor, float* out) {
  const Lanes d;
  const auto f = hn::Set(d, factor);
  ForEachVector(row, size, [&](size_t i, auto v) HWY_ATTR {
    HWY_ALIGN float values[HWY_MAX_BYTES / sizeof(float)];
    hn::Store(hn::Mul(ShiftedExp(v, max), f), d, values);
    std::copy_n(values, std::min(hn::Lanes(d), size - i), out + i);
  });
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(MaxOfRow);
HWY_EXPORT(SumOfExponentials);
HWY_EXPORT(ScaledExponentials);

double SoftmaxCrossEntropy(std::span<const float> logits, std::span<const int32_t> targets,
                           int vocabulary, float scale, std::span<float> dlogits) {
  const auto size = static_cast<size_t>(vocabulary);
  if (logits.size() != targets.size() * size ||
      (!dlogits.empty() && dlogits.size() != logits.size())) {
    throw InternalError("logits, targets and dlogits do not belong together");
  }
  double loss_nats = 0;
  for (size_t n = 0; n < targets.size(); ++n) {
    if (targets[n] < 0 || targets[n] >= vocabulary) {
      throw InternalError(fmt::format("target {} is {}, beyond the vocabulary", n, targets[n]));
    }
    const auto target = static_cast<size_t>(targets[n]);
    const float* row = logits.data() + n * size;
    const float max = OCCAM_SIMD_DISPATCH(MaxOfRow)(row, size);
    const float sum = OCCAM_SIMD_DISPATCH(SumOfExponentials)(row, size, max);
    loss_nats += std::log(static_cast<double>(sum)) + static_cast<double>(max) -
                 static_cast<double>(row[target]);
    if (dlogits.empty()) continue;
    float* drow = dlogits.data() + n * size;
    OCCAM_SIMD_DISPATCH(ScaledExponentials)(row, size, max, scale / sum, drow);
    drow[target] -= scale;
  }
  return loss_nats;
}

}  // namespace occam
#endif  // HWY_ONCE
