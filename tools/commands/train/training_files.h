// The files of a run, named after its checkpoint: NAME.h5, NAME.occm, NAME.log.jsonl
// (train/run_log.h), with --keep-best NAME.best.h5 and NAME.best.occm, and while it runs
// NAME.train.lock.
#ifndef OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_FILES_H_
#define OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "data/base/file_lock.h"

namespace occam {

std::string ModelPath(const std::string& checkpoint_path);
std::string BestPath(const std::string& checkpoint_path);

// The files of a run: those that it writes follow from `out`.
struct RunFiles {
  std::string out;
  bool keeps_best = false;
  std::vector<std::string> reads;  // data, and the model of --init
};

// Checks before anything of the run is written. Throws kUsage where a file of the run is one that
// it reads, or where two of its files have one name.
void CheckRunFiles(const RunFiles& files);

// Throws kIo where a new run would replace files; the message names them all.
void RefuseToReplace(const RunFiles& files);

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
