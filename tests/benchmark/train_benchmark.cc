// Tokens a second of forward, loss and backward, one sequence of the context a thread, at 200K,
// 800K and 3.2M parameters (widths 48, 96, 192) with 1 thread and one a processor.
#include <benchmark/benchmark.h>

#include <vector>

#include "data/base/random.h"
#include "data/base/thread_team.h"
#include "model/parameters.h"
#include "model/transformer.h"
#include "train/loss.h"

namespace occam {
namespace {

void ForwardBackward(benchmark::State& state) {
  const ModelConfig config = FamilyConfig(static_cast<int>(state.range(0)));
  const auto tokens = static_cast<size_t>(config.context);
  ParameterSet weights(config);
  Randomise(&weights, 1);
  ParameterSet gradients(config);
  std::vector<int32_t> symbols(tokens + 1);
  Random random(2);
  for (int32_t& s : symbols) s = static_cast<int32_t>(random.Below(256));
  const std::span<const int32_t> inputs(symbols.data(), tokens);
  const std::span<const int32_t> targets(symbols.data() + 1, tokens);
  Transformer network(config, 1, config.context);
  std::vector<float> dlogits(tokens * 256);

  for ([[maybe_unused]] auto _ : state) {
    const std::span<const float> logits = network.Forward(weights, inputs);
    SoftmaxCrossEntropy(logits, targets, config.vocabulary, 1.0f / static_cast<float>(tokens),
                        dlogits);
    network.Backward(weights, dlogits, &gradients);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(tokens));
}

void Shapes(benchmark::internal::Benchmark* b) {
  b->ArgName("width")->Arg(48)->Arg(96)->Arg(192)->UseRealTime()->Unit(benchmark::kMillisecond);
  b->Threads(1);
  if (ProcessorCount() > 1) b->Threads(ProcessorCount());
}
BENCHMARK(ForwardBackward)->Apply(Shapes);

}  // namespace
}  // namespace occam

BENCHMARK_MAIN();
