// What files from anywhere may take is counted before it is allocated.
#include <sys/resource.h>

#include <algorithm>
#include <memory>

#include "coder/archive/decompress_range.h"
#include "coder/archive/salvage.h"
#include "coder/archive/segment_codec.h"
#include "coder/archive/segment_memory.h"
#include "coder/container/container_writer.h"
#include "coder/predict/loaded_model.h"
#include "coder/weights/model_codec.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

constexpr uint64_t kMegabyte = 1'000'000;

// The most memory that the process has had.
uint64_t PeakBytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

// A model of few weights whose lanes look back over `context` symbols in every layer.
QuantizedModel FarSeeing(int context) {
  QuantizedModel model = testing::RandomModel(
      testing::TestConfig(256, 32, 1, 1, 1, 0, context, std::vector<int32_t>(16, 0)), 1);
  for (QuantizedTensor& tensor : model.tensors) std::ranges::fill(tensor.codes, int8_t{0});
  return model;
}

FileHeader LayoutFor(const QuantizedModel& model, uint32_t lanes) {
  FileHeader header;
  header.context = static_cast<uint32_t>(model.config.context);
  header.lanes = lanes;
  header.lane_symbols = header.context;
  header.model_id = ModelId(model);
  header.tokenizer_id = {};
  const Sha256Digest tokenizer = Sha256Of(model.tokenizer);
  std::copy_n(tokenizer.begin(), header.tokenizer_id.size(), header.tokenizer_id.begin());
  header.contract_version = kContractVersion;
  return header;
}

// A file that holds its model and one segment of a few bytes.
Bytes FileOf(const QuantizedModel& model, uint32_t lanes) {
  Bytes file;
  const auto sink = MemorySink(&file);
  const Bytes coded = EncodeModel(model).bytes;
  ContainerWriter writer(*sink, LayoutFor(model, lanes), coded);
  const Bytes original = Prose(50, 1);
  SegmentHeader segment;
  segment.symbols = segment.original_bytes = segment.payload_bytes = 50;
  segment.payload_hash = segment.original_hash = Xxh3Of(original);
  writer.Append(segment, original);
  writer.Finish();
  return file;
}

class OwnModel {
 public:
  explicit OwnModel(uint64_t memory_bytes) : memory_bytes_(memory_bytes) {}
  ModelFinder Finder() {
    return [this](const FileHeader&, std::span<const uint8_t> embedded) -> const CodecModel* {
      model_ = std::make_unique<LoadedModel>(embedded, "its model", Kernels::kPlain,
                                             ReadLimits{memory_bytes_, nullptr});
      return &model_->codec_model();
    };
  }

 private:
  uint64_t memory_bytes_;
  std::unique_ptr<LoadedModel> model_;
};

Thrown Refusal(const Bytes& file, uint64_t memory_bytes, int threads = 1) {
  return ThrownBy([&] {
    OwnModel own(memory_bytes);
    Bytes out;
    const CodecOptions options{.threads = threads, .progress = {}, .memory_bytes = memory_bytes};
    Decompress(*MemorySource(file, "bomb"), *MemorySink(&out), own.Finder(), options);
  });
}

}  // namespace

