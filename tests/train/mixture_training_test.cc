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

  TrainingData view() const {
    const auto source = [](const auto& train, const auto& validation, const char* name,
                           double weight, int64_t record) {
      return TrainingSource{train,
                            validation,
                            static_cast<double>(train.size()),
                            static_cast<double>(validation.size()),
                            name,
                            weight,
                            record};
    };
    return {{source(words, words_validation, "words", 3, 1),
             source(records, records_validation, "records", 1, 32)},
            Bytes{1}};
  }
};

TrainerSettings MixedSettings(int64_t steps) {
  TrainerSettings settings = TestSettings(steps, 2);
  for (const char* name : {"words", "records"}) {
    SourceProvenance source;
    source.name = name;
    settings.provenance.sources.push_back(source);
  }
  return settings;
}

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
  settings.validations = 4;
  settings.best_path = folder / "model.best.h5";
  Watcher watcher;
  settings.observers = {&watcher};
  Trainer trainer(settings, data.view());
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
  const std::vector<SourceProvenance> sources = trainer.Snapshot().provenance.sources;
  REQUIRE(sources.size() == 2);
  REQUIRE(sources[1].validation_curve.size() == trainer.validation_curve().size());
  CHECK(sources[1].validation_curve.back().bits_per_byte == whole.sources[1].bits_per_byte);
}

TEST_CASE("Mixture training: both sources are learned") {
  const MixedData data;
  Trainer trainer(MixedSettings(150), data.view());
  trainer.Run();
  const auto sources = trainer.Snapshot().provenance.sources;
  // Untrained, each is 5 bits a token, and so is one that is not trained on. A word of 8 is less
  // than 1 a token, the start of a record a sixth.
  CHECK(sources[0].validation_curve.back().bits_per_byte < 1.5);
  CHECK(sources[1].validation_curve.back().bits_per_byte < 1);
}

TEST_CASE("Mixture training: stopped and resumed it ends with the bits of one never stopped") {
  const MixedData data;
  const TemporaryFolder folder;
  TrainerSettings settings = MixedSettings(6);
  settings.validations = 3;
  Trainer whole(settings, data.view());
  CHECK(whole.Run() == RunStatus::kFinished);
  const Checkpoint expected = whole.Snapshot();

  settings.checkpoint_path = folder / "model.h5";
  Watcher watcher;
  watcher.interrupt_at = 3;
  settings.observers = {&watcher};
  settings.interrupt = &watcher.interrupt;
  Trainer stopped(settings, data.view());
  CHECK(stopped.Run() == RunStatus::kInterrupted);
  watcher.interrupt = false;
  settings.threads = 1;
  Trainer resumed(settings, data.view());
  resumed.Resume(LoadCheckpoint(settings.checkpoint_path), settings.checkpoint_path);
  CHECK(resumed.Run() == RunStatus::kFinished);
  const Checkpoint actual = LoadCheckpoint(settings.checkpoint_path);
  CHECK(Values(actual.weights) == Values(expected.weights));
  CHECK(actual.calibration.key_maxima == expected.calibration.key_maxima);
  CHECK(actual.calibration.value_maxima == expected.calibration.value_maxima);
  for (size_t i = 0; i < 2; ++i) {
    const auto& curve = actual.provenance.sources[i].validation_curve;
    const auto& whole_curve = expected.provenance.sources[i].validation_curve;
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
  Trainer trainer(settings, data.view());
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
  TrainerSettings settings = MixedSettings(2);
  SourceProvenance& first = settings.provenance.sources[0];
  first.data_name = "words.txt";
  first.data_sha256 = "digest";
  first.share = 0.75;
  first.record_bytes = 7;
  first.train_begin = 1;
  first.train_end = 2;
  first.validation_begin = 3;
  first.validation_end = 4;
  const TemporaryFolder folder;
  settings.checkpoint_path = folder / "model.h5";
  Trainer(settings, data.view()).Run();
  const auto sources = LoadCheckpoint(settings.checkpoint_path).provenance.sources;
  REQUIRE(sources.size() == 2);
  CHECK(sources[0].name == "words");
  CHECK(sources[0].data_name == "words.txt");
  CHECK(sources[0].data_sha256 == "digest");
  CHECK(sources[0].share == 0.75);
  CHECK(sources[0].record_bytes == 7);
  CHECK(sources[0].train_begin == 1);
  CHECK(sources[0].train_end == 2);
  CHECK(sources[0].validation_begin == 3);
  CHECK(sources[0].validation_end == 4);
  CHECK(sources[1].name == "records");
}

}  // namespace
}  // namespace occam
