// Training of weights that the passes see rounded, and of weights that are charged for their bits.
#include <array>
#include <cmath>
#include <numbers>

#include "model/quantize.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"
#include "tests/train/recorder.h"
#include "tests/train/training_fixture.h"
#include "train/trainer.h"

namespace occam {
namespace {

void CheckSeenWeights(double weight_rate) {
  const TestData data;
  TrainerSettings settings = TestSettings(10, 2);
  settings.recipe.rounded_share = 0.5;
  settings.recipe.weight_rate = weight_rate;
  settings.validation.count = 10;
  settings.validation.limit = 64;
  const TemporaryFolder folder;
  settings.checkpoint_path = folder / "model.h5";
  settings.checkpoint_every_s = 0;
  ThreadTeam team(1);
  ShardWorkers workers(settings.config, 1, Precision::kFloat32, &team);

  struct Comparer final : TrainingObserver {
    void OnStep(const StepReport& report) override { losses.push_back(report.loss_bpb); }
    void OnRounding(int64_t step) override { roundings.push_back(step); }
    void OnValidation(const ValidationReport& report) override { validation = report; }
    void OnCheckpoint(int64_t step, const std::string& path) override {
      const Checkpoint checkpoint = LoadCheckpoint(path);
      const QuantizedModel model = Quantise(checkpoint.config, checkpoint.weights,
                                            checkpoint.calibration, checkpoint.tokenizer);
      const auto part = std::span(data->sources[0].validation_tokens)
                            .first(static_cast<size_t>(validation.validation_bytes));
      const auto bits = [&](const ParameterSet& weights) {
        return workers->ChunkedLoss(weights, part).value() / std::numbers::ln2 /
               validation.validation_bytes;
      };
      INFO("after " << step << " steps");
      if (validation.step != step) return;
      CHECK(validation.rounded == (step >= 5));
      CHECK((validation.bits_per_byte == bits(WeightsOf(model))) == (step >= 5));
      CHECK((validation.bits_per_byte == bits(checkpoint.weights)) == (step < 5));
      // The next step's batch, by the weights that it will see.
      const TrainingBatches batches(data->sources[0].train_tokens, model.config.begin_symbol(), 4,
                                    model.config.context, 1);
      Batch batch;
      batches.Fill(step, &batch);
      ParameterSet gradients(model.config);
      next.push_back(
          workers->Gradient(step >= 5 ? WeightsOf(model) : checkpoint.weights, batch, &gradients) /
          std::numbers::ln2);
    }
    const TrainingData* data = nullptr;
    ShardWorkers* workers = nullptr;
    ValidationReport validation;
    std::vector<int64_t> roundings;
    std::vector<double> losses;
    std::vector<double> next;  // after 1, 2, ... steps
  } comparer;
  const TrainingData view = data.Training();
  comparer.data = &view;
  comparer.workers = &workers;
  settings.observers = {&comparer};
  Trainer trainer(settings, view);
  trainer.Run();
  CHECK(comparer.roundings == std::vector<int64_t>{5});
  REQUIRE(comparer.losses.size() == 10);
  REQUIRE(comparer.next.size() >= 9);
  for (size_t step = 1; step < 10; ++step) CHECK(comparer.losses[step] == comparer.next[step - 1]);
}

TEST_CASE("Trainer: in the last share of a run losses are those of the weights that code") {
  CheckSeenWeights(/*weight_rate=*/0);
  CheckSeenWeights(/*weight_rate=*/1e-3);
}

TEST_CASE("Trainer: the more a bit of the weights costs, the fewer they take") {
  const TestData data;
  double before = 1e9;
  for (const double rate : {1e-6, 1e-4, 1e-2}) {
    INFO(rate);
    TrainerSettings settings = TestSettings(40);
    settings.recipe.rounded_share = 0.5;
    settings.recipe.weight_rate = rate;
    Recorder recorder;
    settings.observers = {&recorder};
    Trainer trainer(settings, data.Training());
    trainer.Run();
    const ValidationReport& end = recorder.validations.back();
    CHECK(end.weight_bits > 0);
    CHECK(end.weight_bits < 0.8 * before);
    before = end.weight_bits;
    // Validations before the rounded share have no steps to count in.
    CHECK(recorder.validations.front().weight_bits == 0);

    // The codes' own entropy, each tensor's, is near what training reckoned with.
    const Checkpoint checkpoint = trainer.Snapshot();
    const QuantizedModel model = Quantise(checkpoint.config, checkpoint.weights,
                                          checkpoint.calibration, checkpoint.tokenizer);
    double entropy = 0;
    for (const QuantizedTensor& tensor : model.tensors) {
      std::array<double, 127> counts{};
      for (const int8_t code : tensor.codes) ++counts[static_cast<size_t>(code + 63)];
      for (const double n : counts)
        if (n > 0) entropy -= n * std::log2(n / static_cast<double>(tensor.codes.size()));
    }
    CHECK(entropy < 1.3 * end.weight_bits);
    CHECK(entropy > 0.7 * end.weight_bits);
  }
}

TEST_CASE("Trainer: gradients of rounded weights move the weights that are not rounded") {
  const TestData data;
  TrainerSettings settings = TestSettings(10);
  settings.recipe.rounded_share = 1;
  Recorder recorder;
  settings.observers = {&recorder};
  Trainer rounded(settings, data.Training());
  rounded.Run();
  CHECK(recorder.roundings == std::vector<int64_t>{0});
  settings.recipe.rounded_share = 0;
  Trainer plain(settings, data.Training());
  plain.Run();
  CHECK(recorder.roundings.size() == 1);
  CHECK(Values(rounded.weights()) != Values(plain.weights()));
  // They are no multiples of a scale, but the same as without rounding to a few learning rates.
  const ParameterSpec& spec = rounded.weights().table()[0];
  std::vector<float> again(static_cast<size_t>(spec.size()));
  RoundTensor(spec, 7, rounded.weights().tensor(0), again);
  CHECK(again !=
        std::vector<float>(rounded.weights().tensor(0).begin(), rounded.weights().tensor(0).end()));
  for (size_t i = 0; i < rounded.weights().values().size(); ++i) {
    CHECK(std::fabs(rounded.weights().values()[i] - plain.weights().values()[i]) < 0.1f);
  }
}

TEST_CASE("Trainer: weights too large to be rounded stop the run and are named") {
  const TestData data;
  TrainerSettings settings = TestSettings(3);
  settings.recipe.rounded_share = 1;
  Trainer trainer(settings, data.Training());
  Checkpoint start = Released(trainer.Snapshot());
  start.weights.tensor(1)[2] = 1000;  // a gain
  trainer.StartFrom(start, "large.h5");
  CHECK_THAT(MessageOf(ErrorKind::kUsage, [&] { trainer.Run(); }),
             ContainsSubstring("after 0 steps") && ContainsSubstring("layers.0.gain1"));
}

}  // namespace
}  // namespace occam
