// Speed of imported networks: random weights in the shapes of public ones, which cost as much as
// learned ones.
//
//   imported_benchmark SHAPE [STEPS [LANES [THREADS [CONTEXT]]]]
//   imported_benchmark SHAPE --write MODEL.occm [CONTEXT]
//
// The shapes are smollm2-135m, qwen3-0.6b and gpt2. Random symbols of so many lanes (default 32),
// so many each (default 128), are scored and range coded, then decoded step by step. Kilobytes are
// of 4.2 bytes a token, as English text has them with SmolLM2's tokenizer. The second form writes
// the model, whose tokens are bytes and words that do not occur, for commands to load.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "coder/predict/network_predictor.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/random.h"
#include "data/tokenizer/table_tokenizer.h"
#include "model/config.h"
#include "model/exact/network.h"
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
    tensor.floats.assign(floats, spec.init == Init::kZero && !coded ? 0.0f : Short(unit));
    for (int64_t i = 0; coded && i < spec.size(); ++i)
      tensor.codes.push_back(static_cast<int8_t>(static_cast<int>(random.Below(255)) - 127));
  }
  model.value_scales.assign(
      static_cast<size_t>(config.layers) * static_cast<size_t>(config.kv_heads), 0x1p-5f);
  model.tokenizer = Bytes(1, 1);  // of no use here
  return model;
}

Bytes SomeTokenizer(int32_t count) {
  std::vector<std::string> tokens;
  for (int32_t i = 0; i < count; ++i) {
    tokens.push_back(i < 256 ? std::string(1, static_cast<char>(i))
                             : "\x01\x02" + std::to_string(i) + "\x03");
  }
  return TableTokenizer(std::move(tokens), {}).Serialise();
}

constexpr double kBytesOfToken = 4.2;

struct Spent {
  double elapsed_s = 0;
  double processor_s = 0;  // of all threads
};
Spent TimeOf(const auto& action) {
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t processor = std::clock();
  action();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
          static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC};
}

int Number(int argc, char** argv, int i, int without) {
  return argc > i ? std::atoi(argv[i]) : without;
}

void Print(const char* what, size_t tokens, const Spent& spent) {
  const auto count = static_cast<double>(tokens);
  std::printf("  %-9s %7.2f s  %8.1f tokens/s  %6.2f KB/s; %6.2f KB in a second of one processor\n",
              what, spent.elapsed_s, count / spent.elapsed_s,
              count * kBytesOfToken / spent.elapsed_s / 1000,
              count * kBytesOfToken / spent.processor_s / 1000);
}

void Main(int argc, char** argv) {
  const auto shape = kShapes.find(argc > 1 ? argv[1] : "");
  if (shape == kShapes.end()) {
    throw UsageError(
        "usage: imported_benchmark smollm2-135m|qwen3-0.6b|gpt2 "
        "[STEPS [LANES [THREADS [CONTEXT]]] | --write MODEL.occm [CONTEXT]]");
  }
  if (argc > 3 && std::string(argv[2]) == "--write") {
    QuantizedModel model = RandomImported(ConfigOf(shape->second, Number(argc, argv, 4, 512)));
    model.tokenizer = SomeTokenizer(model.config.vocabulary);
    WriteFile(argv[3], SerialiseModel(model));
    return;
  }
  const auto steps = static_cast<size_t>(Number(argc, argv, 2, 128));
  const auto lanes = static_cast<size_t>(Number(argc, argv, 3, 32));
  const ModelConfig config = ConfigOf(shape->second, Number(argc, argv, 5, 1024));
  const ExactNetwork network(RandomImported(config), Kernels::kFast);
  NetworkPredictor predictor(network, static_cast<uint32_t>(config.context),
                             Number(argc, argv, 4, 2), ContextMode::kCarried);
  std::printf("%s, %s: %zu lanes of %zu tokens, cache %llu bytes a lane of %d positions\n", argv[1],
              network.kernels_name().c_str(), lanes, steps,
              static_cast<unsigned long long>(LaneBytes(config)), config.context);

  Random random(2);
  std::vector<std::vector<int32_t>> symbols(lanes, std::vector<int32_t>(steps));
  for (auto& lane : symbols) {
    for (int32_t& symbol : lane)
      symbol = static_cast<int32_t>(random.Below(static_cast<uint64_t>(config.vocabulary)));
  }
  std::vector<std::vector<SymbolInterval>> intervals(lanes, std::vector<SymbolInterval>(steps));
  const std::vector<std::span<const int32_t>> symbol_spans(symbols.begin(), symbols.end());
  const std::vector<std::span<SymbolInterval>> interval_spans(intervals.begin(), intervals.end());
  // The caches are made, and their pages there, before anything is timed.
  predictor.StartSegment(static_cast<int>(lanes));
  std::vector<uint32_t> frequencies(lanes * static_cast<size_t>(config.vocabulary));
  predictor.Step(std::vector<int32_t>(lanes), frequencies);
  Bytes payload;
  Print("compress", lanes * steps, TimeOf([&] {
          predictor.StartSegment(static_cast<int>(lanes));
          predictor.Score(symbol_spans, interval_spans);
          RangeEncoder encoder;
          for (size_t step = 0; step < steps; ++step) {
            for (const auto& lane : intervals) encoder.Encode(lane[step]);
          }
          payload = encoder.Finish();
        }));
  std::vector<int32_t> decoded(lanes);
  Print("restore", lanes * steps, TimeOf([&] {
          predictor.StartSegment(static_cast<int>(lanes));
          RangeDecoder decoder(payload);
          for (size_t step = 0; step < steps; ++step) {
            predictor.Decode(decoder, decoded);
            for (size_t lane = 0; lane < lanes; ++lane) {
              if (decoded[lane] != symbols[lane][step])
                throw InternalError("a symbol did not come back");
            }
          }
        }));
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
