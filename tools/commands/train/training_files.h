// The files of a run, named after its checkpoint: NAME.h5, NAME.occm, NAME.log.jsonl
// (train/run_log.h), with --keep-best NAME.best.h5 and NAME.best.occm, and while it runs
// NAME.train.lock.
#ifndef OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_FILES_H_
#define OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_FILES_H_

#include <memory>
#include <string>

#include "data/base/file_lock.h"

namespace occam {

std::string ModelPath(const std::string& checkpoint_path);
std::string BestPath(const std::string& checkpoint_path);

// Locks for as long as a run lives: no other process trains to the same `out`. Throws kIo where one
// does (the message names it) or the lock's file cannot be made. Where the file system has no
// locks, warns on standard error and goes on.
std::unique_ptr<FileLock> LockRun(const std::string& out);

// Clears up before the first step. Removes what killed processes left half-written, and where a run
// begins anew (`fresh`) with a best_path (else empty) the best of the run before. Throws kIo.
void ClearForRun(const std::string& out, const std::string& best_path, bool fresh);

// Writes, after a run's end, its models for coding; those of the best where there is one. Prints
// what it wrote unless `quiet`. Throws kIo.
void WriteModels(const std::string& out, const std::string& best_path, bool quiet);

}  // namespace occam

#endif  // OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_FILES_H_
