#include "train/optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "data/base/error.h"
#include "train/vector.h"

namespace occam {

Optimizer::Optimizer(const ModelConfig& config, const Recipe& recipe, ThreadTeam* team)
    : recipe_(recipe), team_(team), state_(config), scratch_(static_cast<size_t>(team->size())) {
  const auto& table = state_.first.table();
  order_.resize(table.size());
  std::iota(order_.begin(), order_.end(), 0);
  std::ranges::stable_sort(order_, std::greater(), [&](int tensor) {
    const ParameterSpec& spec = table[static_cast<size_t>(tensor)];
    const bool muon = spec.rule == UpdateRule::kMuon;
    return spec.size() * (muon ? std::min(spec.rows, spec.columns) : 1);
  });
  for (const ParameterSpec& spec : table) {
    if (spec.rule != UpdateRule::kMuon) continue;
    for (Orthogonaliser& scratch : scratch_) scratch.Reserve(spec.rows, spec.columns);
  }
}

Optimizer::~Optimizer() = default;

void Optimizer::Restore(OptimizerState state) {
  if (state.first.size() != state_.first.size() || state.second.size() != state_.second.size()) {
    throw InternalError("an optimizer state of another configuration");
  }
  state_ = std::move(state);
}

void Optimizer::Step(double rate_factor, float gradient_scale, const ParameterSet& gradients,
                     ParameterSet* weights) {
  Prepare(gradient_scale, gradients, {});
  Finish(rate_factor, gradient_scale, gradients, weights);
}

// job(tensor, spec, scale of its gradient, thread)
template <typename Job>
void Optimizer::ForEachTensor(float gradient_scale, Job&& job) {
  const auto& table = state_.first.table();
  team_->Run(static_cast<int>(table.size()), [&](int item, int thread) {
    const int tensor = order_[static_cast<size_t>(item)];
    const ParameterSpec& spec = table[static_cast<size_t>(tensor)];
    job(tensor, spec, spec.of_memory ? 1.0f : gradient_scale, thread);
  });
}

void Optimizer::Prepare(float gradient_scale, const ParameterSet& gradients, const StopFn& stop) {
  ForEachTensor(
      gradient_scale, [&](int tensor, const ParameterSpec& spec, float scale, int thread) {
        if (spec.rule != UpdateRule::kMuon) return;
        MuonStepOf(tensor, 1, scale)
            .Direct(gradients.tensor(tensor), state_.first.tensor(tensor),
                    state_.second.tensor(tensor), &scratch_[static_cast<size_t>(thread)], stop);
      });
}

void Optimizer::Finish(double rate_factor, float gradient_scale, const ParameterSet& gradients,
                       ParameterSet* weights) {
  ++state_.steps;
  ForEachTensor(gradient_scale, [&](int tensor, const ParameterSpec& spec, float scale, int) {
    if (spec.rule == UpdateRule::kMuon) {
      MuonStepOf(tensor, rate_factor, scale)
          .Follow(gradients.tensor(tensor), state_.second.tensor(tensor),
                  state_.first.tensor(tensor), weights->tensor(tensor));
    } else {
      StepAdamW(tensor, rate_factor, scale, gradients, weights);
    }
  });
  Discard();
}

void Optimizer::Discard() {
  ForEachTensor(1, [&](int tensor, const ParameterSpec& spec, float, int) {
    if (spec.rule == UpdateRule::kMuon) std::ranges::fill(state_.second.tensor(tensor), 0.0f);
  });
}

MuonStep Optimizer::MuonStepOf(int tensor, double rate_factor, float gradient_scale) const {
  const ParameterSpec& spec = state_.first.table()[static_cast<size_t>(tensor)];
  MuonStep step;
  step.rows = spec.rows;
  step.columns = spec.columns;
  step.learning_rate = recipe_.muon_lr * rate_factor;
  step.momentum = recipe_.muon_momentum;
  step.weight_decay = spec.decayed ? recipe_.weight_decay : 0;
  step.newton_schulz_steps = recipe_.newton_schulz_steps;
  step.gradient_scale = gradient_scale;
  return step;
}

void Optimizer::StepAdamW(int tensor, double rate_factor, float gradient_scale,
                          const ParameterSet& gradients, ParameterSet* weights) {
  const ParameterSpec& spec = weights->table()[static_cast<size_t>(tensor)];
  const auto t = static_cast<double>(state_.steps);
  const double rate = recipe_.adamw_lr * rate_factor;
  const auto beta1 = static_cast<float>(recipe_.adamw_beta1);
  const auto beta2 = static_cast<float>(recipe_.adamw_beta2);
  const auto keep = static_cast<float>(1 - rate * (spec.decayed ? recipe_.weight_decay : 0));
  // The bias corrections, taken out of the loop: m / c1 / (sqrt(v / c2) + eps).
  const auto step = static_cast<float>(rate / (1 - std::pow(recipe_.adamw_beta1, t)));
  const auto root = static_cast<float>(1 / std::sqrt(1 - std::pow(recipe_.adamw_beta2, t)));
  const auto epsilon = static_cast<float>(recipe_.adamw_epsilon);
  const ConstVector g = VectorOf(gradients.tensor(tensor));
  Vector m = VectorOf(state_.first.tensor(tensor));
  Vector v = VectorOf(state_.second.tensor(tensor));
  Vector w = VectorOf(weights->tensor(tensor));
  m += (1.0f - beta1) * (g * gradient_scale - m);
  v = beta2 * v + (1.0f - beta2) * (g * gradient_scale).square();
  w = w * keep - step * m / (v.sqrt() * root + epsilon);
}

double GlobalNorm(const ParameterSet& gradients, ThreadTeam* team) {
  constexpr size_t kParts = 64;
  const std::span<const float> values =
      gradients.values().first(static_cast<size_t>(BackboneSize(gradients.table())));
  const size_t part = (values.size() + kParts - 1) / kParts;
  std::array<double, kParts> squares = {};
  team->Run(static_cast<int>(kParts), [&](int i, int) {
    const size_t first = std::min(values.size(), static_cast<size_t>(i) * part);
    const auto elements = values.subspan(first, std::min(part, values.size() - first));
    squares[static_cast<size_t>(i)] = VectorOf(elements).cast<double>().square().sum();
  });
  double total = 0;
  for (const double s : squares) total += s;
  return std::sqrt(total);
}

float ClipScale(double norm, double clip_norm) {
  return norm > clip_norm ? static_cast<float>(clip_norm / norm) : 1.0f;
}

}  // namespace occam
