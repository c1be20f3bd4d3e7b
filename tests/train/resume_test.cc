// Runs that are stopped, go on, start from others' weights, or keep the best of theirs.
#include <chrono>
#include <filesystem>
#include <thread>

#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"
#include "tests/train/recorder.h"
#include "tests/train/training_fixture.h"
#include "train/trainer.h"

namespace occam {
namespace {

void CheckResume(int64_t bfloat16, double rounded_share, double weight_rate = 0) {
  const TestData data;
  TrainerSettings asked = TestSettings(6, 2);
  asked.recipe.bfloat16 = bfloat16;
  asked.recipe.rounded_share = rounded_share;
  asked.recipe.weight_rate = weight_rate;
  Trainer whole(asked, data.Training());
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
    Trainer stopped(settings, data.Training());
    CHECK(stopped.Run() == RunStatus::kInterrupted);
    CHECK(recorder.steps.size() == 3);
    CHECK(recorder.checkpoints == std::vector<int64_t>{3});

    recorder.interrupt = false;
    settings.threads = threads;
    Trainer resumed(settings, data.Training());
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

TEST_CASE("Trainer: stopped at any moment, in the middle of steps, it goes on to the same bits") {
  const TestData data;
  TrainerSettings asked = TestMemorySettings(40, 2);
  asked.recipe.weight_rate = 1e-6;
  asked.recipe.rounded_share = 0.5;
  asked.recipe.batch_sequences = 32;
  Trainer whole(asked, data.Training());
  CHECK(whole.Run() == RunStatus::kFinished);
  const Checkpoint expected = whole.Snapshot();

  const TemporaryFolder folder;
  TrainerSettings settings = asked;
  settings.checkpoint_path = folder / "model.h5";
  settings.best_path = folder / "model.best.h5";
  Random random(5);
  int parts = 0;
  for (bool finished = false; !finished; ++parts) {
    REQUIRE(parts < 1000);
    std::atomic<bool> interrupt = false;
    settings.interrupt = &interrupt;
    Trainer part(settings, data.Training());
    if (parts > 0) part.Resume(LoadCheckpoint(settings.checkpoint_path), settings.checkpoint_path);
    // The moment is any; what comes of it is the same. Later parts are longer, so that it ends.
    const auto moment = std::chrono::microseconds(random.Below(10'000) * (1 + parts / 10));
    std::thread signal([&] {
      std::this_thread::sleep_for(moment);
      interrupt = true;
    });
    finished = part.Run() == RunStatus::kFinished;
    signal.join();
  }
  CHECK(parts > 1);
  const Checkpoint actual = LoadCheckpoint(settings.checkpoint_path);
  CHECK(Values(actual.weights) == Values(expected.weights));
  CHECK(actual.memory.values == expected.memory.values);
  CHECK(actual.calibration.key_maxima == expected.calibration.key_maxima);
  CHECK(actual.calibration.row_steps == expected.calibration.row_steps);
  REQUIRE(actual.training);
  CHECK(actual.training->numbers == expected.training->numbers);
  CHECK(actual.training->lists == expected.training->lists);
  CHECK(actual.training->arrays == expected.training->arrays);
  for (const auto& [name, tensors] : expected.training->tensors)
    CHECK(Values(actual.training->tensors.at(name)) == Values(tensors));
}

TEST_CASE("Trainer: a run stopped and resumed ends with the bits of one never stopped") {
  // It is stopped half way: before, at and after the step from which on weights are rounded.
  for (const double share : {0.2, 0.5, 0.8}) {
    CheckResume(/*bfloat16=*/0, share);
    CheckResume(/*bfloat16=*/0, share, /*weight_rate=*/1e-3);
  }
  if (HasFastBfloat16()) CheckResume(/*bfloat16=*/1, /*rounded_share=*/0.2);
}

TEST_CASE("Trainer: a run goes on only as what it was, and the difference is named") {
  const TestData data;
  Trainer trainer(TestSettings(3), data.Training());
  trainer.Run();
  const Checkpoint checkpoint = trainer.Snapshot();
  const auto refusal = [&](auto change, const std::string& data_sha256 = "the data") {
    TrainerSettings settings = TestSettings(3);
    change(settings);
    Trainer other(settings, data.Training(data_sha256));
    return MessageOf(ErrorKind::kUsage, [&] { other.Resume(checkpoint, "model.h5"); });
  };
  CHECK_THAT(refusal([](TrainerSettings& s) { s.recipe.adamw_lr = 1; }),
             ContainsSubstring("adamw_lr"));
  CHECK_THAT(refusal([](TrainerSettings& s) { s.recipe.seed = 7; }),
             ContainsSubstring("seed is 1, now it is 7"));
  if (HasFastBfloat16()) {
    CHECK_THAT(refusal([](TrainerSettings& s) { s.recipe.bfloat16 = 1; }),
               ContainsSubstring("bfloat16 is 0, now it is 1"));
  }
  CHECK_THAT(refusal([](TrainerSettings& s) { s.length.steps = 4; }),
             ContainsSubstring("number of steps is 3"));
  CHECK_THAT(refusal([](TrainerSettings&) {}, "others"), ContainsSubstring("training data"));
  CHECK_THAT(refusal([](TrainerSettings& s) {
               s.config.windows = {0, 0};
             }),
             ContainsSubstring("network"));
  CHECK_THAT(refusal([](TrainerSettings& s) { s.config.heads = s.config.kv_heads = 2; }),
             ContainsSubstring("network"));

  Trainer released(TestSettings(3), data.Training());
  CHECK_THAT(
      MessageOf(ErrorKind::kUsage, [&] { released.Resume(Released(checkpoint), "model.h5"); }),
      ContainsSubstring("another run from its weights"));
  Checkpoint older = checkpoint;
  older.training->numbers.erase("recipe.rounded_share");
  CHECK_THAT(
      MessageOf(ErrorKind::kUsage, [&] { released.Resume(older, "model.h5"); }),
      ContainsSubstring("rounded_share") && ContainsSubstring("another run from its weights"));
  CHECK_THAT(refusal([](TrainerSettings& s) { s.recipe.weight_rate = 1e-3; }),
             ContainsSubstring("weight_rate is 0, now it is 0.001"));
  // From before weights could be charged for.
  older = checkpoint;
  older.training->numbers.erase("recipe.weight_rate");
  CHECK_NOTHROW(released.Resume(older, "model.h5"));
  Checkpoint damaged = checkpoint;
  damaged.training->tensors.erase("optimizer.second");
  CHECK_THAT(MessageOf(ErrorKind::kDamaged, [&] { released.Resume(damaged, "model.h5"); }),
             ContainsSubstring("optimizer.second"));
}

TEST_CASE("Trainer: a finished run that is resumed changes nothing") {
  const TestData data;
  Trainer trainer(TestSettings(3), data.Training());
  trainer.Run();
  const Checkpoint checkpoint = trainer.Snapshot();
  Trainer again(TestSettings(3), data.Training());
  again.Resume(checkpoint, "model.h5");
  CHECK(again.Run() == RunStatus::kFinished);
  CHECK(Values(again.weights()) == Values(trainer.weights()));
  CHECK(again.validation_curve().size() == trainer.validation_curve().size());
}

TEST_CASE("Trainer: starting from another model takes its weights and a fresh optimizer") {
  const TestData data;
  Trainer first(TestSettings(30), data.Training());
  first.Run();
  Recorder recorder;
  TrainerSettings settings = TestSettings(3);
  settings.observers = {&recorder};
  Trainer second(settings, data.Training());
  second.StartFrom(Released(first.Snapshot()), "model.h5");
  CHECK(Values(second.weights()) == Values(first.weights()));
  second.Run();
  CHECK(second.position().steps == 3);
  CHECK(recorder.steps[0].loss_bpb < 4);  // a fresh network starts at 5

  settings.config.conv_width = 2;
  Trainer other(settings, data.Training());
  CHECK_THAT(MessageOf(ErrorKind::kUsage, [&] { other.StartFrom(first.Snapshot(), "model.h5"); }),
             ContainsSubstring("another network"));
}

TEST_CASE("Trainer: no prequential length after another model's weights or an older checkpoint") {
  const TestData data;
  Recorder recorder;
  TrainerSettings settings = TestSettings(3);
  settings.observers = {&recorder};
  Trainer first(TestSettings(3), data.Training());
  first.Run();
  Trainer second(settings, data.Training());
  second.StartFrom(first.Snapshot(), "model.h5");
  second.Run();
  CHECK(recorder.prequential.empty());

  for (Checkpoint checkpoint : {first.Snapshot(), second.Snapshot()}) {
    checkpoint.training->numbers.erase("prequential.bits");
    Trainer resumed(settings, data.Training());
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
  settings.validation.count = 4;
  settings.checkpoint_path = folder / "model.h5";
  settings.best_path = folder / "model.best.h5";
  Recorder recorder;
  recorder.interrupt_at = 35;
  settings.observers = {&recorder};
  settings.interrupt = &recorder.interrupt;
  Trainer trainer(settings, data.Training());
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
  Trainer resumed(settings, data.Training());
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
  Trainer other(settings, data.Training());
  CHECK_THAT(MessageOf(ErrorKind::kUsage,
                       [&] {
                         other.Resume(LoadCheckpoint(settings.checkpoint_path),
                                      settings.checkpoint_path);
                       }),
             ContainsSubstring(settings.best_path));
}

TEST_CASE("Trainer: where the end validates best, it is the end that is kept") {
  const TestData data;
  const TemporaryFolder folder;
  TrainerSettings settings = TestSettings(40);
  settings.best_path = folder / "model.best.h5";
  settings.validation.count = 1;  // none before the end
  Trainer trainer(settings, data.Training());
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
  const auto run = [&] { Trainer(settings, data.Training()).Run(); };
  CHECK_THAT(MessageOf(ErrorKind::kIo, run),
             ContainsSubstring("stopped after 1 steps") && ContainsSubstring("no checkpoint"));
  std::filesystem::create_directory(folder / "run");
  CHECK_THAT(MessageOf(ErrorKind::kIo, run),
             ContainsSubstring("stopped after 4 steps") && ContainsSubstring("still holds step 3"));
  CHECK(LoadCheckpoint(folder / "run.away/model.h5").training->counters.at("steps") == 3);
}

}  // namespace
}  // namespace occam
