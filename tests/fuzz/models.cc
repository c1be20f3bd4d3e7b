#include "tests/fuzz/models.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "coder/archive/segment_codec.h"
#include "coder/container/container_writer.h"
#include "coder/weights/model_codec.h"
#include "data/base/error.h"
#include "data/tokenizer/bpe_tokenizer.h"
#include "model/quantized_model.h"
#include "tests/model/exact/exact_testing.h"

namespace occam::fuzz {
namespace {

ModelConfig Shape(int vocabulary, int context, int window) {
  return testing::TestConfig(vocabulary, /*width=*/16, /*heads=*/2, /*kv_heads=*/1,
                             /*mlp_factor=*/1,
                             /*conv_width=*/2, context, {window, 0});
}

// Records of 3 x 2, of which a context holds one and a part.
ModelConfig WithSignals() {
  ModelConfig config = Shape(256, 8, 4);
  SetSignals("patches", &config);
  config.record_width = 3;
  config.record_height = 2;
  return config;
}

// Pairs of letters, and pairs of those.
Bytes SmallBpe() {
  std::vector<TokenPair> merges;
  for (uint16_t i = 0; i < 20; ++i)
    merges.push_back({static_cast<uint16_t>('a' + i), static_cast<uint16_t>('b' + i % 13)});
  for (uint16_t i = 0; i < 20; ++i)
    merges.push_back({static_cast<uint16_t>(256 + i), static_cast<uint16_t>(256 + (i + 7) % 20)});
  return BpeTokenizer(merges, PieceRule::kWords).Serialise();
}

std::unique_ptr<LoadedModel> Loaded(const ModelConfig& config, Bytes tokenizer, uint64_t seed,
                                    Kernels kernels) {
  QuantizedModel model = testing::RandomModel(config, seed);
  model.tokenizer = std::move(tokenizer);
  return std::make_unique<LoadedModel>(std::move(model), kernels);
}

}  // namespace

const LoadedModel& Model(int which) {
  static const std::array<std::unique_ptr<LoadedModel>, kModels> models = {
      Loaded(Shape(256, 8, 4), {1}, 1, Kernels::kFast),
      Loaded(Shape(296, 8, 4), SmallBpe(), 2, Kernels::kFast),
      Loaded(Shape(128, 8, 4), {4}, 3, Kernels::kPlain),
      Loaded(Shape(256, 16, 0), {1}, 4, Kernels::kPlain),
      Loaded(WithSignals(), {1}, 5, Kernels::kFast)};
  return *models[static_cast<size_t>(which)];
}

bool IsSmall(const ModelConfig& config) {
  const int64_t keys = int64_t{config.layers} * config.kv_width() * config.context;
  return ParameterCount(config) <= 60'000 && keys <= 100'000;
}

bool IsSmallModel(std::span<const uint8_t> bytes) {
  try {
    return IsSmall(ReadModelHead(bytes, "model").config);
  } catch (const Error&) {
    return true;
  }
}

FileHeader Layout(const CodecModel& model, ContextMode mode, uint32_t lanes, uint32_t chunks) {
  FileHeader header;
  header.mode = mode;
  header.context = model.context;
  header.lanes = lanes;
  header.lane_symbols = model.context * chunks;
  header.model_id = model.model_id;
  header.tokenizer_id = model.tokenizer_id;
  header.contract_version = model.contract_version;
  return header;
}

Bytes ArchiveOf(std::span<const uint8_t> original, const FileHeader& header,
                const CodecModel& model, std::span<const uint8_t> embedded) {
  Bytes file;
  const auto sink = MemorySink(&file);
  ContainerWriter writer(*sink, header, embedded);
  SegmentCodec codec(header, &model);
  for (size_t begin = 0; begin < original.size(); begin += header.segment_bytes()) {
    const size_t size = std::min<size_t>(header.segment_bytes(), original.size() - begin);
    const EncodedSegment segment = codec.Encode(original.subspan(begin, size), 1, [](uint32_t) {});
    writer.Append(segment.header, segment.payload);
  }
  writer.Finish();
  return file;
}

}  // namespace occam::fuzz
