// One optimizer step over all parameters: Muon or AdamW, as the rule of each tensor in
// ParameterTable says.
#ifndef OCCAM_TRAIN_OPTIMIZER_H_
#define OCCAM_TRAIN_OPTIMIZER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "data/base/stop.h"
#include "data/base/thread_team.h"
#include "model/config.h"
#include "model/parameters.h"
#include "train/muon.h"
#include "train/recipe.h"

namespace occam {

// The memory of the steps before that the next one needs.
struct OptimizerState {
  explicit OptimizerState(const ModelConfig& config) : first(config), second(config) {}
  int64_t steps = 0;
  ParameterSet first;   // Muon's momentum; AdamW's mean of gradients
  ParameterSet second;  // AdamW's mean of squares; zero where the rule is Muon
};

// A tensor is updated by one thread, so the result does not depend on their number. All memory is
// allocated in the beginning. There is one Step at a time.
class Optimizer {
 public:
  // `team` must outlive it.
  Optimizer(const ModelConfig& config, const Recipe& recipe, ThreadTeam* team);
  ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Learning rates are the recipe's times `rate_factor`; gradients are multiplied by
  // `gradient_scale` (clipping) as they are read, but for those of a memory's tensors.
  void Step(double rate_factor, float gradient_scale, const ParameterSet& gradients,
            ParameterSet* weights);

  // The two halves of Step. The first finds the directions of Muon, which is most of the work; once
  // `stop` says so it leaves them out. Then Finish changes state and weights, or Discard leaves
  // both as they were.
  void Prepare(float gradient_scale, const ParameterSet& gradients, const StopFn& stop);
  void Finish(double rate_factor, float gradient_scale, const ParameterSet& gradients,
              ParameterSet* weights);
  void Discard();

  const OptimizerState& state() const { return state_; }
  void Restore(OptimizerState state);  // of the same configuration

 private:
  template <typename Job>
  void ForEachTensor(float gradient_scale, Job&& job);
  MuonStep MuonStepOf(int tensor, double rate_factor, float gradient_scale) const;
  void StepAdamW(int tensor, double rate_factor, float gradient_scale,
                 const ParameterSet& gradients, ParameterSet* weights);

  Recipe recipe_;
  ThreadTeam* team_;
  OptimizerState state_;  // where the rule is Muon, `second` holds the directions during a step
  std::vector<Orthogonaliser> scratch_;  // one a thread
  std::vector<int> order_;               // of the tensors, the one with most work first
};

// The global norm of all elements but those of a memory's tensors, summed in double, in parts that
// depend on their number alone. Not finite if an element is not.
double GlobalNorm(const ParameterSet& gradients, ThreadTeam* team);

// The factor of gradients so that their norm is at most clip_norm (Pascanu et al., 2013, algorithm
// 1).
float ClipScale(double norm, double clip_norm);

}  // namespace occam

#endif  // OCCAM_TRAIN_OPTIMIZER_H_
