// Models with kinds of contexts: a segment's kind is found by a sample, and told in its payload.
#include <algorithm>
#include <cmath>
#include <vector>

#include "coder/archive/salvage.h"
#include "coder/archive/segment_codec.h"
#include "coder/predict/network_predictor.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

constexpr int kContext = 64;
constexpr size_t kSegment = 1024;
constexpr int kKinds = 2;

const ExactNetwork& Network() {
  static const ExactNetwork network = [] {
    ModelConfig config = testing::TestConfig(256, 32, 2, 1, 2, 3, kContext, {5, 0});
    SetSignals("patches", &config);
    config.record_width = 8;
    config.record_height = 4;
    SetKinds({0, 1}, &config);
    return ExactNetwork(testing::RandomModel(config, 3), Kernels::kPlain);
  }();
  return network;
}

// What the network would write in a kind of contexts.
Bytes Dream(int kind, size_t size, uint64_t seed) {
  const Bytes noise = RandomBytes(size, seed);
  RangeDecoder decoder(noise);
  NetworkPredictor predictor(Network(), kContext, 1, ContextMode::kCarried);
  predictor.SetKind(kind);
  predictor.StartSegment(1);
  Bytes bytes(size);
  int32_t symbol = 0;
  for (uint8_t& byte : bytes) {
    predictor.Decode(decoder, std::span(&symbol, 1));
    byte = static_cast<uint8_t>(symbol);
  }
  return bytes;
}

// Segments of each kind.
struct Sample {
  explicit Sample(ContextMode mode) : layout(SmallLayout(kContext, 2, kSegment / 2, &model)) {
    for (const int kind : kinds) {
      const Bytes part = Dream(kind, kSegment, static_cast<uint64_t>(kind) + 1);
      original.insert(original.end(), part.begin(), part.end());
    }
    layout.mode = mode;
    file = CompressWithLayout(original, layout, &model);
  }
  CodecModel model = NetworkCodecModel(Network());
  std::vector<int> kinds = {1, 0, 0, 1};
  FileHeader layout;
  Bytes original, file;
};

}  // namespace

TEST_CASE("Kinds: each segment has that by which it is smallest, in every mode, and comes back") {
  for (const ContextMode mode :
       {ContextMode::kChunked, ContextMode::kCarried, ContextMode::kAdaptive, ContextMode::kLong}) {
    INFO(ModeName(mode));
    const Sample sample(mode);
    REQUIRE(sample.model.kinds == kKinds);
    size_t at = kFileHeaderBytes;
    for (size_t i = 0; i < sample.kinds.size(); ++i) {
      const auto header = ParseSegmentHeader(
          std::span(sample.file).subspan(at, kSegmentHeaderBytes), sample.layout, "test");
      REQUIRE(header.method == CodingMethod::kModel);
      at += kSegmentHeaderBytes;
      CHECK(sample.file[at] == sample.kinds[i]);
      // Told another kind, it takes more.
      const auto part = std::span(sample.original).subspan(i * kSegment, kSegment);
      const std::vector<int32_t> symbols(part.begin(), part.end());
      std::vector<size_t> sizes;
      for (int kind = 0; kind < kKinds; ++kind) {
        NetworkPredictor predictor(Network(), kContext, 1, ContextMode::kCarried);
        predictor.SetKind(kind);
        sizes.push_back(EncodeIntervals(ScoreInRows(&predictor, {symbols}, kContext)).size());
      }
      CHECK(std::ranges::min_element(sizes) - sizes.begin() == sample.kinds[i]);
      at += header.payload_bytes;
    }
    for (const int threads : {1, 3})
      CHECK(DecompressBytes(sample.file, &sample.model, threads) == sample.original);
  }
}

TEST_CASE("Kinds: one that the model has not is damage, and so is another than was told") {
  const Sample sample(ContextMode::kCarried);
  const size_t first = kFileHeaderBytes + kSegmentHeaderBytes;
  auto header = ParseSegmentHeader(
      std::span(sample.file).subspan(kFileHeaderBytes, kSegmentHeaderBytes), sample.layout, "test");
  const Bytes payload(sample.file.begin() + static_cast<ptrdiff_t>(first),
                      sample.file.begin() + static_cast<ptrdiff_t>(first + header.payload_bytes));
  const auto decode = [&](std::span<const uint8_t> changed) {
    SegmentCodec(sample.layout, &sample.model)
        .Decode(
            header, changed, 1, [](uint32_t) {}, "test");
  };
  CHECK_NOTHROW(decode(payload));
  for (const uint8_t kind : {uint8_t{0}, uint8_t{kKinds}, uint8_t{255}}) {
    Bytes changed = payload;
    changed[0] = kind;
    CHECK(ThrownBy([&] { decode(changed); }).kind == ErrorKind::kDamaged);
  }
  CHECK(ThrownBy([&] { decode({}); }).kind == ErrorKind::kDamaged);
}

TEST_CASE("Kinds: what the model makes of each symbol is that of the segment's kind") {
  const Sample sample(ContextMode::kCarried);
  SegmentCodec codec(sample.layout, &sample.model);
  const auto part = std::span(sample.original).first(kSegment);
  double bits = 0;
  for (const SymbolFrequency& symbol : codec.ModelFrequencies(part, 1, [](uint32_t) {}))
    bits += kFrequencyBits - std::log2(static_cast<double>(symbol.frequency));
  const size_t payload = codec.PayloadBytes(CodingMethod::kModel, part, 1, [](uint32_t) {});
  CHECK(bits / 8 == Approx(static_cast<double>(payload)).margin(8));
}

}  // namespace occam
