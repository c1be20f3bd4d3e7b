// The rules of signals against a twin that looks at the whole record for each answer.
#include "model/signal_rules.h"

#include <cstdlib>

#include "data/base/random.h"
#include "tests/catch.h"

namespace occam {
namespace {

ModelConfig ConfigOf(int width, int height) {
  ModelConfig config = FamilyConfig(48);
  SetSignals("patches", &config);
  config.record_width = width;
  config.record_height = height;
  return config;
}

// Straight from docs/spec/signals.md, section 2.
struct Twin {
  std::vector<int32_t> record;  // the bytes of the present record
  int width;

  int32_t Neighbour(int up, int right) const {
    const int n = static_cast<int>(record.size()), y = n / width, x = n % width;
    if (y == 0) return x == 0 ? 128 : record[static_cast<size_t>(n - 1)];
    if (up == 0 && x == 0) return record[static_cast<size_t>(n - width)];
    const int column = std::clamp(x + right, 0, width - 1);
    return record[static_cast<size_t>((y - up) * width + column)];
  }
  int32_t Prediction() const {
    const int32_t w = Neighbour(0, -1), n = Neighbour(1, 0), nw = Neighbour(1, -1);
    if (nw >= std::max(w, n)) return std::min(w, n);
    if (nw <= std::min(w, n)) return std::max(w, n);
    return w + n - nw;
  }
  int32_t Level(int32_t d) const {
    int32_t count = 0;
    for (const int32_t t : {1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 37, 50, 70, 100, 150})
      count += std::abs(d) >= t ? 1 : 0;
    return d < 0 ? 15 - count : 15 + count;
  }
  int32_t Row(SignalRule rule) const {
    const int n = static_cast<int>(record.size());
    switch (rule) {
      case SignalRule::kColumn:
        return n % width;
      case SignalRule::kRow:
        return n / width;
      case SignalRule::kPrediction:
        return Prediction();
      case SignalRule::kWest:
        return Level(Neighbour(0, -1) - Prediction());
      case SignalRule::kNorth:
        return Level(Neighbour(1, 0) - Prediction());
      case SignalRule::kNorthEast:
        return Level(Neighbour(1, 1) - Prediction());
      default:
        return Level(Neighbour(1, -1) - Prediction());
    }
  }
};

TEST_CASE("Signal rules: as a twin that looks at the record, whatever its sides") {
  for (const auto& [width, height] :
       {std::pair(1, 1), {1, 7}, {2, 3}, {3, 1}, {5, 4}, {64, 32}, {700, 2}}) {
    const ModelConfig config = ConfigOf(width, height);
    Random random(static_cast<uint64_t>(width));
    SignalPast past(config);
    for (int context = 0; context < 2; ++context) {
      Twin twin{{}, width};
      past.Clear();
      for (int t = 0; t < 3 * width * height + 5; ++t) {
        if (twin.record.size() == static_cast<size_t>(width * height)) twin.record.clear();
        REQUIRE(past.place().prediction == twin.Prediction());
        for (const SignalRule rule : config.signal_rules) {
          INFO(width << " x " << height << ", byte " << t << ", " << NameOf(rule));
          const int32_t row = RowOf(rule, SignalRowsOf(past.place()));
          REQUIRE(row == twin.Row(rule));
          REQUIRE(row >= 0);
          REQUIRE(row < config.signal_rows(rule));
        }
        // Smooth, with edges to 0 and 255.
        const auto edge = random.Below(8);
        const auto byte = edge == 0 ? 0
                          : edge == 1
                              ? 255
                              : (twin.Prediction() + static_cast<int>(random.Below(31)) - 15) & 255;
        past.Append(byte);
        twin.record.push_back(byte);
      }
    }
  }
}

TEST_CASE("Signal rules: a sequence is told what its contexts know, symbol by symbol") {
  ModelConfig config = ConfigOf(4, 2);
  const std::vector<int32_t> inputs = {256, 7, 9, 200, 0, 255, 1, 2, 3, 4, 5};
  for (const bool residual : {true, false}) {
    config.residual = residual;
    std::vector<int32_t> symbols(inputs.size()), predictions(inputs.size());
    std::vector<int32_t> rows(inputs.size() * config.signal_rules.size());
    SignalPast past(config);
    past.Append(99);  // of another sequence
    ChooseSignals(config, inputs, &past, {symbols, predictions, rows, inputs.size()});
    CHECK(symbols[0] == 256);
    past.Clear();
    for (size_t t = 0; t < inputs.size(); ++t) {
      if (t > 0) {
        const int32_t symbol = (inputs[t] - past.place().prediction + 256) % 256;
        CHECK(symbols[t] == (residual ? symbol : inputs[t]));
        past.Append(inputs[t]);
      }
      CHECK(predictions[t] == past.place().prediction);
      for (size_t i = 0; i < config.signal_rules.size(); ++i)
        CHECK(rows[i * inputs.size() + t] ==
              RowOf(config.signal_rules[i], SignalRowsOf(past.place())));
    }
  }
}

TEST_CASE("Signal rules: the begin symbol tells a kind, and some kinds have no signals") {
  ModelConfig config = ConfigOf(4, 2);
  config.residual = true;
  SetKinds({0, 1, 0}, &config);
  REQUIRE(config.signal_rules.back() == SignalRule::kKind);
  SignalPast past(config), alone(ConfigOf(4, 2));
  const size_t rules = config.signal_rules.size();
  for (const int kind : {2, 1, 0}) {
    const std::vector<int32_t> inputs = {config.begin_symbol(kind), 7, 9, 200, 0, 255, 1, 2, 3};
    std::vector<int32_t> symbols(inputs.size()), predictions(inputs.size());
    std::vector<int32_t> rows(inputs.size() * rules);
    ChooseSignals(config, inputs, &past, {symbols, predictions, rows, inputs.size()});
    CHECK(symbols[0] == 256);
    alone.Clear();
    for (size_t t = 0; t < inputs.size(); ++t) {
      const int32_t before = t == 0 ? 0 : predictions[t - 1];
      if (t > 0) alone.Append(inputs[t]);
      if (t > 0) CHECK(symbols[t] == ((inputs[t] - before) & 255));
      CHECK(predictions[t] == (kind == 1 ? alone.place().prediction : 0));
      for (size_t i = 0; i + 1 < rules; ++i) {
        CHECK(rows[i * inputs.size() + t] ==
              (kind == 1 ? RowOf(config.signal_rules[i], SignalRowsOf(alone.place())) : kNoRow));
      }
      CHECK(rows[(rules - 1) * inputs.size() + t] == kind);
    }
  }
}

}  // namespace
}  // namespace occam
