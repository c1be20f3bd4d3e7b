#include "coder/archive/decompress_range.h"

#include "coder/container/container_directory.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

constexpr uint32_t kContext = 16;
constexpr size_t kSegment = 64;
constexpr size_t kSize = 5 * kSegment + 10;

class Sample {
 public:
  explicit Sample(size_t size = kSize) {
    original = ChainBytes(size, kContext, 3);
    file = CompressWithLayout(original, SmallLayout(kContext, 2, 32, &model), &model);
  }
  Bytes Range(ByteSource& source, OriginalRange range, int threads = 2) const {
    Bytes out;
    const auto find = [this](const FileHeader&, std::span<const uint8_t>) { return &model; };
    const ContainerStats stats =
        DecompressRange(source, *MemorySink(&out), find, range, {threads, {}});
    CHECK(stats.original_bytes == out.size());
    return out;
  }
  Bytes Part(size_t offset, size_t length) const {
    const auto begin = original.begin() + static_cast<ptrdiff_t>(offset);
    return {begin, begin + static_cast<ptrdiff_t>(length)};
  }

  CodecModel model = ChainModel(kContext);
  Bytes original;
  Bytes file;
};

// A source that remembers how much was read.
class CountingSource final : public ByteSource {
 public:
  explicit CountingSource(std::span<const uint8_t> bytes) : inner_(MemorySource(bytes)) {}
  size_t Read(std::span<uint8_t> out) override {
    const size_t n = inner_->Read(out);
    read += n;
    return n;
  }
  bool Seek(uint64_t position) override { return inner_->Seek(position); }
  std::optional<uint64_t> size_bytes() const override { return inner_->size_bytes(); }
  std::string name() const override { return "counted"; }
  uint64_t read = 0;

 private:
  std::unique_ptr<ByteSource> inner_;
};

}  // namespace

TEST_CASE("Range: every range within the data gives its bytes, from a file and from a pipe") {
  const Sample sample;
  const std::vector<size_t> places = {0,   1,   31,  63,  64,  65,  127, 128,
                                      130, 200, 256, 319, 320, 321, 329, kSize};
  for (const size_t begin : places) {
    for (const size_t end : places) {
      if (begin > end) continue;
      const Bytes want = sample.Part(begin, end - begin);
      PipeSource pipe(sample.file);
      REQUIRE(sample.Range(*MemorySource(sample.file), {begin, end - begin}) == want);
      REQUIRE(sample.Range(pipe, {begin, end - begin}) == want);
    }
    PipeSource pipe(sample.file);
    REQUIRE(sample.Range(*MemorySource(sample.file), {begin, {}}) ==
            sample.Part(begin, kSize - begin));
    REQUIRE(sample.Range(pipe, {begin, {}}, 3) == sample.Part(begin, kSize - begin));
  }
}

TEST_CASE("Range: of data that ends with a full segment, and of none") {
  const Sample full(2 * kSegment);
  CHECK(full.Range(*MemorySource(full.file), {kSegment, kSegment}) ==
        full.Part(kSegment, kSegment));
  CHECK(full.Range(*MemorySource(full.file), {2 * kSegment, {}}).empty());
  PipeSource pipe(full.file);
  CHECK(full.Range(pipe, {2 * kSegment, {}}).empty());
  const Sample empty(0);
  CHECK(empty.Range(*MemorySource(empty.file), {0, {}}).empty());
  PipeSource empty_pipe(empty.file);
  CHECK(empty.Range(empty_pipe, {0, 0}).empty());
}

TEST_CASE("Range: beyond the end is refused, and the length is told") {
  const Sample sample;
  for (const OriginalRange range :
       {OriginalRange{kSize + 1, {}}, OriginalRange{kSize, 1}, OriginalRange{0, kSize + 1},
        OriginalRange{300, 31}, OriginalRange{5, ~uint64_t{0}}, OriginalRange{~uint64_t{0}, {}}}) {
    const Thrown file = ThrownBy([&] { sample.Range(*MemorySource(sample.file), range); });
    CHECK(file.kind == ErrorKind::kUsage);
    CHECK(file.Mentions("330 bytes"));
    PipeSource pipe(sample.file);
    const Thrown piped = ThrownBy([&] { sample.Range(pipe, range); });
    CHECK(piped.kind == ErrorKind::kUsage);
    CHECK(piped.Mentions("330 bytes"));
  }
}

TEST_CASE("Range: only the payloads of segments that hold it are read") {
  const Sample sample;
  CountingSource source(sample.file);
  sample.Range(source, {3 * kSegment, kSegment});
  const FileInfo info = ReadFileInfo(*MemorySource(sample.file));
  // File header and end record are looked at twice: what is Occam's, and where does it end?
  CHECK(source.read == 2 * (kFileHeaderBytes + kEndRecordBytes) + kIndexFrameBytes +
                           6 * kIndexEntryBytes + 7 * kSegmentHeaderBytes +
                           info.segments[3].payload_bytes);
}

