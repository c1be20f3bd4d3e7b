#include "model/signal_rules.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

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

// The middle one of west, north, and their sum less north_west: without a branch.
int32_t MedianEdge(int32_t west, int32_t north, int32_t north_west) {
  const int32_t least = std::min(west, north), most = std::max(west, north);
  return std::min(std::max(west + north - north_west, least), most);
}

}  // namespace

std::shared_ptr<const Lattices> MakeLattices(const ModelConfig& config) {
  if (!config.has_lattice()) return nullptr;
  auto lattices = std::make_shared<Lattices>();
  for (const int32_t quality : config.lattice_qualities) lattices->emplace_back(quality);
  return lattices;
}

SignalPast::SignalPast(const ModelConfig& config, std::shared_ptr<const Lattices> lattices)
    : line_(static_cast<size_t>(config.record_width)), height_(config.record_height) {
  for (int kind = 0; kind < config.kind_count(); ++kind)
    with_signals_ |= static_cast<uint32_t>(config.kind_has_signals(kind)) << kind;
  if (lattices != nullptr)
    lattice_.emplace(config.record_width, config.record_height, std::move(lattices));
  Clear();
}

void SignalPast::Clear(int kind) {
  place_ = {};
  place_.kind = kind;
  place_.has_signals = (with_signals_ >> kind & 1) != 0;
  if (!place_.has_signals) {
    place_.prediction = 0;
  } else if (!line_.empty()) {
    if (lattice_) lattice_->Clear();
    Look();
  }
}

void SignalPast::Append(int32_t byte) {
  if (!place_.has_signals) return;
  uint8_t& last = line_[static_cast<size_t>(place_.column)];
  corner_ = last;
  last = static_cast<uint8_t>(byte);
  if (++place_.column == static_cast<int32_t>(line_.size())) {
    place_.column = 0;
    if (++place_.row == height_) place_.row = 0;
  }
  if (lattice_) lattice_->Append(static_cast<uint8_t>(byte));
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
  p.prediction = p.edge = MedianEdge(p.west, p.north, p.north_west);
  if (!lattice_) return;
  p.certainty = lattice_->certainty();
  if (lattice_->on_lattice()) p.prediction = lattice_->prediction();
}

SignalRows SignalRowsOf(const SignalPlace& p) {
  if (!p.has_signals) {
    SignalRows rows;
    rows.fill(kNoRow);
    rows[static_cast<size_t>(SignalRule::kKind) - 1] = p.kind;
    return rows;
  }
  return {p.column,
          p.row,
          p.prediction,
          Level(p.west - p.prediction),
          Level(p.north - p.prediction),
          Level(p.north_east - p.prediction),
          Level(p.north_west - p.prediction),
          p.kind,
          p.certainty,
          Level(p.edge - p.prediction)};
}

void ChooseSignals(const ModelConfig& config, std::span<const int32_t> inputs, SignalPast* past,
                   const SignalInputs& out) {
  past->Clear();
  for (size_t t = 0; t < inputs.size(); ++t) {
    const int32_t input = inputs[t];  // before it becomes a symbol, in the same place perhaps
    if (input >= config.begin_symbol()) {
      past->Clear(input - config.begin_symbol());
      out.symbols[t] = config.begin_symbol();
    } else {
      out.symbols[t] = config.residual ? ResidualOf(input, past->place().prediction) : input;
      past->Append(input);
    }
    out.predictions[t] = past->place().prediction;
    const SignalRows rows = SignalRowsOf(past->place());
    for (size_t i = 0; i < config.signal_rules.size(); ++i)
      out.rows[i * out.stride + t] = RowOf(config.signal_rules[i], rows);
  }
}

}  // namespace occam
