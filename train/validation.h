// The measures of a run on its validation parts: some of them now and then, all of them at the end.
#ifndef OCCAM_TRAIN_VALIDATION_H_
#define OCCAM_TRAIN_VALIDATION_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/checkpoint/checkpoint.h"
#include "train/learner.h"
#include "train/observer.h"
#include "train/training_stream.h"

namespace occam {

// Interim validations, evenly spaced over the run. All are on the same first tokens of the
// validation part: as many as cost together about `share` of the training time, at most `limit`.
struct ValidationPlan {
  int count = 20;
  double share = 0.05;
  int64_t limit = 1'000'000;
};

// Measures each of several sources, and the mean goes by their shares. Sources without validation
// tokens are left out, and the others' shares count in proportion. `steps` is how many steps the
// learner's weights have had.
class Validation {
 public:
  // `chunk` is the model's context. `stream` and `learner` must outlive it.
  Validation(const ValidationPlan& plan, int chunk, const TrainingStream* stream, Learner* learner);

  // Returns whether there is anything to validate on.
  bool possible() const;

  // Returns whether an interim validation lies between these two moments of the run, in [0, 1].
  bool IsDue(double progress_before, double progress) const;

  // Returns how many tokens interim validations measure, about, by what has been trained until the
  // first of them, at `progress`.
  int64_t PartSize(int64_t steps, double progress) const;
  // The first tokens of each source, `part_size` in all; nothing when `interrupt` (may be null) was
  // set before all were done.
  std::optional<ValidationReport> Part(int64_t steps, int64_t part_size,
                                       const std::atomic<bool>* interrupt);
  // All of them; nothing as with Part.
  std::optional<ValidationReport> Whole(int64_t steps, const std::atomic<bool>* interrupt);

 private:
  double ValidatedShare() const;
  std::optional<ValidationReport> Measure(int64_t steps, std::span<const int64_t> tokens,
                                          const std::atomic<bool>* interrupt);

  ValidationPlan plan_;
  int64_t chunk_;
  const TrainingStream* stream_;
  Learner* learner_;
};

// Adds the report's points to the curves. One at the same place replaces that before it: a finished
// run that is resumed measures its last point again.
void AddToCurves(const ValidationReport& report, Provenance* provenance);

}  // namespace occam

#endif  // OCCAM_TRAIN_VALIDATION_H_
