#include "train/run_keeper.h"

#include <filesystem>
#include <utility>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {

RunKeeper::RunKeeper(std::string checkpoint_path, std::string best_path, Communicator* ranks,
                     TrainingObserver* observer)
    : checkpoint_path_(std::move(checkpoint_path)),
      best_path_(std::move(best_path)),
      ranks_(ranks),
      observer_(observer) {}

void RunKeeper::Save(const Checkpoint& checkpoint, int64_t steps) {
  if (ranks_->rank() == 0) SaveCheckpoint(checkpoint_path_, checkpoint);
  saved_steps_ = steps;
  observer_->OnCheckpoint(steps, checkpoint_path_);
}

bool RunKeeper::IsBest(const ValidationReport& report) const {
  return report.bits_per_byte < best_bits_per_byte_;
}

void RunKeeper::SaveBest(const Checkpoint& checkpoint, const ValidationReport& report) {
  best_bits_per_byte_ = report.bits_per_byte;
  if (ranks_->rank() > 0) return;
  SaveCheckpoint(best_path_, Released(checkpoint));
  observer_->OnBest(report, best_path_);
}

void RunKeeper::Resume(const Checkpoint& checkpoint, const std::string& path, int64_t steps) {
  saved_steps_ = steps;
  if (!keeps_best()) return;
  if (ranks_->rank() == 0 && std::filesystem::exists(best_path_))
    best_bits_per_byte_ = BestBitsPerByte(checkpoint, path);
  best_bits_per_byte_ = ranks_->OfFirst(best_bits_per_byte_);
}

double RunKeeper::BestBitsPerByte(const Checkpoint& run, const std::string& path) const {
  const Checkpoint best = LoadCheckpoint(best_path_);
  if (best.provenance.data_sha256 != run.provenance.data_sha256 || !(best.config == run.config) ||
      best.provenance.validation_curve.empty()) {
    throw UsageError(best_path_ + " is not of the run of " + path + "; move it away");
  }
  return best.provenance.validation_curve.back().bits_per_byte;
}

std::string RunKeeper::WhatIsKept() const {
  if (saved_steps_ < 0) return "no checkpoint was written yet";
  return fmt::format("{} still holds step {}", checkpoint_path_, saved_steps_);
}

Checkpoint Released(Checkpoint checkpoint) {
  checkpoint.training.reset();
  return checkpoint;
}

}  // namespace occam
