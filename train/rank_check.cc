#include "train/rank_check.h"

#include <span>

#include "data/base/digest.h"
#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

template <typename T>
bool AllEqual(std::span<const T> values, Communicator* ranks) {
  if (ranks->size() == 1) return true;
  const auto bytes = std::as_bytes(values);
  return ranks->AllEqual(Xxh3Of({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}));
}

template <typename T>
void Require(std::span<const T> values, const char* what, Communicator* ranks) {
  if (AllEqual(values, ranks)) return;
  throw UsageError(fmt::format(
      "the ranks do not have the same {}; give all machines the same files and program", what));
}

}  // namespace

void RequireSameRun(const std::string& run, Communicator* ranks) {
  Require(std::span<const char>(run),
          "program, recipe (processors may differ in the precision they choose) and place in the "
          "run",
          ranks);
}

void RequireSameData(const TrainingStream& stream, Communicator* ranks) {
  for (const TrainingSource& source : stream.sources()) {
    Require(std::span<const int32_t>(source.train_tokens), "training data", ranks);
    Require(std::span<const int32_t>(source.validation_tokens), "validation data", ranks);
  }
}

void RequireSameOptimizer(const ParameterSet& state, const MemoryState& memory,
                          Communicator* ranks) {
  Require(state.values(), "state of the optimizer", ranks);
  Require(std::span<const float>(memory.mean_squares), "state of the memory's optimizer", ranks);
}

void RequireSameWeights(const ParameterSet& weights, const MemoryRows& memory, int64_t steps,
                        Communicator* ranks) {
  if (AllEqual(weights.values(), ranks) && AllEqual(std::span<const float>(memory.values), ranks))
    return;
  throw UsageError(fmt::format(
      "after {} steps the ranks do not have the same weights; run all of them on machines of one "
      "kind, or limit all to the instructions of the least one by OCCAM_MAX_ISA",
      steps));
}

}  // namespace occam
