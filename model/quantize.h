// Makes the model that codes from float weights. Deterministic: the same weights give the same
// model id on every machine.
#ifndef OCCAM_MODEL_QUANTIZE_H_
#define OCCAM_MODEL_QUANTIZE_H_

#include <span>

#include "model/calibration.h"
#include "model/memory_rows.h"
#include "model/parameters.h"
#include "model/quantized_model.h"

namespace occam {

// Bits of a weight's code, its sign included: codes in [-(2^(b - 1) - 1), 2^(b - 1) - 1].
constexpr int kLeastWeightBits = 2;
constexpr int kMostWeightBits = 7;

// Significant bits of a row's step: finer steps would cost more than they bring. A step is at most
// 1 and at least 2^-60.
constexpr int kStepSignificantBits = 5;
// The nearest step to x > 0.
float StepNear(double x);
// The nearest step that training gives a memory, at most 1024. It is coarse, so that it stays for
// long: rows lie near the thresholds of the step that they are trained with. A model may have any
// step of 16 significant bits.
float MemoryStepNear(double x);

// Rounds every tensor as its row of ParameterTable says, to calibration.weight_bits. The scale of a
// row is the step between its codes. It is that of least squared error among some that reach its
// largest weight or clip it; where the row has a step (calibration.row_steps), at least this. Below
// 7 bits and with steps, scales and gains have 8 significant bits, which cost less when coded; else
// 16. Rows of a memory, whose tables share one step, have the codes of MemoryCode. Throws kDamaged
// (a value that is not finite or beyond the contract's bounds, with the tensor's name; bits out of
// range; another number of steps or rows; a memory without a step).
QuantizedModel Quantise(const ModelConfig& config, const ParameterSet& weights,
                        const Calibration& calibration, const Bytes& tokenizer,
                        const MemoryRows& memory = {});

// Returns what the exact network has in the place of the weights: codes times scales, and floats.
ParameterSet WeightsOf(const QuantizedModel& model);
MemoryRows MemoryOf(const QuantizedModel& model);

// `rounded` [spec.size()] = one tensor as the exact network uses it: code times scale, or a rounded
// float; the very values of Quantise. `row_steps` [RowCount] may be empty; so may `row_scales`
// [RowCount], which gets the scales of the tensor's rows. Throws as Quantise. May be called by
// several threads at once.
void RoundTensor(const ParameterSpec& spec, int weight_bits, std::span<const float> values,
                 std::span<float> rounded, std::span<const float> row_steps = {},
                 std::span<float> row_scales = {});

}  // namespace occam

#endif  // OCCAM_MODEL_QUANTIZE_H_
