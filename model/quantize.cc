#include "model/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "data/base/error.h"
#include "data/base/float_mode.h"
#include "data/base/format.h"

namespace occam {
namespace {

constexpr float kSmallest = 0x1p-60f;  // what is smaller becomes zero
constexpr float kMaxGain = 256.0f;
constexpr float kMaxScale = 1.0f;
constexpr float kMaxMemoryStep = 1024.0f;
// Scales tried for a row: the one that reaches its largest weight, and smaller ones that clip it,
// the more the coarser the codes are.
constexpr double kCandidateStep = 1.0 / 32;
int ScaleCandidates(int weight_bits) { return weight_bits >= 6 ? 8 : weight_bits >= 4 ? 16 : 24; }

int MostCode(int weight_bits) { return (1 << (weight_bits - 1)) - 1; }

constexpr int kStepDroppedBits = 24 - kStepSignificantBits;

// Of the 24 significant bits of a float, those that scales and gains do not keep.
int DroppedBits(int weight_bits, bool has_steps) {
  return weight_bits < kMostWeightBits || has_steps ? 16 : 8;
}

// The nearest float without its last `dropped` bits, ties to even; x is normal or zero.
float RoundFloat(float x, int dropped) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t mask = (1u << dropped) - 1;
  const uint32_t odd = (bits >> dropped) & 1;
  return std::bit_cast<float>((bits + (mask >> 1) + odd) & ~mask);
}

// The smallest float without its last `dropped` bits that is not below x > 0.
float RoundFloatUp(double x, int dropped) {
  const auto nearest = static_cast<float>(x);
  uint32_t bits = std::bit_cast<uint32_t>(nearest);
  if (static_cast<double>(nearest) < x) ++bits;
  const uint32_t mask = (1u << dropped) - 1;
  return std::bit_cast<float>((bits + mask) & ~mask);
}

using Four = float __attribute__((vector_size(16)));  // of GCC and Clang, on any processor

// Nearest, ties to even, clamped to the codes; adding `shift` leaves no bits below one.
template <typename T>
T CodeOf(T scaled, T most, T shift) {
  const T not_below = scaled > -most ? scaled : -most;
  const T clamped = not_below < most ? not_below : most;
  return (clamped + shift) - shift;
}
double CodeOf(double scaled, int most) { return CodeOf<double>(scaled, most, 0x1.8p52); }
Four CodeOf(Four scaled, float most) {
  constexpr float kShift = 0x1.8p23f;
  return CodeOf<Four>(scaled, Four{most, most, most, most}, Four{kShift, kShift, kShift, kShift});
}

// In four sums side by side, so that vectors may be used; the order of additions is fixed. Training
// rounds in every step and spends its time here.
double SquaredError(std::span<const float> row, float scale, int most) {
  const float inverse = 1 / scale;
  const auto largest = static_cast<float>(most);
  Four sums = {};
  const auto add = [&](Four weights) {
    const Four scaled = weights * inverse;
    const Four error = scaled - CodeOf(scaled, largest);
    sums += error * error;
  };
  size_t i = 0;
  for (; i + 4 <= row.size(); i += 4) add(Four{row[i], row[i + 1], row[i + 2], row[i + 3]});
  for (; i < row.size(); ++i) add(Four{row[i], 0, 0, 0});
  double total = 0;
  for (int j = 0; j < 4; ++j) total += static_cast<double>(sums[j]);
  return total * static_cast<double>(scale) * static_cast<double>(scale);
}

// The candidate of least squared error; the largest of equals.
float FitScale(std::span<const float> row, float largest, int weight_bits, int dropped) {
  const int most = MostCode(weight_bits);
  // Of few bits, even the largest scale may clip.
  const double full = std::min(static_cast<double>(largest) / most, static_cast<double>(kMaxScale));
  float best = RoundFloatUp(full, dropped);
  double best_error = SquaredError(row, best, most);
  for (int i = 1; i < ScaleCandidates(weight_bits); ++i) {
    const float scale = RoundFloatUp(full * (1.0 - i * kCandidateStep), dropped);
    const double error = SquaredError(row, scale, most);
    if (error < best_error) {
      best = scale;
      best_error = error;
    }
  }
  return best;
}

void RequireFinite(std::span<const float> values, const std::string& name) {
  for (const float x : values) {
    if (!std::isfinite(x))
      throw DamagedError(fmt::format("{} has a value that is not finite", name));
  }
}

void RequireWithin(float magnitude, float bound, const std::string& name) {
  if (magnitude > bound) {
    throw DamagedError(fmt::format(
        "{} has a value of magnitude {}, more than the {} that the numeric contract allows", name,
        magnitude, bound));
  }
}

// Of a row of codes; 0 where all its codes are 0. `step` is 0 where there are none.
float RowScale(std::span<const float> row, int weight_bits, bool has_steps, float step,
               const std::string& name) {
  float largest = 0.0f;
  for (const float w : row) largest = std::max(largest, std::fabs(w));
  RequireWithin(largest, kMaxWeightCode * kMaxScale, name);
  const float half = step / 2;
  if (largest < std::max(kMaxWeightCode * kSmallest * 2, half)) return 0.0f;
  const int dropped = DroppedBits(weight_bits, has_steps);
  // No scale that is fitted is larger than the one that reaches the largest weight.
  const double full = static_cast<double>(largest) / MostCode(weight_bits);
  if (static_cast<double>(step) >= full) return step;
  return std::max(step, FitScale(row, largest, weight_bits, dropped));
}

float RoundGain(float x, int dropped, const std::string& name) {
  RequireWithin(std::fabs(x), kMaxGain, name);
  return std::fabs(x) < kSmallest ? 0.0f : RoundFloat(x, dropped);
}

void CheckSteps(std::span<const float> steps, const std::vector<ParameterSpec>& table) {
  if (!steps.empty() && static_cast<int64_t>(steps.size()) != RowCount(table)) {
    throw DamagedError(fmt::format("calibration row_steps has {} values, where {} belong",
                                   steps.size(), RowCount(table)));
  }
  RequireFinite(steps, "calibration row_steps");
  for (const float step : steps) {
    if (!(step >= kSmallest && step <= kMaxScale) || step != RoundFloat(step, kStepDroppedBits))
      throw DamagedError(
          fmt::format("calibration row_steps has a value that is no step: {}", step));
  }
}

// Calls f(row, scale, first element) for each row of a tensor of codes. `steps` [RowCount] or
// empty.
template <typename F>
void ForEachRow(std::span<const float> values, const ParameterSpec& spec, int weight_bits,
                std::span<const float> steps, F&& f) {
  const auto columns = static_cast<size_t>(spec.columns);
  size_t number = static_cast<size_t>(spec.first_row);
  for (size_t at = 0; at < values.size(); at += columns, ++number) {
    const auto row = values.subspan(at, columns);
    const float step = steps.empty() ? 0.0f : steps[number];
    f(row, RowScale(row, weight_bits, !steps.empty(), step, spec.name), at);
  }
}

int CodeOf(float weight, float scale, int weight_bits) {
  if (scale == 0.0f) return 0;
  const double scaled = static_cast<double>(weight) / static_cast<double>(scale);
  return static_cast<int>(CodeOf(scaled, MostCode(weight_bits)));
}

QuantizedTensor QuantiseRows(std::span<const float> values, const ParameterSpec& spec,
                             int weight_bits, std::span<const float> steps) {
  QuantizedTensor tensor;
  ForEachRow(values, spec, weight_bits, steps,
             [&](std::span<const float> row, float scale, size_t) {
               tensor.floats.push_back(scale);
               for (const float w : row)
                 tensor.codes.push_back(static_cast<int8_t>(CodeOf(w, scale, weight_bits)));
             });
  return tensor;
}

QuantizedTensor QuantiseFloats(std::span<const float> values, const ParameterSpec& spec,
                               int dropped) {
  QuantizedTensor tensor;
  for (const float x : values) tensor.floats.push_back(RoundGain(x, dropped, spec.name));
  return tensor;
}

// A 63rd of the largest magnitude seen, within the contract's bounds; keys or values that were
// always zero have any scale.
std::vector<float> CacheScales(const std::vector<float>& maxima, size_t count, const char* name) {
  if (maxima.size() != count) {
    throw DamagedError(
        fmt::format("{} has {} values, where {} belong", name, maxima.size(), count));
  }
  RequireFinite(maxima, name);
  constexpr float kLeast = 0x1p-40f;
  constexpr float kMost = 0x1p20f;
  std::vector<float> scales;
  for (const float maximum : maxima) {
    RequireWithin(std::fabs(maximum), kMaxWeightCode * kMost, name);
    const double scale = static_cast<double>(std::fabs(maximum)) / kMaxWeightCode;
    scales.push_back(RoundFloatUp(std::max(scale, static_cast<double>(kLeast)), /*dropped=*/8));
  }
  return scales;
}

float NearestStep(double x, float most) {
  const auto bounded =
      static_cast<float>(std::clamp(x, static_cast<double>(kSmallest), static_cast<double>(most)));
  return RoundFloat(bounded, kStepDroppedBits);
}

QuantizedMemory QuantiseMemory(const ModelConfig& config, std::span<const float> values,
                               float step) {
  QuantizedMemory memory;
  if (values.size() != static_cast<size_t>(config.memory_rows() * config.memory_width)) {
    throw DamagedError(fmt::format("the memory has {} numbers, where {} belong", values.size(),
                                   config.memory_rows() * config.memory_width));
  }
  if (!config.has_memory()) return memory;
  RequireFinite(values, "the memory");
  const bool within = step >= kSmallest && step <= kMaxMemoryStep;
  if (!within || step != RoundFloat(step, DroppedBits(kMostWeightBits, false)))
    throw DamagedError(fmt::format("calibration memory_step is no step: {}", step));
  memory.step = step;
  memory.codes.resize(values.size());
  std::ranges::transform(values, memory.codes.begin(), [inverse = 1 / step](float x) {
    return static_cast<int8_t>(MemoryCode(x, inverse));
  });
  return memory;
}

}  // namespace

