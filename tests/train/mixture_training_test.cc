#include <numbers>

#include "tests/catch.h"
#include "tests/error_kind.h"
#include "tests/temporary_folder.h"
#include "tests/train/training_fixture.h"

namespace occam {
namespace {

// Words, and records of 32 tokens that count upwards: easy, once they are known.
struct MixedData {
  std::vector<int32_t> words = TestText(10'000, 1);
  std::vector<int32_t> words_validation = TestText(640, 2);
  std::vector<int32_t> records = Records(100, 3);
  std::vector<int32_t> records_validation = Records(10, 4);

  static std::vector<int32_t> Records(int count, uint64_t seed) {
    std::vector<int32_t> tokens;
    Random random(seed);
    for (int i = 0; i < count; ++i) {
      const auto first = static_cast<int32_t>(random.Below(kTestVocabulary));
      for (int32_t k = 0; k < 32; ++k) tokens.push_back((first + k) % kTestVocabulary);
    }
    return tokens;
  }

  TrainingData Training() const {
    return {{TestSource(words, words_validation, {.name = "words", .share = 3}),
             TestSource(records, records_validation, {.name = "records", .record_bytes = 32})},
            Bytes{1}};
  }
};

TrainerSettings MixedSettings(int64_t steps) { return TestSettings(steps, 2); }

class Watcher final : public TrainingObserver {
 public:
  void OnStep(const StepReport& report) override {
    bytes_seen = report.bytes_seen;
    if (report.step == interrupt_at) interrupt = true;
  }
  void OnValidation(const ValidationReport& report) override { validations.push_back(report); }
  void OnBest(const ValidationReport& report, const std::string&) override {
    best.push_back(report);
  }
  void OnPrequential(const PrequentialReport&) override { prequential = true; }

