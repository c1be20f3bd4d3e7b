#include "train/shard_workers.h"

#include <cmath>

#include "data/base/error.h"
#include "tests/catch.h"
#include "tests/train/training_fixture.h"

namespace occam {
namespace {

Batch TestBatch(const std::vector<int32_t>& text, int sequences) {
  Batch batch;
  TrainingBatches(text, kTestVocabulary, sequences, TestConfig().context, 1).Fill(0, &batch);
  return batch;
}

TEST_CASE("Shards: loss and gradient are the same bits for 1, 2 and 3 threads") {
  const ModelConfig config = TestConfig();
  const auto text = TestText(5'000, 1);
  const Batch batch = TestBatch(text, 8);
  ParameterSet weights(config);
  Randomise(&weights, 3);
  std::vector<double> losses;
  std::vector<std::vector<float>> gradients;
  for (const int threads : {1, 2, 3}) {
    ThreadTeam team(threads);
    ShardWorkers workers(config, 1, Precision::kFloat32, &team);
    ParameterSet gradient(config);
    for (int again = 0; again < 3; ++again) {
      losses.push_back(workers.Gradient(weights, batch, &gradient));
      gradients.push_back(Values(gradient));
    }
  }
  for (const double loss : losses) CHECK(loss == losses[0]);
  for (const auto& gradient : gradients) CHECK(gradient == gradients[0]);
}

TEST_CASE("Shards: their size changes a gradient by rounding alone") {
  const ModelConfig config = TestConfig();
  const auto text = TestText(5'000, 1);
  const Batch batch = TestBatch(text, 8);
  ParameterSet weights(config), one(config), four(config);
  Randomise(&weights, 3);
  ThreadTeam team(2);
  const double loss =
      ShardWorkers(config, 1, Precision::kFloat32, &team).Gradient(weights, batch, &one);
  CHECK(ShardWorkers(config, 4, Precision::kFloat32, &team).Gradient(weights, batch, &four) ==
        Approx(loss).epsilon(1e-6));
  double difference = 0;
  for (size_t i = 0; i < one.values().size(); ++i) {
    difference = std::hypot(difference, static_cast<double>(one.values()[i] - four.values()[i]));
  }
  CHECK(difference < 1e-5 * GlobalNorm(one, &team));
}

TEST_CASE("Shards: the gradient is that of the mean loss a target") {
  const ModelConfig config = TestConfig();
  const auto text = TestText(5'000, 1);
  const Batch batch = TestBatch(text, 4);
  ParameterSet weights(config), gradient(config), unused(config);
  Randomise(&weights, 3);
  ThreadTeam team(1);
  ShardWorkers workers(config, 2, Precision::kFloat32, &team);
  workers.Gradient(weights, batch, &gradient);
  // A step along the gradient changes the loss by its squared norm.
  const double norm = GlobalNorm(gradient, &team);
  const double size = 1e-3 / norm;
  ParameterSet ahead = weights, behind = weights;
  for (size_t i = 0; i < gradient.values().size(); ++i) {
    ahead.values()[i] += static_cast<float>(size) * gradient.values()[i];
    behind.values()[i] -= static_cast<float>(size) * gradient.values()[i];
  }
  const double slope =
      (workers.Gradient(ahead, batch, &unused) - workers.Gradient(behind, batch, &unused)) /
      (2 * size);
  CHECK(slope == Approx(norm * norm).epsilon(0.01));
}

TEST_CASE("Shards: a batch that is no whole number of shards is our bug, not a crash") {
  const ModelConfig config = TestConfig();
  ThreadTeam team(1);
  ShardWorkers workers(config, 3, Precision::kFloat32, &team);
  ParameterSet weights(config), gradient(config);
  CHECK_THROWS_AS(workers.Gradient(weights, TestBatch(TestText(5'000, 1), 4), &gradient), Error);
}

TEST_CASE(
    "Validation: a network whose head is zero needs log2 V bits a token, the last short chunk "
    "included") {
  const ModelConfig config = TestConfig();
  ParameterSet weights(config);
  Initialise(config, &weights, 1);  // the head starts at zero
  const auto text = TestText(333, 1);
  for (const int shard : {1, 4}) {
    ThreadTeam team(2);
    ShardWorkers workers(config, shard, Precision::kFloat32, &team);
    CHECK(workers.ChunkedLoss(weights, text).value() ==
          Approx(333 * std::log(kTestVocabulary)).epsilon(1e-6));
  }
}

TEST_CASE("Validation: chunks start afresh, so the loss of the whole is the sum of the chunks'") {
  const ModelConfig config = TestConfig();
  ParameterSet weights(config);
  Randomise(&weights, 1);
  const auto text = TestText(100, 1);
  ThreadTeam team(2);
  ShardWorkers workers(config, 1, Precision::kFloat32, &team);
  double sum = 0;
  for (size_t first = 0; first < text.size(); first += 32) {
    const auto chunk = std::span(text).subspan(first, std::min<size_t>(32, text.size() - first));
    sum += workers.ChunkedLoss(weights, chunk).value();
  }
  CHECK(workers.ChunkedLoss(weights, text).value() == Approx(sum).epsilon(1e-12));
}

TEST_CASE("Validation: an interrupt leaves no result") {
  ThreadTeam team(2);
  ShardWorkers workers(TestConfig(), 1, Precision::kFloat32, &team);
  const std::atomic<bool> interrupt = true;
  CHECK_FALSE(workers.ChunkedLoss(ParameterSet(TestConfig()), TestText(100, 1), &interrupt));
}

TEST_CASE("Calibration: maxima are positive, and a pure function of weights, tokens and seed") {
  const ModelConfig config = TestConfig();
  ParameterSet weights(config);
  Randomise(&weights, 1);
  const auto text = TestText(5'000, 1);
  const std::vector<TrainingSource> sources{TestSource(text, {})};
  std::vector<Calibration> results;
  for (const int threads : {1, 3}) {
    ThreadTeam team(threads);
    ShardWorkers workers(config, 1, Precision::kFloat32, &team);
    results.push_back(workers.Calibrate(weights, sources, 6, 9));
  }
  CHECK(results[0].key_maxima.size() == 2);
  CHECK(results[0].key_maxima == results[1].key_maxima);
  CHECK(results[0].value_maxima == results[1].value_maxima);
  for (const float m : results[0].key_maxima) CHECK(m > 0);
  for (const float m : results[0].value_maxima) CHECK(m > 0);
}

TEST_CASE("Calibration: of several sources it has the largest of each") {
  const ModelConfig config = TestConfig();
  ParameterSet weights(config);
  Randomise(&weights, 1);
  const auto text = TestText(5'000, 1);
  const std::vector<int32_t> other(640, 31);
  const TrainingSource first = TestSource(text, {});
  const TrainingSource second = TestSource(other, {}, {.record_bytes = 64});
  ThreadTeam team(2);
  ShardWorkers workers(config, 1, Precision::kFloat32, &team);
  const auto maxima = [&](const std::vector<TrainingSource>& sources) {
    return workers.Calibrate(weights, sources, 6, 9);
  };
  const Calibration one = maxima({first});
  const Calibration two = maxima({second});
  const Calibration both = maxima({first, second});
  CHECK(one.key_maxima != two.key_maxima);
  for (size_t i = 0; i < both.key_maxima.size(); ++i) {
    CHECK(both.key_maxima[i] == std::max(one.key_maxima[i], two.key_maxima[i]));
    CHECK(both.value_maxima[i] == std::max(one.value_maxima[i], two.value_maxima[i]));
  }
}

TEST_CASE("ShardWorkers: what is stopped has no result, and the next call has the right one") {
  const ModelConfig config = TestConfig();
  ThreadTeam team(2);
  ShardWorkers workers(config, 1, Precision::kFloat32, &team);
  ParameterSet weights(config);
  Initialise(config, &weights, 1);
  const Batch batch = TestBatch(TestText(5'000, 1), 4);
  ParameterSet expected(config), actual(config);
  const double loss = workers.Gradient(weights, batch, &expected);
  int stopped = 0;
  for (const int asks : {0, 1, 5, 20, 60}) {
    std::atomic<int> asked = 0;
    const auto stop = [&] { return ++asked > asks; };
    if (!workers.GradientUnless(stop, weights, batch, &actual)) ++stopped;
    CHECK(workers.Gradient(weights, batch, &actual) == loss);
    CHECK(Values(actual) == Values(expected));
  }
  CHECK(stopped == 5);

  TrainingSource source;
  source.train_tokens = TestText(5'000, 1);
  const std::vector<TrainingSource> sources = {source};
  const Calibration all = workers.Calibrate(weights, sources, 6, 9);
  bool cut = false;
  CHECK(workers
            .Calibrate(
                weights, sources, 6, 9, [] { return true; }, &cut)
            .key_maxima.size() == all.key_maxima.size());
  CHECK(cut);
  CHECK(workers
            .Calibrate(
                weights, sources, 6, 9, [] { return false; }, &cut)
            .key_maxima == all.key_maxima);
  CHECK_FALSE(cut);
}

}  // namespace
}  // namespace occam