float StepNear(double x) { return NearestStep(x, kMaxScale); }
float MemoryStepNear(double x) { return NearestStep(x, kMaxMemoryStep); }

void RoundTensor(const ParameterSpec& spec, int weight_bits, std::span<const float> values,
                 std::span<float> rounded, std::span<const float> row_steps,
                 std::span<float> row_scales) {
  const FloatMode mode;
  RequireFinite(values, spec.name);
  if (spec.coding == Coding::kFloats) {
    const int dropped = DroppedBits(weight_bits, !row_steps.empty());
    std::ranges::transform(values, rounded.begin(),
                           [&](float x) { return RoundGain(x, dropped, spec.name); });
    return;
  }
  auto number = static_cast<size_t>(spec.first_row);
  ForEachRow(values, spec, weight_bits, row_steps,
             [&](std::span<const float> row, float scale, size_t at) {
               for (size_t i = 0; i < row.size(); ++i)
                 rounded[at + i] = static_cast<float>(CodeOf(row[i], scale, weight_bits)) * scale;
               if (!row_scales.empty()) row_scales[number++] = scale;
             });
}

QuantizedModel Quantise(const ModelConfig& config, const ParameterSet& weights,
                        const Calibration& calibration, const Bytes& tokenizer,
                        const MemoryRows& memory) {
  const FloatMode mode;
  if (calibration.weight_bits < kLeastWeightBits || calibration.weight_bits > kMostWeightBits)
    throw DamagedError(fmt::format("weights of {} bits are not known", calibration.weight_bits));
  const std::span<const float> steps = calibration.row_steps;
  CheckSteps(steps, weights.table());
  const int dropped = DroppedBits(calibration.weight_bits, !steps.empty());
  QuantizedModel model;
  model.config = config;
  for (size_t i = 0; i < weights.table().size(); ++i) {
    const ParameterSpec& spec = weights.table()[i];
    const auto values = weights.tensor(static_cast<int>(i));
    RequireFinite(values, spec.name);
    model.tensors.push_back(spec.coding == Coding::kRowCodes
                                ? QuantiseRows(values, spec, calibration.weight_bits, steps)
                                : QuantiseFloats(values, spec, dropped));
  }
  model.memory = QuantiseMemory(config, memory.values, calibration.memory_step);
  const auto scales = static_cast<size_t>(config.layers) * static_cast<size_t>(config.kv_heads);
  model.key_scales = CacheScales(calibration.key_maxima, scales, "calibration key_maxima");
  model.value_scales = CacheScales(calibration.value_maxima, scales, "calibration value_maxima");
  model.tokenizer = tokenizer;
  CheckModel(model, "the quantised model");
  return model;
}

ParameterSet WeightsOf(const QuantizedModel& model) {
  const FloatMode mode;
  ParameterSet weights(model.config);
  for (size_t t = 0; t < weights.table().size(); ++t) {
    const ParameterSpec& spec = weights.table()[t];
    const QuantizedTensor& exact = model.tensors[t];
    const auto values = weights.tensor(static_cast<int>(t));
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = spec.coding == Coding::kFloats
                      ? exact.floats[i]
                      : static_cast<float>(exact.codes[i]) *
                            exact.floats[i / static_cast<size_t>(spec.columns)];
    }
  }
  return weights;
}

MemoryRows MemoryOf(const QuantizedModel& model) {
  MemoryRows rows(model.config);
  std::ranges::transform(
      model.memory.codes, rows.values.begin(),
      [step = model.memory.step](int8_t code) { return static_cast<float>(code) * step; });
  return rows;
}

}  // namespace occam
