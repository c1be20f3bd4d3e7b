#include "data/prepare.h"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>

#include "data/base/digest.h"
#include "data/base/random.h"
#include "data/corpus.h"
#include "tests/catch.h"
#include "tests/data/image_files.h"
#include "tests/error_kind.h"
#include "tests/temporary_folder.h"

namespace occam {
namespace {

namespace fs = std::filesystem;

// A photograph of 64 x 32 patches side by side, one of each value.
Bytes Photograph(const std::vector<uint8_t>& values) {
  const auto columns = 64 * values.size();
  Bytes samples(32 * columns);
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = values[i % columns / 64];
  return PnmFile("P5", 32, static_cast<int>(columns), samples);
}

// The value of each patch of a set of such photographs.
std::string Patches(const PreparedSet& set) {
  std::string values;
  for (size_t i = 0; i < set.bytes.size(); i += 2048) {
    values += static_cast<char>(set.bytes[i]);
    CHECK(Bytes(2048, set.bytes[i]) == Bytes(set.bytes.begin() + static_cast<long>(i),
                                             set.bytes.begin() + static_cast<long>(i) + 2048));
  }
  return values;
}

// A folder of photographs with names that do not come in the order of their folders.
struct Album : TemporaryFolder {
  Album() {
    fs::create_directory(*this / "sub");
    WriteFile(*this / "b-2.pgm", Photograph({'b', 'B'}));
    WriteFile(*this / "a-1.pgm", Photograph({'a'}));
    WriteFile(*this / "sub/z.pgm", Photograph({'z'}));
    WriteFile(*this / "b-1.pgm", Photograph({'c'}));
  }
};

TEST_CASE("Prepare: photographs are sorted by name, the last ones held out") {
  const Album album;
  const auto files = ListInputs({album.path()}, FileKind::kImages);
  REQUIRE(files.size() == 4);
  CHECK(files[3].name == "sub/z.pgm");
  const PreparedSet set = PrepareImages(files, {1, 0}, {}, nullptr);
  CHECK(Patches(set) == "acbBz");
  const SetDescription& d = set.description;
  CHECK(d.train_bytes == 4 * 2048);
  CHECK(d.validation_bytes == 2048);
  CHECK(d.record_bytes == 2048);
  REQUIRE(d.sources.size() == 4);
  CHECK(d.sources[2].name == "b-2.pgm");
  CHECK(d.sources[2].bytes == 2 * 2048);
  CHECK(d.sources[2].part == "train");
  CHECK(d.sources[2].sha256 == Hex(Sha256Of(Photograph({'b', 'B'}))));
  CHECK(d.sources[3].part == "validation");
  CHECK(PrepareImages(files, {0, 0}, {}, nullptr).description.validation_bytes == 0);
  CHECK(PrepareImages(files, {4, 0}, {}, nullptr).description.train_bytes == 0);
  CHECK(ThrownBy([&] { PrepareImages(files, {5, 0}, {}, nullptr); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Prepare: inputs are files, folders and globs, each file once") {
  const Album album;
  CHECK(ListInputs({album / "b-1.pgm", album.path()}, FileKind::kImages).size() == 4);
  CHECK(ListInputs({album / "b-*.pgm"}, FileKind::kImages).size() == 2);
  CHECK(ThrownBy([&] { ListInputs({album / "missing"}, FileKind::kImages); }).kind ==
        ErrorKind::kIo);
  CHECK(ThrownBy([] { PrepareImages({}, {}, {}, nullptr); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Prepare: files of a group stay together") {
  const Album album;
  const auto files = ListInputs({album.path()}, FileKind::kImages);
  // The groups are a, b and z.pgm: folders do not count.
  const PreparedSet set = PrepareImages(files, {2, '-'}, {}, nullptr);
  CHECK(Patches(set) == "acbBz");
  CHECK(set.description.train_bytes == 2048);
  CHECK(ThrownBy([&] { PrepareImages(files, {4, '-'}, {}, nullptr); }).Mentions("3"));
}

TEST_CASE("Prepare: a choice of patches follows from its seed") {
  const TemporaryFolder folder;
  for (const char* name : {"1.pgm", "2.pgm"}) {
    WriteFile(folder / name, Photograph({1, 2, 3, 4, 5, 6, 7, 8}));
  }
  const auto files = ListInputs({folder.path()}, FileKind::kImages);
  const auto chosen = [&](uint64_t seed) {
    return Patches(PrepareImages(files, {0, 0}, {3, 1, seed}, nullptr));
  };
  CHECK(chosen(1).size() == 6);
  CHECK(chosen(1) == chosen(1));
  CHECK(chosen(1) != chosen(2));
  CHECK(chosen(1).substr(0, 3) != chosen(1).substr(3));  // odds of 1 in 56 for a seed
}

TEST_CASE("Prepare: more grids for training, one for what is held out") {
  const TemporaryFolder folder;
  for (const char* name : {"1.pgm", "2.pgm"}) {
    WriteFile(folder / name, PnmFile("P5", 64, 160, Bytes(64 * 160, 7)));
  }
  const auto set = [&](int grids) {
    return PrepareImages(ListInputs({folder.path()}, FileKind::kImages), {1, 0}, {0, grids, 1},
                         nullptr)
        .description;
  };
  CHECK(set(1).train_bytes == 4 * 2048);
  // The other grids of 64 x 160 pixels: 56 x 144, 48 x 128 and 40 x 112 of them.
  CHECK(set(4).train_bytes == (4 + 2 + 2 + 1) * 2048);
  CHECK(set(4).validation_bytes == 4 * 2048);
}

TEST_CASE("Prepare: of folders files are taken by extension, and hidden ones are not") {
  const Album album;
  for (const char* name : {"notes.txt", ".DS_Store", "._b-1.pgm", "list", "sub/b.trans.txt"})
    WriteFile(album / name, Bytes{'x'});
  WriteFile(album / "C.PGM", Photograph({'C'}));
  size_t left_out = 0;
  CHECK(ListInputs({album.path()}, FileKind::kImages, &left_out).size() == 5);
  CHECK(left_out == 5);
  CHECK(ListInputs({album.path()}, FileKind::kSpeech, &left_out).empty());
  CHECK(left_out == 10);
  // What is named comes, whatever its name.
  CHECK(ListInputs({album / "notes.txt", album / "*.txt"}, FileKind::kImages, &left_out).size() ==
        1);
  CHECK(left_out == 0);
}

TEST_CASE("Prepare: unusable files can be taken out, with why, and missing ones cannot") {
  const Album album;
  WriteFile(album / "a-small.pgm", PnmFile("P5", 31, 64, Bytes(31 * 64)));
  WriteFile(album / "b-broken.pgm", Bytes{'P', '5'});
  auto files = ListInputs({album.path()}, FileKind::kImages);
  REQUIRE(files.size() == 6);
  const auto unusable = RemoveUnusable(FileKind::kImages, &files, nullptr);
  REQUIRE(unusable.size() == 2);
  CHECK(unusable[0].path == album / "a-small.pgm");
  CHECK(unusable[0].why.find("64 x 31") != std::string::npos);
  CHECK(unusable[1].path == album / "b-broken.pgm");
  CHECK(Patches(PrepareImages(files, {1, 0}, {}, nullptr)) == "acbBz");

  auto none = ListInputs({album / "b-broken.pgm"}, FileKind::kSpeech);
  CHECK(ThrownBy([&] { RemoveUnusable(FileKind::kSpeech, &none, nullptr); }).kind ==
        ErrorKind::kUsage);
  std::filesystem::remove(album / "b-1.pgm");
  CHECK(ThrownBy([&] { RemoveUnusable(FileKind::kImages, &files, nullptr); }).kind ==
        ErrorKind::kIo);
}

TEST_CASE("Prepare: an unusable photograph ends the work and is named") {
  const Album album;
  WriteFile(album / "small.pgm", PnmFile("P5", 31, 64, Bytes(31 * 64)));
  const auto failure = [&] {
    return ThrownBy([&] {
      PrepareImages(ListInputs({album.path()}, FileKind::kImages), {1, 0}, {}, nullptr);
    });
  };
  CHECK(failure().kind == ErrorKind::kUsage);
  CHECK(failure().Mentions("small.pgm"));
  CHECK(failure().Mentions("64 x 31"));
  WriteFile(album / "small.pgm", Bytes(100, 'x'));
  CHECK(failure().kind == ErrorKind::kDamaged);
  CHECK(failure().Mentions("small.pgm"));
}

TEST_CASE("Prepare: speech is one file after the other, the last ones held out") {
  const TemporaryFolder folder;
  const auto tone = [](size_t count, int16_t value) {
    return SoundFile(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1,
                     std::vector<int16_t>(count, value));
  };
  WriteFile(folder / "2.wav", tone(30, 512));
  WriteFile(folder / "1.wav", tone(50, 256));
  const PreparedSet set =
      PrepareSpeech(ListInputs({folder.path()}, FileKind::kSpeech), {1, 0}, nullptr);
  Bytes expected(80, 130);
  std::fill_n(expected.begin(), 50, uint8_t{129});
  CHECK(set.bytes == expected);
  CHECK(set.description.train_bytes == 50);
  CHECK(set.description.validation_bytes == 30);
  CHECK(set.description.record_bytes == 1);
  CHECK(set.description.sample_rate_hz == 16000);
}

TEST_CASE("Prepare: random bytes are a pure function of their seed, and of no rate below 1") {
  const PreparedSet set = PrepareRandom(80'001, 7, 80'001);
  CHECK(set.bytes == PrepareRandom(80'001, 7, 1).bytes);
  CHECK(set.bytes != PrepareRandom(80'001, 8, 1).bytes);
  Random random(7);
  const uint64_t first = random.Next();
  for (size_t i = 0; i < 8; ++i) CHECK(set.bytes[i] == (first >> (8 * i) & 255));
  // Each value has a count of 312.5 with a standard deviation of 17.7.
  std::vector<int> counts(256);
  for (const uint8_t byte : set.bytes) ++counts[byte];
  for (const int count : counts) CHECK(std::abs(count - 312) < 100);
  CHECK(ThrownBy([] { PrepareRandom(5, 1, 6); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Prepare: any file is bytes, parted as asked") {
  const TemporaryFolder folder;
  WriteFile(folder / "text", Bytes{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'});
  const PreparedSet set = PrepareBytes(folder / "text", "", "2:4");
  CHECK(set.bytes == Bytes{'a', 'b', 'c', 'd'});
  CHECK(set.description.train_bytes == 2);
  const PreparedSet whole = PrepareBytes(folder / "text", "", "3");
  CHECK(whole.bytes.size() == 10);
  CHECK(whole.description.validation_bytes == 3);
  SaveSet(folder / "text.set", whole, false);
  CHECK(ThrownBy([&] { PrepareBytes(folder / "text.set", "", ""); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Prepared set: what is saved is loaded, and the same work gives the same files") {
  const Album album;
  const TemporaryFolder out;
  const PreparedSet set =
      PrepareImages(ListInputs({album.path()}, FileKind::kImages), {1, '-'}, {1, 3}, nullptr);
  SaveSet(out / "one.set", set, false);
  SaveSet(out / "two.set",
          PrepareImages(ListInputs({album.path()}, FileKind::kImages), {1, '-'}, {1, 3}, nullptr),
          false);
  CHECK(ReadFile(out / "one.set") == ReadFile(out / "two.set"));
  CHECK(ReadFile(out / "one.set.json") == ReadFile(out / "two.set.json"));
  CHECK(out.size() == 4);

  const Corpus corpus = LoadCorpus(out / "one.set");
  REQUIRE(corpus.set);
  const SetDescription& d = *corpus.set;
  CHECK(corpus.bytes == set.bytes);
  CHECK(d.kind == "images");
  CHECK(d.method == set.description.method);
  CHECK(d.record_bytes == 2048);
  CHECK(d.rows == 32);
  CHECK(d.columns == 64);
  CHECK(d.train().begin == 0);
  CHECK(d.train().end == d.validation().begin);
  CHECK(d.validation().end == static_cast<int64_t>(corpus.bytes.size()));
  CHECK(d.train_sha256 == Hex(corpus.DigestOf(d.train())));
  CHECK(d.validation_sha256 == Hex(corpus.DigestOf(d.validation())));
  REQUIRE(d.sources.size() == 4);
  CHECK(d.sources[3].name == set.description.sources[3].name);

  CHECK(ThrownBy([&] { SaveSet(out / "one.set", set, false); }).kind == ErrorKind::kIo);
  SaveSet(out / "one.set", set, true);
  CHECK(ThrownBy([&] { SaveSet(out / "one", set, true); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Prepared set: other bytes, and a description that is missing or broken, are told") {
  const TemporaryFolder folder;
  const std::string path = folder / "random.set";
  const PreparedSet set = PrepareRandom(1000, 1, 100);
  SaveSet(path, set, false);
  const Bytes description = ReadFile(DescriptionPath(path));
  const auto load = [&] { return ThrownBy([&] { LoadCorpus(path); }); };
  CHECK_FALSE(load().kind);

  Bytes other = set.bytes;
  other[500] ^= 1;
  WriteFile(path, other);
  CHECK(load().kind == ErrorKind::kDamaged);
  WriteFile(path, std::span(set.bytes).first(999));
  CHECK(load().kind == ErrorKind::kDamaged);
  WriteFile(path, set.bytes);

  for (size_t size = 0; size + 2 < description.size(); size += 7) {
    WriteFile(DescriptionPath(path), std::span(description).first(size));
    CHECK(load().kind == ErrorKind::kDamaged);
  }
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text(description.begin(), description.end());
    text.replace(text.find(from), from.size(), to);
    WriteFile(DescriptionPath(path), Bytes(text.begin(), text.end()));
    return load();
  };
  CHECK(changed("prepared set", "something").kind == ErrorKind::kDamaged);
  CHECK(changed("\"version\": 1", "\"version\": 2").Mentions("version 2"));
  CHECK(changed("\"record_bytes\": 1", "\"record_bytes\": 0").kind == ErrorKind::kDamaged);
  CHECK(changed("\"record_bytes\": 1", "\"record_bytes\": 7").kind == ErrorKind::kDamaged);
  CHECK(changed("\"train_bytes\": 900", "\"train_bytes\": -1").kind == ErrorKind::kDamaged);
  CHECK(changed("\"train_bytes\": 900", "\"train_bytes\": \"x\"").kind == ErrorKind::kDamaged);

  fs::remove(DescriptionPath(path));
  CHECK(load().kind == ErrorKind::kIo);
  CHECK(load().Mentions("description"));
}

TEST_CASE("Split: a prepared set has its own, and takes no other") {
  const TemporaryFolder folder;
  const auto load = [&](int64_t validation_bytes) {
    SaveSet(folder / "x.set", PrepareRandom(100, 1, validation_bytes), true);
    return LoadCorpus(folder / "x.set");
  };
  const Split split = SplitOf(load(30), "", "");
  CHECK(split.train.begin == 0);
  CHECK(split.train.end == 70);
  CHECK(split.validation.begin == 70);
  CHECK(split.validation.end == 100);
  CHECK(SplitOf(load(0), "", "").validation.size() == 0);
  CHECK(ThrownBy([&] { SplitOf(load(100), "", ""); }).Mentions("no training part"));
  CHECK(ThrownBy([&] { SplitOf(load(30), "", "10"); }).kind == ErrorKind::kUsage);
  CHECK(ThrownBy([&] { SplitOf(load(30), "0:5", ""); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Seven bits: values below 128, and the lost bits bring the bytes back") {
  const Bytes original = PrepareRandom(1001, 3, 1).bytes;
  for (const LostBit which : {LostBit::kTop, LostBit::kBottom}) {
    Bytes values = original;
    const Bytes lost = TakeLostBits(values, which);
    CHECK(lost.size() == 126);
    for (size_t i = 0; i < values.size(); ++i) {
      REQUIRE(values[i] == (which == LostBit::kTop ? original[i] & 127 : original[i] >> 1));
    }
    ReturnLostBits(values, lost, which);
    CHECK(values == original);
  }
  Bytes bytes = {0x80, 0x7f, 0xff, 1, 2, 3, 4, 5, 0x85};
  CHECK(TakeLostBits(bytes, LostBit::kTop) == Bytes{0b10100000, 0b10000000});
  CHECK(bytes == Bytes{0, 0x7f, 0x7f, 1, 2, 3, 4, 5, 5});
}

TEST_CASE("Seven bits: the lost bits of a set are kept by part and counted") {
  const TemporaryFolder folder;
  PreparedSet set = PrepareRandom(1000, 1, 300);
  const Bytes original = set.bytes;
  TakeLostBits(LostBit::kBottom, &set);
  REQUIRE(set.lost.size() == 88 + 38);
  SaveSet(folder / "x.set", set, false);
  const Corpus corpus = LoadCorpus(folder / "x.set");
  REQUIRE(corpus.set->lost_bits);
  CHECK(corpus.set->lost_bits->bit == LostBit::kBottom);
  const Bytes lost = ReadFile(LostBitsPath(folder / "x.set"));
  CHECK(Hex(Sha256Of(lost)) == corpus.set->lost_bits->sha256);
  Bytes bytes = corpus.bytes;
  ReturnLostBits(std::span(bytes).first(700), std::span(lost).first(88), LostBit::kBottom);
  ReturnLostBits(std::span(bytes).subspan(700), std::span(lost).subspan(88), LostBit::kBottom);
  CHECK(bytes == original);
  int64_t ones = 0;
  for (size_t i = 0; i < 700; ++i) ones += original[i] & 1;
  CHECK(corpus.set->lost_bits->train_ones == ones);
  // A set without lost bits takes the place of one with them.
  SaveSet(folder / "x.set", PrepareRandom(1000, 1, 300), true);
  CHECK_FALSE(fs::exists(LostBitsPath(folder / "x.set")));
}

}  // namespace
}  // namespace occam
