// How fast the exact network scores and steps: KB/s of random symbols through random weights of the
// family's sizes.
//   exact_benchmark --benchmark_filter='fast/score'
// Names say kernels, way, parameters, threads. Each thread has a session of its own: one lane in
// scoring, 32 lanes shared by the threads in stepping, contexts of 2048. Limit the kernels with
// OCCAM_MAX_ISA.
#include <benchmark/benchmark.h>

#include <vector>

#include "data/base/thread_team.h"
#include "model/exact/network.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

constexpr int kLanes = 32;
constexpr size_t kSteps = 8;  // an iteration
constexpr size_t kStepIterations = 40;

ExactNetwork MakeNetwork(const benchmark::State& state, Kernels kernels) {
  return ExactNetwork(testing::RandomModel(FamilyConfigFor(state.range(0)), 1), kernels);
}

void Report(benchmark::State& state, size_t bytes) {
  state.counters["KB/s"] =
      benchmark::Counter(static_cast<double>(bytes) / 1e3, benchmark::Counter::kIsRate);
}

void Score(benchmark::State& state, Kernels kernels) {
  const ExactNetwork network = MakeNetwork(state, kernels);
  const auto threads = static_cast<int>(state.range(1));
  ThreadTeam team(threads);
  std::vector<std::unique_ptr<ExactSession>> sessions;
  for (int t = 0; t < threads; ++t) sessions.push_back(std::make_unique<ExactSession>(network, 1));
  const auto length = static_cast<size_t>(network.config().context);
  const auto symbols = testing::RandomSymbols(network.config(), length, 2);
  std::vector<std::vector<SymbolInterval>> intervals(static_cast<size_t>(threads),
                                                     std::vector<SymbolInterval>(length));
  size_t bytes = 0;
  for (auto _ : state) {
    team.Run(threads, [&](int item, int) {
      const auto i = static_cast<size_t>(item);
      sessions[i]->Reset(0);
      sessions[i]->Score(0, symbols, intervals[i]);
    });
    bytes += static_cast<size_t>(threads) * length;
  }
  Report(state, bytes);
}

void Step(benchmark::State& state, Kernels kernels) {
  const ExactNetwork network = MakeNetwork(state, kernels);
  const auto threads = static_cast<int>(state.range(1));
  const int lanes = kLanes / threads;
  const auto vocabulary = static_cast<size_t>(network.config().vocabulary);
  ThreadTeam team(threads);
  std::vector<std::unique_ptr<ExactSession>> sessions;
  for (int t = 0; t < threads; ++t) {
    sessions.push_back(std::make_unique<ExactSession>(network, lanes));
  }
  std::vector<std::vector<uint32_t>> frequencies(
      static_cast<size_t>(threads), std::vector<uint32_t>(static_cast<size_t>(lanes) * vocabulary));
  // Every lane knows nearly half a context, so that the timed steps, around its middle, are of the
  // mean cost.
  const auto half =
      static_cast<size_t>(network.config().context) / 2 - kSteps * kStepIterations / 2;
  const auto symbols = testing::RandomSymbols(network.config(), half, 3);
  std::vector<SymbolInterval> intervals(half);
  for (auto& session : sessions) {
    for (int lane = 0; lane < lanes; ++lane) {
      session->Reset(lane);
      session->Score(lane, symbols, intervals);
    }
  }
  size_t bytes = 0;
  for (auto _ : state) {
    team.Run(threads, [&](int item, int) {
      const auto i = static_cast<size_t>(item);
      for (size_t step = 0; step < kSteps; ++step) {
        const std::vector<int32_t> previous(static_cast<size_t>(lanes), symbols[step]);
        sessions[i]->Step(previous, frequencies[i]);
      }
    });
    bytes += kSteps * kLanes;
  }
  Report(state, bytes);
}

void Sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"parameters", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
  for (const int64_t parameters : {200'000, 800'000, 3'200'000}) {
    for (const int64_t threads : {1, 2}) b->Args({parameters, threads});
  }
}

BENCHMARK_CAPTURE(Score, fast, Kernels::kFast)->Apply(Sizes);
BENCHMARK_CAPTURE(Step, fast, Kernels::kFast)->Apply(Sizes)->Iterations(kStepIterations);
BENCHMARK_CAPTURE(Score, plain, Kernels::kPlain)->Apply(Sizes);
BENCHMARK_CAPTURE(Step, plain, Kernels::kPlain)->Apply(Sizes)->Iterations(kStepIterations);

}  // namespace
}  // namespace occam

BENCHMARK_MAIN();
