#include "train/training_memory.h"

#include "data/base/machine_memory.h"
#include "model/parameters.h"
#include "tests/catch.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

TEST_CASE("Training memory: it is counted by parameters, shards at work and activations") {
  const ModelConfig config = FamilyConfig(96, 256);
  const auto parameters = static_cast<uint64_t>(ParameterCount(config));
  Recipe recipe;
  const uint64_t one = TrainingMemory(config, recipe, 1, 1);
  CHECK(one > 16 * parameters);
  CHECK(one < 1'000'000'000);
  CHECK(TrainingMemory(config, recipe, 4, 1) > one);
  recipe.batch_sequences *= 1024;
  CHECK(TrainingMemory(config, recipe, 1, 1) > one);
  // Each of several ranks keeps the gradients of all its shards.
  const auto shards = static_cast<uint64_t>(recipe.batch_sequences / recipe.shard_sequences);
  CHECK(TrainingMemory(config, recipe, 1, 2) > shards / 2 * sizeof(float) * parameters);
}

TEST_CASE("Training memory: a memory's rows and a wide vocabulary count") {
  ModelConfig config = FamilyConfig(96, 256);
  const Recipe recipe;
  const uint64_t plain = TrainingMemory(config, recipe, 1, 1);
  SetMemory("large", &config);
  CHECK(TrainingMemory(config, recipe, 1, 1) >=
        plain + 8 * static_cast<uint64_t>(config.memory_rows() * config.memory_width));
  CHECK(TrainingMemory(FamilyConfig(96, 65536), recipe, 1, 1) > 10 * plain);
}

TEST_CASE("Training memory: what the machine does not have is refused with both numbers") {
  ModelConfig config = FamilyConfig(4096, 65536, kMaxLayers);
  config.context = 65536;
  Recipe recipe;
  recipe.batch_sequences = recipe.shard_sequences = 1 << 20;
  const Thrown thrown = ThrownBy([&] { RequireTrainingMemory(config, recipe, 1, 1); });
  CHECK(thrown.kind == ErrorKind::kMemory);
  CHECK(thrown.Mentions("this training needs"));
  CHECK(thrown.Mentions("and there are"));
  RequireTrainingMemory(FamilyConfig(16, 256), Recipe{}, 1, 1);
}

TEST_CASE("Memory: what there is has a number, and more is refused") {
  const uint64_t there = MachineMemory();
  CHECK(there > 100'000'000);
  RequireMachineMemory(there, "it");
  CHECK(ThrownBy([&] { RequireMachineMemory(UINT64_MAX, "it"); }).kind == ErrorKind::kMemory);
}

}  // namespace
}  // namespace occam
