#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/network/rotate.cc"
#include "model/network/rotate.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "data/base/simd_targets.h"
#include "model/rotary.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Lanes = hn::CappedTag<float, 4>;  // half a head is a multiple of 4

// x [rows, heads * 2 * pairs]; cosine, sine [rows, pairs]. Backward turns by the opposite
// angles.
void Rotate(ConstTensorView cosine, ConstTensorView sine, bool backward, TensorView x) {
  const Lanes d;
  const int64_t pairs = cosine.columns;
  for (int64_t t = 0; t < x.rows; ++t) {
    for (float* head = x.row(t); head != x.row(t) + x.columns; head += 2 * pairs) {
      for (int64_t i = 0; i < pairs; i += static_cast<int64_t>(hn::Lanes(d))) {
        const auto c = hn::LoadU(d, cosine.row(t) + i);
        auto s = hn::LoadU(d, sine.row(t) + i);
        if (backward) s = hn::Neg(s);
        const auto x1 = hn::LoadU(d, head + i);
        const auto x2 = hn::LoadU(d, head + pairs + i);
        hn::StoreU(hn::NegMulAdd(x2, s, hn::Mul(x1, c)), d, head + i);
        hn::StoreU(hn::MulAdd(x1, s, hn::Mul(x2, c)), d, head + pairs + i);
      }
    }
  }
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(Rotate);

RotaryAngles::RotaryAngles(int length, int head_size)
    : cosine(length, head_size / 2), sine(length, head_size / 2) {
  const RotaryTable& table = Rotary();
  const std::vector<int32_t> frequencies = RotaryFrequencies(head_size / 2);
  for (int t = 0; t < length; ++t) {
    for (size_t i = 0; i < frequencies.size(); ++i) {
      const auto phase = static_cast<size_t>(RotaryPhase(t, frequencies[i]));
      cosine.view().row(t)[i] = table.cosine[phase];
      sine.view().row(t)[i] = table.sine[phase];
    }
  }
}

void RotateForward(const RotaryAngles& angles, int64_t first, TensorView x) {
  OCCAM_SIMD_DISPATCH(Rotate)
  (angles.cosine.view().Rows(first, x.rows), angles.sine.view().Rows(first, x.rows), false, x);
}

void RotateBackward(const RotaryAngles& angles, int64_t first, TensorView dy) {
  OCCAM_SIMD_DISPATCH(Rotate)
  (angles.cosine.view().Rows(first, dy.rows), angles.sine.view().Rows(first, dy.rows), true, dy);
}

namespace {

// f(begin, count) for the two runs of still elements of a head.
template <typename F>
void ForEachStillRun(int64_t size, F&& f) {
  const int64_t pairs = size / 2;
  const int64_t turning = TurningPairs(static_cast<int>(pairs));
  f(turning, pairs - turning);
  f(pairs + turning, pairs - turning);
}

}  // namespace

void ShiftStillPairs(ConstTensorView keys, TensorView shifted) {
  for (int64_t t = 0; t < keys.rows; ++t) {
    std::copy_n(keys.row(t), keys.columns, shifted.row(t));
    ForEachStillRun(keys.columns, [&](int64_t begin, int64_t count) {
      if (t > 0) {
        std::copy_n(keys.row(t - 1) + begin, count, shifted.row(t) + begin);
      } else {
        std::fill_n(shifted.row(t) + begin, count, 0.0f);
      }
    });
  }
}

void UnshiftStillPairs(ConstTensorView dshifted, TensorView dkeys) {
  for (int64_t t = 0; t < dkeys.rows; ++t) {
    std::copy_n(dshifted.row(t), dkeys.columns, dkeys.row(t));
    ForEachStillRun(dkeys.columns, [&](int64_t begin, int64_t count) {
      if (t + 1 < dkeys.rows) {
        std::copy_n(dshifted.row(t + 1) + begin, count, dkeys.row(t) + begin);
      } else {
        std::fill_n(dkeys.row(t) + begin, count, 0.0f);
      }
    });
  }
}

}  // namespace occam
#endif  // HWY_ONCE
