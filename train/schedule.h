// The length of a run, how far it has come, and the learning rate there.
#ifndef OCCAM_TRAIN_SCHEDULE_H_
#define OCCAM_TRAIN_SCHEDULE_H_

#include <cmath>
#include <cstdint>

#include "train/recipe.h"

namespace occam {

// Exactly one of the two is positive.
struct RunLength {
  int64_t steps = 0;
  double seconds = 0;  // of training, interim validations and checkpoints included, the validation
                       // at the end not; the parts of a resumed run count together
  bool operator==(const RunLength&) const = default;

  static RunLength Steps(int64_t steps) { return {steps, 0}; }
  static RunLength Minutes(double minutes) { return {0, minutes * 60}; }
  // The fewest steps that see at least `tokens`.
  static RunLength Tokens(int64_t tokens, int64_t tokens_per_step) {
    return {(tokens + tokens_per_step - 1) / tokens_per_step, 0};
  }
  // The fewest steps that see at least `bytes` where a token stands for `bytes_per_token` of them.
  static RunLength Bytes(int64_t bytes, double bytes_per_token, int64_t tokens_per_step) {
    const double bytes_per_step = bytes_per_token * static_cast<double>(tokens_per_step);
    return {static_cast<int64_t>(std::ceil(static_cast<double>(bytes) / bytes_per_step)), 0};
  }
};

// Throws kUsage.
void CheckRunLength(const RunLength& length);

// The share of the run that is done, in [0, 1], 1 when it is over.
double Progress(const RunLength& length, int64_t steps_done, double elapsed_s);

// The factor of the learning rates in step `step` (from 0) at `progress`. Warm-up is linear and
// ends after warmup_steps or at warmup_share of the run, whichever comes first; from constant_share
// on it falls linearly to final_factor at the end.
double LearningRateFactor(const Recipe& recipe, int64_t step, double progress);

// Returns whether the passes at `progress` see rounded weights: in the last rounded_share.
bool SeesRounded(const Recipe& recipe, double progress);
// The same of a memory's rows: in the last memory_rounded_share.
bool SeesRoundedMemory(const Recipe& recipe, double progress);

}  // namespace occam

#endif  // OCCAM_TRAIN_SCHEDULE_H_
