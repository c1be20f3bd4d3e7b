// A small checkpoint with all that one can hold, for tests.
#ifndef OCCAM_TESTS_MODEL_CHECKPOINT_SAMPLE_CHECKPOINT_H_
#define OCCAM_TESTS_MODEL_CHECKPOINT_SAMPLE_CHECKPOINT_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "model/checkpoint/checkpoint.h"

namespace occam {

// Every choice is another number than its neighbours, so that mixed-up fields show.
inline ModelConfig SampleConfig() {
  ModelConfig config;
  config.vocabulary = 5;
  config.width = 16;
  config.layers = 2;
  config.heads = 2;
  config.kv_heads = 1;
  config.mlp_factor = 3;
  config.conv_width = 4;
  config.context = 64;
  config.windows = {7, 0};
  return config;
}

inline Checkpoint SampleCheckpoint() {
  const ModelConfig config = SampleConfig();
  Checkpoint checkpoint{config, ParameterSet(config), {}, {}, std::nullopt, {}};
  Randomise(&checkpoint.weights, 1);
  const auto weights = checkpoint.weights.values();
  weights[3] = -0.0f;
  weights[4] = std::numeric_limits<float>::denorm_min();
  weights[5] = -1e-40f;
  weights[6] = std::numeric_limits<float>::max();
  checkpoint.calibration = {{1.5f, 2.25f}, {0.5f, 3e-39f}};
  checkpoint.calibration.row_steps.assign(static_cast<size_t>(RowCount(checkpoint.weights.table())),
                                          0x1.8p-5f);
  checkpoint.calibration.row_steps[1] = 1;
  checkpoint.tokenizer = {1, 0, 255};

  TrainingState training;
  training.counters = {{"step", 1234}, {"least", INT64_MIN}, {"most", INT64_MAX}};
  training.numbers = {
      {"rate", 0.1}, {"minus zero", -0.0}, {"best", std::numeric_limits<double>::infinity()}};
  training.lists = {{"one", {0.1}}, {"three", {-0.0, 5e-324, 1e300}}};
  training.texts = {{"empty", ""},
                    {"one NUL", std::string(1, '\0')},
                    {"ends in NUL", std::string("a\0b\0", 4)},
                    {"not UTF-8", "\xff\xfe\x80"},
                    {"lines", "one\ntwo\r\n\t \xc3\xa9"},
                    {"long", std::string(70'000, 'x')}};
  ParameterSet moments(config);
  Randomise(&moments, 2);
  moments.values()[0] = -0.0f;
  training.tensors.emplace("momentum", moments);
  moments.values()[1] = 1e-45f;
  training.tensors.emplace("average", moments);
  checkpoint.training = training;

  checkpoint.provenance = {
      "occam train --data 'a b.txt'",
      "0.1.0",
      "corpus \xe2\x82\xac",
      std::string(64, 'a'),
      {{.train = {5, 1'000'000'000'000}, .validation = {1'000'000'000'000, 1'000'000'000'007}}},
      {{1e6, 2.5}, {2e6, 0.1 + 0.2}}};
  return checkpoint;
}

}  // namespace occam

#endif  // OCCAM_TESTS_MODEL_CHECKPOINT_SAMPLE_CHECKPOINT_H_