TEST_CASE("Range: every flipped bit in what it needs is reported, others do not matter") {
  const Sample sample;
  const OriginalRange range{kSegment + 5, kSegment};  // segments 1 and 2
  const Bytes want = sample.Part(range.offset, *range.length);
  const FileInfo info = ReadFileInfo(*MemorySource(sample.file));
  std::vector<size_t> starts = {kFileHeaderBytes};
  for (const SegmentHeader& segment : info.segments)
    starts.push_back(starts.back() + kSegmentHeaderBytes + segment.payload_bytes);
  for (size_t bit = 0; bit < sample.file.size() * 8; bit += kEvery) {
    const size_t byte = bit / 8;
    Bytes flipped = sample.file;
    flipped[byte] = static_cast<uint8_t>(flipped[byte] ^ (1u << (bit % 8)));
    // In the payload of another segment; headers are tied to each other.
    bool elsewhere = false;
    for (const size_t number : {0u, 3u, 4u, 5u}) {
      elsewhere =
          elsewhere || (byte >= starts[number] + kSegmentHeaderBytes && byte < starts[number + 1]);
    }
    if (elsewhere) {
      REQUIRE(sample.Range(*MemorySource(flipped), range, 1) == want);
    } else {
      REQUIRE(ThrownBy([&] { sample.Range(*MemorySource(flipped), range, 1); }).kind ==
              ErrorKind::kDamaged);
    }
  }
}

TEST_CASE("Range: segments of another archive are refused, from a file and from a pipe") {
  const Sample sample;
  // The same sizes, other bytes: the first two segments of one, and all else of the other.
  Sample other;
  for (size_t i = 0; i < 2 * kSegment; ++i) other.original[i] ^= 1;
  other.file = CompressWithLayout(other.original, SmallLayout(kContext, 2, 32, nullptr), nullptr);
  const Bytes file =
      CompressWithLayout(sample.original, SmallLayout(kContext, 2, 32, nullptr), nullptr);
  const FileInfo info = ReadFileInfo(*MemorySource(file));
  const FileInfo other_info = ReadFileInfo(*MemorySource(other.file));
  const auto place = [](const FileInfo& of) {
    size_t position = kFileHeaderBytes;
    for (int i = 0; i < 2; ++i) position += kSegmentHeaderBytes + of.segments[i].payload_bytes;
    return static_cast<ptrdiff_t>(position);
  };
  Bytes mixed(other.file.begin(), other.file.begin() + place(other_info));
  mixed.insert(mixed.end(), file.begin() + place(info), file.end());
  REQUIRE(ThrownBy([&] { DecompressBytes(mixed, nullptr); }).kind == ErrorKind::kDamaged);
  for (const OriginalRange range : {OriginalRange{5, 9}, OriginalRange{3 * kSegment, 9}}) {
    PipeSource pipe(mixed);
    CHECK(ThrownBy([&] { sample.Range(*MemorySource(mixed), range); }).kind == ErrorKind::kDamaged);
    CHECK(ThrownBy([&] { sample.Range(pipe, range); }).kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Range: every truncation is reported, and forged indices never crash") {
  const Sample sample;
  for (size_t size = 0; size < sample.file.size(); ++size) {
    const Bytes cut(sample.file.begin(), sample.file.begin() + static_cast<ptrdiff_t>(size));
    REQUIRE(ThrownBy([&] {
              sample.Range(*MemorySource(cut), {70, 10}, 1);
            }).kind == ErrorKind::kDamaged);
  }
  // Right checksums, wrong sizes.
  const FileInfo info = ReadFileInfo(*MemorySource(sample.file));
  const size_t tail = kIndexFrameBytes + 6 * kIndexEntryBytes + kEndRecordBytes;
  for (const uint32_t lie : {0u, 1u, 64u, 65u, 0xffffffffu}) {
    for (int field = 0; field < 2; ++field) {
      std::vector<IndexEntry> index;
      for (const SegmentHeader& segment : info.segments)
        index.push_back({segment.payload_bytes, segment.original_bytes});
      (field == 0 ? index[1].payload_bytes : index[1].original_bytes) = lie;
      if (index[1] == IndexEntry{info.segments[1].payload_bytes, 64}) continue;
      Bytes forged(sample.file.begin(), sample.file.end() - static_cast<ptrdiff_t>(tail));
      EndRecord end;
      end.segments = 6;
      end.original_bytes = sample.original.size();
      end.file_bytes = sample.file.size();
      for (const Bytes& record : {Serialise(index), Serialise(end)})
        forged.insert(forged.end(), record.begin(), record.end());
      CHECK(ThrownBy([&] {
              sample.Range(*MemorySource(forged), {70, 10}, 1);
            }).kind == ErrorKind::kDamaged);
    }
  }
  for (const uint32_t segments : {0u, 5u, 7u, 0xffffffffu}) {
    Bytes forged(sample.file.begin(), sample.file.end() - static_cast<ptrdiff_t>(kEndRecordBytes));
    EndRecord end;
    end.segments = segments;
    end.original_bytes = sample.original.size();
    end.file_bytes = sample.file.size();
    const Bytes record = Serialise(end);
    forged.insert(forged.end(), record.begin(), record.end());
    CHECK(ThrownBy([&] {
            sample.Range(*MemorySource(forged), {70, 10}, 1);
          }).kind == ErrorKind::kDamaged);
  }
}

}  // namespace occam
