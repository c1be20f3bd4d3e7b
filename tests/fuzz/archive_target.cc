// Any bytes as an .occ file: all ways to read it end, and agree.
//
// Byte 0: which model is given (bits 0 and 1); the checks are mended (2), index and end record as
// well (3). Bytes 1 and 2: a range. The rest is the file.
#include <algorithm>
#include <memory>

#include "coder/archive/decompress_range.h"
#include "coder/archive/decompressor.h"
#include "coder/archive/salvage.h"
#include "coder/container/archives.h"
#include "coder/container/container_reader.h"
#include "tests/fuzz/mend.h"
#include "tests/fuzz/models.h"
#include "tests/fuzz/target.h"

namespace occam::fuzz {
namespace {

constexpr size_t kMostFileBytes = 20'000;
constexpr uint64_t kMostOriginalBytes = 6'000;
constexpr uint64_t kMemoryBytes = 50'000'000;

CodecOptions Options(int threads) {
  CodecOptions options;
  options.threads = threads;
  options.memory_bytes = kMemoryBytes;
  return options;
}

bool HoldsSeveral(std::span<const uint8_t> file) {
  for (size_t i = 1; i < file.size(); ++i) {
    if (BeginsArchive(file.subspan(i))) return true;
  }
  return false;
}

// Takes what is salvaged: no more than full segments as many as the file has room for.
class SalvageSink final : public ByteSink {
 public:
  SalvageSink(std::span<const uint8_t> file, Bytes* out) : out_(out) {
    const auto source = MemorySource(file);
    try {
      most_ = ContainerReader(*source).header().segment_bytes();
    } catch (const Error&) {
      most_ = 0;  // without a header nothing is salvaged
    }
    if (most_ > 0 && HoldsSeveral(file)) most_ = kMaxSegmentSymbols;
    // A short archive has at least so many bytes beside its payload.
    constexpr size_t kLeastShort = 20;
    most_ *= file.size() / kLeastShort;
  }
  void Write(std::span<const uint8_t> bytes) override {
    Require(out_->size() + bytes.size() <= most_,
            "nothing is salvaged of segments that are not there");
    if (out_->size() + bytes.size() > 100'000) throw IoError("it is full");
    out_->insert(out_->end(), bytes.begin(), bytes.end());
  }
  void Commit() override {}
  std::string name() const override { return "memory"; }

 private:
  Bytes* out_;
  uint64_t most_ = 0;
};

// What a file claims is bounded here: a fuzzer that decodes for seconds gets nowhere.
bool IsSmallFile(std::span<const uint8_t> file) {
  uint64_t original_bytes = 0;
  try {
    const auto source = MemorySource(file);
    ArchiveSequence archives(*source);
    do {
      ContainerReader reader(archives);
      if (!IsSmallModel(reader.model())) return false;
      SegmentRecord record;
      while (reader.Next(&record)) original_bytes += record.header.original_bytes;
    } while (archives.Next());
  } catch (const Error&) {
    // As far as it was read.
  }
  return original_bytes <= kMostOriginalBytes;
}

// The model in the file, else the one given.
class Finder {
 public:
  explicit Finder(const CodecModel& given) : given_(given) {}
  const CodecModel* operator()(const FileHeader&, std::span<const uint8_t> embedded) {
    if (embedded.empty()) return &given_;
    in_file_ = std::make_shared<LoadedModel>(embedded, "embedded", Kernels::kFast,
                                             ReadLimits{kMemoryBytes});
    return &in_file_->codec_model();
  }

 private:
  const CodecModel& given_;
  std::shared_ptr<LoadedModel> in_file_;
};

void Read(const Bytes& file, const CodecModel& model, const OriginalRange& range) {
  const CodecOptions one = Options(1);
  Bytes whole;
  const bool sound =
      Succeeds([&] { Decompress(*MemorySource(file), *MemorySink(&whole), Finder(model), one); });

  Bytes threaded;
  const bool threads_agree =
      sound == Succeeds([&] {
        Decompress(*MemorySource(file), *MemorySink(&threaded), Finder(model), Options(2));
      });
  Require(threads_agree && whole == threaded, "two threads restore what one restores");

  ContainerStats totals;
  const bool readable = Succeeds([&] {
    ReadFileInfos(
        *MemorySource(file), [&](const FileInfo& info) { totals.Add(info.totals); }, kMemoryBytes);
  });
  Require(!sound || (readable && totals.original_bytes == whole.size()),
          "what can be restored can be listed, with its size");

  Bytes salvaged;
  SalvageSink salvage(file, &salvaged);
  SalvageReport report;
  const bool kept = Succeeds(
      [&] { report = DecompressKeepGoing(*MemorySource(file), salvage, Finder(model), one); });
  Require(!sound || (kept && report.missing.empty() && salvaged == whole),
          "of a sound file nothing is missing");

  Bytes part;
  const bool found = Succeeds(
      [&] { DecompressRange(*MemorySource(file), *MemorySink(&part), Finder(model), range, one); });
  if (!sound) return;
  const bool within = range.offset + *range.length <= whole.size();
  Require(found == within, "a range is restored where it is within the original, and only there");
  Require(!found || std::equal(part.begin(), part.end(),
                               whole.begin() + static_cast<std::ptrdiff_t>(range.offset)),
          "a range is a part of the whole");
}

}  // namespace
}  // namespace occam::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace occam::fuzz;  // NOLINT
  if (size < 4 || size > kMostFileBytes) return 0;
  const uint8_t how = data[0];
  occam::Bytes file(data + 3, data + size);
  if ((how & 12) != 0) MendArchive(/*whole=*/(how & 8) != 0, &file);
  if (IsSmallFile(file)) Read(file, Model(WhichModel(how)).codec_model(), {data[1], data[2]});
  return 0;
}
