#include "train/training_run.h"

#include <type_traits>
#include <utility>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

template <typename T>
const T& Find(const std::map<std::string, T>& map, const std::string& name,
              const std::string& path) {
  const auto found = map.find(name);
  if (found == map.end()) {
    throw DamagedError(fmt::format("{}: the training state has no '{}'", path, name));
  }
  return found->second;
}

// A field of the recipe. A checkpoint from before there was one cannot say how its run goes on.
template <typename T>
const T& FindField(const std::map<std::string, T>& map, const std::string& key,
                   const std::string& path) {
  const auto found = map.find(key);
  if (found == map.end()) {
    throw UsageError(fmt::format(
        "{} cannot be resumed: it was written before there was '{}'; start another run from its "
        "weights",
        path, key));
  }
  return found->second;
}

// Fields that older checkpoints lack, whose runs had no use for them.
bool MayLack(const std::string& key) {
  return key == "recipe.weight_rate" || key.starts_with("recipe.memory_");
}

// Throws unless the values agree; `what` is how people know the choice.
template <typename T>
void Require(const T& stored, const T& asked, const std::string& what, const std::string& path) {
  if (stored == asked) return;
  throw UsageError(fmt::format(
      "{} cannot be resumed: its {} is {}, now it is {}; ask for the same, or start another run "
      "from its weights",
      path, what, stored, asked));
}

void RequireTraining(const Checkpoint& checkpoint, const std::string& path) {
  if (checkpoint.training) return;
  throw UsageError(path +
                   " is a released model without a training state; start another run from its "
                   "weights");
}

void RequireSameRun(const RunPlan& plan, const std::string& path, const Recipe& recipe,
                    const RunLength& length) {
  // Names and values of the stored recipe, then a walk through the asked one beside it.
  std::map<std::string, double> stored;
  VisitRecipe(plan.recipe, [&](const char* name, const auto& value) {
    stored[name] = static_cast<double>(value);
  });
  VisitRecipe(recipe, [&](const char* name, const auto& asked) {
    Require(stored.at(name), static_cast<double>(asked), name, path);
  });
  Require(plan.length.steps, length.steps, "number of steps", path);
  Require(plan.length.seconds, length.seconds, "length in seconds", path);
}

}  // namespace

TrainingState PackTraining(const Recipe& recipe, const RunLength& length,
                           const RunPosition& position, const OptimizerState& optimizer,
                           const SensitivityState& sensitivity, const MemoryState& memory) {
  TrainingState state;
  VisitRecipe(recipe, [&](const char* name, const auto& value) {
    const std::string key = std::string("recipe.") + name;
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
      state.numbers[key] = value;
    } else {
      state.counters[key] = value;
    }
  });
  state.counters["length.steps"] = length.steps;
  state.numbers["length.seconds"] = length.seconds;
  state.counters["steps"] = position.steps;
  state.numbers["elapsed_s"] = position.elapsed_s;
  state.counters["validation_tokens"] = position.validation_tokens;
  if (position.validation_due) state.counters["validation_due"] = 1;
  if (position.prequential) {
    state.numbers["prequential.bits"] = position.prequential->bits;
    state.numbers["prequential.bytes"] = position.prequential->bytes;
  }
  state.counters["optimizer.steps"] = optimizer.steps;
  state.tensors.emplace("optimizer.first", optimizer.first);
  state.tensors.emplace("optimizer.second", optimizer.second);
  if (!sensitivity.means.empty()) {
    state.lists["sensitivity.means"] = sensitivity.means;
    state.counters["sensitivity.batches"] = sensitivity.batches;
  }
  if (!memory.counts.empty()) {
    state.arrays["memory.mean_squares"] = memory.mean_squares;
    state.arrays["memory.counts"] = memory.counts;
    state.lists["memory.square_sums"] = memory.square_sums;
  }
  return state;
}

std::optional<Prequential> PrequentialOf(const TrainingState& state) {
  const auto bits = state.numbers.find("prequential.bits");
  const auto bytes = state.numbers.find("prequential.bytes");
  if (bits == state.numbers.end() || bytes == state.numbers.end()) return std::nullopt;
  return Prequential{bits->second, bytes->second};
}

RunPlan UnpackPlan(const Checkpoint& checkpoint, const std::string& path) {
  RequireTraining(checkpoint, path);
  const TrainingState& state = *checkpoint.training;
  RunPlan plan;
  VisitRecipe(plan.recipe, [&](const char* name, auto& value) {
    const std::string key = std::string("recipe.") + name;
    if (MayLack(key) && !state.numbers.contains(key)) return;
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
      value = FindField(state.numbers, key, path);
    } else {
      value = FindField(state.counters, key, path);
    }
  });
  plan.length.steps = Find(state.counters, "length.steps", path);
  plan.length.seconds = Find(state.numbers, "length.seconds", path);
  plan.steps_done = Find(state.counters, "steps", path);
  return plan;
}

UnpackedTraining UnpackTraining(const Checkpoint& checkpoint, const std::string& path,
                                const ModelConfig& config, const Recipe& recipe,
                                const RunLength& length, const Bytes& tokenizer,
                                const std::string& data_sha256) {
  RequireTraining(checkpoint, path);
  if (!(checkpoint.config == config)) {
    Require(Describe(checkpoint.config), Describe(config), "network", path);
    throw UsageError(path + " cannot be resumed: its network has another shape");
  }
  if (checkpoint.tokenizer != tokenizer) {
    throw UsageError(path + " cannot be resumed: it has another tokenizer");
  }
  const TrainingState& state = *checkpoint.training;
  RequireSameRun(UnpackPlan(checkpoint, path), path, recipe, length);
  Require(checkpoint.provenance.data_sha256, data_sha256, "digest of the training data", path);

  UnpackedTraining unpacked{{}, OptimizerState(config), {}, {}};
  unpacked.position.steps = Find(state.counters, "steps", path);
  unpacked.position.elapsed_s = Find(state.numbers, "elapsed_s", path);
  unpacked.position.validation_tokens = Find(state.counters, "validation_tokens", path);
  unpacked.position.validation_due = state.counters.contains("validation_due");
  unpacked.position.prequential = PrequentialOf(state);
  unpacked.optimizer.steps = Find(state.counters, "optimizer.steps", path);
  unpacked.optimizer.first = Find(state.tensors, "optimizer.first", path);
  unpacked.optimizer.second = Find(state.tensors, "optimizer.second", path);
  if (recipe.weight_rate > 0) {
    unpacked.sensitivity.means = Find(state.lists, "sensitivity.means", path);
    unpacked.sensitivity.batches = Find(state.counters, "sensitivity.batches", path);
  }
  if (config.has_memory()) {
    unpacked.memory = {Find(state.arrays, "memory.mean_squares", path),
                       Find(state.arrays, "memory.counts", path),
                       Find(state.lists, "memory.square_sums", path)};
  }
  const RunPosition& p = unpacked.position;
  if (p.steps < 0 || !(p.elapsed_s >= 0) || p.validation_tokens < 0 ||
      unpacked.optimizer.steps != p.steps) {
    throw DamagedError(path + ": the counters of the training state do not fit together");
  }
  return unpacked;
}

}  // namespace occam
