// From float weights to the model that codes. Deterministic: the same weights give the same model
// id on every machine.
#ifndef OCCAM_MODEL_QUANTIZE_H_
#define OCCAM_MODEL_QUANTIZE_H_

#include <span>

#include "model/calibration.h"
#include "model/exact/quantized_model.h"
#include "model/parameters.h"

namespace occam {

// Rounds every tensor as its row of ParameterTable says; scales are fitted to the rows. Throws
// kDamaged (a value that is not finite or beyond the contract's bounds, with the tensor's name).
QuantizedModel Quantise(const ModelConfig& config, const ParameterSet& weights,
                        const Calibration& calibration, const Bytes& tokenizer);

// `rounded` [spec.size()] = one tensor as the exact network uses it: code times scale, or a float
// of 16 significant bits; the very values of Quantise. Throws as Quantise. Several threads at once.
void RoundTensor(const ParameterSpec& spec, std::span<const float> values,
                 std::span<float> rounded);

}  // namespace occam

#endif  // OCCAM_MODEL_QUANTIZE_H_
