// The reports of a training run while it runs. Libraries never print: a progress line and a log are
// observers.
#ifndef OCCAM_TRAIN_OBSERVER_H_
#define OCCAM_TRAIN_OBSERVER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "train/prequential.h"

namespace occam {

struct StepReport {
  int64_t step = 0;          // steps done, this one included
  double bytes_seen = 0;     // of training data, repeats included
  double loss_bpb = 0;       // of this step's batch, in bits per byte
  double gradient_norm = 0;  // before clipping
  double muon_lr = 0;
  double adamw_lr = 0;
  double tokens_per_s = 0;  // of this part of the run, interim validations and checkpoints included
  double elapsed_s = 0;     // of all parts of the run
  double left_s = 0;        // estimated
  double progress = 0;      // of the run, in [0, 1]
};

// The validation of one source of a mixture.
struct SourceValidation {
  std::string name;
  double bits_per_byte = 0;
  double validation_bytes = 0;
};

struct ValidationReport {
  int64_t step = 0;
  double bytes_seen = 0;
  double bits_per_byte = 0;     // of several sources the mean, weighted by their shares
  double validation_bytes = 0;  // that were measured
  bool whole = false;           // whether they are the whole validation part (at the end of a run)
  bool rounded = false;         // whether the weights were rounded as the exact network has them
  double weight_bits = 0;       // R of train/weight_rate.h, where the recipe charges for it
  std::vector<SourceValidation> sources = {};  // those that have names and a validation part
};

// The report at the end of a run; see train/prequential.h.
struct PrequentialReport {
  int64_t step = 0;
  Prequential length;
  double data_bytes = 0;    // of all training data
  bool whole_pass = false;  // whether the first pass is over
};

// Called by the thread that runs the trainer, between steps. What it throws ends the run.
class TrainingObserver {
 public:
  virtual ~TrainingObserver() = default;
  virtual void OnStep(const StepReport&) {}
  // The passes see rounded weights from here on, after `step` steps (Recipe::rounded_share).
  virtual void OnRounding(int64_t /*step*/) {}
  virtual void OnValidation(const ValidationReport&) {}
  virtual void OnCheckpoint(int64_t /*step*/, const std::string& /*path*/) {}
  // The weights of this validation are the best so far, and kept in `path`.
  virtual void OnBest(const ValidationReport&, const std::string& /*path*/) {}
  virtual void OnPrequential(const PrequentialReport&) {}
};

// Tells several what it is told, in the order in which they were added.
class Observers final : public TrainingObserver {
 public:
  void Add(TrainingObserver* observer) { observers_.push_back(observer); }  // not owned

  void OnStep(const StepReport& r) override {
    for (auto* observer : observers_) observer->OnStep(r);
  }
  void OnRounding(int64_t step) override {
    for (auto* observer : observers_) observer->OnRounding(step);
  }
  void OnValidation(const ValidationReport& r) override {
    for (auto* observer : observers_) observer->OnValidation(r);
  }
  void OnCheckpoint(int64_t step, const std::string& path) override {
    for (auto* observer : observers_) observer->OnCheckpoint(step, path);
  }
  void OnBest(const ValidationReport& r, const std::string& path) override {
    for (auto* observer : observers_) observer->OnBest(r, path);
  }
  void OnPrequential(const PrequentialReport& r) override {
    for (auto* observer : observers_) observer->OnPrequential(r);
  }

 private:
  std::vector<TrainingObserver*> observers_;
};

}  // namespace occam

#endif  // OCCAM_TRAIN_OBSERVER_H_
