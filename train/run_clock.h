// Tells how long a run has taken, how far it has come, and when it will be over.
#ifndef OCCAM_TRAIN_RUN_CLOCK_H_
#define OCCAM_TRAIN_RUN_CLOCK_H_

#include <cstdint>
#include <functional>

#include "train/communicator.h"
#include "train/observer.h"
#include "train/schedule.h"

namespace occam {

// A run may have several parts, each resumed from the one before; their times count together.
class RunClock {
 public:
  // `clock_s` gives monotonic seconds; empty: the steady clock. That of the first rank counts, so
  // that all ranks come to the same decisions. `ranks` must outlive it.
  RunClock(const RunLength& length, std::function<double()> clock_s, Communicator* ranks);

  // A part begins, after `steps` steps and `elapsed_s` seconds of those before it.
  void Begin(int64_t steps, double elapsed_s);

  double Now() const { return clock_s_(); }
  double Elapsed() const;  // seconds of all parts
  // The share of the run that is done after `steps` steps, in [0, 1].
  double ProgressAfter(int64_t steps) const { return Progress(length_, steps, Elapsed()); }

  // Fills in what a report of `steps` steps, the last of them just done, says of time:
  // tokens_per_s, elapsed_s, left_s and progress.
  void Report(int64_t steps, int64_t tokens_per_step, StepReport* report) const;

 private:
  RunLength length_;
  std::function<double()> clock_s_;
  double started_s_ = 0;         // when this part began
  double elapsed_before_s_ = 0;  // of the parts before
  int64_t steps_before_ = 0;
};

}  // namespace occam

#endif  // OCCAM_TRAIN_RUN_CLOCK_H_
