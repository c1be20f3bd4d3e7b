#include "coder/archive/salvage.h"

#include <algorithm>

#include "coder/container/container_writer.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

constexpr uint32_t kContext = 16;
constexpr size_t kSegment = 64;

struct Salvaged {
  Bytes bytes;
  SalvageReport report;
};

Salvaged Salvage(ByteSource& source, const CodecModel& model, int threads = 1) {
  Salvaged result;
  const auto find = [&](const FileHeader&, std::span<const uint8_t>) { return &model; };
  result.report = DecompressKeepGoing(source, *MemorySink(&result.bytes), find, {threads, {}});
  return result;
}

// Eight full segments of all methods and one of 10 bytes.
class Sample {
 public:
  Sample() {
    original = RandomBytes(2 * kSegment, 1);
    original.insert(original.end(), kSegment, 'q');
    const Bytes known = ChainBytes(5 * kSegment + 10, kContext, 2);
    original.insert(original.end(), known.begin(), known.end());
    file = CompressWithLayout(original, SmallLayout(kContext, 2, 32, &model), &model);
    starts = {kFileHeaderBytes};
    for (const SegmentHeader& segment : ReadFileInfo(*MemorySource(file)).segments)
      starts.push_back(starts.back() + kSegmentHeaderBytes + segment.payload_bytes);
  }

  // What holds for any damage: each byte is right, or within a range that is told and zero; and
  // what is damaged is never called sound.
  void RequireHonest(const Salvaged& s) const {
    REQUIRE_FALSE(s.report.sound());
    REQUIRE(s.bytes.size() <= original.size());
    REQUIRE(s.report.stats.original_bytes == s.bytes.size());
    size_t place = 0;
    for (const MissingRange& range : s.report.missing) {
      REQUIRE(range.begin >= place);
      REQUIRE(std::equal(s.bytes.begin() + static_cast<ptrdiff_t>(place),
                         s.bytes.begin() + static_cast<ptrdiff_t>(range.begin),
                         original.begin() + static_cast<ptrdiff_t>(place)));
      REQUIRE_FALSE(range.why.empty());
      place = range.end.value_or(s.bytes.size());
      REQUIRE(place <= s.bytes.size());
      for (size_t i = range.begin; i < place; ++i) REQUIRE(s.bytes[i] == 0);
    }
    REQUIRE(std::equal(s.bytes.begin() + static_cast<ptrdiff_t>(place), s.bytes.end(),
                       original.begin() + static_cast<ptrdiff_t>(place)));
    const bool open = !s.report.missing.empty() && !s.report.missing.back().end;
    REQUIRE((open || s.bytes.size() == original.size()));
  }

  // From a file and from a pipe, which must be honest; the file's is returned.
  Salvaged Both(const Bytes& damaged) const {
    PipeSource pipe(damaged);
    RequireHonest(Salvage(pipe, model));
    Salvaged file_result = Salvage(*MemorySource(damaged), model, 2);
    RequireHonest(file_result);
    return file_result;
  }

  CodecModel model = ChainModel(kContext);
  Bytes original;
  Bytes file;
  std::vector<size_t> starts;  // of the segments, and of the index
};

Bytes Flip(Bytes bytes, size_t bit) {
  bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ (1u << (bit % 8)));
  return bytes;
}

// What is told to be missing, as segments; open ranges as one.
std::vector<size_t> MissingSegments(const SalvageReport& report) {
  std::vector<size_t> segments;
  for (const MissingRange& range : report.missing) {
    for (size_t at = range.begin; at < range.end.value_or(range.begin + 1); at += kSegment)
      segments.push_back(at / kSegment);
  }
  return segments;
}

}  // namespace

TEST_CASE("Keep going: a sound file is restored and called sound") {
  const Sample sample;
  PipeSource pipe(sample.file);
  for (const Salvaged& s :
       {Salvage(*MemorySource(sample.file), sample.model, 3), Salvage(pipe, sample.model)}) {
    CHECK(s.report.sound());
    CHECK(s.bytes == sample.original);
    CHECK(s.report.stats.segments == 9);
  }
  const Bytes empty = CompressBytes({}, nullptr);
  CHECK(Salvage(*MemorySource(empty), sample.model).report.sound());
}

