// Digests of the intervals that the exact network gives for fixed random models and symbols.
// cells.py and aarch64.sh compare them between instruction sets, compilers and processors.
//
//   exact_digest about                 the contract's version and the processor's instruction set
//   exact_digest plain|fast CELL...    "LANES DIGEST" for each cell; on the standard error, which
//                                      kernels gave them
//
// A CELL is THREADS,LANES,WAY,MODE:
//   LANES  1, 3, 64; unequal: lengths down to a single symbol; tiny: single symbols and empty
//          lanes; edges: three lanes of the family's widths and of every model that meets an edge
//          of the kernels; memory, signals, lattice, kinds: the same of models with a memory, with
//          signals, with lattices or with kinds, which are of contract 4; imported, shaped, fine:
//          the same of imported networks of Llama's and of the other shapes, and of fine ones;
//          vocabulary: the same of two that have more than 2^16 symbols
//   WAY    score, step
//   MODE   what the calling thread has set for its floats before anything is made, and its threads
//          inherit: usual, flushing (subnormal numbers to zero), upward, downward, zero (rounding)
// The digest depends on LANES alone.
#include <array>
#include <cfenv>
#include <cstdio>
#include <map>
#include <sstream>
#include <string>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "coder/predict/network_predictor.h"
#include "data/base/cpu.h"
#include "data/base/error.h"
#include "tests/model/exact/exact_testing.h"
#include "tests/model/exact/llama_testing.h"

