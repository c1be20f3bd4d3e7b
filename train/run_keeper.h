// The files that a run keeps: itself, so that it can go on, and the weights that validated best.
#ifndef OCCAM_TRAIN_RUN_KEEPER_H_
#define OCCAM_TRAIN_RUN_KEEPER_H_

#include <cstdint>
#include <limits>
#include <string>

#include "model/checkpoint/checkpoint.h"
#include "train/communicator.h"
#include "train/observer.h"

namespace occam {

// Writes and reads on the first of several ranks; all are called alike. An empty path: nothing is
// kept there.
class RunKeeper {
 public:
  // `ranks` and `observer` must outlive it.
  RunKeeper(std::string checkpoint_path, std::string best_path, Communicator* ranks,
            TrainingObserver* observer);

  bool keeps_run() const { return !checkpoint_path_.empty(); }
  bool keeps_best() const { return !best_path_.empty(); }

  // Saves the run after `steps` steps. Throws kIo.
  void Save(const Checkpoint& checkpoint, int64_t steps);

  // Returns whether this validation is the best so far.
  bool IsBest(const ValidationReport& report) const;
  // Saves its weights, released. Throws kIo.
  void SaveBest(const Checkpoint& checkpoint, const ValidationReport& report);

  // The run goes on from the checkpoint in `path`, of `steps` steps: what best_path holds counts as
  // the best so far. Throws as LoadCheckpoint; kUsage when that is of another run.
  void Resume(const Checkpoint& checkpoint, const std::string& path, int64_t steps);

  // Says in messages: "NAME still holds step N", or that there is none.
  std::string WhatIsKept() const;

 private:
  double BestBitsPerByte(const Checkpoint& run, const std::string& path) const;

  std::string checkpoint_path_;
  std::string best_path_;
  Communicator* ranks_;
  TrainingObserver* observer_;
  int64_t saved_steps_ = -1;  // of the last checkpoint; -1: there is none
  double best_bits_per_byte_ = std::numeric_limits<double>::infinity();
};

// Drops the training state: what is left is all that coding needs.
Checkpoint Released(Checkpoint checkpoint);

}  // namespace occam

#endif  // OCCAM_TRAIN_RUN_KEEPER_H_
