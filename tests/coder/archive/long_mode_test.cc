// Mode long: the expert with its larger tables, alone and beside a network, in few long lanes.
// Small segments stand for large ones here.
#include <algorithm>
#include <vector>

#include "coder/archive/decompress_range.h"
#include "coder/archive/salvage.h"
#include "coder/archive/segment_codec.h"
#include "coder/predict/network_predictor.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

constexpr int kContext = 16;
constexpr size_t kSegment = 1024;

const ExactNetwork& Network() {
  static const ExactNetwork network(
      testing::RandomModel(testing::TestConfig(256, 16, 2, 1, 2, 3, kContext, {5, 0}), 1),
      Kernels::kPlain);
  return network;
}

// What the network would write, which the expert knows nothing of.
Bytes Dream(size_t size, uint64_t seed) {
  const Bytes noise = RandomBytes(size, seed);
  RangeDecoder decoder(noise);
  NetworkPredictor predictor(Network(), kContext, 1, ContextMode::kCarried);
  predictor.StartSegment(1);
  Bytes bytes(size);
  int32_t symbol = 0;
  for (uint8_t& byte : bytes) {
    predictor.Decode(decoder, std::span(&symbol, 1));
    byte = static_cast<uint8_t>(symbol);
  }
  return bytes;
}

FileHeader LayoutOf(uint32_t lanes, const CodecModel* model) {
  FileHeader header = SmallLayout(kContext, lanes, kSegment / lanes, model);
  header.mode = ContextMode::kLong;
  return header;
}

// Segments by the model, by the expert, stored, and by the expert again, not full.
struct Sample {
  explicit Sample(uint32_t lanes = 2) {
    for (const Bytes& part :
         {Dream(kSegment, 1), Prose(kSegment, 2), RandomBytes(kSegment, 3), Prose(300, 2)})
      original.insert(original.end(), part.begin(), part.end());
    file = CompressWithLayout(original, LayoutOf(lanes, &model), &model);
  }
  ModelFinder Finder() const {
    return [this](const FileHeader&, std::span<const uint8_t>) { return &model; };
  }
  // Whether these bytes are those of the original from a place on.
  bool Holds(const Bytes& bytes, size_t place) const {
    return bytes.size() <= original.size() - place &&
           std::equal(bytes.begin(), bytes.end(), original.begin() + static_cast<ptrdiff_t>(place));
  }

  CodecModel model = NetworkCodecModel(Network());
  Bytes original;
  Bytes file;
};

}  // namespace

TEST_CASE("Mode long: every method comes back, from any number of lanes and threads") {
  for (const uint32_t lanes : {1u, 2u, 32u}) {
    const Sample sample(lanes);
    std::vector<CodingMethod> methods;
    const FileInfo info = ReadFileInfo(*MemorySource(sample.file));
    for (const SegmentHeader& segment : info.segments) methods.push_back(segment.method);
    CHECK(methods == std::vector{CodingMethod::kModel, CodingMethod::kExpert, CodingMethod::kStored,
                                 CodingMethod::kExpert});
    CHECK(info.header.mode == ContextMode::kLong);
    for (const int threads : {1, 3})
      CHECK(DecompressBytes(sample.file, &sample.model, threads) == sample.original);
    // It is none of mode adaptive: hashes and rates are others.
    FileHeader adaptive = LayoutOf(lanes, &sample.model);
    adaptive.mode = ContextMode::kAdaptive;
    const Bytes other = CompressWithLayout(sample.original, adaptive, &sample.model);
    CHECK_FALSE(std::equal(other.begin() + kFileHeaderBytes, other.end(),
                           sample.file.begin() + kFileHeaderBytes, sample.file.end()));
  }
}

TEST_CASE("Mode long: the file is the same from any number of threads, and tells its lanes") {
  const CodecModel model = NetworkCodecModel(Network());
  const Bytes original = Dream(3000, 4);
  for (const uint32_t lanes : {0u, 1u, 5u}) {
    std::vector<Bytes> files;
    for (const int threads : {1, 3, 8}) {
      CodecOptions options{threads, {}, ContextMode::kLong};
      options.memory_bytes = uint64_t{4} << 30;
      options.lanes = lanes;
      Compress(*MemorySource(original), *MemorySink(&files.emplace_back()), &model, options);
    }
    CHECK(files[1] == files[0]);
    CHECK(files[2] == files[0]);
    const FileInfo info = ReadFileInfo(*MemorySource(files[0]));
    CHECK(info.header.lanes == (lanes == 0 ? 32 : lanes));
    CHECK(info.segments.at(0).method == CodingMethod::kModel);
    CodecOptions options;
    options.memory_bytes = uint64_t{4} << 30;
    Bytes restored;
    Decompress(*MemorySource(files[0]), *MemorySink(&restored), &model, options);
    CHECK(restored == original);
  }
  for (const auto& [mode, lanes] :
       {std::pair{ContextMode::kLong, 33u}, std::pair{ContextMode::kCarried, 1u}}) {
    CodecOptions options{1, {}, mode};
    options.lanes = lanes;
    Bytes file;
    CHECK(ThrownBy([&] {
            Compress(*MemorySource(original), *MemorySink(&file), &model, options);
          }).kind == ErrorKind::kUsage);
  }
}

