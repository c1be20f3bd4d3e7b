#include "thread_scaling.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "data/base/random.h"
#include "data/base/thread_team.h"
#include "data/batcher.h"
#include "train/optimizer.h"
#include "train/shard_workers.h"

namespace occam {
namespace {

// Whole steps of a training run, on random bytes.
class Steps {
 public:
  Steps(const ModelConfig& c, Precision precision, const Recipe& recipe, int threads)
      : team_(threads),
        weights_(c),
        gradients_(c),
        workers_(c, static_cast<int>(recipe.shard_sequences), precision, &team_),
        optimizer_(c, recipe, &team_) {
    Initialise(c, &weights_, 1);
    Random random(2);
    std::vector<int32_t> text(1 << 20);
    for (int32_t& s : text) s = static_cast<int32_t>(random.Below(256));
    TrainingBatches(text, c.begin_symbol(), static_cast<int>(recipe.batch_sequences), c.context, 1)
        .Fill(0, &batch_);
  }
  void Run() {
    workers_.Gradient(weights_, batch_, &gradients_);
    optimizer_.Step(1e-3, ClipScale(GlobalNorm(gradients_, &team_), 1), gradients_, &weights_);
  }
  double tokens() const { return static_cast<double>(batch_.targets.size()); }

 private:
  ThreadTeam team_;
  ParameterSet weights_, gradients_;
  ShardWorkers workers_;
  Optimizer optimizer_;
  Batch batch_;
};

double WallSeconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

double MedianStepSeconds(Steps* steps) {
  constexpr double kEnough_s = 3;
  constexpr size_t kLeast = 5;
  std::vector<double> seconds;
  steps->Run();  // to warm up
  for (double total = 0; total < kEnough_s || seconds.size() < kLeast; total += seconds.back()) {
    const double begin = WallSeconds();
    steps->Run();
    seconds.push_back(WallSeconds() - begin);
  }
  std::ranges::sort(seconds);
  return seconds[seconds.size() / 2];
}

}  // namespace

const char* NameOf(Precision precision) {
  return precision == Precision::kFloat32 ? "f32" : "bf16";
}

void ReportThreads(const ModelConfig& c, Precision precision, std::optional<int> batch,
                   std::span<const int> numbers) {
  Recipe recipe;
  if (batch) recipe.batch_sequences = *batch;
  fmt::print("{}: {}; batches of {} sequences\n", NameOf(precision), Describe(c),
             recipe.batch_sequences);
  double first = 0;
  for (const int threads : numbers) {
    Steps steps(c, precision, recipe, threads);
    const double seconds = MedianStepSeconds(&steps);
    const double rate = steps.tokens() / seconds;
    if (first == 0) first = rate;
    fmt::print("  {:3} threads {:9.2f} ms a step {:9.0f} tokens/s, {:.2f} times the first\n",
               threads, 1e3 * seconds, rate, rate / first);
  }
}

}  // namespace occam
