#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "coder/predict/expert/fast_mixer_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <iterator>
#include <numeric>

#include "coder/predict/expert/mixer_kernels.h"
#include "data/base/simd_targets.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Numbers = hn::CappedTag<int16_t, kMixerStep>;
using Sums = hn::RepartitionToWide<Numbers>;

// The sum of all lanes of a vector, modulo 2^32.
template <typename D>
uint32_t SumOf(D d, hn::Vec<D> sums) {
#if !HWY_HAVE_SCALABLE && HWY_TARGET != HWY_SCALAR
  if constexpr (hn::MaxLanes(d) > 4) {
    const hn::Half<D> half;
    return SumOf(half, hn::Add(hn::LowerHalf(half, sums), hn::UpperHalf(half, sums)));
  }
#endif
  HWY_ALIGN uint32_t lanes[hn::MaxLanes(d)] = {};
  hn::Store(sums, d, lanes);
  return std::accumulate(std::begin(lanes), std::end(lanes), 0u);
}

void Sum(std::span<const int16_t> inputs, std::span<int16_t* const> weights,
         std::span<int32_t> sums) {
  const Numbers d;
  const Sums wide;
  const hn::RebindToUnsigned<Sums> words;
  for (size_t s = 0; s < weights.size(); ++s) {
    auto sum0 = hn::Zero(wide);
    auto sum1 = hn::Zero(wide);
    for (size_t i = 0; i < inputs.size(); i += hn::Lanes(d)) {
      sum0 = hn::ReorderWidenMulAccumulate(wide, hn::LoadU(d, weights[s] + i),
                                           hn::LoadU(d, inputs.data() + i), sum0, sum1);
    }
    // Without signs, since a sum of signed numbers must not overflow in C++.
    sums[s] = static_cast<int32_t>(SumOf(words, hn::BitCast(words, hn::Add(sum0, sum1))));
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

MixerKernels Kernels() { return {Sum, Learn}; }

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
namespace {

HWY_EXPORT(Kernels);

}  // namespace

const MixerKernels& FastMixerKernels() {
  static const MixerKernels kernels = [] {
    LimitSimdTargets();
    return HWY_DYNAMIC_DISPATCH(Kernels)();
  }();
  return kernels;
}

}  // namespace occam
#endif  // HWY_ONCE
