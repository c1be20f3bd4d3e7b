// An observer that keeps what it is told, and may interrupt.
#ifndef OCCAM_TESTS_TRAIN_RECORDER_H_
#define OCCAM_TESTS_TRAIN_RECORDER_H_

#include <atomic>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/error_kind.h"
#include "tests/train/training_fixture.h"
#include "train/observer.h"

namespace occam {

class Recorder final : public TrainingObserver {
 public:
  void OnStep(const StepReport& report) override {
    steps.push_back(report);
    if (interrupt_at == report.step) interrupt = true;
  }
  void OnRounding(int64_t step) override { roundings.push_back(step); }
  void OnValidation(const ValidationReport& report) override { validations.push_back(report); }
  void OnCheckpoint(int64_t step, const std::string&) override { checkpoints.push_back(step); }
  void OnBest(const ValidationReport& report, const std::string&) override {
    best.push_back(report);
    if (trainer != nullptr) best_weights = Values(trainer->weights());
  }
  void OnPrequential(const PrequentialReport& report) override { prequential.push_back(report); }

  const Trainer* trainer = nullptr;  // whose best weights to take
  std::vector<float> best_weights;
  std::vector<ValidationReport> best;
  std::vector<PrequentialReport> prequential;
  std::vector<StepReport> steps;
  std::vector<ValidationReport> validations;
  std::vector<int64_t> checkpoints;
  std::vector<int64_t> roundings;
  int64_t interrupt_at = -1;
  std::atomic<bool> interrupt = false;
};

template <typename F>
std::string MessageOf(ErrorKind kind, const F& act) {
  const Thrown thrown = ThrownBy(act);
  CHECK(thrown.kind == kind);
  return thrown.message;
}

}  // namespace occam

#endif  // OCCAM_TESTS_TRAIN_RECORDER_H_
