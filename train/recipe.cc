#include "train/recipe.h"

#include <cmath>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {

void CheckRecipe(const Recipe& r) {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw UsageError(fmt::format("the recipe is wrong: {}", what));
  };
  VisitRecipe(r, [&](const char* name, auto value) {
    if (!std::isfinite(static_cast<double>(value)))
      throw UsageError(fmt::format("the recipe is wrong: {} is not finite", name));
  });
  require(r.muon_lr >= 0 && r.adamw_lr >= 0, "learning rates must not be negative");
  require(r.muon_momentum >= 0 && r.muon_momentum < 1, "muon_momentum must be in [0, 1)");
  require(r.newton_schulz_steps >= 1 && r.newton_schulz_steps <= 100,
          "newton_schulz_steps must be in 1..100");
  require(r.adamw_beta1 >= 0 && r.adamw_beta1 < 1, "adamw_beta1 must be in [0, 1)");
  require(r.adamw_beta2 >= 0 && r.adamw_beta2 < 1, "adamw_beta2 must be in [0, 1)");
  require(r.adamw_epsilon > 0, "adamw_epsilon must be positive");
  require(r.weight_decay >= 0, "weight_decay must not be negative");
  require(r.clip_norm > 0, "clip_norm must be positive");
  require(r.warmup_steps >= 0, "warmup_steps must not be negative");
  require(r.warmup_share >= 0 && r.warmup_share <= 1, "warmup_share must be in [0, 1]");
  require(r.constant_share >= 0 && r.constant_share <= 1, "constant_share must be in [0, 1]");
  require(r.final_factor >= 0 && r.final_factor <= 1, "final_factor must be in [0, 1]");
  require(r.rounded_share >= 0 && r.rounded_share <= 1, "rounded_share must be in [0, 1]");
  require(r.weight_rate >= 0, "weight_rate must not be negative");
  require(r.weight_rate == 0 || r.rounded_share > 0,
          "weight_rate needs a rounded_share in which it acts");
  require(r.weight_bits >= 2 && r.weight_bits <= 7, "weight_bits must be in 2..7");
  require(r.memory_lr >= 0, "memory_lr must not be negative");
  require(r.memory_beta2 >= 0 && r.memory_beta2 < 1, "memory_beta2 must be in [0, 1)");
  require(r.memory_step > 0, "memory_step must be positive");
  require(r.memory_rounded_share >= 0 && r.memory_rounded_share <= 1,
          "memory_rounded_share must be in [0, 1]");
  require(r.batch_sequences >= 1 && r.batch_sequences <= 1 << 20,
          "batch_sequences must be in 1..1048576");
  require(r.bfloat16 == 0 || r.bfloat16 == 1, "bfloat16 must be 0 or 1");
  require(r.shard_sequences >= 1 && r.batch_sequences % r.shard_sequences == 0,
          "shard_sequences must divide batch_sequences");
}

}  // namespace occam