TEST_CASE("Keep going: a damaged byte anywhere costs its segment alone, in a file and in a pipe") {
  const Sample sample;
  for (size_t byte = kFileHeaderBytes; byte < sample.file.size(); byte += kEvery) {
    const Bytes damaged = Flip(sample.file, 8 * byte + byte % 8);
    size_t segment = 0;
    while (segment < 9 && sample.starts[segment + 1] <= byte) ++segment;
    const std::vector<size_t> want = segment < 9 ? std::vector{segment} : std::vector<size_t>{};
    const Salvaged file = sample.Both(damaged);
    REQUIRE(MissingSegments(file.report) == want);
    REQUIRE(file.bytes.size() == sample.original.size());
    // A pipe knows a damaged header's sizes only if they are not what was damaged.
    PipeSource pipe(damaged);
    const size_t in_record = byte - (segment < 9 ? sample.starts[segment] : byte);
    if (segment < 9 && in_record >= 14 && in_record < 18) continue;
    REQUIRE(MissingSegments(Salvage(pipe, sample.model).report) == want);
  }
}

TEST_CASE("Keep going: a damaged file header is an error") {
  const Sample sample;
  for (size_t bit = 0; bit < kFileHeaderBytes * 8; bit += kEvery) {
    REQUIRE(ThrownBy([&] { Salvage(*MemorySource(Flip(sample.file, bit)), sample.model); }).kind ==
            ErrorKind::kDamaged);
  }
}

TEST_CASE("Keep going: two damaged segments cost these two, and each is told of") {
  const Sample sample;
  for (size_t a = 0; a < 9; ++a) {
    for (size_t b = a + 1; b < 9; ++b) {
      // In the header of one, in the payload of the other, and the other way round.
      for (const size_t offset : {size_t{20}, kSegmentHeaderBytes}) {
        Bytes damaged = Flip(sample.file, 8 * (sample.starts[a] + offset));
        const size_t other = kSegmentHeaderBytes + 20 - offset;
        damaged = Flip(damaged, 8 * (sample.starts[b] + other));
        const Salvaged file = sample.Both(damaged);
        REQUIRE(MissingSegments(file.report) == std::vector{a, b});
        REQUIRE(file.report.missing.size() == 2);
        PipeSource pipe(damaged);
        REQUIRE(MissingSegments(Salvage(pipe, sample.model).report) == std::vector{a, b});
      }
    }
  }
}

TEST_CASE("Keep going: a cut file gives all whole segments before the cut") {
  const Sample sample;
  for (size_t size = kFileHeaderBytes; size < sample.file.size(); size += kEvery) {
    const Bytes cut(sample.file.begin(), sample.file.begin() + static_cast<ptrdiff_t>(size));
    size_t whole = 0;
    while (whole < 9 && sample.starts[whole + 1] <= size) ++whole;
    const Salvaged file = sample.Both(cut);
    REQUIRE(file.report.stats.segments == whole);
    const size_t restored = std::min(whole * kSegment, sample.original.size());
    REQUIRE(file.bytes.size() >= restored);
    if (whole < 9) REQUIRE(file.report.missing.front().begin == restored);
    if (whole == 9) REQUIRE(file.report.missing.empty());
  }
}

TEST_CASE("Keep going: lost, repeated and inserted bytes cost no more than their surroundings") {
  const Sample sample;
  for (size_t at = kFileHeaderBytes; at < sample.starts[6]; at += kEvery) {
    const auto place = static_cast<ptrdiff_t>(at);
    for (const size_t count : {size_t{1}, size_t{50}}) {
      Bytes lost = sample.file;
      lost.erase(lost.begin() + place, lost.begin() + place + static_cast<ptrdiff_t>(count));
      Bytes more = sample.file;
      more.insert(more.begin() + place, count, 'S');
      for (const Bytes& damaged : {lost, more}) {
        const Salvaged s = sample.Both(damaged);
        REQUIRE(s.report.stats.segments >= 6);
      }
    }
  }
}

