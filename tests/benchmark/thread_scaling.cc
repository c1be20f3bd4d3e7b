#include "thread_scaling.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "child_process.h"
#include "data/base/format.h"
#include "data/base/random.h"
#include "data/base/thread_team.h"
#include "data/batcher.h"
#include "train/memory_learner.h"
#include "train/optimizer.h"
#include "train/shard_workers.h"

namespace occam {
namespace {

// Whole steps of a training run.
class Steps {
 public:
  Steps(const ModelConfig& c, Precision precision, const Recipe& recipe,
        std::span<const int32_t> text, int threads)
      : team_(threads),
        weights_(c),
        gradients_(c),
        workers_(c, static_cast<int>(recipe.shard_sequences), precision, &team_),
        optimizer_(c, recipe, &team_),
        memory_(c, recipe, &team_),
        rows_(c),
        batches_(BatchesOf(c, recipe, text)) {
    Initialise(c, &weights_, 1);
  }
  void Run() {
    batches_.Fill(step_++, &batch_);
    workers_.Gradient({weights_, memory_.Seen()}, batch_, &gradients_, &rows_);
    optimizer_.Step(1e-3, ClipScale(GlobalNorm(gradients_, &team_), 1), gradients_, &weights_);
    memory_.Step(1e-3, rows_);
  }
  double tokens() const { return static_cast<double>(batch_.targets.size()); }

 private:
  ThreadTeam team_;
  ParameterSet weights_, gradients_;
  ShardWorkers workers_;
  Optimizer optimizer_;
  MemoryLearner memory_;
  RowGradient rows_;
  TrainingBatches batches_;
  Batch batch_;
  int64_t step_ = 0;
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

// Tokens a second of steps that end within ten seconds.
double RateFromNow(Steps* steps) {
  constexpr double kWindow_s = 10;
  const double begin = WallSeconds();
  double rate = 0;
  for (int done = 1; WallSeconds() - begin < kWindow_s; ++done) {
    steps->Run();
    const double seconds = WallSeconds() - begin;
    if (done == 1 || seconds <= kWindow_s) rate = done * steps->tokens() / seconds;
  }
  return rate;
}

Recipe RecipeWith(std::optional<int> batch) {
  Recipe recipe;
  if (batch) recipe.batch_sequences = *batch;
  return recipe;
}

void PrintHead(const ModelConfig& c, Precision precision, const Recipe& recipe) {
  fmt::print("{}: {}; batches of {} sequences\n", NameOf(precision), Describe(c),
             recipe.batch_sequences);
}

}  // namespace

std::vector<int32_t> RandomText() {
  Random random(2);
  std::vector<int32_t> text(1 << 20);
  for (int32_t& s : text) s = static_cast<int32_t>(random.Below(256));
  return text;
}

TrainingBatches BatchesOf(const ModelConfig& c, const Recipe& recipe,
                          std::span<const int32_t> text) {
  return {text, c.begin_symbol(), static_cast<int>(recipe.batch_sequences), c.context, 1};
}

const char* NameOf(Precision precision) {
  return precision == Precision::kFloat32 ? "f32" : "bf16";
}

void ReportThreads(const ModelConfig& c, Precision precision, std::optional<int> batch,
                   std::span<const int> numbers, std::span<const int32_t> text) {
  const Recipe recipe = RecipeWith(batch);
  PrintHead(c, precision, recipe);
  double first = 0;
  for (const int threads : numbers) {
    Steps steps(c, precision, recipe, text, threads);
    const double seconds = MedianStepSeconds(&steps);
    const double rate = steps.tokens() / seconds;
    if (first == 0) first = rate;
    fmt::print("  {:3} threads {:9.2f} ms a step {:9.0f} tokens/s, {:.2f} times the first\n",
               threads, 1e3 * seconds, rate, rate / first);
  }
}

void ReportProcesses(const ModelConfig& c, Precision precision, std::optional<int> batch,
                     std::span<const int> numbers, std::span<const int32_t> text) {
  const Recipe recipe = RecipeWith(batch);
  PrintHead(c, precision, recipe);
  double first = 0;
  for (const int processes : numbers) {
    const std::vector<double> rates =
        InChildren<double>("training", processes, [&](const WaitForAll& wait_for_all) {
          Steps steps(c, precision, recipe, text, 1);
          steps.Run();  // to warm up
          wait_for_all();
          return RateFromNow(&steps);
        });
    const double rate = std::accumulate(rates.begin(), rates.end(), 0.0);
    if (first == 0) first = rate;
    const auto [slowest, fastest] = std::ranges::minmax(rates);
    fmt::print(
        "  {:3} processes of one thread {:9.0f} tokens/s ({:.0f} to {:.0f} each), {:.2f} times "
        "the first\n",
        processes, rate, slowest, fastest, rate / first);
  }
}

}  // namespace occam
