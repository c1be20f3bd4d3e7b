#include "train/schedule.h"

#include <algorithm>
#include <cmath>

#include "data/base/error.h"

namespace occam {

void CheckRunLength(const RunLength& length) {
  const bool by_steps = length.steps > 0 && length.seconds == 0;
  const bool by_time = length.steps == 0 && length.seconds > 0 && std::isfinite(length.seconds);
  if (!by_steps && !by_time) {
    throw UsageError("a run's length is either a number of steps or a time, and positive");
  }
}

double Progress(const RunLength& length, int64_t steps_done, double elapsed_s) {
  const double share = length.steps > 0
                           ? static_cast<double>(steps_done) / static_cast<double>(length.steps)
                           : elapsed_s / length.seconds;
  return std::clamp(share, 0.0, 1.0);
}

double LearningRateFactor(const Recipe& recipe, int64_t step, double progress) {
  double warmup = 1;
  if (recipe.warmup_steps > 0 && recipe.warmup_share > 0) {
    const double by_steps =
        static_cast<double>(step + 1) / static_cast<double>(recipe.warmup_steps);
    warmup = std::min(1.0, std::max(by_steps, progress / recipe.warmup_share));
  }
  if (progress <= recipe.constant_share) return warmup;
  const double decayed = (progress - recipe.constant_share) / (1 - recipe.constant_share);
  return warmup * (1 - decayed * (1 - recipe.final_factor));
}

bool SeesRounded(const Recipe& recipe, double progress) {
  return recipe.rounded_share > 0 && progress >= 1 - recipe.rounded_share;
}

bool SeesRoundedMemory(const Recipe& recipe, double progress) {
  return recipe.memory_rounded_share > 0 && progress >= 1 - recipe.memory_rounded_share;
}

}  // namespace occam