TEST_CASE("Keep going: files within the file are not taken for its own") {
  // Stored segments that hold whole .occ files, with the layout and the model of the outer one,
  // some three segments of theirs in one of it.
  const CodecModel model = ChainModel(kContext);
  const FileHeader layout = SmallLayout(kContext, 8, 128, &model);  // segments of 1024
  Bytes original;
  for (const uint64_t seed : {1, 2}) {
    const Bytes inner = CompressWithLayout(ChainBytes(20000, kContext, seed), layout, &model);
    original.insert(original.end(), inner.begin(), inner.end());
  }
  Bytes file;
  const auto sink = MemorySink(&file);
  ContainerWriter writer(*sink, layout);
  for (size_t begin = 0; begin < original.size(); begin += 1024) {
    const auto piece =
        std::span(original).subspan(begin).first(std::min<size_t>(1024, original.size() - begin));
    SegmentHeader segment;
    segment.symbols = segment.original_bytes = segment.payload_bytes =
        static_cast<uint32_t>(piece.size());
    segment.payload_hash = segment.original_hash = Xxh3Of(piece);
    writer.Append(segment, piece);
  }
  writer.Finish();
  REQUIRE(DecompressBytes(file, &model) == original);
  const size_t segments = (original.size() + 1023) / 1024;
  REQUIRE(segments > 10);
  for (size_t segment = 0; segment < segments; ++segment) {
    Bytes damaged = file;
    const size_t start = kFileHeaderBytes + segment * (kSegmentHeaderBytes + 1024);
    std::fill_n(damaged.begin() + static_cast<ptrdiff_t>(start), kSegmentHeaderBytes, 'S');
    PipeSource pipe(damaged);
    const Salvaged s = Salvage(pipe, model);
    REQUIRE(s.bytes.size() == original.size());
    REQUIRE(s.report.missing.size() == 1);
    const MissingRange& range = s.report.missing[0];
    CHECK(range.begin == segment * 1024);
    CHECK(*range.end == std::min((segment + 1) * 1024, original.size()));
    for (size_t i = 0; i < original.size(); ++i) {
      if (i < range.begin || i >= *range.end) REQUIRE(s.bytes[i] == original[i]);
    }
  }
}

