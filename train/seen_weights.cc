#include "train/seen_weights.h"

#include <numbers>
#include <utility>

#include "model/quantize.h"

namespace occam {

SeenWeights::SeenWeights(const ModelConfig& config, const Recipe& recipe, double bytes_per_token,
                         ThreadTeam* team)
    : recipe_(recipe),
      lambda_(recipe.weight_rate * bytes_per_token),
      team_(team),
      sensitivity_(ParameterTable(config)) {
  if (recipe.rounded_share > 0) rounded_ = std::make_unique<ParameterSet>(config);
  if (charged()) row_scales_.resize(static_cast<size_t>(RowCount(ParameterTable(config))));
}

const ParameterSet& SeenWeights::Of(const ParameterSet& weights, int64_t step) {
  if (!rounding_) return weights;
  if (rounded_step_ != step) {
    Round(weights);
    rounded_step_ = step;
  }
  return *rounded_;
}

void SeenWeights::Round(const ParameterSet& weights) {
  const auto& table = weights.table();
  if (charged() && sensitivity_.batches() > 0) {
    row_steps_.resize(row_scales_.size());
    sensitivity_.FillSteps(lambda_, row_steps_);
  }
  team_->Run(static_cast<int>(table.size()), [&](int tensor, int) {
    RoundTensor(table[static_cast<size_t>(tensor)], static_cast<int>(recipe_.weight_bits),
                weights.tensor(tensor), rounded_->tensor(tensor), row_steps_, row_scales_);
  });
}

void SeenWeights::Charge(const ParameterSet& weights, size_t targets, ParameterSet* gradients) {
  if (!charged()) return;
  sensitivity_.Add(*gradients, static_cast<double>(targets), team_);
  if (!rounding_) return;
  const double factor = lambda_ * std::numbers::ln2;
  team_->Run(static_cast<int>(weights.table().size()), [&](int tensor, int) {
    const ParameterSpec& spec = weights.table()[static_cast<size_t>(tensor)];
    if (spec.coding != Coding::kRowCodes) return;
    AddCodedBitsGradient(spec, weights.tensor(tensor), row_scales_, factor,
                         gradients->tensor(tensor));
  });
}

double SeenWeights::Bits(const ParameterSet& weights) const {
  if (!charged() || !rounding_) return 0;
  double bits = 0;
  for (size_t i = 0; i < weights.table().size(); ++i) {
    const ParameterSpec& spec = weights.table()[i];
    if (spec.coding == Coding::kRowCodes)
      bits += CodedBits(spec, weights.tensor(static_cast<int>(i)), row_scales_);
  }
  return bits;
}

SensitivityState SeenWeights::State() const {
  if (!charged()) return {};
  return {sensitivity_.means(), sensitivity_.batches()};
}

void SeenWeights::Restore(SensitivityState state) {
  if (charged()) sensitivity_.Restore(std::move(state.means), state.batches);
}

}  // namespace occam
