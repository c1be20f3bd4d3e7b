// The two loops of a mixer over its inputs: sums of products, and weights that learn. They are most
// of an expert's arithmetic, so there are vector forms of them, which give the same numbers.
#ifndef OCCAM_CODER_PREDICT_EXPERT_MIXER_KERNELS_H_
#define OCCAM_CODER_PREDICT_EXPERT_MIXER_KERNELS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace occam {

// Inputs and sets of weights are padded with zeros to a multiple of this, the numbers of a vector.
constexpr size_t kMixerStep = 32;

struct MixerKernels {
  // sums[s] = sum over i of weights[s][i] * inputs[i], modulo 2^32.
  void (*sum)(std::span<const int16_t> inputs, std::span<int16_t* const> weights,
              std::span<int32_t> sums);
  // weights[s][i] += (inputs[i] * moves[s] + 2^14) >> 15, within 16 bits. moves are within
  // [-32767, 32767].
  void (*learn)(std::span<const int16_t> inputs, std::span<int16_t* const> weights,
                std::span<const int32_t> moves);
};

// The definition.
const MixerKernels& PlainMixerKernels();
// The fastest form for this processor; the definition in a program that has no other.
const MixerKernels& FastMixerKernels();

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_EXPERT_MIXER_KERNELS_H_
