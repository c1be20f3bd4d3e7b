// The memory that a training run takes, counted before any of it is allocated.
#ifndef OCCAM_TRAIN_TRAINING_MEMORY_H_
#define OCCAM_TRAIN_TRAINING_MEMORY_H_

#include <cstdint>

#include "model/config.h"
#include "train/recipe.h"

namespace occam {

// Returns how many bytes training takes at least, beside its data: parameters, their gradients and
// the optimizer's moments, and the activations of the shards at work. `ranks` processes share the
// shards of a step, and each has `threads` threads. The largest number stands for all larger ones.
uint64_t TrainingMemory(const ModelConfig& config, const Recipe& recipe, int threads, int ranks);

// Throws kMemory, with what is needed and what there is, unless this machine has that much.
void RequireTrainingMemory(const ModelConfig& config, const Recipe& recipe, int threads, int ranks);

}  // namespace occam

#endif  // OCCAM_TRAIN_TRAINING_MEMORY_H_