TEST_CASE("Keep going: no zeros are written for segments that the file does not have") {
  const Sample sample;
  const FileHeader layout = SmallLayout(kContext, 2, 32, &sample.model);
  const Bytes header = Serialise(layout);
  // An end record that claims segments, of which nothing is there.
  for (const uint32_t segments : {1u, 1000u, 4'000'000'000u}) {
    Bytes file = header;
    for (const uint64_t original : {uint64_t{segments} * kSegment, uint64_t{1} << 60}) {
      const EndRecord end{segments, original, header.size() + kEndRecordBytes, 0};
      const Bytes record = Serialise(end);
      file.resize(header.size());
      file.insert(file.end(), record.begin(), record.end());
      PipeSource pipe(file);
      for (const Salvaged& s :
           {Salvage(*MemorySource(file), sample.model), Salvage(pipe, sample.model)}) {
        CHECK(s.bytes.empty());
        REQUIRE(s.report.missing.size() == 1);
        CHECK_FALSE(s.report.missing[0].end);
      }
    }
  }
  // A sound segment, longer than any payload, whose number says that many went before.
  Bytes jump = header;
  for (uint32_t i = 0; i < 3; ++i) {
    SegmentHeader segment;
    segment.number = 3'000'000'000u + i;
    segment.symbols = segment.original_bytes = segment.payload_bytes = kSegment;
    const Bytes payload = RandomBytes(kSegment, i);
    segment.payload_hash = segment.original_hash = Xxh3Of(payload);
    const Bytes record = Serialise(segment);
    jump.insert(jump.end(), record.begin(), record.end());
    jump.insert(jump.end(), payload.begin(), payload.end());
  }
  CHECK(Salvage(*MemorySource(jump), sample.model).bytes.empty());
}

TEST_CASE("Keep going: no zeros are written for what an index claims beyond whole segments") {
  const Sample sample;
  std::vector<IndexEntry> index;
  for (const SegmentHeader& segment : ReadFileInfo(*MemorySource(sample.file)).segments)
    index.push_back({segment.payload_bytes, segment.original_bytes});
  index[3].original_bytes = 0x20000000;
  const Bytes records = Serialise(std::span<const IndexEntry>(index));
  // The segments, the one that the index speaks of damaged, and an index that is whole.
  Bytes file(sample.file.begin(),
             sample.file.begin() + static_cast<ptrdiff_t>(sample.starts.back()));
  file[sample.starts[3] + 20] ^= 1;
  file.insert(file.end(), records.begin(), records.end());
  const Salvaged s = sample.Both(file);
  CHECK(s.bytes.size() == sample.original.size());
  CHECK(MissingSegments(s.report).front() == 3);
}

TEST_CASE("Keep going: after a hole in the file an index vouches for what was in it") {
  const Sample sample;
  Bytes hole = sample.file;
  hole.erase(hole.begin() + static_cast<ptrdiff_t>(sample.starts[2]) + 3,
             hole.begin() + static_cast<ptrdiff_t>(sample.starts[6]));
  const Salvaged s = sample.Both(hole);
  CHECK(MissingSegments(s.report) == std::vector<size_t>{2, 3, 4, 5});
  CHECK(s.bytes.size() == sample.original.size());
}

TEST_CASE("Keep going: a segment of another file and a wrong predictor are found") {
  const Sample sample;
  Bytes other = sample.original;
  other[0] = static_cast<uint8_t>(other[0] + 1);
  const Bytes foreign =
      CompressWithLayout(other, SmallLayout(kContext, 2, 32, &sample.model), &sample.model);
  Bytes mixed = sample.file;
  std::copy(foreign.begin() + static_cast<ptrdiff_t>(sample.starts[0]),
            foreign.begin() + static_cast<ptrdiff_t>(sample.starts[1]),
            mixed.begin() + static_cast<ptrdiff_t>(sample.starts[0]));
  PipeSource pipe(mixed);
  CHECK(Salvage(pipe, sample.model).report.remarks.size() == 1);
  CHECK(Salvage(*MemorySource(mixed), sample.model).report.remarks.size() == 1);
  CodecModel liar = sample.model;
  liar.factory = ChainModel(kContext / 2).factory;
  const Salvaged lied = Salvage(*MemorySource(sample.file), liar);
  CHECK(lied.bytes.size() == sample.original.size());
  CHECK(MissingSegments(lied.report) == std::vector<size_t>{3, 4, 5, 6, 7, 8});
}

TEST_CASE("Keep going: wild damage never crashes, hangs or passes wrong bytes off as right") {
  const Sample sample;
  Random random(3);
  for (size_t round = 0; round < 1500; round += kEvery) {
    Bytes damaged = sample.file;
    for (uint64_t i = 0; i < 1 + random.Below(4); ++i) {
      const size_t begin = kFileHeaderBytes + random.Below(damaged.size() - kFileHeaderBytes);
      const size_t count = 1 + random.Below(std::min<size_t>(80, damaged.size() - begin));
      const auto first = damaged.begin() + static_cast<ptrdiff_t>(begin);
      const Bytes noise = RandomBytes(count, random.Next());
      switch (random.Below(4)) {
        case 0:
          std::copy(noise.begin(), noise.end(), first);
          break;
        case 1:
          damaged.erase(first, first + static_cast<ptrdiff_t>(count));
          break;
        case 2:
          damaged.insert(first, noise.begin(), noise.end());
          break;
        default: {
          const Bytes copy(first, first + static_cast<ptrdiff_t>(count));
          damaged.insert(damaged.begin() + kFileHeaderBytes, copy.begin(), copy.end());
        }
      }
      if (damaged.size() <= kFileHeaderBytes) break;
    }
    if (damaged == sample.file) continue;
    sample.Both(damaged);
  }
}

}  // namespace occam
