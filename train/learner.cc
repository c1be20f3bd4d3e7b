#include "train/learner.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

Precision PrecisionOf(const Recipe& recipe) {
  return recipe.bfloat16 != 0 ? Precision::kBfloat16 : Precision::kFloat32;
}

}  // namespace

Learner::Learner(const ModelConfig& config, const Recipe& recipe, const TrainingStream* stream,
                 int threads, Communicator* ranks)
    : recipe_(recipe),
      stream_(stream),
      ranks_(ranks),
      team_(threads),
      weights_(config),
      gradients_(config),
      seen_(config, recipe, stream->BytesPerToken(), &team_),
      optimizer_(config, recipe, &team_),
      memory_(config, recipe, &team_),
      row_gradient_(config),
      workers_(config, static_cast<int>(recipe.shard_sequences), PrecisionOf(recipe), &team_,
               ranks) {
  Initialise(config, &weights_, static_cast<uint64_t>(recipe.seed));
}

void Learner::StartFrom(const ParameterSet& weights, const MemoryRows& memory) {
  weights_ = weights;
  memory_.StartFrom(memory);
}

void Learner::Restore(const ParameterSet& weights, OptimizerState optimizer,
                      SensitivityState sensitivity) {
  weights_ = weights;
  optimizer_.Restore(std::move(optimizer));
  seen_.Restore(std::move(sensitivity));
}

std::optional<StepResult> Learner::Step(int64_t steps, double rate_factor, const StopFn& stop) {
  last_.rate_factor = rate_factor;
  stream_->Fill(steps, &batch_);
  const std::optional<double> loss =
      workers_.GradientUnless(stop, Seen(steps), batch_, &gradients_, &row_gradient_);
  if (!loss) return std::nullopt;
  last_.loss_nats = *loss;
  const SensitivityState sensitivity = stop ? seen_.State() : SensitivityState{};
  seen_.Charge(weights_, batch_.targets.size(), &gradients_);
  last_.gradient_norm = GlobalNorm(gradients_, &team_);
  if (!std::isfinite(last_.loss_nats) || !std::isfinite(last_.gradient_norm))
    ReportDivergence(steps);
  const float scale = ClipScale(last_.gradient_norm, recipe_.clip_norm);
  optimizer_.Prepare(scale, gradients_, stop);
  if (stop && ranks_->Any(Stopped(stop))) {
    optimizer_.Discard();
    seen_.Restore(sensitivity);
    return std::nullopt;
  }
  optimizer_.Finish(rate_factor, scale, gradients_, &weights_);
  memory_.Step(rate_factor, row_gradient_);
  return last_;
}

void Learner::DropDearRows(int64_t steps) {
  if (recipe_.weight_rate == 0 || !memory_.rounding()) return;
  const double bit_nats = recipe_.weight_rate * stream_->BytesPerToken() * std::numbers::ln2;
  memory_.DropDearRows(bit_nats, static_cast<double>(batch_.targets.size()), steps);
}

// What the passes see of the present weights.
WeightsView Learner::Seen(int64_t steps) {
  try {
    return {seen_.Of(weights_, steps), memory_.Seen()};
  } catch (const Error& error) {
    RequireFinite(steps);
    throw UsageError(
        fmt::format("after {} steps the weights cannot be rounded: {}; lower the learning rates",
                    steps, error.what()));
  }
}

std::optional<double> Learner::ChunkedLoss(int64_t steps, std::span<const int32_t> tokens,
                                           const std::atomic<bool>* interrupt, int kind) {
  return workers_.ChunkedLoss(Seen(steps), tokens, interrupt, kind);
}

Calibration Learner::Calibrate(int64_t steps, int sequences, const StopFn& stop, bool* cut) {
  Calibration calibration = workers_.Calibrate(Seen(steps), stream_->sources(), sequences,
                                               static_cast<uint64_t>(recipe_.seed), stop, cut);
  calibration.weight_bits = static_cast<int>(recipe_.weight_bits);
  calibration.row_steps = seen_.row_steps();
  calibration.memory_step = memory_.CodeStep();
  return calibration;
}

void Learner::RequireFinite(int64_t steps) const {
  const auto finite = [](float v) { return std::isfinite(v); };
  if (!std::ranges::all_of(weights_.values(), finite) ||
      !std::ranges::all_of(memory_.rows().values, finite))
    ReportDivergence(steps);
}

void Learner::ReportDivergence(int64_t steps) const {
  float largest = 0;
  std::string where = "no tensor";
  for (size_t i = 0; i < weights_.table().size(); ++i) {
    for (const float w : weights_.tensor(static_cast<int>(i))) {
      if (std::fabs(w) <= largest || std::isnan(largest)) continue;
      largest = std::fabs(w);  // also not a number, which stays
      where = weights_.table()[i].name;
    }
  }
  throw UsageError(fmt::format(
      "training diverged after {} steps: loss {:.4g} nats, gradient norm {:.4g}, learning rates "
      "{:.3g} (matrices) and {:.3g} (others), largest weight {:.4g} in {}; lower the learning "
      "rates",
      steps, std::fabs(last_.loss_nats), std::fabs(last_.gradient_norm),
      recipe_.muon_lr * last_.rate_factor, recipe_.adamw_lr * last_.rate_factor, largest, where));
}

}  // namespace occam
