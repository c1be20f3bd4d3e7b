// A small network and a small text, for the tests of training.
#ifndef OCCAM_TESTS_TRAIN_TRAINING_FIXTURE_H_
#define OCCAM_TESTS_TRAIN_TRAINING_FIXTURE_H_

#include <string>
#include <vector>

#include "data/base/random.h"
#include "train/trainer.h"

namespace occam {

constexpr int kTestVocabulary = 32;

inline ModelConfig TestConfig() {
  ModelConfig config = FamilyConfig(16, kTestVocabulary);
  config.layers = 2;
  config.windows = {8, 0};
  config.context = 32;
  return config;
}

// `count` tokens of sentences whose words come in random order: far below order-0 for who has seen
// a word's letters, but not without information.
inline std::vector<int32_t> TestText(size_t count, uint64_t seed) {
  static const std::string kWords[] = {"plain", "words", "come",  "again",
                                       "and",   "a",     "model", "learns"};
  std::vector<int32_t> tokens;
  Random random(seed);
  while (tokens.size() < count) {
    for (const char c : kWords[random.Below(8)]) tokens.push_back(c - 'a' + 1);
    tokens.push_back(0);
  }
  tokens.resize(count);
  return tokens;
}

// A source of tokens that are bytes, one after the other.
inline TrainingSource TestSource(const std::vector<int32_t>& train,
                                 const std::vector<int32_t>& validation,
                                 TrainingSource source = {}) {
  const auto train_bytes = static_cast<int64_t>(train.size());
  source.train = {0, train_bytes};
  source.validation = {train_bytes, train_bytes + static_cast<int64_t>(validation.size())};
  source.train_tokens = train;
  source.validation_tokens = validation;
  return source;
}

struct TestData {
  std::vector<int32_t> train = TestText(20'000, 1);
  std::vector<int32_t> validation = TestText(1'000, 2);

  // The data whose digest is that.
  TrainingData Training(const std::string& sha256 = "the data") const {
    return {{TestSource(train, validation, {.train_sha256 = sha256})}, Bytes{1}};
  }
};

inline TrainerSettings TestSettings(int64_t steps, int threads = 1) {
  TrainerSettings settings;
  settings.config = TestConfig();
  settings.recipe.batch_sequences = 4;
  settings.length = RunLength::Steps(steps);
  settings.threads = threads;
  settings.calibration_sequences = 4;
  settings.clock_s = [] { return 0.0; };  // no test depends on the clock
  return settings;
}

// The same with a memory of four small tables.
inline ModelConfig TestMemoryConfig() {
  ModelConfig config = TestConfig();
  config.memory_rules = {{RuleKind::kSymbols, 1, 6},
                         {RuleKind::kSymbols, 2, 7},
                         {RuleKind::kSymbols, 3, 7},
                         {RuleKind::kWords, 1, 6}};
  config.memory_width = 8;
  config.memory_gate = 1;
  return config;
}

inline TrainerSettings TestMemorySettings(int64_t steps, int threads = 1) {
  TrainerSettings settings = TestSettings(steps, threads);
  settings.config = TestMemoryConfig();
  return settings;
}

// The same with signals, of whose records a context holds some.
inline TrainerSettings TestSignalSettings(int64_t steps, int threads = 1) {
  TrainerSettings settings = TestSettings(steps, threads);
  settings.config.vocabulary = 256;
  SetSignals("patches", &settings.config);
  settings.config.record_width = 8;
  settings.config.record_height = 2;
  return settings;
}

inline std::vector<float> Values(const ParameterSet& set) {
  return {set.values().begin(), set.values().end()};
}

}  // namespace occam

#endif  // OCCAM_TESTS_TRAIN_TRAINING_FIXTURE_H_
