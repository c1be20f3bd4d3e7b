#include "train/memory_learner.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "data/base/error.h"
#include "model/quantize.h"
#include "train/weight_rate.h"

namespace occam {
namespace {

constexpr float kEpsilon = 1e-10f;
constexpr size_t kAhead = 8;  // rows that are on their way from memory while one is changed

// Counts from which on a correction is 1 to the last bit.
size_t SettledCount(double beta2) {
  return static_cast<size_t>(std::ceil(std::log(0x1p-26) / std::log(beta2))) + 2;
}

// Sums side by side, so that vectors may be used; the order of additions is fixed. Rows have
// multiples of 8 numbers.
float SquareSum(std::span<const float> values) {
  std::array<float, 8> sums = {};
  for (size_t i = 0; i < values.size(); i += sums.size()) {
    for (size_t j = 0; j < sums.size(); ++j) sums[j] += values[i + j] * values[i + j];
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

}  // namespace

MemoryLearner::MemoryLearner(const ModelConfig& config, const Recipe& recipe, ThreadTeam* team)
    : config_(config), recipe_(recipe), team_(team) {
  if (!config.has_memory()) return;
  rows_ = MemoryRows(config);
  const auto rows = static_cast<size_t>(config.memory_rows());
  state_.mean_squares.resize(rows);
  state_.counts.resize(rows);
  state_.square_sums.resize(config.memory_rules.size());
  used_.resize(config.memory_rules.size());
  corrections_.resize(SettledCount(recipe.memory_beta2), 1.0f);
  for (size_t n = 1; n < corrections_.size(); ++n) {
    corrections_[n] =
        static_cast<float>(1 / (1 - std::pow(recipe.memory_beta2, static_cast<double>(n))));
  }
}

void MemoryLearner::StartFrom(const MemoryRows& rows) {
  MemoryState state = state_;
  const auto m = static_cast<size_t>(config_.memory_width);
  if (rows.values.size() == rows_.values.size()) {
    size_t first = 0;
    for (size_t rule = 0; rule < state.square_sums.size(); ++rule) {
      const auto count = static_cast<size_t>(config_.memory_rules[rule].rows());
      for (size_t row = first; row < first + count; ++row) {
        const auto numbers = std::span(rows.values).subspan(row * m, m);
        state.square_sums[rule] += static_cast<double>(SquareSum(numbers));
        if (std::ranges::any_of(numbers, [](float x) { return x != 0; })) state.counts[row] = 1;
      }
      first += count;
    }
  }
  Restore(rows, std::move(state));
}

void MemoryLearner::Restore(const MemoryRows& rows, MemoryState state) {
  if (rows.values.size() != rows_.values.size() ||
      state.mean_squares.size() != state_.mean_squares.size() ||
      state.counts.size() != state_.counts.size() ||
      state.square_sums.size() != state_.square_sums.size()) {
    throw DamagedError("the training state has a memory of another size");
  }
  rows_ = rows;
  state_ = std::move(state);
  auto count = state_.counts.begin();
  for (size_t rule = 0; rule < used_.size(); ++rule) {
    const auto end = count + config_.memory_rules[rule].rows();
    used_[rule] = std::count_if(count, end, [](float n) { return n > 0; });
    count = end;
  }
}

void MemoryLearner::Step(double rate_factor, const RowGradient& gradient) {
  const auto rate = static_cast<float>(recipe_.memory_lr * rate_factor);
  team_->Run(static_cast<int>(gradient.tables().size()), [&](int rule, int) {
    StepTable(static_cast<size_t>(rule), rate, gradient.tables()[static_cast<size_t>(rule)]);
  });
}

void MemoryLearner::Fetch(size_t row) const {
  __builtin_prefetch(&rows_.values[row * static_cast<size_t>(config_.memory_width)]);
  __builtin_prefetch(&state_.mean_squares[row]);
  __builtin_prefetch(&state_.counts[row]);
}

void MemoryLearner::StepTable(size_t rule, float rate, const RowGradient::Table& table) {
  const auto m = static_cast<size_t>(config_.memory_width);
  const auto keep = static_cast<float>(recipe_.memory_beta2);
  double change = 0;  // of the sum of squares
  const auto row_at = [&](size_t place) {
    return static_cast<size_t>(table.first_row + table.rows[place]);
  };
  for (size_t place = 0; place < table.rows.size(); ++place) {
    if (place + kAhead < table.rows.size()) Fetch(row_at(place + kAhead));
    const size_t row = row_at(place);
    const auto g = std::span(table.sums).subspan(place * m, m);
    const auto w = std::span(rows_.values).subspan(row * m, m);
    const float square = SquareSum(g) / static_cast<float>(m);
    if (square == 0) continue;  // as at the first step, where the head is zero
    float& count = state_.counts[row];
    float& mean_square = state_.mean_squares[row];
    if (count == 0) ++used_[rule];
    count += 1;
    mean_square += (1 - keep) * (square - mean_square);
    const float factor = rate / (std::sqrt(mean_square * Correction(count)) + kEpsilon);
    change -= static_cast<double>(SquareSum(w));
    for (size_t k = 0; k < m; ++k) w[k] -= factor * g[k];
    change += static_cast<double>(SquareSum(w));
  }
  state_.square_sums[rule] += change;
}

float MemoryLearner::Correction(float count) const {
  return corrections_[std::min(static_cast<size_t>(count), corrections_.size() - 1)];
}

void MemoryLearner::DropDearRows(double bit_nats, double tokens, int64_t steps) {
  if (!config_.has_memory() || steps == 0) return;
  const float code_step = CodeStep();
  std::vector<int64_t> first_rows;
  int64_t rows = 0;
  for (const RowRule& rule : config_.memory_rules) {
    first_rows.push_back(rows);
    rows += rule.rows();
  }
  team_->Run(static_cast<int>(first_rows.size()), [&](int rule, int) {
    const auto r = static_cast<size_t>(rule);
    DropDearRowsOf(r, first_rows[r], bit_nats, tokens / static_cast<double>(steps), code_step);
  });
}

void MemoryLearner::DropDearRowsOf(size_t rule, int64_t first_row, double bit_nats,
                                   double tokens_a_step, float code_step) {
  const auto m = static_cast<size_t>(config_.memory_width);
  const auto first = static_cast<size_t>(first_row);
  const auto end = first + static_cast<size_t>(config_.memory_rules[rule].rows());
  for (size_t row = first; row < end; ++row) {
    float& count = state_.counts[row];
    if (count == 0) continue;
    const auto w = std::span(rows_.values).subspan(row * m, m);
    float& mean_square = state_.mean_squares[row];
    const double f = tokens_a_step * static_cast<double>(count) *
                     static_cast<double>(mean_square * Correction(count));
    const float square = SquareSum(w);
    const double bits = 1 + RowBits(w, static_cast<double>(code_step));
    if (f * static_cast<double>(square) / 2 >= bit_nats * bits) continue;
    std::ranges::fill(w, 0.0f);
    count = mean_square = 0;
    --used_[rule];
    state_.square_sums[rule] -= static_cast<double>(square);
  }
}

float MemoryLearner::CodeStep() const {
  if (!config_.has_memory()) return 0;
  const double square = std::accumulate(state_.square_sums.begin(), state_.square_sums.end(), 0.0);
  const int64_t used = std::accumulate(used_.begin(), used_.end(), int64_t{0});
  if (used == 0 || square <= 0) return 1;
  return MemoryStepNear(recipe_.memory_step *
                        std::sqrt(square / static_cast<double>(used * config_.memory_width)));
}

}  // namespace occam
