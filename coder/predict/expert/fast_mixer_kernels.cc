#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "coder/predict/expert/fast_mixer_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "coder/predict/expert/mixer_kernels.h"
#include "data/base/simd_targets.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Numbers = hn::CappedTag<int16_t, kMixerStep>;
using Sums = hn::RepartitionToWide<Numbers>;

void Sum(std::span<const int16_t> inputs, std::span<int16_t* const> weights,
         std::span<int32_t> sums) {
  const Numbers d;
  const Sums wide;
  for (size_t s = 0; s < weights.size(); ++s) {
    auto sum0 = hn::Zero(wide);
    auto sum1 = hn::Zero(wide);
    for (size_t i = 0; i < inputs.size(); i += hn::Lanes(d)) {
      sum0 = hn::ReorderWidenMulAccumulate(wide, hn::LoadU(d, weights[s] + i),
                                           hn::LoadU(d, inputs.data() + i), sum0, sum1);
    }
    // Lane by lane, since the sum of signed lanes must not overflow in C++.
    HWY_ALIGN int32_t lanes[hn::MaxLanes(wide)] = {};
    hn::Store(hn::Add(sum0, sum1), wide, lanes);
    uint32_t sum = 0;
    for (const int32_t lane : lanes) sum += static_cast<uint32_t>(lane);
    sums[s] = static_cast<int32_t>(sum);
  }
}

void Learn(std::span<const int16_t> inputs, std::span<int16_t* const> weights,
           std::span<const int32_t> moves) {
  const Numbers d;
  for (size_t s = 0; s < weights.size(); ++s) {
    const auto move = hn::Set(d, static_cast<int16_t>(moves[s]));
    for (size_t i = 0; i < inputs.size(); i += hn::Lanes(d)) {
      const auto step = hn::MulFixedPoint15(hn::LoadU(d, inputs.data() + i), move);
      hn::StoreU(hn::SaturatedAdd(hn::LoadU(d, weights[s] + i), step), d, weights[s] + i);
    }
  }
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
namespace {

HWY_EXPORT(Sum);
HWY_EXPORT(Learn);

void FastSum(std::span<const int16_t> inputs, std::span<int16_t* const> weights,
             std::span<int32_t> sums) {
  HWY_DYNAMIC_DISPATCH(Sum)(inputs, weights, sums);
}

void FastLearn(std::span<const int16_t> inputs, std::span<int16_t* const> weights,
               std::span<const int32_t> moves) {
  HWY_DYNAMIC_DISPATCH(Learn)(inputs, weights, moves);
}

}  // namespace

const MixerKernels& FastMixerKernels() {
  static const MixerKernels kernels = [] {
    LimitSimdTargets();
    return MixerKernels{FastSum, FastLearn};
  }();
  return kernels;
}

}  // namespace occam
#endif  // HWY_ONCE
