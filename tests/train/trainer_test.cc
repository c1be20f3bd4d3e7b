#include "train/trainer.h"

#include <array>
#include <cmath>
#include <utility>

#include "tests/catch.h"
#include "tests/temporary_folder.h"
#include "tests/train/recorder.h"
#include "tests/train/training_fixture.h"

namespace occam {
namespace {

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
TEST_CASE("Trainer: held-out text is learned far below its order-0 entropy") {
  const TestData data;
  TrainerSettings settings = TestSettings(200, 2);
  settings.recipe.batch_sequences = 8;
  Recorder recorder;
  settings.observers = {&recorder};
  Trainer trainer(settings, data.Training());
  CHECK(trainer.Run() == RunStatus::kFinished);
  CHECK(recorder.steps.front().loss_bpb == Approx(5.0).epsilon(1e-5));  // log2 32: the head is zero
  CHECK(trainer.validation_curve().back().bits_per_byte <
        0.55 * Order0BitsPerToken(data.validation));
}

TEST_CASE("Trainer: weights are the same bits for 1, 2 and 3 threads") {
  const TestData data;
  std::vector<std::vector<float>> weights;
  for (const int threads : {1, 2, 3}) {
    Trainer trainer(TestSettings(5, threads), data.Training());
    trainer.Run();
    weights.push_back(Values(trainer.weights()));
  }
  CHECK(weights[0] == weights[1]);
  CHECK(weights[0] == weights[2]);
}

TEST_CASE("Trainer: another seed gives other weights") {
  const TestData data;
  TrainerSettings settings = TestSettings(2);
  Trainer first(settings, data.Training());
  first.Run();
  settings.recipe.seed = 2;
  Trainer second(settings, data.Training());
  second.Run();
  CHECK(Values(first.weights()) != Values(second.weights()));
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
      Trainer trainer(settings, data.Training());
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

TEST_CASE("Trainer: bfloat16 is used when the recipe says so, and refused where it is not fast") {
  const TestData data;
  TrainerSettings settings = TestSettings(2);
  Trainer float32(settings, data.Training());
  float32.Run();
  settings.recipe.bfloat16 = 1;
  if (HasFastBfloat16()) {
    Trainer bfloat16(settings, data.Training());
    bfloat16.Run();
    CHECK(Values(bfloat16.weights()) != Values(float32.weights()));
  } else {
    CHECK_THAT(MessageOf(ErrorKind::kUsage, [&] { Trainer(settings, data.Training()); }),
               ContainsSubstring("bfloat16"));
  }
}

TEST_CASE("Trainer: a run by minutes ends by its clock, and resumed parts count together") {
  const TestData data;
  double now = 1000;
  TrainerSettings settings = TestSettings(0);
  settings.length = RunLength::Minutes(1);
  settings.validation.count = 2;
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
  Trainer first(settings, data.Training());
  CHECK(first.Run() == RunStatus::kInterrupted);
  CHECK(first.position().elapsed_s == 20);

  clock.interrupt = false;
  now = 5;  // a clock that starts elsewhere, as after a restart
  Trainer second(settings, data.Training());
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
  Trainer(settings, data.Training()).Run();
  CHECK(recorder.checkpoints == std::vector<int64_t>{3, 6, 7, 7});
}

TEST_CASE("Trainer: interim validations are cheap, evenly spaced and on the same bytes") {
  const TestData data;
  TrainerSettings settings = TestSettings(40);
  settings.validation.count = 4;
  Recorder recorder;
  settings.observers = {&recorder};
  Trainer(settings, data.Training()).Run();
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
  Trainer trainer(settings, data.Training());
  const std::string message = MessageOf(ErrorKind::kUsage, [&] { trainer.Run(); });
  CHECK_THAT(message, ContainsSubstring("diverged after") && ContainsSubstring("loss") &&
                          ContainsSubstring("learning rates") &&
                          ContainsSubstring("largest weight") &&
                          ContainsSubstring(settings.checkpoint_path));
  REQUIRE_FALSE(recorder.checkpoints.empty());
  const Checkpoint kept = LoadCheckpoint(settings.checkpoint_path);
  CHECK(kept.training->counters.at("steps") == recorder.checkpoints.back());
}

TEST_CASE("Trainer: tokens outside the vocabulary and too little data are refused") {
  TestData data;
  data.train[77] = kTestVocabulary;
  MessageOf(ErrorKind::kUsage, [&] { Trainer(TestSettings(1), data.Training()); });
  data.train.assign(10, 0);
  MessageOf(ErrorKind::kUsage, [&] { Trainer(TestSettings(1), data.Training()); });
}

TEST_CASE("Trainer: without validation data a run works and has no curve") {
  TestData data;
  data.validation.clear();
  Trainer trainer(TestSettings(2), data.Training());
  CHECK(trainer.Run() == RunStatus::kFinished);
  CHECK(trainer.validation_curve().empty());
}

}  // namespace
}  // namespace occam
