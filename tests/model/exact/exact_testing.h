// Random models and inputs for tests of the exact network, the same everywhere.
#ifndef OCCAM_TESTS_MODEL_EXACT_EXACT_TESTING_H_
#define OCCAM_TESTS_MODEL_EXACT_EXACT_TESTING_H_

#include <string>
#include <vector>

#include "data/base/random.h"
#include "model/exact/network.h"
#include "model/quantize.h"

namespace occam::testing {

struct NamedConfig {
  std::string name;
  ModelConfig config;
};

inline ModelConfig TestConfig(int vocabulary, int width, int heads, int kv_heads, int mlp_factor,
                              int conv_width, int context, std::vector<int32_t> windows) {
  ModelConfig c;
  c.vocabulary = vocabulary;
  c.width = width;
  c.layers = static_cast<int32_t>(windows.size());
  c.heads = heads;
  c.kv_heads = kv_heads;
  c.mlp_factor = mlp_factor;
  c.conv_width = conv_width;
  c.context = context;
  c.windows = std::move(windows);
  return c;
}

// Shapes that meet every edge of the kernels: head sizes of 8 to 64, widths that fill no vector,
// shared key/value heads. Some have no convolution or a single tap. There are vocabularies beside
// multiples of 16, and tiny windows.
inline std::vector<NamedConfig> TestConfigs() {
  return {
      {"the 200K width",
       [] {
         ModelConfig c = FamilyConfig(48);
         c.context = 300;
         c.windows = {256, 256, 0, 256, 256, 0, 256};  // not the family's: the golden digest stays
         return c;
       }()},
      {"one head of 8", TestConfig(2, 8, 1, 1, 1, 0, 40, {1, 0})},
      {"heads of 8, shared", TestConfig(300, 40, 5, 1, 3, 2, 200, {7, 0, 33})},
      {"heads of 16", TestConfig(256, 80, 5, 5, 4, 4, 130, {16, 0})},
      {"heads of 24, pairs", TestConfig(17, 96, 4, 2, 2, 1, 100, {31, 32})},
      {"heads of 32, pairs", TestConfig(256, 192, 6, 3, 4, 4, 300, {64, 0})},
      {"heads of 64", TestConfig(33, 128, 2, 1, 1, 16, 150, {100, 0})},
      {"one head of 200", TestConfig(1000, 200, 1, 1, 2, 3, 70, {0, 5})},
  };
}

// Networks with a memory: the one to train, and others whose rules, rows, places and symbols
// differ.
inline std::vector<NamedConfig> MemoryConfigs() {
  NamedConfig family = TestConfigs()[0];
  family.name = "the 200K width with a memory";
  SetMemory("tiny", &family.config);
  NamedConfig symbols{"eight rules of symbols, rows of 8",
                      TestConfig(300, 40, 5, 1, 3, 2, 200, {7, 0, 33})};
  for (uint8_t n = 1; n <= kMaxRuleSymbols; ++n)
    symbols.config.memory_rules.push_back({RuleKind::kSymbols, n, static_cast<uint8_t>(3 + n)});
  symbols.config.memory_width = 8;
  symbols.config.memory_gate = 2;
  NamedConfig words{"two rules of words, rows of 64, no gate",
                    TestConfig(128, 96, 4, 2, 2, 0, 100, {31, 32})};
  words.config.memory_rules = {{RuleKind::kWords, 3, 9}, {RuleKind::kWords, 1, 6}};
  words.config.memory_width = 64;
  return {family, symbols, words};
}

// Networks with signals: those of patches, and others whose records, rules and symbols differ. One
// has a memory besides.
inline std::vector<NamedConfig> SignalConfigs() {
  NamedConfig family = TestConfigs()[0];
  family.name = "the 200K width with signals of patches";
  SetSignals("patches", &family.config);
  family.config.record_width = 16;  // so that contexts end in the second record
  family.config.record_height = 10;
  NamedConfig rows{"rows of two rules, bytes", TestConfig(256, 40, 5, 1, 3, 2, 200, {7, 0, 33})};
  rows.config.signal_rules = {SignalRule::kNorthEast, SignalRule::kRow};
  rows.config.record_width = 7;
  rows.config.record_height = 200;
  NamedConfig residuals{"residuals of records of one column",
                        TestConfig(256, 96, 4, 2, 2, 0, 100, {31, 32})};
  residuals.config.record_width = 1;
  residuals.config.record_height = 9;
  residuals.config.residual = true;
  NamedConfig both{"signals and a memory", TestConfig(256, 80, 5, 5, 4, 4, 130, {16, 0})};
  SetSignals("patches", &both.config);
  both.config.memory_rules = {{RuleKind::kSymbols, 2, 6}, {RuleKind::kWords, 1, 5}};
  both.config.memory_gate = 1;
  return {family, rows, residuals, both};
}

// Networks whose predictions are those of lattices; contexts end in the second record.
inline std::vector<NamedConfig> LatticeConfigs() {
  NamedConfig family{"signals of photographs that were JPEG files",
                     TestConfig(256, 96, 4, 2, 2, 0, 200, {31, 0})};
  SetSignals("jpeg", &family.config);
  family.config.record_width = 16;
  family.config.record_height = 8;
  NamedConfig rows{"a rule of a lattice, bytes", TestConfig(256, 40, 5, 1, 3, 2, 200, {7, 0, 33})};
  rows.config.signal_rules = {SignalRule::kCertainty};
  rows.config.record_width = 8;
  rows.config.record_height = 16;
  rows.config.lattice_qualities = {75};
  return {family, rows};
}

// Networks with kinds of contexts, of which the first has signals or not.
inline std::vector<NamedConfig> KindConfigs() {
  NamedConfig with = SignalConfigs().back();
  with.name = "three kinds, the first with signals, and a memory";
  SetKinds({1, 0, 0}, &with.config);
  NamedConfig without = SignalConfigs().front();
  without.name = "two kinds, the first without signals";
  SetKinds({0, 1}, &without.config);
  return {with, without};
}

inline std::vector<NamedConfig> AllConfigs() {
  std::vector<NamedConfig> all = TestConfigs();
  for (NamedConfig& config : MemoryConfigs()) all.push_back(std::move(config));
  for (NamedConfig& config : SignalConfigs()) all.push_back(std::move(config));
  for (NamedConfig& config : LatticeConfigs()) all.push_back(std::move(config));
  for (NamedConfig& config : KindConfigs()) all.push_back(std::move(config));
  return all;
}

// Random numbers, but in every fourth row zeros, as in rows that are never used.
inline MemoryRows RandomRows(const ModelConfig& config, uint64_t seed) {
  MemoryRows rows(config);
  Random random(seed, 1);
  for (size_t i = 0; i < rows.values.size(); ++i) {
    const float value = random.Symmetric(1.0f);
    if (i / static_cast<size_t>(config.memory_width) % 4 != 0) rows.values[i] = value;
  }
  return rows;
}

inline QuantizedModel RandomModel(const ModelConfig& config, uint64_t seed) {
  ParameterSet weights(config);
  Randomise(&weights, seed);
  const auto count = static_cast<size_t>(config.layers) * static_cast<size_t>(config.kv_heads);
  Calibration calibration;
  calibration.key_maxima.assign(count, 3.0f);
  calibration.value_maxima.assign(count, 2.5f);
  if (config.has_memory()) calibration.memory_step = StepNear(1.0 / 40);
  const Bytes tokenizer(1, 1);  // that of bytes
  return Quantise(config, weights, calibration, tokenizer, RandomRows(config, seed));
}

inline std::vector<int32_t> RandomSymbols(const ModelConfig& config, size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<int32_t> symbols(count);
  for (int32_t& s : symbols) {
    s = static_cast<int32_t>(random.Below(static_cast<uint64_t>(config.vocabulary)));
  }
  return symbols;
}

inline std::vector<SymbolInterval> ScoreAll(const ExactNetwork& network,
                                            std::span<const int32_t> symbols, int kind = 0) {
  ExactSession session(network, 1);
  session.Reset(0, kind);
  std::vector<SymbolInterval> intervals(symbols.size());
  session.Score(0, symbols, intervals);
  return intervals;
}

// The interval of a symbol in a table of frequencies.
inline SymbolInterval IntervalOf(std::span<const uint32_t> frequencies, int32_t symbol) {
  SymbolInterval interval;
  for (int32_t i = 0; i < symbol; ++i) interval.start += frequencies[static_cast<size_t>(i)];
  interval.size = frequencies[static_cast<size_t>(symbol)];
  return interval;
}

// The intervals of every lane's symbols, by stepping all lanes together; lanes end when their
// symbols do, and do not grow in length.
inline std::vector<std::vector<SymbolInterval>> StepAll(
    const ExactNetwork& network, const std::vector<std::vector<int32_t>>& lanes) {
  const auto vocabulary = static_cast<size_t>(network.config().vocabulary);
  ExactSession session(network, static_cast<int>(lanes.size()));
  for (size_t i = 0; i < lanes.size(); ++i) session.Reset(static_cast<int>(i));
  std::vector<std::vector<SymbolInterval>> intervals(lanes.size());
  std::vector<uint32_t> frequencies(lanes.size() * vocabulary);
  for (size_t t = 0;; ++t) {
    std::vector<int32_t> previous;
    while (previous.size() < lanes.size() && lanes[previous.size()].size() > t) {
      previous.push_back(t == 0 ? -1 : lanes[previous.size()][t - 1]);
    }
    if (previous.empty()) return intervals;
    session.Step(previous, frequencies);
    for (size_t i = 0; i < previous.size(); ++i) {
      intervals[i].push_back(
          IntervalOf(std::span(frequencies).subspan(i * vocabulary, vocabulary), lanes[i][t]));
    }
  }
}

// Intervals as bytes, for digests.
inline Sha256Digest DigestOf(std::span<const SymbolInterval> intervals) {
  Sha256 sha;
  for (const SymbolInterval& interval : intervals) {
    for (const uint32_t value : {interval.start, interval.size}) {
      const uint8_t bytes[4] = {static_cast<uint8_t>(value), static_cast<uint8_t>(value >> 8),
                                static_cast<uint8_t>(value >> 16),
                                static_cast<uint8_t>(value >> 24)};
      sha.Update(bytes);
    }
  }
  return sha.Finish();
}

}  // namespace occam::testing

#endif  // OCCAM_TESTS_MODEL_EXACT_EXACT_TESTING_H_
