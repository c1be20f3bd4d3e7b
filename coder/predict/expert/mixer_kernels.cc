#include "coder/predict/expert/mixer_kernels.h"

#include <algorithm>

namespace occam {
namespace {

void Sum(std::span<const int16_t> inputs, std::span<int16_t* const> weights,
         std::span<int32_t> sums) {
  for (size_t s = 0; s < weights.size(); ++s) {
    uint32_t sum = 0;
    for (size_t i = 0; i < inputs.size(); ++i)
      sum += static_cast<uint32_t>(int32_t{weights[s][i]} * inputs[i]);
    sums[s] = static_cast<int32_t>(sum);
  }
}

void Learn(std::span<const int16_t> inputs, std::span<int16_t* const> weights,
           std::span<const int32_t> moves) {
  for (size_t s = 0; s < weights.size(); ++s) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      const int32_t moved = weights[s][i] + ((inputs[i] * moves[s] + (1 << 14)) >> 15);
      weights[s][i] = static_cast<int16_t>(std::clamp(moved, -32768, 32767));
    }
  }
}

}  // namespace

const MixerKernels& PlainMixerKernels() {
  static constexpr MixerKernels kKernels = {Sum, Learn};
  return kKernels;
}

}  // namespace occam
