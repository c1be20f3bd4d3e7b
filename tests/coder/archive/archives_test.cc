// Files of several archives.
#include "coder/container/archives.h"

#include "coder/archive/decompress_range.h"
#include "coder/archive/salvage.h"
#include "occam/occam.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

constexpr uint32_t kContext = 16;
constexpr size_t kSegment = 64;

Bytes Joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// Three archives of different kinds, with zeros after two of them; the second has no bytes.
struct Sample {
  CodecModel model = ChainModel(kContext);
  Bytes first = ChainBytes(5 * kSegment + 10, kContext, 3);
  Bytes last = Prose(3 * kSegment, 4);
  Bytes first_file = CompressWithLayout(first, SmallLayout(kContext, 2, 32, &model), &model);
  Bytes empty_file = CompressWithLayout({}, SmallLayout(kContext, 2, 32, nullptr), nullptr);
  Bytes last_file = CompressWithLayout(last, SmallLayout(kContext, 1, 64, nullptr), nullptr);
  Bytes original = Joined({first, last});
  Bytes file = Joined({first_file, Bytes(3), empty_file, last_file, Bytes(10'000)});

  ModelFinder Finder() const {
    return [this](const FileHeader&, std::span<const uint8_t>) { return &model; };
  }
  SalvageReport Salvage(ByteSource& source, Bytes* out) const {
    return DecompressKeepGoing(source, *MemorySink(out), Finder(), {2, {}});
  }
};

}  // namespace

TEST_CASE("Archives: several in one file give their bytes one after the other") {
  const Sample sample;
  for (const int threads : {1, 3}) {
    CHECK(DecompressBytes(sample.file, &sample.model, threads) == sample.original);
    PipeSource pipe(sample.file);
    Bytes out;
    uint64_t original = 0, done = 0;
    CodecOptions options{threads, {}};
    options.progress = [&](uint64_t original_bytes, uint64_t file_bytes) {
      REQUIRE(original_bytes >= original);
      REQUIRE(file_bytes >= done);
      original = original_bytes;
      done = file_bytes;
    };
    const ContainerStats stats = Decompress(pipe, *MemorySink(&out), &sample.model, options);
    CHECK(out == sample.original);
    CHECK(original == sample.original.size());
    CHECK(stats.original_bytes == sample.original.size());
    CHECK(stats.file_bytes == sample.file.size());
    CHECK(stats.segments == 9);
  }
}

TEST_CASE("Archives: each tells of itself, and their sizes are those of the file") {
  const Sample sample;
  std::vector<FileInfo> infos;
  ReadFileInfos(*MemorySource(sample.file), [&](const FileInfo& info) { infos.push_back(info); });
  REQUIRE(infos.size() == 3);
  CHECK(infos[0].totals.file_bytes == sample.first_file.size() + 3);
  CHECK(infos[1].segments.empty());
  CHECK(infos[2].header.lanes == 1);
  CHECK(infos[0].totals.file_bytes + infos[1].totals.file_bytes + infos[2].totals.file_bytes ==
        sample.file.size());
  CHECK(ThrownBy([&] { ReadFileInfo(*MemorySource(sample.file)); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Archives: a range goes over their ends, from a file and from a pipe") {
  const Sample sample;
  const size_t size = sample.original.size();
  for (size_t begin = 0; begin <= size; begin += 7 * kEvery) {
    for (size_t end = begin; end <= size; end += 31) {
      const Bytes want(sample.original.begin() + static_cast<ptrdiff_t>(begin),
                       sample.original.begin() + static_cast<ptrdiff_t>(end));
      Bytes out, piped;
      PipeSource pipe(sample.file);
      const OriginalRange range{begin, end - begin};
      DecompressRange(*MemorySource(sample.file), *MemorySink(&out), sample.Finder(), range,
                      {2, {}});
      DecompressRange(pipe, *MemorySink(&piped), sample.Finder(), range, {2, {}});
      REQUIRE(out == want);
      REQUIRE(piped == want);
    }
  }
  Bytes out;
  for (const OriginalRange range : {OriginalRange{size, 1}, OriginalRange{size + 1, {}}}) {
    const Thrown thrown = ThrownBy([&] {
      DecompressRange(*MemorySource(sample.file), *MemorySink(&out), sample.Finder(), range, {});
    });
    CHECK(thrown.kind == ErrorKind::kUsage);
    CHECK(thrown.Mentions(std::to_string(size) + " bytes"));
  }
}

TEST_CASE("Archives: anything but zeros and archives after an archive is damage") {
  const Sample sample;
  for (const Bytes& more : {Bytes{1}, Bytes{0, 0, 'x'}, Bytes{0x89, 'O', 'C', 'C'},
                            Bytes(sample.last_file.begin(), sample.last_file.end() - 1)}) {
    const Bytes file = Joined({sample.first_file, Bytes(5), more});
    Bytes out;
    CHECK(ThrownBy([&] { DecompressBytes(file, &sample.model); }).kind == ErrorKind::kDamaged);
    CHECK(ThrownBy([&] { ReadFileInfo(*MemorySource(file)); }).kind == ErrorKind::kDamaged);
    CHECK(ThrownBy([&] {
            DecompressRange(*MemorySource(file), *MemorySink(&out), sample.Finder(), {1, 2}, {});
          }).kind == ErrorKind::kDamaged);
  }
  // Zeros before an archive are none of it.
  CHECK(ThrownBy([&] {
          DecompressBytes(Joined({Bytes(3), sample.first_file}), &sample.model);
        }).kind == ErrorKind::kDamaged);
}

TEST_CASE("Archives: every flipped bit is reported, and one in a zero, too") {
  const Sample sample;
  const Bytes file = Joined({sample.empty_file, Bytes(2), sample.last_file, Bytes(2)});
  for (size_t bit = 0; bit < file.size() * 8; bit += kEvery) {
    Bytes flipped = file;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
    REQUIRE(ThrownBy([&] { DecompressBytes(flipped, nullptr); }).kind == ErrorKind::kDamaged);
    Bytes out;
    // Without the first file header nothing can be read.
    const bool first_header = bit / 8 < kFileHeaderBytes;
    bool sound = false;
    const Thrown thrown =
        ThrownBy([&] { sound = sample.Salvage(*MemorySource(flipped), &out).sound(); });
    REQUIRE_FALSE(sound);
    REQUIRE(thrown.kind == (first_header ? std::optional(ErrorKind::kDamaged) : std::nullopt));
    REQUIRE(out.size() <= sample.last.size());
  }
}

TEST_CASE("Archives: an end record whose check ends with zeros is found behind zeros") {
  // One archive in 256 has such a check.
  int found = 0;
  for (uint64_t seed = 0; found < 2 && seed < 5000; ++seed) {
    const Bytes original = RandomBytes(20, seed);
    Bytes file = CompressWithLayout(original, SmallLayout(kContext, 1, 64, nullptr), nullptr);
    if (file.back() != 0) continue;
    ++found;
    for (const size_t zeros : {0u, 1u, 70'000u}) {
      const Bytes padded = Joined({file, Bytes(zeros), file, Bytes(zeros)});
      const auto archives = FindArchives(*MemorySource(padded), kDefaultMemoryBytes);
      REQUIRE(archives);
      REQUIRE(archives->size() == 2);
      CHECK((*archives)[1].begin == file.size() + zeros);
    }
  }
  CHECK(found == 2);
}

TEST_CASE("Archives: what is damaged in one costs no other") {
  const Sample sample;
  Bytes file = sample.file;
  file[kFileHeaderBytes + kSegmentHeaderBytes + 1] ^= 1;  // the first payload
  Bytes want = sample.original;
  std::fill_n(want.begin(), kSegment, uint8_t{0});
  Bytes out, piped;
  const SalvageReport report = sample.Salvage(*MemorySource(file), &out);
  CHECK(out == want);
  REQUIRE(report.missing.size() == 1);
  CHECK(report.missing[0].begin == 0);
  CHECK(report.missing[0].end == kSegment);
  PipeSource pipe(file);
  CHECK(sample.Salvage(pipe, &piped).missing.size() == 1);
  CHECK(piped == want);
}

TEST_CASE("Archives: what is sound of a cut one follows the whole ones before it") {
  const Sample sample;
  const Bytes whole = Joined({sample.last_file, Bytes(100), sample.first_file});
  const Bytes original = Joined({sample.last, sample.first});
  for (size_t cut = 1; cut < sample.first_file.size() - kFileHeaderBytes; cut += 5 * kEvery) {
    const Bytes file(whole.begin(), whole.end() - static_cast<ptrdiff_t>(cut));
    Bytes out, piped;
    const SalvageReport report = sample.Salvage(*MemorySource(file), &out);
    PipeSource pipe(file);
    sample.Salvage(pipe, &piped);
    CHECK_FALSE(report.sound());
    REQUIRE(out == piped);
    REQUIRE(out.size() >= sample.last.size());
    REQUIRE(std::equal(sample.last.begin(), sample.last.end(), out.begin()));
    // What is known to be missing is zeros.
    for (size_t i = sample.last.size(); i < out.size(); ++i)
      REQUIRE((out[i] == original[i] || out[i] == 0));
  }
  // Of the last one not even the header is there.
  const Bytes file(whole.begin(),
                   whole.begin() + static_cast<ptrdiff_t>(sample.last_file.size() + 100 + 20));
  Bytes out;
  CHECK_FALSE(sample.Salvage(*MemorySource(file), &out).sound());
  CHECK(out == sample.last);
}

TEST_CASE("Archives: segments of one are never taken for another's") {
  // The end of the first and that of the second are damaged: both are of the same sizes and model.
  Sample sample;
  const Bytes one = RandomBytes(9 * kSegment, 1), two = RandomBytes(9 * kSegment, 2);
  const FileHeader layout = SmallLayout(kContext, 1, 64, nullptr);
  const Bytes first = CompressWithLayout(one, layout, nullptr);
  const Bytes second = CompressWithLayout(two, layout, nullptr);
  const size_t step = kSegmentHeaderBytes + kSegment;
  Bytes torn(first.begin(),
             first.begin() + static_cast<ptrdiff_t>(kFileHeaderBytes + 4 * step + 9));
  for (const size_t damage : {second.size() - 3, second.size() - 60, size_t{0}}) {
    Bytes other = second;
    if (damage > 0) other[damage] ^= 1;
    const Bytes file = Joined({torn, other});
    Bytes out;
    CHECK_FALSE(sample.Salvage(*MemorySource(file), &out).sound());
    for (size_t i = 0; i < std::min(out.size(), one.size()); ++i)
      REQUIRE((out[i] == one[i] || out[i] == 0));
  }
}

TEST_CASE("Archives: the door restores, lists and sums them, and stops where it is told to") {
  const std::string text = "a few words for the built-in model, and a few words more";
  const std::vector<uint8_t> one = CompressBytes(BytesOf(text));
  const std::vector<uint8_t> two = CompressBytes(BytesOf("short"));
  const Bytes file = Joined({one, two, Bytes(512)});
  const std::vector<uint8_t> restored = DecompressBytes(file);
  CHECK(std::string(restored.begin(), restored.end()) == text + "short");
  BytesReader reader(file);
  const std::vector<ArchiveInfo> all = ListArchives(reader);
  REQUIRE(all.size() == 2);
  CHECK(all[0].stats.original_bytes == text.size());
  CHECK(all[1].stats.file_bytes == two.size() + 512);
  reader.Seek(0);
  const ArchiveInfo sum = ListArchive(reader);
  CHECK(sum.archives == 2);
  CHECK(sum.stats.file_bytes == file.size());
  CHECK(sum.stats.original_bytes == text.size() + 5);
  CHECK(sum.multiplications == all[0].multiplications + all[1].multiplications);
  CHECK(SumOfArchives(all).stats.file_bytes == file.size());

  reader.Seek(0);
  door::Bridge bridge;
  int told = 0;
  const occam_list_function stop = [](void* user, const occam_file_info* info, const void*,
                                      size_t) {
    ++*static_cast<int*>(user);
    return info->archives == 1 ? 1 : 0;
  };
  CHECK(ThrownBy([&] {
          bridge.Call(occam_list_each, bridge.From(reader), stop, static_cast<void*>(&told));
        }).kind == ErrorKind::kCancelled);
  CHECK(told == 1);
  CHECK(ThrownBy([&] {
          bridge.Call(occam_list_each, bridge.From(reader), occam_list_function{nullptr},
                      static_cast<void*>(nullptr));
        }).kind == ErrorKind::kUsage);
}

}  // namespace occam
