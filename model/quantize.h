// From float weights to the model that codes. Deterministic: the same weights give the same model
// id on every machine.
#ifndef OCCAM_MODEL_QUANTIZE_H_
#define OCCAM_MODEL_QUANTIZE_H_

#include <span>

#include "model/calibration.h"
#include "model/exact/quantized_model.h"
#include "model/parameters.h"

namespace occam {

// Bits of a weight's code, its sign included: codes in [-(2^(b - 1) - 1), 2^(b - 1) - 1].
constexpr int kLeastWeightBits = 2;
constexpr int kMostWeightBits = 7;

// Rounds every tensor as its row of ParameterTable says, to calibration.weight_bits; scales are
// fitted to the rows. Throws kDamaged (a value that is not finite or beyond the contract's bounds,
// with the tensor's name; bits out of range).
QuantizedModel Quantise(const ModelConfig& config, const ParameterSet& weights,
                        const Calibration& calibration, const Bytes& tokenizer);

// `rounded` [spec.size()] = one tensor as the exact network uses it: code times scale, or a float
// of 16 significant bits; the very values of Quantise. Throws as Quantise. Several threads at once.
void RoundTensor(const ParameterSpec& spec, int weight_bits, std::span<const float> values,
                 std::span<float> rounded);

}  // namespace occam

#endif  // OCCAM_MODEL_QUANTIZE_H_
