// Files that hold their model.
#include <algorithm>
#include <limits>
#include <memory>

#include "coder/archive/decompress_range.h"
#include "coder/archive/salvage.h"
#include "coder/archive/segment_codec.h"
#include "coder/container/container_writer.h"
#include "coder/predict/loaded_model.h"
#include "coder/predict/network_predictor.h"
#include "coder/weights/model_codec.h"
#include "data/base/byte_order.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

constexpr int kContext = 16;
constexpr uint32_t kSegment = 64;

QuantizedModel SmallModel(uint64_t seed) {
  return testing::RandomModel(testing::TestConfig(256, 16, 2, 1, 1, 3, kContext, {5, 0}), seed);
}

// What the network itself would write, which no other method codes as well: noise, decoded.
Bytes Dream(const ExactNetwork& network, size_t size) {
  const Bytes noise = RandomBytes(size, 3);
  RangeDecoder decoder(noise);
  NetworkPredictor codec(network, kContext, 1);
  codec.StartSegment(1);
  Bytes bytes;
  int32_t symbol = 0;
  while (bytes.size() < size) {
    codec.Decode(decoder, std::span(&symbol, 1));
    bytes.push_back(static_cast<uint8_t>(symbol));
  }
  return bytes;
}

// A file of nine segments of 64 bytes, some by the model, that holds it.
class Sample {
 public:
  Sample()
      : coded(EncodeModel(SmallModel(1)).bytes), model(coded, "the test's model", Kernels::kPlain) {
    original = Dream(model.network(), 8 * kSegment);
    const Bytes noise = RandomBytes(30, 4);
    original.insert(original.end(), noise.begin(), noise.end());
    layout = SmallLayout(kContext, 2, 32, &model.codec_model());
    file = Write(coded);
    segments_begin = kFileHeaderBytes + kModelFrameBytes + coded.size();
  }

  Bytes Write(std::span<const uint8_t> embedded) const {
    Bytes bytes;
    const auto sink = MemorySink(&bytes);
    ContainerWriter writer(*sink, layout, embedded);
    SegmentCodec codec(layout, &model.codec_model());
    for (size_t begin = 0; begin < original.size(); begin += kSegment) {
      const size_t size = std::min<size_t>(kSegment, original.size() - begin);
      const auto segment =
          codec.Encode(std::span(original).subspan(begin, size), 1, [](uint32_t) {});
      writer.Append(segment.header, segment.payload);
    }
    writer.Finish();
    return bytes;
  }

  Bytes coded;
  LoadedModel model;
  Bytes original;
  FileHeader layout;
  Bytes file;
  size_t segments_begin = 0;
};

// Finds the model in the file alone.
class OwnModel {
 public:
  ModelFinder Finder() {
    return [this](const FileHeader&, std::span<const uint8_t> embedded) -> const CodecModel* {
      if (embedded.empty()) return nullptr;
      model_ = std::make_unique<LoadedModel>(embedded, "the file's model", Kernels::kPlain);
      return &model_->codec_model();
    };
  }

 private:
  std::unique_ptr<LoadedModel> model_;
};

struct Restored {
  Bytes bytes;
  ContainerStats stats;
};

Restored Restore(ByteSource& source) {
  Restored restored;
  OwnModel own;
  restored.stats = Decompress(source, *MemorySink(&restored.bytes), own.Finder(), {1, {}});
  return restored;
}

}  // namespace

TEST_CASE("Embedded model: the file decodes with nothing else, and says what its parts cost") {
  const Sample sample;
  const Restored restored = Restore(*MemorySource(sample.file));
  CHECK(restored.bytes == sample.original);
  CHECK(restored.stats.method_segments[static_cast<size_t>(CodingMethod::kModel)] >= 6);
  PipeSource pipe(sample.file);
  CHECK(Restore(pipe).bytes == sample.original);

  const Bytes without = sample.Write({});
  CHECK(sample.file.size() == without.size() + kModelFrameBytes + sample.coded.size());
  const FileInfo info = ReadFileInfo(*MemorySource(sample.file));
  CHECK(info.model == sample.coded);
  CHECK(info.header.embeds_model);
  for (const ContainerStats& stats : {info.totals, restored.stats}) {
    CHECK(stats.model_bytes == sample.coded.size());
    CHECK(stats.payload_bytes + stats.model_bytes + stats.header_bytes() == sample.file.size());
  }
  const FileInfo plain = ReadFileInfo(*MemorySource(without));
  CHECK(plain.model.empty());
  CHECK(info.totals.header_bytes() == plain.totals.header_bytes() + kModelFrameBytes);
}

TEST_CASE("Embedded model: Compress writes it, and the file is the plain one beside it") {
  const Sample sample;
  Bytes with;
  CodecOptions options{1, {}, ContextMode::kCarried, 0, sample.coded};
  const auto stats = Compress(*MemorySource(sample.original), *MemorySink(&with),
                              &sample.model.codec_model(), options);
  CHECK(stats.model_bytes == sample.coded.size());
  CHECK(stats.file_bytes == with.size());
  CHECK(Restore(*MemorySource(with)).bytes == sample.original);
  options.embedded_model = {};
  Bytes without;
  Compress(*MemorySource(sample.original), *MemorySink(&without), &sample.model.codec_model(),
           options);
  CHECK(with.size() == without.size() + kModelFrameBytes + sample.coded.size());
}