TEST_CASE("Memory limit: a file whose lanes would take more is refused by its headers") {
  const Bytes file = FileOf(FarSeeing(65536), 16);
  REQUIRE(file.size() < 10'000);
  const uint64_t before = PeakBytes();
  const Thrown refusal = Refusal(file, kDefaultMemoryBytes);
  CHECK(refusal.kind == ErrorKind::kMemory);
  INFO(refusal.message);
  CHECK(refusal.Mentions("bomb needs 1.17 GB of memory, more than the limit of 1 GB"));
  CHECK(PeakBytes() < before + 20 * kMegabyte);
  CHECK_FALSE(Refusal(file, 2000 * kMegabyte).kind);
  // The other ways to restore it.
  const CodecOptions options;
  Bytes out;
  CHECK(ThrownBy([&] {
          OwnModel own(kDefaultMemoryBytes);
          DecompressRange(*MemorySource(file), *MemorySink(&out), own.Finder(), {0, 10}, options);
        }).kind == ErrorKind::kMemory);
  CHECK(ThrownBy([&] {
          OwnModel own(kDefaultMemoryBytes);
          DecompressKeepGoing(*MemorySource(file), *MemorySink(&out), own.Finder(), options);
        }).kind == ErrorKind::kMemory);
  CHECK(out.empty());
}

TEST_CASE("Memory limit: a file of mode long is refused by its header, before any table is made") {
  const auto file_of = [](uint32_t lane_symbols) {
    FileHeader header = HeaderOfLanes(1, ContextMode::kLong, 1);
    header.lane_symbols = lane_symbols;
    Bytes file;
    const auto sink = MemorySink(&file);
    ContainerWriter writer(*sink, header);
    SegmentCodec codec(header, nullptr);
    const EncodedSegment segment = codec.Encode(Bytes(50, 7), 1, [](uint32_t) {});
    REQUIRE(segment.header.method == CodingMethod::kExpert);
    writer.Append(segment.header, segment.payload);
    writer.Finish();
    return file;
  };
  const ModelFinder none = [](const FileHeader&, std::span<const uint8_t>) { return nullptr; };
  CodecOptions options;
  Bytes out;
  const Bytes large = file_of(1u << 27);
  const uint64_t before = PeakBytes();
  const Thrown refusal =
      ThrownBy([&] { Decompress(*MemorySource(large, "bomb"), *MemorySink(&out), none, options); });
  INFO(refusal.message);
  CHECK(refusal.kind == ErrorKind::kMemory);
  CHECK(refusal.Mentions("bomb needs 3.0"));
  CHECK(ThrownBy([&] {
          DecompressRange(*MemorySource(large), *MemorySink(&out), none, {0, 10}, options);
        }).kind == ErrorKind::kMemory);
  CHECK(ThrownBy([&] {
          DecompressKeepGoing(*MemorySource(large), *MemorySink(&out), none, options);
        }).kind == ErrorKind::kMemory);
  CHECK(out.empty());
  // So is what would be written.
  options.mode = ContextMode::kLong;
  CHECK(ThrownBy([&] {
          Compress(*MemorySource(Bytes(50, 7)), *MemorySink(&out), nullptr, options);
        }).kind == ErrorKind::kMemory);
  CHECK(PeakBytes() < before + 20 * kMegabyte);
  // A short segment takes little of what its header allows, and the same with a smaller header.
  const Bytes small = file_of(50);
  options.memory_bytes = 100 * kMegabyte;
  Decompress(*MemorySource(small), *MemorySink(&out), none, options);
  CHECK(out == Bytes(50, 7));
  out.clear();
  options.memory_bytes = 4000 * kMegabyte;
  Decompress(*MemorySource(large), *MemorySink(&out), none, options);
  CHECK(out == Bytes(50, 7));
  CHECK(PeakBytes() < before + 100 * kMegabyte);
}

TEST_CASE("Memory limit: a model that would take more is refused by its head") {
  QuantizedModel wide = testing::RandomModel(FamilyConfig(32), 1);
  for (QuantizedTensor& tensor : wide.tensors) std::ranges::fill(tensor.codes, int8_t{0});
  const Bytes file = FileOf(wide, 2);
  // Files of this size are read with these limits, models beside them are not.
  const Thrown refusal = Refusal(file, 100'000);
  CHECK(refusal.kind == ErrorKind::kMemory);
  CHECK(refusal.Mentions("its model needs"));
}

TEST_CASE("Memory limit: no more of an embedded model is read than the limit allows") {
  FileHeader header = LayoutFor(FarSeeing(64), 1);
  header.embeds_model = true;
  ByteWriter file;
  file.PutBytes(Serialise(header));
  file.Put(uint64_t{30 * kMegabyte});
  const size_t before = file.bytes().size();
  file.PutBytes(Bytes(20 * kMegabyte));
  PipeSource source(file.bytes());
  CHECK(ThrownBy([&] { ReadFileInfo(source, 10 * kMegabyte); }).kind == ErrorKind::kMemory);
  // What is only claimed takes nothing, and is damage.
  PipeSource short_source(
      Bytes(file.bytes().begin(), file.bytes().begin() + static_cast<ptrdiff_t>(before)));
  CHECK(ThrownBy([&] { ReadFileInfo(short_source, kMegabyte); }).kind == ErrorKind::kDamaged);
}

TEST_CASE("Memory limit: an index is not longer than the limit, from files and pipes") {
  const CodecModel model = ChainModel(1);
  FileHeader layout = SmallLayout(1, 1, 1, &model);  // a byte a segment
  const Bytes file = CompressWithLayout(RandomBytes(2000, 1), layout, &model);
  PipeSource pipe(file);
  CHECK(ThrownBy([&] { ReadFileInfo(pipe, 20'000); }).kind == ErrorKind::kMemory);
  CHECK(ReadFileInfo(*MemorySource(file), kMegabyte).segments.size() == 2000);
  CodecOptions options;
  options.memory_bytes = 8 * kMegabyte;
  const auto find = [&](const FileHeader&, std::span<const uint8_t>) { return &model; };
  Bytes out;
  DecompressRange(*MemorySource(file), *MemorySink(&out), find, {5, 10}, options);
  CHECK(out.size() == 10);
}

TEST_CASE("Memory limit: fewer threads and segments work at once, and the bytes are the same") {
  const CodecModel small = ChainModel(16);
  const FileHeader layout = SmallLayout(16, 2, 512, &small);
  CodecModel model = small;
  model.model_bytes = 10 * kMegabyte;
  model.predictor_bytes = [](int threads, ContextMode, int lanes) {
    return static_cast<uint64_t>(threads + lanes) * kMegabyte;
  };
  CodecOptions options;
  options.threads = 8;
  int segments_before = 0;
  bool refused = false;
  for (uint64_t limit = 10 * kMegabyte; limit < 200 * kMegabyte; limit += 3 * kMegabyte) {
    options.memory_bytes = limit;
    if (ThrownBy([&] { PlanWork(layout, &model, options, 0, "x"); }).kind == ErrorKind::kMemory) {
      CHECK(segments_before == 0);
      refused = true;
      continue;
    }
    const WorkPlan plan = PlanWork(layout, &model, options, 0, "x");
    CHECK(plan.threads >= 1);
    CHECK(plan.segments >= segments_before);
    CHECK(plan.segments <= plan.threads);
    CHECK(model.model_bytes + static_cast<uint64_t>(plan.segments) *
                                  SegmentMemory(layout, &model, plan.threads / plan.segments) <=
          limit);
    segments_before = plan.segments;
  }
  CHECK(refused);
  CHECK(segments_before == 8);

  const Bytes original = ChainBytes(20'000, 16, 3);
  const Bytes file = CompressWithLayout(original, layout, &small);
  for (const uint64_t limit : {21 * kMegabyte, 60 * kMegabyte, 300 * kMegabyte}) {
    options.memory_bytes = limit;
    Bytes restored;
    Decompress(*MemorySource(file), *MemorySink(&restored), &model, options);
    CHECK(restored == original);
  }
}

TEST_CASE("Memory limit: what restoring takes is told from headers, and is what it takes") {
  const QuantizedModel model = FarSeeing(4096);
  const Bytes file = FileOf(model, 8);
  const FileInfo info = ReadFileInfo(*MemorySource(file));
  const ModelHead head = ReadModelHead(info.model, "test");
  const RestoringCosts costs = CostsOfRestoring(info, &head);
  CHECK(costs.multiplications == 0);  // the segment is stored
  CHECK_FALSE(Refusal(file, costs.memory_bytes).kind);
  CHECK(Refusal(file, costs.memory_bytes - 1).kind == ErrorKind::kMemory);
  FileInfo by_model = info;
  by_model.segments[0].method = CodingMethod::kModel;
  CHECK(CostsOfRestoring(by_model, &head).multiplications > 50 * 16 * 2 * 32 * 4096);
}

}  // namespace occam
