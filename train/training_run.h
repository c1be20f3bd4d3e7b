// The part of a checkpoint that an unfinished run keeps, and whether a run may go on from it.
#ifndef OCCAM_TRAIN_TRAINING_RUN_H_
#define OCCAM_TRAIN_TRAINING_RUN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/checkpoint/checkpoint.h"
#include "train/memory_learner.h"
#include "train/optimizer.h"
#include "train/prequential.h"
#include "train/recipe.h"
#include "train/schedule.h"

namespace occam {

// The place that a run has come to, beside its weights. Batches are a pure function of (seed,
// step), so there is no random state.
struct RunPosition {
  int64_t steps = 0;
  double elapsed_s = 0;
  int64_t validation_tokens = 0;  // that interim validations measure; 0 until the first one
  bool validation_due = false;    // the interim validation at `steps` was interrupted
  // The code of the steps so far; nothing when the run started from another model's weights (or
  // before this was counted).
  std::optional<Prequential> prequential = Prequential{};
};

// The state of RowSensitivity (train/weight_rate.h); no means where the recipe does not ask for it.
struct SensitivityState {
  std::vector<double> means;
  int64_t batches = 0;
};

// Names: counters and numbers "recipe.<field>", "length.steps", "length.seconds", "steps",
// "elapsed_s", "validation_tokens", "validation_due" (1, or it is not there), "prequential.bits",
// "prequential.bytes" (both or none), "optimizer.steps"; tensors "optimizer.first",
// "optimizer.second"; list "sensitivity.means" and counter "sensitivity.batches" (both or none); of
// a memory arrays "memory.mean_squares" and "memory.counts" and list "memory.square_sums".
TrainingState PackTraining(const Recipe& recipe, const RunLength& length,
                           const RunPosition& position, const OptimizerState& optimizer,
                           const SensitivityState& sensitivity = {},
                           const MemoryState& memory = {});

// The plan of a run, and how far it came.
struct RunPlan {
  Recipe recipe;
  RunLength length;
  int64_t steps_done = 0;
};

// Returns what a training state says of it.
std::optional<Prequential> PrequentialOf(const TrainingState& state);

// Throws kUsage (a released model; a checkpoint that lacks a field of the recipe, being of an older
// version; weight_rate is then 0, and what is said of a memory the default), kDamaged (something
// else is missing in the training state).
RunPlan UnpackPlan(const Checkpoint& checkpoint, const std::string& path);

struct UnpackedTraining {
  RunPosition position;
  OptimizerState optimizer;
  SensitivityState sensitivity;
  MemoryState memory;
};

// Throws kUsage that names what differs unless the checkpoint has a training state of this very
// configuration, recipe, length, tokenizer and training data (by its digest); kDamaged when
// something is missing in it. `path` is for the messages.
UnpackedTraining UnpackTraining(const Checkpoint& checkpoint, const std::string& path,
                                const ModelConfig& config, const Recipe& recipe,
                                const RunLength& length, const Bytes& tokenizer,
                                const std::string& data_sha256);

}  // namespace occam

#endif  // OCCAM_TRAIN_TRAINING_RUN_H_
