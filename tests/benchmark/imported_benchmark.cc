// Speed of imported networks: random weights in the shapes of public ones, which cost as much as
// learned ones.
//
//   imported_benchmark SHAPE [TOKENS [CONTEXT [THREADS]]]
//
// The shapes are smollm2-135m, qwen3-0.6b and gpt2. A text of so many tokens (default 4096) is
// compressed and restored in memory, in contexts of so many positions (default 1024). With a name
// of a file in OCCAM_WRITE_MODEL the model is written there, for the command line.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "coder/archive/compressor.h"
#include "coder/archive/decompressor.h"
#include "coder/predict/loaded_model.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/random.h"
#include "data/tokenizer/table_tokenizer.h"
#include "model/config.h"
#include "model/exact/network_memory.h"
#include "model/parameters.h"

namespace occam {
namespace {

struct Shape {
  ImportedShape kind;
  int32_t tokens, width, layers, heads, kv_heads, head_size, mlp_width;
};

// As their config.json say.
const std::map<std::string, Shape> kShapes = {
    {"smollm2-135m", {ImportedShape::kLlama, 49152, 576, 30, 9, 3, 64, 1536}},
    {"qwen3-0.6b", {ImportedShape::kQwen3, 151936, 1024, 28, 16, 8, 128, 3072}},
    {"gpt2", {ImportedShape::kGpt2, 50257, 768, 12, 12, 12, 64, 3072}},
};

ModelConfig ConfigOf(const Shape& shape, int32_t context) {
  ModelConfig c;
  c.vocabulary = shape.tokens;
  c.width = shape.width;
  c.layers = shape.layers;
  c.heads = shape.heads;
  c.kv_heads = shape.kv_heads;
  c.mlp_factor = 1;
  c.conv_width = 0;
  c.context = context;
  c.windows.assign(static_cast<size_t>(shape.layers), 0);
  c.llama = LlamaShape{shape.head_size, shape.mlp_width, 0, 0, 0, true, 1e-5f, {}, shape.kind};
  for (int i = 0; c.llama->turns() && i < shape.head_size / 2; ++i) {
    c.llama->rotary_steps.push_back(static_cast<uint32_t>(
        std::pow(1e5, -2.0 * i / shape.head_size) * 0x1p32 / (2 * std::numbers::pi)));
  }
  return c;
}

// Bytes, pairs of a large and a small letter, pairs of a digit and a letter, and fours of both.
constexpr uint32_t kLetterPairs = 26 * 26, kDigitPairs = 10 * 26;
constexpr uint32_t kFours = 256 + kLetterPairs + kDigitPairs;  // the first of them
struct Tokens {
  std::vector<std::string> texts;
  Bytes serialised;
};
Tokens TokensOf(int32_t count) {
  Tokens tokens;
  std::vector<TableMerge> merges;
  for (int byte = 0; byte < 256; ++byte) tokens.texts.emplace_back(1, static_cast<char>(byte));
  const auto add = [&](uint32_t left, uint32_t right) {
    merges.push_back({left, right});
    tokens.texts.push_back(tokens.texts[left] + tokens.texts[right]);
  };
  for (uint32_t i = 0; i < kLetterPairs; ++i) add('A' + i % 26, 'a' + i / 26);
  for (uint32_t i = 0; i < kDigitPairs; ++i) add('0' + i % 10, 'a' + i / 10);
  for (uint32_t i = 0; tokens.texts.size() < static_cast<size_t>(count); ++i)
    add(256 + i % kLetterPairs, 256 + kLetterPairs + i / kLetterPairs);
  tokens.serialised = TableTokenizer(tokens.texts, std::move(merges)).Serialise();
  return tokens;
}

float Short(float x) {
  int exponent = 0;
  const float fraction = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(fraction * 0x1p16f), exponent - 16);
}

QuantizedModel RandomImported(const ModelConfig& config) {
  QuantizedModel model;
  model.config = config;
  Random random(1);
  for (const ParameterSpec& spec : ParameterTable(config)) {
    QuantizedTensor& tensor = model.tensors.emplace_back();
    const bool coded = spec.coding == Coding::kRowCodes;
    const auto floats = static_cast<size_t>(coded ? spec.rows : spec.size());
    const float unit = coded ? 1 / (73 * std::sqrt(static_cast<float>(spec.columns))) : 1.0f;
    // All symbols are nearly equally likely, as they are in the text: the network is not passed
    // over.
    const bool last = spec.name == "final_gain";
    tensor.floats.assign(floats, last                                 ? 0x1p-8f
                                 : spec.init == Init::kZero && !coded ? 0.0f
                                                                      : Short(unit));
    for (int64_t i = 0; coded && i < spec.size(); ++i)
      tensor.codes.push_back(static_cast<int8_t>(static_cast<int>(random.Below(255)) - 127));
  }
  model.value_scales.assign(
      static_cast<size_t>(config.layers) * static_cast<size_t>(config.kv_heads), 0x1p-5f);
  model.tokenizer = TokensOf(config.vocabulary).serialised;
  return model;
}

double Seconds(const auto& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int Number(int argc, char** argv, int i, int without) {
  return argc > i ? std::atoi(argv[i]) : without;
}

void Main(int argc, char** argv) {
  const auto shape = kShapes.find(argc > 1 ? argv[1] : "");
  if (shape == kShapes.end())
    throw UsageError(
        "usage: imported_benchmark smollm2-135m|qwen3-0.6b|gpt2 [TOKENS [CONTEXT [THREADS]]]");
  const ModelConfig config = ConfigOf(shape->second, Number(argc, argv, 3, 1024));
  const LoadedModel model(RandomImported(config), Kernels::kFast);
  if (const char* path = std::getenv("OCCAM_WRITE_MODEL"))
    WriteFile(path, SerialiseModel(model.network().model()));
  const auto texts = TokensOf(config.vocabulary).texts;
  Bytes text;
  Random random(2);
  for (int i = Number(argc, argv, 2, 4096); i > 0; --i) {
    const std::string& four = texts[kFours + random.Below(texts.size() - kFours)];
    text.insert(text.end(), four.begin(), four.end());
  }
  const size_t tokens = model.codec_model().tokenizer()->Encode(text).size();

  CodecOptions options;
  options.threads = Number(argc, argv, 4, 2);
  options.mode = ContextMode::kCarried;
  options.memory_bytes = uint64_t{16} << 30;
  Bytes file, back;
  const double coding = Seconds(
      [&] { Compress(*MemorySource(text), *MemorySink(&file), &model.codec_model(), options); });
  const double restoring = Seconds(
      [&] { Decompress(*MemorySource(file), *MemorySink(&back), &model.codec_model(), options); });
  if (back != text) throw InternalError("the text did not come back");
  const auto size = static_cast<double>(text.size());
  std::printf("%s, %s: %zu tokens of %.2f bytes, cache %llu bytes a lane\n", argv[1],
              model.network().kernels_name().c_str(), tokens, size / static_cast<double>(tokens),
              static_cast<unsigned long long>(LaneBytes(config)));
  std::printf("  compress %7.2f s  %7.2f KB/s  %7.1f tokens/s\n", coding, size / coding / 1000,
              static_cast<double>(tokens) / coding);
  std::printf("  restore  %7.2f s  %7.2f KB/s  %7.1f tokens/s\n", restoring,
              size / restoring / 1000, static_cast<double>(tokens) / restoring);
}

}  // namespace
}  // namespace occam

int main(int argc, char** argv) {
  try {
    occam::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "imported_benchmark: %s\n", error.what());
    return 1;
  }
}
