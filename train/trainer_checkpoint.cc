// What a run keeps: itself, so that it can go on, and the weights that validated best.
#include <utility>

#include "train/trainer.h"

namespace occam {

void Trainer::Save() {
  saved_s_ = settings_.clock_s();
  RequireFinite();
  if (settings_.checkpoint_path.empty()) return;
  if (ranks_->size() > 1) RequireSameWeights();
  position_.elapsed_s = Elapsed();
  const Checkpoint checkpoint = Snapshot();
  if (IsFirst()) SaveCheckpoint(settings_.checkpoint_path, checkpoint);
  saved_steps_ = position_.steps;
  for (TrainingObserver* observer : settings_.observers) {
    observer->OnCheckpoint(position_.steps, settings_.checkpoint_path);
  }
}

Checkpoint Trainer::Snapshot() {
  Calibration calibration =
      workers_.Calibrate(Seen(), TrainTokens(data_), settings_.calibration_sequences,
                         static_cast<uint64_t>(settings_.recipe.seed));
  calibration.weight_bits = static_cast<int>(settings_.recipe.weight_bits);
  calibration.row_steps = seen_weights_.row_steps();
  return {settings_.config,
          weights_,
          std::move(calibration),
          data_.tokenizer,
          PackTraining(settings_.recipe, settings_.length, position_, optimizer_.state(),
                       seen_weights_.State()),
          settings_.provenance};
}

void Trainer::KeepIfBest(const ValidationReport& report) {
  if (settings_.best_path.empty() || !(report.bits_per_byte < best_bits_per_byte_)) return;
  best_bits_per_byte_ = report.bits_per_byte;
  const Checkpoint best = Released(Snapshot());
  if (!IsFirst()) return;
  SaveCheckpoint(settings_.best_path, best);
  for (TrainingObserver* observer : settings_.observers) {
    observer->OnBest(report, settings_.best_path);
  }
}

Checkpoint Released(Checkpoint checkpoint) {
  checkpoint.training.reset();
  return checkpoint;
}

}  // namespace occam
