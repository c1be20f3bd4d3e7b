#include "model/signal_rules.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace occam {
namespace {

constexpr int32_t kUnknown = 128;  // each neighbour of a context's first byte
constexpr int32_t kMiddleLevel = kSignalLevels / 2;
// Magnitudes from which on each next level begins (experiments/results/signals).
constexpr std::array<int32_t, kMiddleLevel> kThresholds = {1,  2,  3,  4,  6,  8,   11, 15,
                                                           20, 27, 37, 50, 70, 100, 150};

// Levels of the differences -255 .. 255.
constexpr std::array<int8_t, 511> MakeLevels() {
  std::array<int8_t, 511> levels{};
  for (int32_t d = -255; d <= 255; ++d) {
    int32_t count = 0;
    for (const int32_t threshold : kThresholds) count += threshold <= (d < 0 ? -d : d) ? 1 : 0;
    levels[static_cast<size_t>(d + 255)] =
        static_cast<int8_t>(kMiddleLevel + (d < 0 ? -count : count));
  }
  return levels;
}
constexpr std::array<int8_t, 511> kLevels = MakeLevels();

int32_t Level(int32_t difference) { return kLevels[static_cast<size_t>(difference + 255)]; }

int32_t MedianEdge(int32_t west, int32_t north, int32_t north_west) {
  const auto [least, most] = std::minmax(west, north);
  if (north_west >= most) return least;
  if (north_west <= least) return most;
  return west + north - north_west;
}

}  // namespace

SignalPast::SignalPast(const ModelConfig& config)
    : line_(static_cast<size_t>(config.record_width)), height_(config.record_height) {
  Clear();
}

void SignalPast::Clear() {
  place_ = {};
  if (!line_.empty()) Look();
}

void SignalPast::Append(int32_t byte) {
  uint8_t& last = line_[static_cast<size_t>(place_.column)];
  corner_ = last;
  last = static_cast<uint8_t>(byte);
  if (++place_.column == static_cast<int32_t>(line_.size())) {
    place_.column = 0;
    if (++place_.row == height_) place_.row = 0;
  }
  Look();
}

void SignalPast::Look() {
  SignalPlace& p = place_;
  const auto at = [&](int32_t column) { return int32_t{line_[static_cast<size_t>(column)]}; };
  if (p.row == 0) {
    p.west = p.north = p.north_east = p.north_west = p.column == 0 ? kUnknown : at(p.column - 1);
  } else {
    p.north = at(p.column);
    p.north_east = at(std::min(p.column + 1, static_cast<int32_t>(line_.size()) - 1));
    p.west = p.column == 0 ? p.north : at(p.column - 1);
    p.north_west = p.column == 0 ? p.north : corner_;
  }
  p.prediction = MedianEdge(p.west, p.north, p.north_west);
}

int32_t SignalRowOf(SignalRule rule, const SignalPlace& p) {
  switch (rule) {
    case SignalRule::kColumn:
      return p.column;
    case SignalRule::kRow:
      return p.row;
    case SignalRule::kPrediction:
      return p.prediction;
    case SignalRule::kWest:
      return Level(p.west - p.prediction);
    case SignalRule::kNorth:
      return Level(p.north - p.prediction);
    case SignalRule::kNorthEast:
      return Level(p.north_east - p.prediction);
    case SignalRule::kNorthWest:
      break;
  }
  return Level(p.north_west - p.prediction);
}

void ChooseSignals(const ModelConfig& config, std::span<const int32_t> inputs, SignalPast* past,
                   const SignalInputs& out) {
  past->Clear();
  for (size_t t = 0; t < inputs.size(); ++t) {
    const int32_t input = inputs[t];  // before it becomes a symbol, in the same place perhaps
    const bool known = input != config.begin_symbol();
    out.symbols[t] = known && config.residual ? ResidualOf(input, past->place().prediction) : input;
    if (known) past->Append(input);
    out.predictions[t] = past->place().prediction;
    for (size_t i = 0; i < config.signal_rules.size(); ++i)
      out.rows[i * out.stride + t] = SignalRowOf(config.signal_rules[i], past->place());
  }
}

}  // namespace occam
