// Checks that ranks train the same model. Otherwise they part without a word where another machine
// has other data, another checkpoint, another build or another kind of processor.
#ifndef OCCAM_TRAIN_RANK_CHECK_H_
#define OCCAM_TRAIN_RANK_CHECK_H_

#include <cstdint>
#include <string>

#include "model/parameters.h"
#include "train/communicator.h"
#include "train/memory_learner.h"
#include "train/training_stream.h"

namespace occam {

// All throw kUsage on every rank unless the ranks agree. One rank alone has nothing to compare.

// `run` is what program, recipe and place in the run are, in words.
void RequireSameRun(const std::string& run, Communicator* ranks);
void RequireSameData(const TrainingStream& stream, Communicator* ranks);
void RequireSameOptimizer(const ParameterSet& state, const MemoryState& memory,
                          Communicator* ranks);
// Compares weights after `steps` steps.
void RequireSameWeights(const ParameterSet& weights, const MemoryRows& memory, int64_t steps,
                        Communicator* ranks);

}  // namespace occam

#endif  // OCCAM_TRAIN_RANK_CHECK_H_
