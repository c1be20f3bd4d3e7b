// Training a network with a memory: sparse gradients, the step of rows, and whole runs.
#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include "model/quantize.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"
#include "tests/train/recorder.h"
#include "tests/train/training_fixture.h"
#include "train/memory_learner.h"
#include "train/row_gradient.h"
#include "train/trainer.h"

namespace occam {
namespace {

// Positions that recalled rows at random, with gradients at random.
RecalledRows RandomRecall(const ModelConfig& config, int64_t positions, uint64_t seed) {
  RecalledRows recalled(config, positions);
  Random random(seed);
  const auto rules = config.memory_rules.size();
  std::vector<int32_t> first;
  for (int32_t row = 0; const RowRule& rule : config.memory_rules) {
    first.push_back(row);
    row += static_cast<int32_t>(rule.rows());
  }
  for (size_t i = 0; i < recalled.rows.size(); ++i) {
    const auto rows = static_cast<uint64_t>(config.memory_rules[i % rules].rows());
    recalled.rows[i] = first[i % rules] + static_cast<int32_t>(random.Below(rows) / 2);
  }
  for (int64_t i = 0; i < recalled.gradients.size(); ++i)
    recalled.gradients.data()[i] = random.Symmetric(1.0f);
  return recalled;
}

// By row of all tables.
std::map<int32_t, std::vector<float>> RowsOf(const RowGradient& gradient) {
  std::map<int32_t, std::vector<float>> rows;
  const auto m = static_cast<size_t>(gradient.width());
  for (const RowGradient::Table& table : gradient.tables()) {
    for (size_t i = 0; i < table.rows.size(); ++i) {
      const auto begin = table.sums.begin() + static_cast<ptrdiff_t>(i * m);
      rows[table.first_row + table.rows[i]] = {begin, begin + static_cast<ptrdiff_t>(m)};
    }
  }
  return rows;
}

TEST_CASE("Row gradient: it is the sum over the positions in their order, of recalled rows alone") {
  const ModelConfig config = TestMemoryConfig();
  std::vector<RecalledRows> shards;
  for (const uint64_t seed : {1, 2, 3}) shards.push_back(RandomRecall(config, 40, seed));
  std::map<int32_t, std::vector<float>> expected;
  const auto m = static_cast<size_t>(config.memory_width);
  for (const RecalledRows& shard : shards) {
    for (size_t i = 0; i < shard.rows.size(); ++i) {
      auto& sum = expected[shard.rows[i]];
      sum.resize(m);
      for (size_t k = 0; k < m; ++k) sum[k] += shard.gradients.data()[i * m + k];
    }
  }
  for (const int threads : {1, 2, 5}) {
    ThreadTeam team(threads);
    RowGradient gradient(config);
    for (int repeat = 0; repeat < 2; ++repeat) {
      gradient.Clear(120);
      gradient.Add(std::span(shards).first(1), &team);
      gradient.Add(std::span(shards).subspan(1), &team);
      CHECK(RowsOf(gradient) == expected);
    }
    gradient.Clear(120);
    const auto alone = SingleProcess();
    gradient.SumInOrder(shards, &team, alone.get());
    CHECK(RowsOf(gradient) == expected);
  }
}

TEST_CASE("Memory step: recalled rows change by the formula, others not at all") {
  const ModelConfig config = TestMemoryConfig();
  const Recipe recipe;
  ThreadTeam team(2);
  MemoryLearner learner(config, recipe, &team);
  RowGradient gradient(config);
  const auto m = static_cast<size_t>(config.memory_width);
  std::map<int32_t, std::vector<double>> rows;
  std::map<int32_t, std::pair<int, double>> state;  // count and mean square
  for (uint64_t step = 0; step < 30; ++step) {
    gradient.Clear(20);
    const RecalledRows shard = RandomRecall(config, 20, step);
    gradient.Add({&shard, 1}, &team);
    const double factor = 1 - 0.02 * static_cast<double>(step);
    learner.Step(factor, gradient);
    for (const auto& [row, g] : RowsOf(gradient)) {
      double square = 0;
      for (const float x : g) square += static_cast<double>(x) * static_cast<double>(x);
      auto& [count, mean] = state[row];
      ++count;
      mean += (1 - recipe.memory_beta2) * (square / static_cast<double>(m) - mean);
      const double deviation = std::sqrt(mean / (1 - std::pow(recipe.memory_beta2, count)));
      rows[row].resize(m);
      for (size_t k = 0; k < m; ++k)
        rows[row][k] -= factor * recipe.memory_lr * static_cast<double>(g[k]) / (deviation + 1e-10);
    }
  }
  double square_sum = 0;
  const auto& values = learner.rows().values;
  for (size_t row = 0; row < values.size() / m; ++row) {
    const auto found = rows.find(static_cast<int32_t>(row));
    for (size_t k = 0; k < m; ++k) {
      const auto value = static_cast<double>(values[row * m + k]);
      // 30 float steps of about 0.1, each off by some 2^-24 of itself.
      REQUIRE(value == Approx(found == rows.end() ? 0 : found->second[k]).margin(1e-5));
      square_sum += value * value;
    }
  }
  // The step of codes follows from all rows ever recalled, though no step looks at all of them.
  const double deviation = std::sqrt(square_sum / static_cast<double>(rows.size() * m));
  CHECK(learner.CodeStep() == MemoryStepNear(recipe.memory_step * deviation));
}

TEST_CASE("Memory step: rows that are not worth their bits become zeros, and others stay") {
  const ModelConfig config = TestMemoryConfig();
  const Recipe recipe;
  constexpr double kTokens = 128;
  constexpr int64_t kSteps = 30;
  ThreadTeam team(2);
  MemoryLearner learner(config, recipe, &team);
  RowGradient gradient(config);
  for (uint64_t step = 0; step < kSteps; ++step) {
    gradient.Clear(20);
    const RecalledRows shard = RandomRecall(config, 20, step);
    gradient.Add({&shard, 1}, &team);
    learner.Step(1, gradient);
  }
  const auto m = static_cast<size_t>(config.memory_width);
  const MemoryRows before = learner.rows();
  const MemoryState state = learner.state();
  const auto code_step = static_cast<double>(learner.CodeStep());
  // What a row is worth in the loss of a token, and its bits.
  const auto worth = [&](size_t row) -> std::pair<double, double> {
    double square = 0, sum = 0;
    for (size_t k = 0; k < m; ++k) {
      const auto value = static_cast<double>(before.values[row * m + k]);
      square += value * value;
      sum += std::fabs(value);
    }
    const auto count = static_cast<double>(state.counts[row]);
    const double mean =
        static_cast<double>(state.mean_squares[row]) / (1 - std::pow(recipe.memory_beta2, count));
    const double spread = 2 * std::numbers::e * sum / static_cast<double>(m) / code_step;
    return {kTokens * count / static_cast<double>(kSteps) * mean * square / 2,
            1 + static_cast<double>(m) / 2 * std::log2(1 + spread * spread)};
  };
  // A price that half of the recalled rows are worth.
  std::vector<double> prices;
  for (size_t row = 0; row < state.counts.size(); ++row) {
    if (state.counts[row] > 0) prices.push_back(worth(row).first / worth(row).second);
  }
  std::ranges::sort(prices);
  const size_t half = prices.size() / 2;
  const double price = (prices[half - 1] + prices[half]) / 2;
  learner.DropDearRows(price, kTokens, kSteps);
  size_t dropped = 0;
  double dropped_counts = 0, kept_counts = 0;
  for (size_t row = 0; row < state.counts.size(); ++row) {
    const bool drop = state.counts[row] > 0 && worth(row).first < price * worth(row).second;
    dropped += drop ? 1 : 0;
    (drop ? dropped_counts : kept_counts) += static_cast<double>(state.counts[row]);
    CHECK(learner.state().counts[row] == (drop ? 0 : state.counts[row]));
    for (size_t k = 0; k < m; ++k)
      REQUIRE(learner.rows().values[row * m + k] == (drop ? 0 : before.values[row * m + k]));
  }
  CHECK(dropped == half);
  // Those that were seldom recalled go first.
  const auto kept = static_cast<double>(prices.size() - half);
  CHECK(dropped_counts / static_cast<double>(dropped) < kept_counts / kept);
  // The step of codes is that of the rows that are left, as if there had been no others.
  MemoryLearner again(config, recipe, &team);
  again.Restore(learner.rows(), learner.state());
  CHECK(again.CodeStep() == learner.CodeStep());
  CHECK(learner.CodeStep() != static_cast<float>(code_step));
}

TEST_CASE("Memory training: a price for bits leaves fewer rows, the same for any threads") {
  const TestData data;
  const auto rows_in_use = [&](double rate, int threads) {
    TrainerSettings settings = TestMemorySettings(40, threads);
    settings.recipe.rounded_share = 0.5;
    settings.recipe.weight_rate = rate;
    Trainer trainer(settings, data.Training());
    trainer.Run();
    const Checkpoint made = trainer.Snapshot();
    const auto m = static_cast<size_t>(made.config.memory_width);
    int rows = 0;
    for (size_t i = 0; i < made.memory.values.size(); i += m) {
      const auto row = std::span(made.memory.values).subspan(i, m);
      rows += std::ranges::any_of(row, [](float x) { return x != 0; }) ? 1 : 0;
    }
    return std::pair(rows, made.memory);
  };
  const auto [all, rows_of_all] = rows_in_use(0, 1);
  const auto [some, rows_of_some] = rows_in_use(1e-4, 1);
  const auto [few, rows_of_few] = rows_in_use(1e-2, 1);
  CHECK(some < all);
  CHECK(few < some);
  CHECK(rows_in_use(1e-4, 3).second == rows_of_some);
}

TEST_CASE("Memory training: the same weights and rows for any number of threads") {
  const TestData data;
  std::vector<Checkpoint> results;
  for (const int threads : {1, 2, 3}) {
    Trainer trainer(TestMemorySettings(12, threads), data.Training());
    trainer.Run();
    results.push_back(trainer.Snapshot());
  }
  for (const Checkpoint& result : results) {
    CHECK(Values(result.weights) == Values(results[0].weights));
    CHECK(result.memory == results[0].memory);
    CHECK(result.training->arrays == results[0].training->arrays);
    CHECK(result.calibration.memory_step == results[0].calibration.memory_step);
  }
}

TEST_CASE("Memory training: a run stopped and resumed ends with the bits of one never stopped") {
  const TestData data;
  // It is stopped half way: before, at and after the step from which on rows are rounded.
  for (const double share : {0.2, 0.5, 0.8}) {
    TrainerSettings settings = TestMemorySettings(6, 2);
    settings.recipe.memory_rounded_share = share;
    settings.recipe.weight_rate = 1e-4;
    Trainer whole(settings, data.Training());
    whole.Run();
    const Checkpoint expected = whole.Snapshot();

    const TemporaryFolder folder;
    settings.checkpoint_path = folder / "model.h5";
    Recorder recorder;
    recorder.interrupt_at = 3;
    settings.observers = {&recorder};
    settings.interrupt = &recorder.interrupt;
    Trainer stopped(settings, data.Training());
    CHECK(stopped.Run() == RunStatus::kInterrupted);
    recorder.interrupt = false;
    Trainer resumed(settings, data.Training());
    resumed.Resume(LoadCheckpoint(settings.checkpoint_path), settings.checkpoint_path);
    CHECK(resumed.Run() == RunStatus::kFinished);
    const Checkpoint actual = LoadCheckpoint(settings.checkpoint_path);
    CHECK(actual.config == expected.config);
    CHECK(Values(actual.weights) == Values(expected.weights));
    CHECK(actual.memory == expected.memory);
    CHECK(actual.calibration.memory_step == expected.calibration.memory_step);
    CHECK(actual.training->arrays == expected.training->arrays);
    CHECK(actual.training->lists == expected.training->lists);
  }
}

TEST_CASE("Memory training: the model that is made codes with the rows that the passes saw") {
  const TestData data;
  Trainer trainer(TestMemorySettings(12, 2), data.Training());
  trainer.Run();
  const Checkpoint checkpoint = trainer.Snapshot();
  const QuantizedModel model = Quantise(checkpoint.config, checkpoint.weights,
                                        checkpoint.calibration, {}, checkpoint.memory);
  const float step = checkpoint.calibration.memory_step;
  const MemoryRows coded = MemoryOf(model);
  size_t others = 0;
  for (size_t i = 0; i < coded.values.size(); ++i) {
    REQUIRE(coded.values[i] == MemoryCode(checkpoint.memory.values[i], 1 / step) * step);
    others += coded.values[i] != checkpoint.memory.values[i] ? 1 : 0;
  }
  CHECK(others > 0);
}

TEST_CASE("Memory training: after as many steps the loss is lower than without a memory") {
  const TestData data;
  const auto bits = [&](TrainerSettings settings) {
    Trainer trainer(settings, data.Training());
    trainer.Run();
    return trainer.validation_curve().back().bits_per_byte;
  };
  CHECK(bits(TestMemorySettings(60)) < 0.99 * bits(TestSettings(60)));
}

TEST_CASE("Memory training: another model's rows are where a run starts from") {
  const TestData data;
  Trainer first(TestMemorySettings(12), data.Training());
  first.Run();
  Trainer second(TestMemorySettings(12), data.Training());
  second.StartFrom(Released(first.Snapshot()), "model.h5");
  const Checkpoint start = second.Snapshot();
  CHECK(start.memory == first.Snapshot().memory);
  CHECK(start.calibration.memory_step == first.Snapshot().calibration.memory_step);
}

TEST_CASE("Memory training: a training state without the memory's part is damaged") {
  const TestData data;
  Trainer trainer(TestMemorySettings(3), data.Training());
  trainer.Run();
  Checkpoint damaged = trainer.Snapshot();
  damaged.training->arrays.erase("memory.counts");
  Trainer other(TestMemorySettings(3), data.Training());
  CHECK_THAT(MessageOf(ErrorKind::kDamaged, [&] { other.Resume(damaged, "model.h5"); }),
             ContainsSubstring("memory.counts"));
}

}  // namespace
}  // namespace occam
