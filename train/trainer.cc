#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {

RunStatus Trainer::RunToEnd() {
  started_s_ = saved_s_ = settings_.clock_s();
  elapsed_before_s_ = position_.elapsed_s;
  steps_before_ = position_.steps;
  SetRounding();
  while (true) {
    const double progress = ProgressNow();
    if (progress >= 1) break;
    if (Interrupted()) {
      Save();
      return RunStatus::kInterrupted;
    }
    Step(progress);
    SetRounding();
    MaybeValidate(progress);
    if (settings_.clock_s() - saved_s_ >= settings_.checkpoint_every_s) Save();
  }
  // Before the whole validation, which may take long, what was trained is made safe.
  Save();
  if (!settings_.best_path.empty()) ValidatePart(/*progress=*/1);
  if (!ValidateWhole()) return RunStatus::kInterrupted;
  Save();
  ReportPrequential();
  return RunStatus::kFinished;
}

void Trainer::Step(double progress) {
  rate_factor_ = LearningRateFactor(settings_.recipe, position_.steps, progress);
  batches_.Fill(position_.steps, &batch_);
  loss_nats_ = workers_.Gradient(Seen(), batch_, &gradients_);
  seen_weights_.Charge(weights_, batch_.targets.size(), &gradients_);
  gradient_norm_ = GlobalNorm(gradients_, &team_);
  if (!std::isfinite(loss_nats_) || !std::isfinite(gradient_norm_)) ReportDivergence();
  CountPrequential();
  optimizer_.Step(rate_factor_, ClipScale(gradient_norm_, settings_.recipe.clip_norm), gradients_,
                  &weights_);
  ++position_.steps;
  ReportStep();
}

void Trainer::SetRounding() {
  if (seen_weights_.rounding() || !SeesRounded(settings_.recipe, ProgressNow())) return;
  seen_weights_.BeginRounding();
  for (TrainingObserver* observer : settings_.observers) observer->OnRounding(position_.steps);
}

// What the passes see of the present weights.
const ParameterSet& Trainer::Seen() {
  try {
    return seen_weights_.Of(weights_, position_.steps);
  } catch (const Error& error) {
    RequireFinite();
    throw UsageError(
        fmt::format("after {} steps the weights cannot be rounded: {}; lower the learning rates",
                    position_.steps, error.what()));
  }
}

void Trainer::MaybeValidate(double progress_before) {
  const double progress = ProgressNow();
  const auto points = static_cast<double>(settings_.validations);
  const bool due = std::floor(progress * points) > std::floor(progress_before * points);
  if (due && progress < 1) ValidatePart(progress);
}

bool Trainer::Interrupted() {
  return ranks_->Any(settings_.interrupt && settings_.interrupt->load());
}

double Trainer::Elapsed() const { return elapsed_before_s_ + settings_.clock_s() - started_s_; }

double Trainer::ProgressNow() const {
  return Progress(settings_.length, position_.steps, Elapsed());
}

double Trainer::bytes_seen() const {
  return BytesSeen(data_, batches_, position_.steps * settings_.recipe.batch_sequences,
                   settings_.config.context);
}

void Trainer::ReportStep() {
  position_.elapsed_s = Elapsed();
  const double part_s = position_.elapsed_s - elapsed_before_s_;
  const auto part_steps = static_cast<double>(position_.steps - steps_before_);
  StepReport report;
  report.step = position_.steps;
  report.bytes_seen = bytes_seen();
  report.loss_bpb = loss_nats_ / std::numbers::ln2 / BytesPerToken(data_, batches_);
  report.gradient_norm = gradient_norm_;
  report.muon_lr = settings_.recipe.muon_lr * rate_factor_;
  report.adamw_lr = settings_.recipe.adamw_lr * rate_factor_;
  if (part_s > 0) {
    report.tokens_per_s = part_steps * static_cast<double>(batch_.targets.size()) / part_s;
  }
  report.elapsed_s = position_.elapsed_s;
  report.progress = Progress(settings_.length, position_.steps, position_.elapsed_s);
  report.left_s =
      settings_.length.steps > 0
          ? static_cast<double>(settings_.length.steps - position_.steps) * part_s / part_steps
          : std::max(0.0, settings_.length.seconds - position_.elapsed_s);
  for (TrainingObserver* observer : settings_.observers) observer->OnStep(report);
}

bool Trainer::InFirstPass(int64_t step) const {
  return (step + 1) * settings_.recipe.batch_sequences <= batches_.source(0).windows_per_pass();
}

void Trainer::CountPrequential() {
  if (!position_.prequential || !InFirstPass(position_.steps)) return;
  const auto targets = static_cast<double>(batch_.targets.size());
  position_.prequential->bits += loss_nats_ * targets / std::numbers::ln2;
  position_.prequential->bytes += targets * data_.sources[0].train_bytes /
                                  static_cast<double>(data_.sources[0].train_tokens.size());
}

void Trainer::ReportPrequential() {
  if (!position_.prequential || position_.prequential->bytes == 0) return;
  const PrequentialReport report{position_.steps, *position_.prequential, TrainBytes(data_),
                                 /*whole_pass=*/!InFirstPass(position_.steps)};
  for (TrainingObserver* observer : settings_.observers) observer->OnPrequential(report);
}

RunStatus Trainer::Run() {
  try {
    return RunToEnd();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kIo) throw;
    const std::string kept =
        saved_steps_ < 0 ? "no checkpoint was written yet"
                         : fmt::format("{} still holds step {}, from where the run can go on",
                                       settings_.checkpoint_path, saved_steps_);
    throw IoError(fmt::format("{}; training stopped after {} steps, {}", error.what(),
                              position_.steps, kept));
  }
}

void Trainer::RequireFinite() const {
  if (!std::ranges::all_of(weights_.values(), [](float v) { return std::isfinite(v); }))
    ReportDivergence();
}

void Trainer::ReportDivergence() const {
  float largest = 0;
  std::string where = "no tensor";
  for (size_t i = 0; i < weights_.table().size(); ++i) {
    for (const float w : weights_.tensor(static_cast<int>(i))) {
      if (std::fabs(w) <= largest || std::isnan(largest)) continue;
      largest = std::fabs(w);  // also not a number, which stays
      where = weights_.table()[i].name;
    }
  }
  const std::string kept =
      settings_.checkpoint_path.empty()
          ? ""
          : fmt::format("; a checkpoint from before, if one was written, is still {}",
                        settings_.checkpoint_path);
  throw UsageError(fmt::format(
      "training diverged after {} steps: loss {:.4g} nats, gradient norm {:.4g}, learning rates "
      "{:.3g} (matrices) and {:.3g} (others), largest weight {:.4g} in {}; lower the learning "
      "rates{}",
      position_.steps, std::fabs(loss_nats_), std::fabs(gradient_norm_),
      settings_.recipe.muon_lr * rate_factor_, settings_.recipe.adamw_lr * rate_factor_, largest,
      where, kept));
}

const std::vector<ValidationPoint>& Trainer::validation_curve() const {
  return settings_.provenance.validation_curve;
}

}  // namespace occam
