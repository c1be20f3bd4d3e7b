#include "model/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "data/base/error.h"
#include "model/exact/float_mode.h"

namespace occam {
namespace {

constexpr uint32_t kDroppedBits = 0xff;  // of 24 significant bits, 16 stay
constexpr float kSmallest = 0x1p-60f;    // what is smaller becomes zero
constexpr float kMaxGain = 256.0f;
constexpr float kMaxScale = 1.0f;
// Scales tried for a row: the one that reaches its largest weight, and smaller ones that clip it,
// the more the coarser the codes are.
constexpr double kCandidateStep = 1.0 / 32;
int ScaleCandidates(int weight_bits) { return weight_bits >= 6 ? 8 : weight_bits >= 4 ? 16 : 24; }

int MostCode(int weight_bits) { return (1 << (weight_bits - 1)) - 1; }

// The nearest float of 16 significant bits, ties to even; x is normal or zero.
float RoundTo16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t odd = (bits >> 8) & 1;
  return std::bit_cast<float>((bits + 0x7f + odd) & ~kDroppedBits);
}

// The smallest float of 16 significant bits that is not below x > 0.
float RoundUpTo16(double x) {
  const auto nearest = static_cast<float>(x);
  uint32_t bits = std::bit_cast<uint32_t>(nearest);
  if (static_cast<double>(nearest) < x) ++bits;
  return std::bit_cast<float>((bits + kDroppedBits) & ~kDroppedBits);
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
float FitScale(std::span<const float> row, float largest, int weight_bits) {
  const int most = MostCode(weight_bits);
  // Of few bits, even the largest scale may clip.
  const double full = std::min<double>(static_cast<double>(largest) / most, kMaxScale);
  float best = RoundUpTo16(full);
  double best_error = SquaredError(row, best, most);
  for (int i = 1; i < ScaleCandidates(weight_bits); ++i) {
    const float scale = RoundUpTo16(full * (1.0 - i * kCandidateStep));
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

// Of a row of codes; 0 where all its codes are 0.
float RowScale(std::span<const float> row, int weight_bits, const std::string& name) {
  float largest = 0.0f;
  for (const float w : row) largest = std::max(largest, std::fabs(w));
  RequireWithin(largest, kMaxWeightCode * kMaxScale, name);
  return largest < kMaxWeightCode * kSmallest * 2 ? 0.0f : FitScale(row, largest, weight_bits);
}

float RoundGain(float x, const std::string& name) {
  RequireWithin(std::fabs(x), kMaxGain, name);
  return std::fabs(x) < kSmallest ? 0.0f : RoundTo16(x);
}

// Calls f(row, scale, first element) for each row of a tensor of codes.
template <typename F>
void ForEachRow(std::span<const float> values, const ParameterSpec& spec, int weight_bits, F&& f) {
  const auto columns = static_cast<size_t>(spec.columns);
  for (size_t at = 0; at < values.size(); at += columns) {
    const auto row = values.subspan(at, columns);
    f(row, RowScale(row, weight_bits, spec.name), at);
  }
}

int CodeOf(float weight, float scale, int weight_bits) {
  if (scale == 0.0f) return 0;
  const double scaled = static_cast<double>(weight) / static_cast<double>(scale);
  return static_cast<int>(CodeOf(scaled, MostCode(weight_bits)));
}

QuantizedTensor QuantiseRows(std::span<const float> values, const ParameterSpec& spec,
                             int weight_bits) {
  QuantizedTensor tensor;
  ForEachRow(values, spec, weight_bits, [&](std::span<const float> row, float scale, size_t) {
    tensor.floats.push_back(scale);
    for (const float w : row)
      tensor.codes.push_back(static_cast<int8_t>(CodeOf(w, scale, weight_bits)));
  });
  return tensor;
}

QuantizedTensor QuantiseFloats(std::span<const float> values, const ParameterSpec& spec) {
  QuantizedTensor tensor;
  for (const float x : values) tensor.floats.push_back(RoundGain(x, spec.name));
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
    scales.push_back(RoundUpTo16(std::max(scale, static_cast<double>(kLeast))));
  }
  return scales;
}

}  // namespace

void RoundTensor(const ParameterSpec& spec, int weight_bits, std::span<const float> values,
                 std::span<float> rounded) {
  const FloatMode mode;
  RequireFinite(values, spec.name);
  if (spec.coding == Coding::kFloats) {
    std::ranges::transform(values, rounded.begin(),
                           [&](float x) { return RoundGain(x, spec.name); });
    return;
  }
  ForEachRow(values, spec, weight_bits, [&](std::span<const float> row, float scale, size_t at) {
    for (size_t i = 0; i < row.size(); ++i) {
      rounded[at + i] = static_cast<float>(CodeOf(row[i], scale, weight_bits)) * scale;
    }
  });
}

QuantizedModel Quantise(const ModelConfig& config, const ParameterSet& weights,
                        const Calibration& calibration, const Bytes& tokenizer) {
  const FloatMode mode;
  if (calibration.weight_bits < kLeastWeightBits || calibration.weight_bits > kMostWeightBits)
    throw DamagedError(fmt::format("weights of {} bits are not known", calibration.weight_bits));
  QuantizedModel model;
  model.config = config;
  for (size_t i = 0; i < weights.table().size(); ++i) {
    const ParameterSpec& spec = weights.table()[i];
    const auto values = weights.tensor(static_cast<int>(i));
    RequireFinite(values, spec.name);
    model.tensors.push_back(spec.coding == Coding::kRowCodes
                                ? QuantiseRows(values, spec, calibration.weight_bits)
                                : QuantiseFloats(values, spec));
  }
  const auto scales = static_cast<size_t>(config.layers) * static_cast<size_t>(config.kv_heads);
  model.key_scales = CacheScales(calibration.key_maxima, scales, "calibration key_maxima");
  model.value_scales = CacheScales(calibration.value_maxima, scales, "calibration value_maxima");
  model.tokenizer = tokenizer;
  CheckModel(model, "the quantised model");
  return model;
}

}  // namespace occam
