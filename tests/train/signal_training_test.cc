// Networks with signals are trained as all others: to the same bits by any number of threads,
// stopped and resumed, and to a lower loss where bytes resemble their neighbours.
#include "data/base/random.h"
#include "model/checkpoint/checkpoint.h"
#include "recorder.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"
#include "training_fixture.h"

namespace occam {
namespace {

// Rows of 8 bytes, each near the mean of the byte before and the byte above.
std::vector<int32_t> Picture(size_t size, uint64_t seed) {
  Random random(seed);
  std::vector<int32_t> bytes;
  for (size_t i = 0; i < size; ++i) {
    const int32_t west = i > 0 ? bytes[i - 1] : 128, north = i >= 8 ? bytes[i - 8] : west;
    const auto away = static_cast<int32_t>(random.Below(5)) - 2;
    bytes.push_back(std::clamp((west + north) / 2 + away, 0, 255));
  }
  return bytes;
}

TEST_CASE("Signal training: after as many steps pictures cost less than without") {
  const TestData data{Picture(20'000, 1), Picture(1'000, 2)};
  const auto bits = [&](TrainerSettings settings) {
    Trainer trainer(settings, data.Training());
    trainer.Run();
    return trainer.validation_curve().back().bits_per_byte;
  };
  TrainerSettings plain = TestSignalSettings(60);
  SetSignals("none", &plain.config);
  CHECK(bits(TestSignalSettings(60)) < 0.8 * bits(plain));
}

TEST_CASE("Signal training: the same weights by any number of threads, and stopped and resumed") {
  const TestData data{Picture(20'000, 1), Picture(1'000, 2)};
  std::vector<Checkpoint> results;
  for (const int threads : {1, 2, 3}) {
    Trainer trainer(TestSignalSettings(6, threads), data.Training());
    trainer.Run();
    results.push_back(trainer.Snapshot());
    CHECK(Values(results.back().weights) == Values(results[0].weights));
  }
  const TemporaryFolder folder;
  TrainerSettings settings = TestSignalSettings(6, 2);
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
  CHECK(actual.config == results[0].config);
  CHECK(Values(actual.weights) == Values(results[0].weights));
}

}  // namespace
}  // namespace occam
