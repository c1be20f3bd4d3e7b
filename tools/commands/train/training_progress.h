// The lines that occam train shows while it runs.
#ifndef OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_PROGRESS_H_
#define OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_PROGRESS_H_

#include <cstdint>
#include <string>

#include "tools/progress.h"
#include "train/observer.h"

namespace occam {

// Prints to the terminal, nothing if quiet.
class TrainingProgress final : public TrainingObserver {
 public:
  explicit TrainingProgress(bool quiet) : quiet_(quiet), line_(quiet) {}

  void OnStep(const StepReport& r) override;
  void OnValidation(const ValidationReport& r) override;
  void OnRounding(int64_t step) override;
  void OnPrequential(const PrequentialReport& r) override;
  void Clear() { line_.Clear(); }

 private:
  bool quiet_;
  ProgressLine line_;
  double smoothed_ = 0;
  std::string validation_;  // the last one, as shown
};

}  // namespace occam

#endif  // OCCAM_TOOLS_COMMANDS_TRAIN_TRAINING_PROGRESS_H_
