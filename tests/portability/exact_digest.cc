// Prints one digest of the intervals of fixed random models and symbols, by scoring and by
// stepping, and on the standard error which kernels gave it. instruction_sets.sh and builds.sh
// compare it between instruction sets and between compilers.
//   exact_digest plain|fast
#include <cstdio>
#include <cstring>

#include "data/base/error.h"
#include "tests/model/exact_testing.h"

namespace occam {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

// Three lanes, of which the shorter ones end first.
std::vector<std::vector<int32_t>> Lanes(const ModelConfig& config) {
  const auto context = static_cast<size_t>(config.context);
  return {RandomSymbols(config, context, 101), RandomSymbols(config, context / 2, 102),
          RandomSymbols(config, context / 3, 103)};
}

void AddFrequencies(const std::vector<SymbolInterval>& intervals, Sha256* sha) {
  sha->Update(DigestOf(intervals));
}

int Main(Kernels kernels) {
  auto configs = TestConfigs();
  for (const int width : {96, 192}) {
    ModelConfig config = FamilyConfig(width);
    config.context = 200;
    config.windows = {32, 32, 0, 32, 32, 0, 32};
    configs.push_back({"family", config});
  }
  Sha256 scored;
  Sha256 stepped;
  std::string names;
  for (const auto& [name, config] : configs) {
    const ExactNetwork network(RandomModel(config, 100), kernels);
    names = network.kernels_name();
    const auto lanes = Lanes(config);
    for (const auto& lane : lanes) AddFrequencies(ScoreAll(network, lane), &scored);
    for (const auto& intervals : StepAll(network, lanes)) AddFrequencies(intervals, &stepped);
  }
  const std::string score = Hex(scored.Finish());
  const std::string step = Hex(stepped.Finish());
  std::fprintf(stderr, "%s\n", names.c_str());
  std::printf("%s\n", score.c_str());
  if (score == step) return 0;
  std::fprintf(stderr, "stepping gives %s\n", step.c_str());
  return 1;
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  try {
    const bool plain = argc == 2 && std::strcmp(argv[1], "plain") == 0;
    const bool fast = argc == 2 && std::strcmp(argv[1], "fast") == 0;
    if (!plain && !fast) throw occam::UsageError("usage: exact_digest plain|fast");
    return occam::Main(plain ? occam::Kernels::kPlain : occam::Kernels::kFast);
  } catch (const occam::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.kind());
  }
}