TEST_CASE("Embedded model: parts are restored, from files and pipes") {
  const Sample sample;
  const OriginalRange range{100, 200};
  const auto part = std::span(sample.original).subspan(100, 200);
  PipeSource pipe(sample.file);
  const auto file = MemorySource(sample.file);
  for (ByteSource* source : {static_cast<ByteSource*>(&pipe), file.get()}) {
    OwnModel own;
    Bytes out;
    const auto stats = DecompressRange(*source, *MemorySink(&out), own.Finder(), range, {1, {}});
    CHECK(std::ranges::equal(out, part));
    CHECK(stats.model_bytes == sample.coded.size());
  }
}

TEST_CASE("Embedded model: what is sound of a damaged file comes back, from files and pipes") {
  const Sample sample;
  Bytes damaged = sample.file;
  damaged[sample.segments_begin + kSegmentHeaderBytes] ^= 1;
  PipeSource pipe(damaged);
  const auto file = MemorySource(damaged);
  for (ByteSource* source : {static_cast<ByteSource*>(&pipe), file.get()}) {
    OwnModel own;
    Bytes out;
    const SalvageReport report =
        DecompressKeepGoing(*source, *MemorySink(&out), own.Finder(), {1, {}});
    REQUIRE(report.missing.size() == 1);
    CHECK(report.missing[0].begin == 0);
    CHECK(report.missing[0].end == kSegment);
    REQUIRE(out.size() == sample.original.size());
    CHECK(std::equal(out.begin() + kSegment, out.end(), sample.original.begin() + kSegment));
  }
  OwnModel own;
  Bytes out;
  const auto sound =
      DecompressKeepGoing(*MemorySource(sample.file), *MemorySink(&out), own.Finder(), {1, {}});
  CHECK(sound.sound());
  CHECK(sound.stats.file_bytes == sample.file.size());
}

TEST_CASE("Embedded model: every flipped bit of it and every truncation is reported") {
  const Sample sample;
  const auto require_damaged = [&](const Bytes& file) {
    Bytes out;
    OwnModel own;
    REQUIRE(ThrownBy([&] {
              Decompress(*MemorySource(file), *MemorySink(&out), own.Finder(), {1, {}});
            }).kind == ErrorKind::kDamaged);
    REQUIRE(out.empty());
    REQUIRE(ThrownBy([&] { ReadFileInfo(*MemorySource(file)); }).kind == ErrorKind::kDamaged);
    REQUIRE(ThrownBy([&] {
              DecompressKeepGoing(*MemorySource(file), *MemorySink(&out), own.Finder(), {1, {}});
            }).kind == ErrorKind::kDamaged);
  };
  for (size_t bit = 0; bit < 8 * sample.segments_begin; bit += kEvery) {
    Bytes flipped = sample.file;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
    require_damaged(flipped);
  }
  for (size_t size = 0; size < sample.segments_begin; size += kEvery) {
    const auto cut = std::span(sample.file).first(size);
    require_damaged(Bytes(cut.begin(), cut.end()));
  }
}

TEST_CASE("Embedded model: a claimed length is not believed before its bytes are there") {
  const Sample sample;
  FileHeader header = sample.layout;
  header.embeds_model = true;
  for (const uint64_t length : {kMaxEmbeddedModelBytes, kMaxEmbeddedModelBytes + 1,
                                std::numeric_limits<uint64_t>::max(), uint64_t{101}}) {
    ByteWriter file;
    file.PutBytes(Serialise(header));
    file.Put(length);
    file.PutBytes(Bytes(100));
    PipeSource source(file.bytes());
    CHECK(ThrownBy([&] { ReadFileInfo(source); }).kind == ErrorKind::kDamaged);
    CHECK(source.largest_read() <= 1 << 20);
  }
}

TEST_CASE("Embedded model: another model than the header names, and no model at all, are refused") {
  const Sample sample;
  const auto refusal = [&](std::span<const uint8_t> embedded) {
    return ThrownBy([&] { Restore(*MemorySource(sample.Write(embedded))); });
  };
  const Thrown other = refusal(EncodeModel(SmallModel(2)).bytes);
  CHECK(other.kind == ErrorKind::kDamaged);
  CHECK(other.Mentions(Hex(std::span(sample.layout.model_id).first(8))));
  CHECK(refusal(RandomBytes(500, 1)).kind == ErrorKind::kDamaged);
  CHECK(refusal(Bytes(1)).kind == ErrorKind::kDamaged);
  Random random(5);
  for (size_t round = 0; round < 100; round += kEvery) {
    // A right hash around a wrong model: only the model's own id tells.
    Bytes wrong = sample.coded;
    const size_t at = random.Below(wrong.size());
    wrong[at] = static_cast<uint8_t>(wrong[at] ^ (1u << random.Below(8)));
    CHECK(refusal(wrong).kind == ErrorKind::kDamaged);
  }
  // A model that nothing in the file asks for.
  FileHeader header;
  header.embeds_model = true;
  CHECK(ThrownBy([&] { ParseFileHeader(Serialise(header), "test"); }).kind == ErrorKind::kDamaged);
}

}  // namespace occam
