#include "model/exact/network_memory.h"

#include <malloc.h>

#include <algorithm>
#include <memory>

#include "tests/catch.h"
#include "tests/model/exact/exact_testing.h"
#include "tests/model/exact/llama_testing.h"

namespace occam {
namespace {

// Bytes that are allocated, as the C library counts them; 0 where a sanitizer has its own.
uint64_t AllocatedBytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

bool IsCounted() {
  const uint64_t before = AllocatedBytes();
  const auto block = std::make_unique<std::vector<char>>(1 << 20);
  return AllocatedBytes() >= before + block->size();
}

}  // namespace

TEST_CASE("Network memory: networks and sessions take what is counted for them, hardly less") {
  if (!IsCounted()) return;
  constexpr uint64_t kSmall = 1 << 17;  // what is always there, in bytes
  auto configs = testing::TestConfigs();
  configs.push_back({"wide", testing::TestConfig(256, 512, 16, 16, 4, 4, 2048, {64, 1024, 0})});
  configs.push_back({"long", testing::TestConfig(256, 16, 1, 1, 4, 4, 65536, {0, 0})});
  configs.push_back({"many symbols", testing::TestConfig(20000, 64, 2, 2, 4, 4, 64, {64})});
  for (const testing::NamedConfig& imported : testing::AllImportedConfigs())
    configs.push_back(imported);
  configs.push_back(
      {"imported, long", testing::LlamaConfig(20000, 64, 8, 4, 16, 176, 4096, {0, 0}, 9, true)});
  for (const auto& [name, config] : configs) {
    for (const Kernels kernels : {Kernels::kPlain, Kernels::kFast}) {
      INFO(name);
      QuantizedModel model =
          config.llama ? testing::RandomLlama(config, 1) : testing::RandomModel(config, 1);
      const uint64_t model_bytes = ModelBytes(config, model.tokenizer.size());
      uint64_t before = AllocatedBytes();
      const QuantizedModel copy = model;
      const uint64_t of_model = AllocatedBytes() - before;
      CHECK(of_model <= model_bytes);
      CHECK(of_model + kSmall > model_bytes * 7 / 10);
      before = AllocatedBytes();
      const ExactNetwork network(std::move(model), kernels);
      const uint64_t of_network = AllocatedBytes() - before;
      CHECK(of_network <= PreparedBytes(config));
      // A part is needed for a moment alone.
      CHECK(of_network + kSmall > PreparedBytes(config) / 4);
      before = AllocatedBytes();
      constexpr uint64_t kLanes = 5;
      const ExactSession session(network, kLanes);
      const uint64_t of_session = AllocatedBytes() - before;
      const uint64_t counted = PassBytes(config) + kLanes * LaneBytes(config);
      CHECK(of_session <= counted);
      CHECK(of_session + kSmall > counted / 2);
    }
  }
}

TEST_CASE("Network memory: the work of a symbol is that of its weights and windows") {
  const ModelConfig config = FamilyConfig(48);
  const auto weights = static_cast<uint64_t>(ParameterCount(config));
  const uint64_t work = SymbolMultiplications(config);
  // Embeddings are not multiplied; six windows of 64 and one of 1024 are, twice.
  CHECK(work > weights - 257 * 48 - 48 * 100);
  CHECK(work < weights + 2 * 48 * (6 * 64 + 1024));
  CHECK(work > 2 * 48 * (6 * 64 + 1024));
}

}  // namespace occam
