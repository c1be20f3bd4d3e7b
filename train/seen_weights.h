// The weights as the passes see them: themselves, or from some step on what the exact network will
// make of them. The latter have the price of their bits (Recipe::rounded_share, weight_bits and
// weight_rate).
#ifndef OCCAM_TRAIN_SEEN_WEIGHTS_H_
#define OCCAM_TRAIN_SEEN_WEIGHTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "data/base/thread_team.h"
#include "model/config.h"
#include "model/parameters.h"
#include "train/recipe.h"
#include "train/training_run.h"
#include "train/weight_rate.h"

namespace occam {

class SeenWeights {
 public:
  // `bytes_per_token` is what lambda, a price by the byte, is multiplied with. `team` must outlive
  // it.
  SeenWeights(const ModelConfig& config, const Recipe& recipe, double bytes_per_token,
              ThreadTeam* team);

  // Rounds them from here on. It is called only where the recipe rounds at all.
  void BeginRounding() { rounding_ = true; }
  bool rounding() const { return rounding_; }

  // Those of `weights`, which are of step `step`: `weights` itself, or a copy rounded once a step,
  // valid until the next call. Throws kDamaged where a weight cannot be rounded (Quantise).
  const ParameterSet& Of(const ParameterSet& weights, int64_t step);

  // Charges for the weights where the recipe has a weight_rate. Takes the sensitivity of the loss
  // from its gradients, those of the mean loss of `targets` tokens. Where weights are rounded, then
  // adds to them the gradient of the weights' own bits. It is called after Of for the same step.
  void Charge(const ParameterSet& weights, size_t targets, ParameterSet* gradients);

  // R of train/weight_rate.h; 0 unless the recipe charges for it and weights are rounded.
  double Bits(const ParameterSet& weights) const;

  // The steps that rows are coded in; empty where the recipe does not choose that, or has not yet.
  const std::vector<float>& row_steps() const { return row_steps_; }

  // The state that a resumed run must be given back.
  SensitivityState State() const;
  void Restore(SensitivityState state);  // Throws kDamaged for another number of rows.

 private:
  void Round(const ParameterSet& weights);
  bool charged() const { return recipe_.weight_rate > 0; }

  Recipe recipe_;
  double lambda_;  // a token
  ThreadTeam* team_;
  bool rounding_ = false;
  std::unique_ptr<ParameterSet> rounded_;  // where the recipe rounds
  int64_t rounded_step_ = -1;              // of `rounded_`
  // The charge for rows. Steps are empty before there is a gradient to go by; scales are those of
  // `rounded_`.
  RowSensitivity sensitivity_;
  std::vector<float> row_steps_;
  std::vector<float> row_scales_;
};

}  // namespace occam

#endif  // OCCAM_TRAIN_SEEN_WEIGHTS_H_
