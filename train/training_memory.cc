#include "train/training_memory.h"

#include <algorithm>
#include <string>

#include "data/base/machine_memory.h"
#include "data/base/memory.h"
#include "data/base/processors.h"
#include "model/parameters.h"
#include "train/shard_workers.h"

namespace occam {
namespace {

// Weights, gradients and the two moments of the optimizer.
constexpr uint64_t kParameterSets = 4;
// Values, gradients and moments of a memory's rows.
constexpr uint64_t kRowSets = 2;

// Numbers that the forward and backward pass keep of a token (model/network/transformer_buffers.h),
// each of two bytes or more.
uint64_t NumbersOfToken(const ModelConfig& c) {
  const auto width = static_cast<uint64_t>(c.width);
  const auto mlp = static_cast<uint64_t>(c.mlp_width());
  const auto qkv = static_cast<uint64_t>(c.width + 2 * c.kv_width());
  const uint64_t block = 2 * (3 * width + qkv) + 2 * width + mlp;
  const uint64_t logits = 2 * 2 * static_cast<uint64_t>(c.vocabulary);
  return static_cast<uint64_t>(c.layers) * block + logits + 2 * (3 * width + qkv);
}

}  // namespace

uint64_t TrainingMemory(const ModelConfig& config, const Recipe& recipe, int threads, int ranks) {
  const auto parameters = static_cast<uint64_t>(ParameterCount(config));
  const auto rows = static_cast<uint64_t>(config.memory_rows() * config.memory_width);
  const uint64_t shards = std::max<uint64_t>(
      1,
      static_cast<uint64_t>(recipe.batch_sequences / std::max<int64_t>(1, recipe.shard_sequences)) /
          static_cast<uint64_t>(ranks));
  const uint64_t team = static_cast<uint64_t>(threads > 0 ? threads : ProcessorCount());
  const uint64_t at_once =
      ranks > 1 ? shards
                : std::min<uint64_t>(shards, std::max<uint64_t>(team, ShardWorkers::kShardsAtOnce));
  const uint64_t workers = std::min(at_once, team);
  const uint64_t shard_tokens = SaturatingProduct(static_cast<uint64_t>(recipe.shard_sequences),
                                                  static_cast<uint64_t>(config.context));
  const uint64_t batch_tokens = SaturatingProduct(static_cast<uint64_t>(recipe.batch_sequences),
                                                  static_cast<uint64_t>(config.context));
  uint64_t bytes = SaturatingProduct(parameters, sizeof(float) * (kParameterSets + at_once));
  bytes = SaturatingSum(bytes, SaturatingProduct(rows, sizeof(float) * kRowSets));
  bytes = SaturatingSum(
      bytes, SaturatingProduct(SaturatingProduct(workers, shard_tokens),
                               SaturatingProduct(NumbersOfToken(config), sizeof(uint16_t))));
  return SaturatingSum(bytes, SaturatingProduct(batch_tokens, 2 * sizeof(int32_t)));
}

void RequireTrainingMemory(const ModelConfig& config, const Recipe& recipe, int threads,
                           int ranks) {
  RequireMachineMemory(TrainingMemory(config, recipe, threads, ranks), "this training");
}

}  // namespace occam
