#include "train/trainer.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <numbers>
#include <optional>

#include "model/quantize.h"
#include "tests/error_kind.h"
#include "tests/temporary_folder.h"
#include "tests/train/training_fixture.h"

namespace occam {
namespace {

class Recorder final : public TrainingObserver {
 public:
  void OnStep(const StepReport& report) override {
    steps.push_back(report);
    if (interrupt_at == report.step) interrupt = true;
  }
  void OnRounding(int64_t step) override { roundings.push_back(step); }
  void OnValidation(const ValidationReport& report) override { validations.push_back(report); }
  void OnCheckpoint(int64_t step, const std::string&) override { checkpoints.push_back(step); }
  void OnBest(const ValidationReport& report, const std::string&) override {
    best.push_back(report);
    if (trainer != nullptr) best_weights = Values(trainer->weights());
  }
  void OnPrequential(const PrequentialReport& report) override { prequential.push_back(report); }

  const Trainer* trainer = nullptr;  // whose best weights to take
  std::vector<float> best_weights;
  std::vector<ValidationReport> best;
  std::vector<PrequentialReport> prequential;
  std::vector<StepReport> steps;
  std::vector<ValidationReport> validations;
  std::vector<int64_t> checkpoints;
  std::vector<int64_t> roundings;
  int64_t interrupt_at = -1;
  std::atomic<bool> interrupt = false;
};

double Order0BitsPerToken(const std::vector<int32_t>& tokens) {
  std::array<double, kTestVocabulary> counts{};
  for (const int32_t t : tokens) ++counts[static_cast<size_t>(t)];
  double bits = 0;
  for (const double c : counts) {
    if (c > 0)
      bits -= c / static_cast<double>(tokens.size()) *
              std::log2(c / static_cast<double>(tokens.size()));
  }
  return bits;
}

template <typename F>
std::string MessageOf(ErrorKind kind, const F& act) {
  const Thrown thrown = ThrownBy(act);
  CHECK(thrown.kind == kind);
  return thrown.message;
}

TEST_CASE("Trainer: held-out text is learned far below its order-0 entropy") {
  const TestData data;
  TrainerSettings settings = TestSettings(200, 2);
  settings.recipe.batch_sequences = 8;
  Recorder recorder;
  settings.observers = {&recorder};
  Trainer trainer(settings, data.view());
  CHECK(trainer.Run() == RunStatus::kFinished);
  CHECK(recorder.steps.front().loss_bpb == Approx(5.0).epsilon(1e-5));  // log2 32: the head is zero
  CHECK(trainer.validation_curve().back().bits_per_byte <
        0.55 * Order0BitsPerToken(data.validation));
}

TEST_CASE("Trainer: weights are the same bits for 1, 2 and 3 threads") {
  const TestData data;
  std::vector<std::vector<float>> weights;
  for (const int threads : {1, 2, 3}) {
    Trainer trainer(TestSettings(5, threads), data.view());
    trainer.Run();
    weights.push_back(Values(trainer.weights()));
  }
  CHECK(weights[0] == weights[1]);
  CHECK(weights[0] == weights[2]);
}

TEST_CASE("Trainer: another seed gives other weights") {
  const TestData data;
  TrainerSettings settings = TestSettings(2);
  Trainer first(settings, data.view());
  first.Run();
  settings.recipe.seed = 2;
  Trainer second(settings, data.view());
  second.Run();
  CHECK(Values(first.weights()) != Values(second.weights()));
}

void CheckResume(int64_t bfloat16, double rounded_share, double weight_rate = 0) {
  const TestData data;
  TrainerSettings asked = TestSettings(6, 2);
  asked.recipe.bfloat16 = bfloat16;
  asked.recipe.rounded_share = rounded_share;
  asked.recipe.weight_rate = weight_rate;
  Trainer whole(asked, data.view());
  CHECK(whole.Run() == RunStatus::kFinished);
  const Checkpoint expected = whole.Snapshot();

  for (const int threads : {1, 2, 3}) {
    const TemporaryFolder folder;
    TrainerSettings settings = asked;
    settings.checkpoint_path = folder / "model.h5";
    Recorder recorder;
    recorder.interrupt_at = 3;
    settings.observers = {&recorder};
    settings.interrupt = &recorder.interrupt;
    Trainer stopped(settings, data.view());
    CHECK(stopped.Run() == RunStatus::kInterrupted);
    CHECK(recorder.steps.size() == 3);
    CHECK(recorder.checkpoints == std::vector<int64_t>{3});

    recorder.interrupt = false;
    settings.threads = threads;
    Trainer resumed(settings, data.view());
    resumed.Resume(LoadCheckpoint(settings.checkpoint_path), settings.checkpoint_path);
    CHECK(resumed.Run() == RunStatus::kFinished);
    const Checkpoint actual = LoadCheckpoint(settings.checkpoint_path);
    CHECK(Values(actual.weights) == Values(expected.weights));
    CHECK(actual.calibration.key_maxima == expected.calibration.key_maxima);
    CHECK(actual.calibration.row_steps == expected.calibration.row_steps);
    CHECK(actual.calibration.row_steps.empty() == (weight_rate == 0));
    REQUIRE(actual.training);
    CHECK(actual.training->counters == expected.training->counters);
    CHECK(actual.training->numbers == expected.training->numbers);
    CHECK(actual.training->lists == expected.training->lists);
    for (const auto& [name, tensors] : expected.training->tensors) {
      CHECK(Values(actual.training->tensors.at(name)) == Values(tensors));
    }
    REQUIRE(actual.provenance.validation_curve.size() ==
            expected.provenance.validation_curve.size());
    for (size_t i = 0; i < actual.provenance.validation_curve.size(); ++i) {
      CHECK(actual.provenance.validation_curve[i].bits_per_byte ==
            expected.provenance.validation_curve[i].bits_per_byte);
    }
  }
}

TEST_CASE("Trainer: the prequential length is the losses of the first pass, and of no other") {
  const TestData data;
  // 20,000 tokens are 624 windows of 32, which are 156 batches of 4; of 5, 124 and a rest.
  for (const auto& [batch, first_pass] : {std::pair{4, 156}, std::pair{5, 124}}) {
    for (const int steps : {10, first_pass, 160}) {
      TrainerSettings settings = TestSettings(steps, 2);
      settings.recipe.batch_sequences = batch;
      Recorder recorder;
      settings.observers = {&recorder};
      Trainer trainer(settings, data.view());
      trainer.Run();
      const int counted = std::min(steps, first_pass);
      double bits = 0;
      for (int i = 0; i < counted; ++i) {
        bits += recorder.steps[static_cast<size_t>(i)].loss_bpb * batch * 32;
      }
      REQUIRE(recorder.prequential.size() == 1);
      const PrequentialReport& report = recorder.prequential[0];
      CHECK(report.step == steps);
      CHECK(report.length.bits == Approx(bits).epsilon(1e-12));
      CHECK(report.length.bytes == counted * batch * 32);
      CHECK(report.data_bytes == 20'000);
      CHECK(report.whole_pass == (steps >= first_pass));
      CHECK(PrequentialOf(*trainer.Snapshot().training)->bits == report.length.bits);
    }
  }
}

TEST_CASE("Trainer: no prequential length after another model's weights or an older checkpoint") {
  const TestData data;
  Recorder recorder;
  TrainerSettings settings = TestSettings(3);
  settings.observers = {&recorder};
  Trainer first(TestSettings(3), data.view());
  first.Run();
  Trainer second(settings, data.view());
  second.StartFrom(first.Snapshot(), "model.h5");
  second.Run();
  CHECK(recorder.prequential.empty());

  for (Checkpoint checkpoint : {first.Snapshot(), second.Snapshot()}) {
    checkpoint.training->numbers.erase("prequential.bits");
    Trainer resumed(settings, data.view());
    resumed.Resume(checkpoint, "model.h5");
    CHECK(resumed.Run() == RunStatus::kFinished);
    CHECK(recorder.prequential.empty());
    CHECK_FALSE(PrequentialOf(*resumed.Snapshot().training));
  }
}

TEST_CASE("Trainer: the weights that validate best are kept, also by a run that is resumed") {
  TestData data;
  // Noise: the more the words are learned, the worse it is predicted.
  Random random(3);
  for (int32_t& token : data.validation) token = static_cast<int32_t>(random.Below(32));
  const TemporaryFolder folder;
  TrainerSettings settings = TestSettings(40, 2);
  settings.validations = 4;
  settings.checkpoint_path = folder / "model.h5";
  settings.best_path = folder / "model.best.h5";
  Recorder recorder;
  recorder.interrupt_at = 35;
  settings.observers = {&recorder};
  settings.interrupt = &recorder.interrupt;
  Trainer trainer(settings, data.view());
  recorder.trainer = &trainer;
  CHECK(trainer.Run() == RunStatus::kInterrupted);
  REQUIRE(recorder.validations.size() == 3);
  REQUIRE(recorder.best.size() == 1);
  CHECK(recorder.best[0].step == 10);
  CHECK(recorder.validations[2].bits_per_byte > recorder.validations[0].bits_per_byte);
  const Checkpoint best = LoadCheckpoint(settings.best_path);
  CHECK(Values(best.weights) == recorder.best_weights);
  CHECK_FALSE(best.training);
  REQUIRE(best.provenance.validation_curve.size() == 1);
  CHECK(best.provenance.validation_curve[0].bits_per_byte == recorder.best[0].bits_per_byte);

  recorder.interrupt = false;
  Trainer resumed(settings, data.view());
  resumed.Resume(LoadCheckpoint(settings.checkpoint_path), settings.checkpoint_path);
  CHECK(resumed.Run() == RunStatus::kFinished);
  CHECK(recorder.best.size() == 1);
  // The end is measured twice: on the part that decides, and on the whole.
  REQUIRE(recorder.validations.size() == 5);
  CHECK(recorder.validations[3].step == 40);
  CHECK_FALSE(recorder.validations[3].whole);
  CHECK(recorder.validations[4].whole);
  CHECK(resumed.validation_curve().size() == 4);

  Checkpoint foreign = best;
  foreign.provenance.data_sha256 = "others";
  SaveCheckpoint(settings.best_path, foreign);
  Trainer other(settings, data.view());
  CHECK_THAT(MessageOf(ErrorKind::kUsage,
                       [&] {
                         other.Resume(LoadCheckpoint(settings.checkpoint_path),
                                      settings.checkpoint_path);
                       }),
             Catch::Contains(settings.best_path));
}

TEST_CASE("Trainer: where the end validates best, it is the end that is kept") {
  const TestData data;
  const TemporaryFolder folder;
  TrainerSettings settings = TestSettings(40);
  settings.best_path = folder / "model.best.h5";
  settings.validations = 1;  // none before the end
  Trainer trainer(settings, data.view());
  trainer.Run();
  CHECK(Values(LoadCheckpoint(settings.best_path).weights) == Values(trainer.weights()));
}

TEST_CASE("Trainer: a checkpoint that cannot be written ends the run and leaves the one before") {
  const TestData data;
  const TemporaryFolder folder;
  struct Remover final : TrainingObserver {
    void OnCheckpoint(int64_t step, const std::string& path) override {
      if (step == 3) std::filesystem::rename(Parent(path), Parent(path) + ".away");
    }
    static std::string Parent(const std::string& path) {
      return std::filesystem::path(path).parent_path().string();
    }
  } remover;
  TrainerSettings settings = TestSettings(6);
  settings.checkpoint_path = folder / "run/model.h5";
  settings.checkpoint_every_s = 0;
  settings.observers = {&remover};
  const auto run = [&] { Trainer(settings, data.view()).Run(); };
  CHECK_THAT(MessageOf(ErrorKind::kIo, run),
             Catch::Contains("stopped after 1 steps") && Catch::Contains("no checkpoint"));
  std::filesystem::create_directory(folder / "run");
  CHECK_THAT(MessageOf(ErrorKind::kIo, run),
             Catch::Contains("stopped after 4 steps") && Catch::Contains("still holds step 3"));
  CHECK(LoadCheckpoint(folder / "run.away/model.h5").training->counters.at("steps") == 3);
}

TEST_CASE("Trainer: a run stopped and resumed ends with the bits of one never stopped") {
  // It is stopped half way: before, at and after the step from which on weights are rounded.
  for (const double share : {0.2, 0.5, 0.8}) {
    CheckResume(/*bfloat16=*/0, share);
    CheckResume(/*bfloat16=*/0, share, /*weight_rate=*/1e-3);
  }
  if (HasFastBfloat16()) CheckResume(/*bfloat16=*/1, /*rounded_share=*/0.2);
}

TEST_CASE("Trainer: bfloat16 is used when the recipe says so, and refused where it is not fast") {
  const TestData data;
  TrainerSettings settings = TestSettings(2);
  Trainer float32(settings, data.view());
  float32.Run();
  settings.recipe.bfloat16 = 1;
  Trainer bfloat16(settings, data.view());
  if (HasFastBfloat16()) {
    bfloat16.Run();
    CHECK(Values(bfloat16.weights()) != Values(float32.weights()));
  } else {
    CHECK_THAT(MessageOf(ErrorKind::kUsage, [&] { bfloat16.Run(); }), Catch::Contains("bfloat16"));
  }
}

TEST_CASE("Trainer: a run by minutes ends by its clock, and resumed parts count together") {
  const TestData data;
  double now = 1000;
  TrainerSettings settings = TestSettings(0);
  settings.length = RunLength::Minutes(1);
  settings.validations = 2;
  settings.clock_s = [&] { return now; };
  struct Clock final : TrainingObserver {
    explicit Clock(double* time) : now(time) {}
    void OnStep(const StepReport& report) override {
      *now += 10;
      if (report.step == 2) interrupt = true;
    }
    double* now;
    std::atomic<bool> interrupt = false;
  } clock(&now);
  Recorder recorder;
  settings.observers = {&recorder, &clock};
  settings.interrupt = &clock.interrupt;
  const TemporaryFolder folder;
  settings.checkpoint_path = folder / "model.h5";
  Trainer first(settings, data.view());
  CHECK(first.Run() == RunStatus::kInterrupted);
  CHECK(first.position().elapsed_s == 20);

  clock.interrupt = false;
  now = 5;  // a clock that starts elsewhere, as after a restart
  Trainer second(settings, data.view());
  second.Resume(LoadCheckpoint(settings.checkpoint_path), settings.checkpoint_path);
  CHECK(second.Run() == RunStatus::kFinished);
  CHECK(second.position().steps == 6);
  CHECK(second.position().elapsed_s == 60);
  REQUIRE(recorder.steps.size() == 6);
  CHECK(recorder.steps[1].muon_lr == Approx(Recipe().muon_lr));  // past warm-up
  CHECK(recorder.steps[5].muon_lr ==
        Approx(Recipe().muon_lr * LearningRateFactor(Recipe(), 5, 5.0 / 6)));  // falling
  // Half way on a part, at the end on the whole.
  REQUIRE(recorder.validations.size() == 2);
  CHECK(recorder.validations[0].step == 3);
  CHECK_FALSE(recorder.validations[0].whole);
  CHECK(recorder.validations[1].whole);
  CHECK(recorder.validations[1].validation_bytes == 1000);
}

TEST_CASE("Trainer: checkpoints are written by time and at the end") {
  const TestData data;
  double now = 0;
  TrainerSettings settings = TestSettings(7);
  settings.clock_s = [&] { return now; };
  struct Clock final : TrainingObserver {
    void OnStep(const StepReport&) override { *now += 100; }
    double* now = nullptr;
  } clock;
  clock.now = &now;
  Recorder recorder;
  settings.observers = {&recorder, &clock};
  const TemporaryFolder folder;
  settings.checkpoint_path = folder / "model.h5";
  Trainer(settings, data.view()).Run();
  CHECK(recorder.checkpoints == std::vector<int64_t>{3, 6, 7, 7});
}

TEST_CASE("Trainer: interim validations are cheap, evenly spaced and on the same bytes") {
  const TestData data;
  TrainerSettings settings = TestSettings(40);
  settings.validations = 4;
  Recorder recorder;
  settings.observers = {&recorder};
  Trainer(settings, data.view()).Run();
  REQUIRE(recorder.validations.size() == 4);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(recorder.validations[i].step == static_cast<int64_t>(10 * (i + 1)));
    // 40 steps of 4 x 32 tokens, of which 3 * 5 % / 4 are 192.
    CHECK(recorder.validations[i].validation_bytes == 192);
  }
  CHECK(recorder.validations[3].whole);
}

TEST_CASE("Trainer: what is not finite stops the run with a report and keeps the last checkpoint") {
  const TestData data;
  const TemporaryFolder folder;
  TrainerSettings settings = TestSettings(20);
  settings.checkpoint_path = folder / "model.h5";
  settings.checkpoint_every_s = 0;
  settings.recipe.adamw_lr = 1e37;  // finite for a few steps
  settings.recipe.warmup_steps = 0;
  Recorder recorder;
  settings.observers = {&recorder};
  Trainer trainer(settings, data.view());
  const std::string message = MessageOf(ErrorKind::kUsage, [&] { trainer.Run(); });
  CHECK_THAT(message, Catch::Contains("diverged after") && Catch::Contains("loss") &&
                          Catch::Contains("learning rates") && Catch::Contains("largest weight") &&
                          Catch::Contains(settings.checkpoint_path));
  REQUIRE_FALSE(recorder.checkpoints.empty());
  const Checkpoint kept = LoadCheckpoint(settings.checkpoint_path);
  CHECK(kept.training->counters.at("steps") == recorder.checkpoints.back());
}

TEST_CASE("Trainer: a run goes on only as what it was, and the difference is named") {
  const TestData data;
  Trainer trainer(TestSettings(3), data.view());
  trainer.Run();
  const Checkpoint checkpoint = trainer.Snapshot();
  const auto refusal = [&](auto change) {
    TrainerSettings settings = TestSettings(3);
    change(settings);
    Trainer other(settings, data.view());
    return MessageOf(ErrorKind::kUsage, [&] { other.Resume(checkpoint, "model.h5"); });
  };
  using Catch::Contains;
  CHECK_THAT(refusal([](TrainerSettings& s) { s.recipe.adamw_lr = 1; }), Contains("adamw_lr"));
  CHECK_THAT(refusal([](TrainerSettings& s) { s.recipe.seed = 7; }),
             Contains("seed is 1, now it is 7"));
  CHECK_THAT(refusal([](TrainerSettings& s) { s.recipe.bfloat16 = 1; }),
             Contains("bfloat16 is 0, now it is 1"));
  CHECK_THAT(refusal([](TrainerSettings& s) { s.length.steps = 4; }),
             Contains("number of steps is 3"));
  CHECK_THAT(refusal([](TrainerSettings& s) { s.provenance.data_sha256 = "others"; }),
             Contains("training data"));
  CHECK_THAT(refusal([](TrainerSettings& s) { s.config.windows = {0, 0}; }), Contains("network"));
  CHECK_THAT(refusal([](TrainerSettings& s) { s.config.heads = s.config.kv_heads = 2; }),
             Contains("network"));

  Trainer released(TestSettings(3), data.view());
  CHECK_THAT(
      MessageOf(ErrorKind::kUsage, [&] { released.Resume(Released(checkpoint), "model.h5"); }),
      Contains("--init"));
  Checkpoint older = checkpoint;
  older.training->numbers.erase("recipe.rounded_share");
  CHECK_THAT(MessageOf(ErrorKind::kUsage, [&] { released.Resume(older, "model.h5"); }),
             Contains("rounded_share") && Contains("--init"));
  CHECK_THAT(refusal([](TrainerSettings& s) { s.recipe.weight_rate = 1e-3; }),
             Contains("weight_rate is 0, now it is 0.001"));
  // From before weights could be charged for.
  older = checkpoint;
  older.training->numbers.erase("recipe.weight_rate");
  CHECK_NOTHROW(released.Resume(older, "model.h5"));
  Checkpoint damaged = checkpoint;
  damaged.training->tensors.erase("optimizer.second");
  CHECK_THAT(MessageOf(ErrorKind::kDamaged, [&] { released.Resume(damaged, "model.h5"); }),
             Contains("optimizer.second"));
}

// What the exact network has in the place of the weights.
ParameterSet Dequantised(const QuantizedModel& model) {
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

void CheckSeenWeights(double weight_rate) {
  const TestData data;
  TrainerSettings settings = TestSettings(10, 2);
  settings.recipe.rounded_share = 0.5;
  settings.recipe.weight_rate = weight_rate;
  settings.validations = 10;
  settings.validation_limit = 64;
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
      const auto part = data->sources[0].validation_tokens.first(
          static_cast<size_t>(validation.validation_bytes));
      const auto bits = [&](const ParameterSet& weights) {
        return workers->ChunkedLoss(weights, part).value() / std::numbers::ln2 /
               validation.validation_bytes;
      };
      INFO("after " << step << " steps");
      if (validation.step != step) return;
      CHECK(validation.rounded == (step >= 5));
      CHECK((validation.bits_per_byte == bits(Dequantised(model))) == (step >= 5));
      CHECK((validation.bits_per_byte == bits(checkpoint.weights)) == (step < 5));
      // The next step's batch, by the weights that it will see.
      const TrainingBatches batches(data->sources[0].train_tokens, model.config.begin_symbol(), 4,
                                    model.config.context, 1);
      Batch batch;
      batches.Fill(step, &batch);
      ParameterSet gradients(model.config);
      next.push_back(workers->Gradient(step >= 5 ? Dequantised(model) : checkpoint.weights, batch,
                                       &gradients) /
                     std::numbers::ln2);
    }
    const TrainingData* data = nullptr;
    ShardWorkers* workers = nullptr;
    ValidationReport validation;
    std::vector<int64_t> roundings;
    std::vector<double> losses;
    std::vector<double> next;  // after 1, 2, ... steps
  } comparer;
  const TrainingData view = data.view();
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
    Trainer trainer(settings, data.view());
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
  Trainer rounded(settings, data.view());
  rounded.Run();
  CHECK(recorder.roundings == std::vector<int64_t>{0});
  settings.recipe.rounded_share = 0;
  Trainer plain(settings, data.view());
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
  Trainer trainer(settings, data.view());
  Checkpoint start = Released(trainer.Snapshot());
  start.weights.tensor(1)[2] = 1000;  // a gain
  trainer.StartFrom(start, "large.h5");
  CHECK_THAT(MessageOf(ErrorKind::kUsage, [&] { trainer.Run(); }),
             Catch::Contains("after 0 steps") && Catch::Contains("layers.0.gain1"));
}

TEST_CASE("Trainer: a finished run that is resumed changes nothing") {
  const TestData data;
  Trainer trainer(TestSettings(3), data.view());
  trainer.Run();
  const Checkpoint checkpoint = trainer.Snapshot();
  Trainer again(TestSettings(3), data.view());
  again.Resume(checkpoint, "model.h5");
  CHECK(again.Run() == RunStatus::kFinished);
  CHECK(Values(again.weights()) == Values(trainer.weights()));
  CHECK(again.validation_curve().size() == trainer.validation_curve().size());
}

TEST_CASE("Trainer: starting from another model takes its weights and a fresh optimizer") {
  const TestData data;
  Trainer first(TestSettings(30), data.view());
  first.Run();
  Recorder recorder;
  TrainerSettings settings = TestSettings(3);
  settings.observers = {&recorder};
  Trainer second(settings, data.view());
  second.StartFrom(Released(first.Snapshot()), "model.h5");
  CHECK(Values(second.weights()) == Values(first.weights()));
  second.Run();
  CHECK(second.position().steps == 3);
  CHECK(recorder.steps[0].loss_bpb < 4);  // a fresh network starts at 5

  settings.config.conv_width = 2;
  Trainer other(settings, data.view());
  CHECK_THAT(MessageOf(ErrorKind::kUsage, [&] { other.StartFrom(first.Snapshot(), "model.h5"); }),
             Catch::Contains("another network"));
}

TEST_CASE("Trainer: tokens outside the vocabulary and too little data are refused") {
  TestData data;
  data.train[77] = kTestVocabulary;
  MessageOf(ErrorKind::kUsage, [&] { Trainer(TestSettings(1), data.view()); });
  data.train.assign(10, 0);
  MessageOf(ErrorKind::kUsage, [&] { Trainer(TestSettings(1), data.view()); });
}

TEST_CASE("Trainer: without validation data a run works and has no curve") {
  TestData data;
  data.validation.clear();
  Trainer trainer(TestSettings(2), data.view());
  CHECK(trainer.Run() == RunStatus::kFinished);
  CHECK(trainer.validation_curve().empty());
}

}  // namespace
}  // namespace occam