namespace occam {
namespace {

using testing::TestConfig;

// Wide enough for every kind of product, and narrow with heads of 8; contexts of more than a tile.
std::vector<ModelConfig> CellConfigs() {
  return {TestConfig(256, 192, 6, 3, 4, 4, 70, {16, 0}),
          TestConfig(256, 40, 5, 1, 3, 2, 70, {7, 0, 33})};
}

const std::map<std::string, std::vector<size_t>>& LaneLengths() {
  static const std::map<std::string, std::vector<size_t>> lengths = {
      {"1", {150}},
      {"3", {90, 90, 90}},
      {"64", std::vector<size_t>(64, 20)},
      {"unequal", {130, 97, 71, 70, 64, 63, 31, 2, 1}},
      {"tiny", {1, 1, 1, 0, 0}}};
  return lengths;
}

std::vector<ModelConfig> EdgeConfigs() {
  std::vector<ModelConfig> configs;
  for (const auto& [name, config] : testing::TestConfigs()) configs.push_back(config);
  for (const int width : {96, 192}) {
    ModelConfig config = FamilyConfig(width);
    config.context = 200;
    config.windows = {32, 32, 0, 32, 32, 0, 32};
    configs.push_back(config);
  }
  return configs;
}

// So many symbols that their numbers need more than 16 bits, and a table of several levels.
std::vector<ModelConfig> VocabularyConfigs() {
  return {testing::LlamaConfig(66'000, 16, 4, 2, 8, 24, 12, {0}, 251, true),
          testing::ShapedConfig(ImportedShape::kGpt2,
                                testing::LlamaConfig(70'000, 16, 2, 2, 8, 32, 6, {0}, 0, true))};
}

// The models that LANES names, of three lanes each; none where it names lengths of lanes.
std::vector<ModelConfig> ModelsOf(const std::string& lanes) {
  if (lanes == "edges") return EdgeConfigs();
  if (lanes == "vocabulary") return VocabularyConfigs();
  std::vector<ModelConfig> configs;
  if (lanes == "memory") {
    for (const auto& [name, config] : testing::MemoryConfigs()) configs.push_back(config);
  } else if (lanes == "signals") {
    for (const auto& [name, config] : testing::SignalConfigs()) configs.push_back(config);
  } else if (lanes == "lattice") {
    for (const auto& [name, config] : testing::LatticeConfigs()) configs.push_back(config);
  } else if (lanes == "kinds") {
    for (const auto& [name, config] : testing::KindConfigs()) configs.push_back(config);
  }
  if (lanes == "imported") {
    for (const auto& [name, config] : testing::LlamaConfigs()) configs.push_back(config);
  }
  if (lanes == "shaped") {
    for (const auto& [name, config] : testing::ShapedConfigs()) configs.push_back(config);
  }
  if (lanes == "fine") {
    for (const auto& [name, config] : testing::FineConfigs()) configs.push_back(config);
  }
  return configs;
}

struct Cell {
  int threads = 0;
  std::string lanes;
  bool step = false;
  std::string mode;
};

Cell ParseCell(const std::string& text) {
  std::istringstream stream(text);
  std::array<std::string, 4> part;
  for (std::string& p : part) std::getline(stream, p, ',');
  const Cell cell = {std::atoi(part[0].c_str()), part[1], part[2] == "step", part[3]};
  if (cell.threads < 1 || (part[2] != "step" && part[2] != "score") ||
      (ModelsOf(cell.lanes).empty() && !LaneLengths().contains(cell.lanes))) {
    throw UsageError("no cell: " + text);
  }
  return cell;
}

void FlushSubnormals() {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040);  // results and operands
#elif defined(__aarch64__)
  uint64_t fpcr = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
  __asm__ volatile("msr fpcr, %0" : : "r"(fpcr | (1u << 24)));
#else
  throw UsageError("flushing is not known on this processor");
#endif
}

// The mode of the calling thread, until it goes.
class CallersMode {
 public:
  explicit CallersMode(const std::string& mode) {
    std::fegetenv(&before_);
    const std::map<std::string, int> roundings = {
        {"upward", FE_UPWARD}, {"downward", FE_DOWNWARD}, {"zero", FE_TOWARDZERO}};
    const auto rounding = roundings.find(mode);
    if (mode == "flushing") {
      FlushSubnormals();
    } else if (rounding != roundings.end()) {
      std::fesetround(rounding->second);
    } else if (mode != "usual") {
      throw UsageError("no mode: " + mode);
    }
  }
  ~CallersMode() { std::fesetenv(&before_); }
  CallersMode(const CallersMode&) = delete;
  CallersMode& operator=(const CallersMode&) = delete;

 private:
  std::fenv_t before_;
};

using Lanes = std::vector<std::vector<int32_t>>;
using Intervals = std::vector<std::vector<SymbolInterval>>;

Intervals Scored(NetworkPredictor* codec, const Lanes& lanes) {
  Intervals intervals;
  for (const auto& lane : lanes) intervals.emplace_back(lane.size());
  const std::vector<std::span<const int32_t>> known(lanes.begin(), lanes.end());
  const std::vector<std::span<SymbolInterval>> room(intervals.begin(), intervals.end());
  codec->StartSegment(static_cast<int>(lanes.size()));
  codec->Score(known, room);
  return intervals;
}

Intervals Stepped(NetworkPredictor* codec, const Lanes& lanes) {
  const auto vocabulary = static_cast<size_t>(codec->vocabulary());
  Intervals intervals(lanes.size());
  std::vector<uint32_t> tables(lanes.size() * vocabulary);
  codec->StartSegment(static_cast<int>(lanes.size()));
  for (size_t t = 0; t < lanes[0].size(); ++t) {
    std::vector<int32_t> previous;
    while (previous.size() < lanes.size() && lanes[previous.size()].size() > t)
      previous.push_back(t == 0 ? -1 : lanes[previous.size()][t - 1]);
    codec->Step(previous, tables);
    for (size_t i = 0; i < previous.size(); ++i) {
      const auto table = std::span(tables).subspan(i * vocabulary, vocabulary);
      intervals[i].push_back(testing::IntervalOf(table, lanes[i][t]));
    }
  }
  return intervals;
}

// Both context modes of the codec, into the digest.
void AddModel(const QuantizedModel& model, Kernels kernels, const Cell& cell,
              const std::vector<size_t>& lengths, Sha256* sha) {
  Lanes lanes;
  for (const size_t length : lengths)
    lanes.push_back(testing::RandomSymbols(model.config, length, 101 + lanes.size()));
  for (const ContextMode context_mode : {ContextMode::kChunked, ContextMode::kCarried}) {
    Intervals intervals;
    {
      const CallersMode mode(cell.mode);
      const ExactNetwork network(model, kernels);
      NetworkPredictor codec(network, static_cast<uint32_t>(model.config.context), cell.threads,
                             context_mode);
      intervals = cell.step ? Stepped(&codec, lanes) : Scored(&codec, lanes);
    }
    for (const auto& lane : intervals) sha->Update(testing::DigestOf(lane));
  }
}

std::string DigestOfCell(const Cell& cell, Kernels kernels) {
  Sha256 sha;
  const std::vector<ModelConfig> models = ModelsOf(cell.lanes);
  for (const ModelConfig& config : models.empty() ? CellConfigs() : models) {
    const auto context = static_cast<size_t>(config.context);
    const auto lengths = models.empty() ? LaneLengths().at(cell.lanes)
                                        : std::vector{context, context / 2, context / 3};
    AddModel(config.llama ? testing::RandomLlama(config, 100) : testing::RandomModel(config, 100),
             kernels, cell, lengths, &sha);
  }
  return Hex(sha.Finish());
}

void Main(const std::vector<std::string>& arguments) {
  if (arguments == std::vector<std::string>{"about"}) {
    std::printf("contract %d\nisa %s\n", kContractVersion, IsaName(UsableIsa()));
    return;
  }
  if (arguments.size() < 2 || (arguments[0] != "plain" && arguments[0] != "fast"))
    throw UsageError("usage: exact_digest about | plain|fast CELL...");
  const Kernels kernels = arguments[0] == "plain" ? Kernels::kPlain : Kernels::kFast;
  const ExactNetwork any(testing::RandomModel(CellConfigs().back(), 1), kernels);
  std::fprintf(stderr, "%s\n", any.kernels_name().c_str());
  for (size_t i = 1; i < arguments.size(); ++i) {
    const Cell cell = ParseCell(arguments[i]);
    std::printf("%s %s\n", cell.lanes.c_str(), DigestOfCell(cell, kernels).c_str());
  }
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  try {
    occam::Main(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const occam::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.kind());
  }
}
