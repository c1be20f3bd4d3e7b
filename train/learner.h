// The network that is being trained: its weights, what the passes see of them, and the step that
// makes them better.
#ifndef OCCAM_TRAIN_LEARNER_H_
#define OCCAM_TRAIN_LEARNER_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "data/base/stop.h"
#include "data/base/thread_team.h"
#include "data/batcher.h"
#include "model/calibration.h"
#include "model/config.h"
#include "model/parameters.h"
#include "train/communicator.h"
#include "train/memory_learner.h"
#include "train/optimizer.h"
#include "train/recipe.h"
#include "train/seen_weights.h"
#include "train/shard_workers.h"
#include "train/training_stream.h"

namespace occam {

// The result of a step.
struct StepResult {
  double loss_nats = 0;      // of the batch, a token
  double gradient_norm = 0;  // before clipping
  double rate_factor = 0;    // of the schedule
};

// Takes one call at a time, on all ranks alike. `steps` is how many steps the weights have had.
class Learner {
 public:
  // Weights are those of Initialise with the recipe's seed. `stream` and `ranks` must outlive it.
  // Throws kUsage (a precision that the processor has not).
  Learner(const ModelConfig& config, const Recipe& recipe, const TrainingStream* stream,
          int threads, Communicator* ranks);

  void StartFrom(const ParameterSet& weights, const MemoryRows& memory);
  // Takes over what a run that was stopped had. Throws kDamaged for another number of rows.
  void Restore(const ParameterSet& weights, OptimizerState optimizer, SensitivityState sensitivity);
  void RestoreMemory(const MemoryRows& rows, MemoryState state) {
    memory_.Restore(rows, std::move(state));
  }

  // Makes the step after `steps` steps. Throws kUsage where loss, gradient or weights are not
  // finite, or weights cannot be rounded: the message has what can be known of it. Where `stop`
  // says so before it is done, on any rank, it returns nothing and leaves everything as it was.
  std::optional<StepResult> Step(int64_t steps, double rate_factor, const StopFn& stop = {});

  // Throws kUsage with the same message unless all weights are finite.
  void RequireFinite(int64_t steps) const;

  // Rounds the weights that the passes see from here on.
  void BeginRounding() { seen_.BeginRounding(); }
  bool rounding() const { return seen_.rounding(); }
  // The same of the memory's rows.
  void BeginRoundingMemory() { memory_.BeginRounding(); }
  // Drops the memory's rows that are not worth their bits, after `steps` steps. It does nothing
  // unless the recipe has a weight_rate and rows are rounded.
  void DropDearRows(int64_t steps);

  // Measures as ShardWorkers, by what the passes see. Throws as Step.
  std::optional<double> ChunkedLoss(int64_t steps, std::span<const int32_t> tokens,
                                    const std::atomic<bool>* interrupt, int kind);
  // Calibrates the weights that code, over `sequences` training sequences of each source.
  // `stop` and `cut` are those of ShardWorkers::Calibrate.
  Calibration Calibrate(int64_t steps, int sequences, const StopFn& stop = {}, bool* cut = nullptr);
  // Returns what the weights' own bits are, where the recipe charges for them (SeenWeights::Bits).
  double WeightBits() const { return seen_.Bits(weights_); }

  const ParameterSet& weights() const { return weights_; }
  const OptimizerState& optimizer() const { return optimizer_.state(); }
  const MemoryLearner& memory() const { return memory_; }
  SensitivityState sensitivity() const { return seen_.State(); }

 private:
  WeightsView Seen(int64_t steps);
  [[noreturn]] void ReportDivergence(int64_t steps) const;

  Recipe recipe_;
  const TrainingStream* stream_;
  Communicator* ranks_;
  ThreadTeam team_;
  Batch batch_;
  ParameterSet weights_;
  ParameterSet gradients_;
  SeenWeights seen_;
  Optimizer optimizer_;
  MemoryLearner memory_;
  RowGradient row_gradient_;
  ShardWorkers workers_;
  StepResult last_;
};

}  // namespace occam

#endif  // OCCAM_TRAIN_LEARNER_H_
