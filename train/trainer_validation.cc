// What a run measures on the validation part: some of it now and then, all of it at the end.
#include <algorithm>

#include "train/trainer.h"

namespace occam {

bool Trainer::HasValidation() const {
  return std::ranges::any_of(data_.sources, [](const TrainingSource& source) {
    return !source.validation_tokens.empty();
  });
}

void Trainer::ValidatePart(double progress) {
  if (!HasValidation()) return;
  const int64_t chunk = settings_.config.context;
  if (position_.validation_tokens == 0) {
    // A forward pass costs about a third of a training step's tokens.
    const auto points = static_cast<double>(settings_.validations);
    const double seen =
        static_cast<double>(position_.steps) * static_cast<double>(batch_.targets.size());
    const double tokens = 3 * settings_.validation_share * seen / progress / points;
    const int64_t whole_chunks = static_cast<int64_t>(tokens) / chunk * chunk;
    position_.validation_tokens =
        std::max(chunk, std::min(settings_.validation_limit, whole_chunks));
  }
  // The data of a resumed run may have another validation part than before.
  const auto part = ValidationPart(data_, batches_, position_.validation_tokens, chunk);
  // Not interruptible, being short: so a resumed run has the same curve.
  ValidationReport report = Validate(data_, batches_, part, Seen(), &workers_).value();
  AddValidation(/*whole=*/false, &report);
  KeepIfBest(report);
}

bool Trainer::ValidateWhole() {
  if (!HasValidation()) return true;
  auto report =
      Validate(data_, batches_, WholeValidation(data_), Seen(), &workers_, settings_.interrupt);
  if (!report) return false;
  AddValidation(/*whole=*/true, &*report);
  return true;
}

void Trainer::AddValidation(bool whole, ValidationReport* report) {
  report->step = position_.steps;
  report->bytes_seen = bytes_seen();
  report->whole = whole;
  report->rounded = seen_weights_.rounding();
  report->weight_bits = seen_weights_.Bits(weights_);
  Provenance& provenance = settings_.provenance;
  // A finished run that is resumed measures its last point again.
  const auto add = [&](std::vector<ValidationPoint>* curve, double bits_per_byte) {
    if (!curve->empty() && curve->back().bytes_seen == report->bytes_seen) curve->pop_back();
    curve->push_back({report->bytes_seen, bits_per_byte});
  };
  add(&provenance.validation_curve, report->bits_per_byte);
  for (const SourceValidation& own : report->sources) {
    for (SourceProvenance& source : provenance.sources) {
      if (source.name == own.name) add(&source.validation_curve, own.bits_per_byte);
    }
  }
  for (TrainingObserver* observer : settings_.observers) observer->OnValidation(*report);
}

}  // namespace occam