TEST_CASE("Mode long: flipped bits and cut files are damage, and what came out before is right") {
  const Sample sample;
  const auto require_damaged = [&](const Bytes& damaged) {
    Bytes out;
    REQUIRE(ThrownBy([&] {
              Decompress(*MemorySource(damaged), *MemorySink(&out), &sample.model, {1, {}});
            }).kind == ErrorKind::kDamaged);
    REQUIRE(sample.Holds(out, 0));
  };
  Random random(1);
  for (size_t byte = 0; byte < sample.file.size(); byte += byte < kFileHeaderBytes ? 1 : 41) {
    Bytes flipped = sample.file;
    flipped[byte] = static_cast<uint8_t>(flipped[byte] ^ (1u << random.Below(8)));
    require_damaged(flipped);
  }
  for (size_t size = 1; size < sample.file.size(); size += 97)
    require_damaged(Bytes(sample.file.begin(), sample.file.begin() + static_cast<ptrdiff_t>(size)));
}

TEST_CASE("Mode long: ranges and keeping going restore what they can") {
  const Sample sample;
  for (const auto& [begin, size] : {std::pair{0, 5}, std::pair{1000, 100}, std::pair{1024, 1024},
                                    std::pair{3000, 372}, std::pair{3372, 0}}) {
    PipeSource pipe(sample.file);
    const auto memory = MemorySource(sample.file);
    for (ByteSource* source : {static_cast<ByteSource*>(&pipe), memory.get()}) {
      Bytes out;
      DecompressRange(*source, *MemorySink(&out), sample.Finder(),
                      {static_cast<uint64_t>(begin), static_cast<uint64_t>(size)}, {2, {}});
      CHECK(out.size() == static_cast<size_t>(size));
      CHECK(sample.Holds(out, static_cast<size_t>(begin)));
    }
  }
  const FileInfo info = ReadFileInfo(*MemorySource(sample.file));
  size_t second = kFileHeaderBytes + kSegmentHeaderBytes + info.segments[0].payload_bytes;
  Bytes damaged = sample.file;
  damaged[second + kSegmentHeaderBytes + 20] ^= 1;
  Bytes out;
  const SalvageReport report =
      DecompressKeepGoing(*MemorySource(damaged), *MemorySink(&out), sample.Finder(), {2, {}});
  REQUIRE(report.missing.size() == 1);
  CHECK(report.missing[0].begin == kSegment);
  CHECK(report.missing[0].end == 2 * kSegment);
  Bytes expected = sample.original;
  std::fill_n(expected.begin() + kSegment, kSegment, uint8_t{0});
  CHECK(out == expected);
}

TEST_CASE("Mode long: archives of several modes in one file give their bytes one after another") {
  const Sample sample;
  FileHeader adaptive = LayoutOf(2, &sample.model);
  adaptive.mode = ContextMode::kAdaptive;
  const Bytes text = Prose(1500, 5);
  Bytes file = sample.file, original = sample.original;
  const auto append = [](Bytes* bytes, const Bytes& more) {
    bytes->insert(bytes->end(), more.begin(), more.end());
  };
  append(&file, CompressWithLayout(text, adaptive, &sample.model));
  append(&file, sample.file);
  append(&original, text);
  append(&original, sample.original);
  for (const int threads : {1, 3}) CHECK(DecompressBytes(file, &sample.model, threads) == original);
}

TEST_CASE("Mode long: without a model a string is found again at any distance in its segment") {
  FileHeader header = HeaderOfLanes(1, ContextMode::kLong, 1);
  header.lane_symbols = 100'000;
  const Bytes once = RandomBytes(3000, 6);
  Bytes original = once;
  const Bytes between = RandomBytes(90'000, 7);
  original.insert(original.end(), between.begin(), between.end());
  original.insert(original.end(), once.begin(), once.end());
  const Bytes file = CompressWithLayout(original, header, nullptr);
  CHECK(file.size() < 93'000 * 1.01 + 300);
  CHECK(DecompressBytes(file, nullptr) == original);
}

}  // namespace occam