  std::vector<ValidationReport> validations;
  std::vector<ValidationReport> best;
  double bytes_seen = 0;
  bool prequential = false;
  int64_t interrupt_at = -1;
  std::atomic<bool> interrupt = false;
};

TEST_CASE("Mixture training: each source is validated, and the mean goes by their shares") {
  const MixedData data;
  const TemporaryFolder folder;
  TrainerSettings settings = MixedSettings(40);
  settings.validation.count = 4;
  settings.best_path = folder / "model.best.h5";
  Watcher watcher;
  settings.observers = {&watcher};
  Trainer trainer(settings, data.Training());
  trainer.Run();
  CHECK(watcher.bytes_seen == 40 * 4 * 32);
  CHECK_FALSE(watcher.prequential);
  REQUIRE(watcher.validations.size() == 5);
  for (const ValidationReport& report : watcher.validations) {
    REQUIRE(report.sources.size() == 2);
    CHECK(report.sources[0].name == "words");
    CHECK(report.sources[1].name == "records");
    CHECK(report.bits_per_byte ==
          Approx(0.75 * report.sources[0].bits_per_byte + 0.25 * report.sources[1].bits_per_byte));
    CHECK(report.validation_bytes ==
          report.sources[0].validation_bytes + report.sources[1].validation_bytes);
  }
  // As for one source, 3 * 5 % / 4 of 40 steps of 4 x 32 tokens are 192; of which in chunks of 32
  // three quarters are 128 and one quarter 32.
  CHECK(watcher.validations[0].sources[0].validation_bytes == 128);
  CHECK(watcher.validations[0].sources[1].validation_bytes == 32);
  // At the end all of it, by the network that the run leaves (rounded, in its last fifth).
  const ValidationReport& whole = watcher.validations.back();
  CHECK(whole.whole);
  CHECK(whole.sources[0].validation_bytes == 640);
  CHECK(whole.sources[1].validation_bytes == 320);
  CHECK(watcher.best.back().bits_per_byte ==
        LoadCheckpoint(settings.best_path).provenance.validation_curve.back().bits_per_byte);
  const auto curves = trainer.Snapshot().provenance.source_curves;
  REQUIRE(curves.size() == 2);
  REQUIRE(curves.at("records").size() == trainer.validation_curve().size());
  CHECK(curves.at("records").back().bits_per_byte == whole.sources[1].bits_per_byte);
}

TEST_CASE("Mixture training: both sources are learned") {
  const MixedData data;
  Trainer trainer(MixedSettings(150), data.Training());
  trainer.Run();
  const auto curves = trainer.Snapshot().provenance.source_curves;
  // Untrained, each is 5 bits a token, and so is one that is not trained on. A word of 8 is less
  // than 1 a token, the start of a record a sixth.
  CHECK(curves.at("words").back().bits_per_byte < 1.5);
  CHECK(curves.at("records").back().bits_per_byte < 1);
}

TEST_CASE("Mixture training: stopped and resumed it ends with the bits of one never stopped") {
  const MixedData data;
  const TemporaryFolder folder;
  TrainerSettings settings = MixedSettings(6);
  settings.validation.count = 3;
  Trainer whole(settings, data.Training());
  CHECK(whole.Run() == RunStatus::kFinished);
  const Checkpoint expected = whole.Snapshot();

  settings.checkpoint_path = folder / "model.h5";
  Watcher watcher;
  watcher.interrupt_at = 3;
  settings.observers = {&watcher};
  settings.interrupt = &watcher.interrupt;
  Trainer stopped(settings, data.Training());
  CHECK(stopped.Run() == RunStatus::kInterrupted);
  watcher.interrupt = false;
  settings.threads = 1;
  Trainer resumed(settings, data.Training());
  resumed.Resume(LoadCheckpoint(settings.checkpoint_path), settings.checkpoint_path);
  CHECK(resumed.Run() == RunStatus::kFinished);
  const Checkpoint actual = LoadCheckpoint(settings.checkpoint_path);
  CHECK(Values(actual.weights) == Values(expected.weights));
  CHECK(actual.calibration.key_maxima == expected.calibration.key_maxima);
  CHECK(actual.calibration.value_maxima == expected.calibration.value_maxima);
  for (const char* name : {"words", "records"}) {
    const ValidationCurve& curve = actual.provenance.source_curves.at(name);
    const ValidationCurve& whole_curve = expected.provenance.source_curves.at(name);
    REQUIRE(curve.size() == 3);
    REQUIRE(whole_curve.size() == 3);
    for (size_t k = 0; k < 3; ++k) {
      CHECK(curve[k].bytes_seen == whole_curve[k].bytes_seen);
      CHECK(curve[k].bits_per_byte == whole_curve[k].bits_per_byte);
    }
  }
}

TEST_CASE("Mixture training: a source without a validation part is trained on all the same") {
  MixedData data;
  data.words_validation.clear();
  Watcher watcher;
  TrainerSettings settings = MixedSettings(4);
  settings.observers = {&watcher};
  Trainer trainer(settings, data.Training());
  trainer.Run();
  REQUIRE(!watcher.validations.empty());
  for (const ValidationReport& report : watcher.validations) {
    REQUIRE(report.sources.size() == 1);
    CHECK(report.sources[0].name == "records");
    CHECK(report.bits_per_byte == report.sources[0].bits_per_byte);
  }
}

TEST_CASE("Mixture training: a checkpoint tells its sources") {
  const MixedData data;
  TrainingData told = data.Training();
  TrainingSource& second = told.sources[1];
  second.data_name = "records.set";
  second.train_sha256 = "digest";
  second.train = {1, 3201};
  second.validation = {3300, 3620};
  TrainerSettings settings = MixedSettings(2);
  const TemporaryFolder folder;
  settings.checkpoint_path = folder / "model.h5";
  Trainer(settings, told).Run();
  const Provenance provenance = LoadCheckpoint(settings.checkpoint_path).provenance;
  const std::vector<TrainingSource>& sources = provenance.sources;
  REQUIRE(sources.size() == 2);
  CHECK(sources[0].name == "words");
  CHECK(sources[0].share == 0.75);
  CHECK(sources[1].name == "records");
  CHECK(sources[1].data_name == "records.set");
  CHECK(sources[1].train_sha256 == "digest");
  CHECK(sources[1].share == 0.25);
  CHECK(sources[1].record_bytes == 32);
  CHECK(sources[1].train.begin == 1);
  CHECK(sources[1].train.end == 3201);
  CHECK(sources[1].validation.begin == 3300);
  CHECK(sources[1].validation.end == 3620);
  CHECK(provenance.data_name == "words=:0.75 records=records.set:0.25");
  CHECK(provenance.data_sha256 == DataDigest(sources));
}

}  // namespace
}  // namespace occam
