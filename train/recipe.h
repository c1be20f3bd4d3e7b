// The recipe of training a model: every hyper-parameter with its source.
#ifndef OCCAM_TRAIN_RECIPE_H_
#define OCCAM_TRAIN_RECIPE_H_

#include <cstdint>

namespace occam {

struct Recipe {
  // Muon, on the hidden matrices (Jordan et al., 2024, "Muon: an optimizer for hidden layers in
  // neural networks"). Rates and batch were chosen by experiments/results/recipe:
  // flat around these values, at 200 and 800 thousand parameters, 40 to 300 MB seen.
  double muon_lr = 0.02;
  double muon_momentum = 0.95;  // Nesterov
  int64_t newton_schulz_steps = 5;

  // AdamW, on embedding, head, gains and convolutions (Loshchilov and Hutter, 2019, "Decoupled
  // weight decay regularization"); the rate by experiments/results/recipe.
  double adamw_lr = 8e-3;
  double adamw_beta1 = 0.9;
  double adamw_beta2 = 0.99;
  double adamw_epsilon = 1e-10;  // small, since rare bytes have tiny gradients (Jordan, 2024)

  // Times the learning rate, on the decayed tensors of ParameterTable. 0 and 0.3 cost 1.5 % at
  // 800K after 60 MB (experiments/results/recipe/README.md).
  double weight_decay = 0.1;
  // The gradient's global norm is scaled down to this (Pascanu et al., 2013, section 3.2; the value
  // of GPT-3: Brown et al., 2020, appendix B).
  double clip_norm = 1.0;

  // The schedule: warm-up, constant, then linear down to the final factor (Haegele et al., 2024,
  // "Scaling laws and compute-optimal training beyond fixed training durations"); its shares by
  // experiments/results/recipe/README.md.
  int64_t warmup_steps = 100;
  double warmup_share = 0.05;   // of the run, at most: in short runs warm-up ends here
  double constant_share = 0.4;  // of the run, warm-up included
  double final_factor = 0.02;

  // Over this last share of the run, forward and backward passes see the weights rounded as the
  // exact network will have them (model/quantize.h). Gradients go to the weights as they are: the
  // straight-through estimator (Bengio, Leonard and Courville, 2013, "Estimating or propagating
  // gradients through stochastic neurons", section 4; for weights Jacob et al., 2018, "Quantization
  // and training of neural networks for efficient integer-arithmetic-only inference", section 3).
  // 0: never.
  double rounded_share = 0.2;
  // The bits of a weight's code (model/quantize.h), at most.
  int64_t weight_bits = 7;
  // lambda of train/weight_rate.h, where the passes see rounded weights. 0: the weights' bits cost
  // nothing.
  double weight_rate = 0;

  // The rows of a memory, by experiments/results/memory. The learning rate is flat from 0.03 to
  // 0.1, and 0.9 to 0.999 for the decay of a row's mean square change nothing. Steps between codes
  // of 2 deviations of the rows are best at equal coded bytes. Over the last memory_rounded_share
  // the passes see rows so rounded.
  double memory_lr = 0.1;
  double memory_beta2 = 0.99;
  double memory_step = 2;
  double memory_rounded_share = 0.4;

  // Sequences of `context` tokens a step; experiments/short_runs.sh and experiments/results/recipe.
  int64_t batch_sequences = 8;
  // The gradients of shards are summed in their order, so a result depends on this number and never
  // on threads (docs/architecture.md).
  int64_t shard_sequences = 1;
  // 1: linear layers multiply operands rounded to bfloat16 (Kalamkar et al., 2019, "A study of
  // BFLOAT16 for deep learning training"); 0: float32. Weights, sums and all else are float32.
  int64_t bfloat16 = 0;
  // The seed of the initial weights and of the batches.
  int64_t seed = 1;

  bool operator==(const Recipe&) const = default;
};

// Calls f(name, field) for each field, in order; checkpoints and comparisons go by it. `R` is
// Recipe or const Recipe; a field is double or int64_t.
template <typename R, typename F>
void VisitRecipe(R& recipe, F&& f) {
  f("muon_lr", recipe.muon_lr);
  f("muon_momentum", recipe.muon_momentum);
  f("newton_schulz_steps", recipe.newton_schulz_steps);
  f("adamw_lr", recipe.adamw_lr);
  f("adamw_beta1", recipe.adamw_beta1);
  f("adamw_beta2", recipe.adamw_beta2);
  f("adamw_epsilon", recipe.adamw_epsilon);
  f("weight_decay", recipe.weight_decay);
  f("clip_norm", recipe.clip_norm);
  f("warmup_steps", recipe.warmup_steps);
  f("warmup_share", recipe.warmup_share);
  f("constant_share", recipe.constant_share);
  f("final_factor", recipe.final_factor);
  f("rounded_share", recipe.rounded_share);
  f("weight_bits", recipe.weight_bits);
  f("weight_rate", recipe.weight_rate);
  f("memory_lr", recipe.memory_lr);
  f("memory_beta2", recipe.memory_beta2);
  f("memory_step", recipe.memory_step);
  f("memory_rounded_share", recipe.memory_rounded_share);
  f("batch_sequences", recipe.batch_sequences);
  f("shard_sequences", recipe.shard_sequences);
  f("bfloat16", recipe.bfloat16);
  f("seed", recipe.seed);
}

// Throws kUsage that names the field, unless every field is within its bounds and a batch is a
// whole number of shards.
void CheckRecipe(const Recipe& recipe);

}  // namespace occam

#endif  // OCCAM_TRAIN_RECIPE_H_
