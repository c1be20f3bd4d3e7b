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
// Scales tried for a row: the one that reaches its largest weight, and smaller ones that clip it.
constexpr int kScaleCandidates = 8;
constexpr double kCandidateStep = 1.0 / 32;

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

// Nearest, ties to even, clamped to the codes.
int CodeOf(double scaled) {
  constexpr double kShift = 0x1.8p52;  // leaves no bits below one
  constexpr double kLimit = kMaxWeightCode;
  const double clamped = std::min(std::max(scaled, -kLimit), kLimit);
  return static_cast<int>((clamped + kShift) - kShift);
}

double SquaredError(std::span<const float> row, double scale) {
  double sum = 0.0;
  for (const float w : row) {
    const double error = static_cast<double>(w) - CodeOf(static_cast<double>(w) / scale) * scale;
    sum += error * error;
  }
  return sum;
}

// The candidate of least squared error; the largest of equals.
float FitScale(std::span<const float> row, float largest) {
  const double full = static_cast<double>(largest) / kMaxWeightCode;
  float best = RoundUpTo16(full);
  double best_error = SquaredError(row, static_cast<double>(best));
  for (int i = 1; i < kScaleCandidates; ++i) {
    const float scale = RoundUpTo16(full * (1.0 - i * kCandidateStep));
    const double error = SquaredError(row, static_cast<double>(scale));
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

QuantizedTensor QuantiseRows(std::span<const float> values, const ParameterSpec& spec) {
  QuantizedTensor tensor;
  const auto columns = static_cast<size_t>(spec.columns);
  for (size_t at = 0; at < values.size(); at += columns) {
    const auto row = values.subspan(at, columns);
    float largest = 0.0f;
    for (const float w : row) largest = std::max(largest, std::fabs(w));
    RequireWithin(largest, kMaxWeightCode * kMaxScale, spec.name);
    const bool zero = largest < kMaxWeightCode * kSmallest * 2;
    const float scale = zero ? 0.0f : FitScale(row, largest);
    tensor.floats.push_back(scale);
    for (const float w : row) {
      const int code = zero ? 0 : CodeOf(static_cast<double>(w) / static_cast<double>(scale));
      tensor.codes.push_back(static_cast<int8_t>(code));
    }
  }
  return tensor;
}

QuantizedTensor QuantiseFloats(std::span<const float> values, const ParameterSpec& spec) {
  QuantizedTensor tensor;
  for (const float x : values) {
    RequireWithin(std::fabs(x), kMaxGain, spec.name);
    tensor.floats.push_back(std::fabs(x) < kSmallest ? 0.0f : RoundTo16(x));
  }
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

QuantizedModel Quantise(const ModelConfig& config, const ParameterSet& weights,
                        const Calibration& calibration, const Bytes& tokenizer) {
  const FloatMode mode;
  QuantizedModel model;
  model.config = config;
  for (size_t i = 0; i < weights.table().size(); ++i) {
    const ParameterSpec& spec = weights.table()[i];
    const auto values = weights.tensor(static_cast<int>(i));
    RequireFinite(values, spec.name);
    model.tensors.push_back(spec.coding == Coding::kRowCodes ? QuantiseRows(values, spec)
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
