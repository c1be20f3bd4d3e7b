// Random networks of Llama's shape, the same everywhere.
#ifndef OCCAM_TESTS_MODEL_EXACT_LLAMA_TESTING_H_
#define OCCAM_TESTS_MODEL_EXACT_LLAMA_TESTING_H_

#include <cmath>
#include <vector>

#include "model/parameters.h"
#include "tests/model/exact/exact_testing.h"

namespace occam::testing {

inline ModelConfig LlamaConfig(int tokens, int width, int heads, int kv_heads, int head_size,
                               int mlp_width, int context, std::vector<int32_t> windows,
                               int escapes, bool tied) {
  ModelConfig c =
      TestConfig(tokens + escapes, width, heads, kv_heads, 1, 0, context, std::move(windows));
  c.llama = LlamaShape{head_size, mlp_width, tokens / 2, escapes > 0 ? tokens - 1 : 0,
                       escapes,   tied,      1e-5f,      {}};
  // Steps begin with a radian; each pair is slower than the one before. Integers do for it.
  for (uint32_t i = 0; i < static_cast<uint32_t>(head_size) / 2; ++i)
    c.llama->rotary_steps.push_back(683565276u / (1 + i * i * 37));
  return c;
}

// Head sizes apart from the width, shared heads, odd numbers of them, windows, escapes, both heads.
inline std::vector<NamedConfig> LlamaConfigs() {
  return {
      {"stories' shape", LlamaConfig(512, 64, 8, 4, 8, 176, 150, {0, 0, 0}, 0, true)},
      {"heads of 16, escapes", LlamaConfig(300, 128, 8, 4, 16, 384, 100, {0, 0}, 179, true)},
      {"one wide head", LlamaConfig(17, 8, 1, 1, 256, 8, 40, {0}, 3, false)},
      {"three heads of 24", LlamaConfig(257, 40, 3, 1, 24, 24, 130, {7, 0}, 1, false)},
      {"windows of 1 and 65", LlamaConfig(300, 72, 6, 2, 32, 72, 200, {1, 65, 0}, 256, true)},
  };
}

// The other shapes. GPT-2's contexts begin again after `context` positions.
inline ModelConfig ShapedConfig(ImportedShape kind, ModelConfig c) {
  c.llama->kind = kind;
  if (!c.llama->turns()) c.llama->rotary_steps.clear();
  return c;
}
inline std::vector<NamedConfig> ShapedConfigs() {
  constexpr auto kQwen3 = ImportedShape::kQwen3, kGpt2 = ImportedShape::kGpt2;
  const auto shaped = [](ImportedShape kind, const auto&... rest) {
    return ShapedConfig(kind, LlamaConfig(rest...));
  };
  using Windows = std::vector<int32_t>;
  return {
      {"Qwen3's shape", shaped(kQwen3, 300, 64, 4, 2, 32, 96, 150, Windows{0, 0}, 0, true)},
      {"Qwen3's shape, untied, escapes",
       shaped(kQwen3, 257, 40, 3, 1, 24, 72, 130, Windows{7, 0}, 5, false)},
      {"GPT-2's shape", shaped(kGpt2, 300, 64, 4, 4, 16, 256, 40, Windows{0, 0}, 0, true)},
      {"GPT-2's shape, untied, escapes",
       shaped(kGpt2, 257, 40, 5, 5, 8, 72, 130, Windows{0, 9}, 3, false)},
  };
}

// Fine networks of every shape, with windows, escapes and both heads.
inline std::vector<NamedConfig> FineConfigs() {
  const auto fine = [](const NamedConfig& named) {
    NamedConfig made = named;
    made.name = "fine, " + named.name;
    made.config.llama->fine = true;
    return made;
  };
  const std::vector<NamedConfig> llama = LlamaConfigs(), shaped = ShapedConfigs();
  return {fine(llama[0]),  fine(llama[2]),  fine(llama[4]),
          fine(shaped[1]), fine(shaped[2]), fine(shaped[3])};
}
inline std::vector<NamedConfig> AllImportedConfigs() {
  std::vector<NamedConfig> configs = LlamaConfigs();
  for (const auto& more : {ShapedConfigs(), FineConfigs()})
    configs.insert(configs.end(), more.begin(), more.end());
  return configs;
}

// Every code occurs; scales keep rows near unit size, and a rest below half a code.
inline QuantizedModel RandomLlama(const ModelConfig& config, uint64_t seed) {
  QuantizedModel model;
  model.config = config;
  Random random(seed, 7);
  const auto rounded = [](double x) {  // to 16 significant bits
    int exponent = 0;
    const double fraction = std::frexp(x, &exponent);
    return static_cast<float>(std::ldexp(std::nearbyint(fraction * 0x1p16), exponent - 16));
  };
  for (const ParameterSpec& spec : ParameterTable(config)) {
    QuantizedTensor& tensor = model.tensors.emplace_back();
    const bool coded = spec.coding == Coding::kRowCodes;
    const int64_t floats = coded ? spec.rows : spec.size();
    const double matrix = 1.5 / (73 * std::sqrt(static_cast<double>(spec.columns)));
    const double unit = spec.rest ? matrix / 126 : coded ? matrix : 1;
    const bool bias = !coded && spec.init == Init::kZero;
    for (int64_t i = 0; i < floats; ++i)
      tensor.floats.push_back(
          rounded(unit * ((bias ? 0 : 1) + static_cast<double>(random.Symmetric(0.5f)))));
    const auto codes = static_cast<uint64_t>(2 * spec.most_code + 1);
    for (int64_t i = 0; coded && i < spec.size(); ++i)
      tensor.codes.push_back(
          static_cast<int8_t>(static_cast<int>(random.Below(codes)) - spec.most_code));
  }
  const auto heads = static_cast<size_t>(config.layers) * static_cast<size_t>(config.kv_heads);
  for (size_t i = 0; i < heads; ++i)
    model.value_scales.push_back(rounded(config.llama->fine ? 0.05 / 258 : 0.05));
  model.tokenizer = Bytes(1, 1);  // of no use here
  return model;
}

}  // namespace occam::testing

#endif  // OCCAM_TESTS_MODEL_EXACT_LLAMA_TESTING_H_
