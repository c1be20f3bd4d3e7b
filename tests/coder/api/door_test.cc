// The door from C++ (include/occam/occam.h): files in memory and in streams. Costs and contexts are
// in door_costs_test.cc, what only C sees in door_c_test.cc.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "coder/api/built_in_models.h"
#include "coder/archive/compressor.h"
#include "coder/predict/loaded_model.h"
#include "coder/weights/model_codec.h"
#include "data/tokenizer/table_tokenizer.h"
#include "model/exact/network_memory.h"
#include "occam/occam.h"
#include "tests/catch.h"
#include "tests/coder/api/door_testing.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/exact/llama_testing.h"
#include "tests/temporary_folder.h"

namespace occam {
namespace {

using testing::ByteModel;
using testing::BytePairModel;
using testing::BytesWriter;
using testing::DamagedAt;
using testing::Dream;
using testing::Pairs;
using testing::Same;
using testing::Tiny;
using testing::With;

constexpr Mode kModes[] = {Mode::kChunked, Mode::kCarried, Mode::kAdaptive};

// Reads on only, a few bytes at a time.
class PipeReader final : public Reader {
 public:
  explicit PipeReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  size_t Read(std::span<uint8_t> out) override {
    return bytes_.Read(out.first(std::min<size_t>(out.size(), 7)));
  }

 private:
  BytesReader bytes_;
};

// A kind of exception that is none of the library's.
struct Private : std::runtime_error {
  Private() : std::runtime_error("the caller's own") {}
};

struct ThrowingReader final : Reader {
  size_t Read(std::span<uint8_t>) override { throw Private(); }
};
struct ThrowingWriter final : Writer {
  void Write(std::span<const uint8_t>) override { throw Private(); }
};

// As messages tell it.
std::string ShortId(const Model& model) {
  const occam_model_info info = model.info();
  return Hex(std::span(info.id).first(8));
}

}  // namespace

TEST_CASE("Door: bytes come back in every mode, by a model of the caller's") {
  for (const Mode mode : kModes) {
    for (const size_t size : {0, 1, 15, 16, 17, 3000}) {
      const Bytes original = Dream(size);
      const auto file = CompressBytes(original, With(Tiny(), mode));
      CHECK(Same(DecompressBytes(file, With(Tiny())), original));
      BytesReader reader(file);
      CHECK(static_cast<Mode>(ListArchive(reader).mode) == mode);
    }
  }
  const Bytes text = Prose(2000, 1);
  CHECK(Same(DecompressBytes(CompressBytes(text, With(Pairs())), With(Pairs())), text));
}

TEST_CASE("Door: mode long takes lanes, and memory that the caller allows both ways") {
  const Bytes original = Dream(3000);
  Options options = With(Tiny(), Mode::kLong);
  CHECK(ThrownBy([&] { CompressBytes(original, options); }).kind == ErrorKind::kMemory);
  options.memory = 4'000'000'000;
  for (const uint32_t lanes : {0u, 1u, 32u}) {
    options.lanes = lanes;
    const auto file = CompressBytes(original, options);
    CHECK(Same(DecompressBytes(file, options), original));
    CHECK(ThrownBy([&] { DecompressBytes(file, With(Tiny())); }).kind == ErrorKind::kMemory);
    BytesReader reader(file);
    CHECK(static_cast<Mode>(ListArchive(reader).mode) == Mode::kLong);
  }
  options.lanes = 33;
  CHECK(ThrownBy([&] { CompressBytes(original, options); }).kind == ErrorKind::kUsage);
  options.lanes = 1;
  options.mode = Mode::kAdaptive;
  CHECK(Same(DecompressBytes(CompressBytes(original, options), options), original));
  options.mode = Mode::kCarried;
  CHECK(ThrownBy([&] { CompressBytes(original, options); }).kind == ErrorKind::kUsage);
  // Without a model the mode stays.
  Options alone;
  alone.no_model = true;
  alone.mode = Mode::kLong;
  alone.memory = options.memory;
  const auto file = CompressBytes(original, alone);
  BytesReader reader(file);
  CHECK(static_cast<Mode>(ListArchive(reader).mode) == Mode::kLong);
  CHECK(Same(DecompressBytes(file, alone), original));
}

TEST_CASE("Door: the built-in model is there with nothing given, and is found by its file") {
  const Bytes text = Prose(600, 3);
  for (const Mode mode : kModes) {
    Options options;
    options.mode = mode;
    const auto file = CompressBytes(text, options);
    CHECK(Same(DecompressBytes(file), text));
    const Model named = Model::BuiltIn(Model::BuiltInNames().front());
    CHECK(Same(CompressBytes(text, With(named, mode)), file));
  }
  Options plain;
  plain.plain_kernels = true;
  CHECK(Same(CompressBytes(std::span(text).first(50), plain),
             CompressBytes(std::span(text).first(50))));
  CHECK(ThrownBy([] { Model::BuiltIn("no-such"); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Door: a built-in model is loaded once, whoever asks, and each of its kernels apart") {
  const BuiltInModel& model = BuiltInModels().front();
  std::vector<const LoadedModel*> seen(8);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < seen.size(); ++i) {
    threads.emplace_back(
        [&, i] { seen[i] = &LoadedBuiltIn(model, i % 2 == 0 ? Kernels::kFast : Kernels::kPlain); });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == seen[i % 2]);
  CHECK(seen[0] != seen[1]);
  CHECK(seen[0]->network().id() == model.id);
  CHECK(seen[1]->network().id() == model.id);
  FileHeader named;
  named.model_id = seen[0]->network().id();
  CHECK(FindBuiltIn(named) == &model);
  named.version = kShortVersion;
  std::fill(named.model_id.begin() + kShortIdBytes, named.model_id.end(), uint8_t{0});
  CHECK(FindBuiltIn(named) == &model);
  CHECK(FindBuiltIn(FileHeader{}) == nullptr);
  CHECK(!BuiltInHead(FileHeader{}));

  // Handles come and go. What was loaded stays.
  for (int i = 0; i < 2; ++i) {
    const Model handle = Model::BuiltIn();
    CHECK(std::ranges::equal(handle.info().id, seen[0]->network().id()));
  }
  CHECK(&LoadedBuiltIn(model, Kernels::kFast) == seen[0]);
}

TEST_CASE("Door: streams give the same files as buffers, and stats that add up") {
  const Bytes original = Dream(5000);
  for (const Mode mode : kModes) {
    PipeReader source(original);
    BytesWriter file;
    const Stats stats = CompressStream(source, file, With(Tiny(), mode));
    CHECK(Same(file.bytes, CompressBytes(original, With(Tiny(), mode))));
    CHECK(stats.original_bytes == original.size());
    CHECK(stats.file_bytes == file.bytes.size());
    CHECK(stats.model_bytes == 0);
    CHECK(stats.segments == 1);
    CHECK(stats.model_segments + stats.expert_segments == 1);
    if (mode != Mode::kAdaptive) CHECK(stats.model_segments == 1);
    PipeReader packed(file.bytes);
    BytesWriter restored;
    const Stats back = DecompressStream(packed, restored, With(Tiny()));
    CHECK(restored.bytes == original);
    CHECK(back.payload_bytes == stats.payload_bytes);
    CHECK(back.file_bytes == stats.file_bytes);
  }
}

TEST_CASE("Door: a file that holds its model needs nothing else, and lists it") {
  const Bytes original = Dream(1000);
  Options options = With(Tiny());
  options.embed_model = true;
  const auto file = CompressBytes(original, options);
  CHECK(Same(DecompressBytes(file), original));
  CHECK(Same(DecompressBytes(file, With(Tiny())), original));
  const Thrown other = ThrownBy([&] { DecompressBytes(file, With(Pairs())); });
  CHECK(other.kind == ErrorKind::kUsage);
  CHECK(other.Mentions("holds its model"));

  BytesReader reader(file);
  std::vector<uint8_t> model;
  const ArchiveInfo info = ListArchive(reader, &model);
  CHECK(info.has_model == 1);
  CHECK(info.embeds_model == 1);
  CHECK(info.context == testing::kContext);
  CHECK(info.contract == static_cast<uint32_t>(occam_contract_version()));
  CHECK(info.stats.original_bytes == original.size());
  CHECK(info.stats.model_bytes == model.size());
  CHECK(model == Tiny().Serialise(/*coded=*/true));
  CHECK(std::equal(info.model_id, info.model_id + kShortIdBytes, Tiny().info().id));
}

TEST_CASE("Door: a model tells what it is, and goes through both forms of its file") {
  const occam_model_info info = Tiny().info();
  CHECK(info.vocabulary == 256);
  CHECK(info.context == testing::kContext);
  CHECK(info.layers == 2);
  CHECK(std::string(info.tokenizer) == "bytes");
  CHECK(std::string(Pairs().info().tokenizer) != "bytes");
  CHECK(std::string(Model::FromMemory(Tiny().Serialise(false), true).info().kernels) == "plain");
  for (const bool coded : {false, true}) {
    const auto bytes = Tiny().Serialise(coded);
    const Model again = Model::FromMemory(bytes);
    CHECK(std::equal(info.id, info.id + 32, again.info().id));
    const auto cut = std::span(bytes).first(bytes.size() / 2);
    CHECK(ThrownBy([&] { Model::FromMemory(cut); }).kind == ErrorKind::kDamaged);
  }
  CHECK(ThrownBy([] { Model::FromMemory(Bytes(100)); }).kind == ErrorKind::kDamaged);
  CHECK(ThrownBy([] { Model::FromFile("/no/such.occm"); }).kind == ErrorKind::kIo);
}

TEST_CASE("Door: the weights of a flat imported model are read where they lie") {
  QuantizedModel imported = testing::RandomLlama(
      testing::LlamaConfig(4096, 64, 2, 1, 32, 64, testing::kContext, {0}, 0, true), 4);
  std::vector<std::string> tokens;
  for (int i = 0; i < 4096; ++i)
    tokens.push_back(i < 256 ? std::string(1, static_cast<char>(i)) : std::to_string(i * 4096));
  imported.tokenizer = TableTokenizer(std::move(tokens), {}).Serialise();
  const Bytes file = SerialiseModel(imported);
  const TemporaryFolder folder;
  const std::string path = folder / "flat.occm";
  WriteFile(path, file);

  // So much memory does for the weights once, but not for a copy of the file beside them.
  Options options;
  options.memory =
      PreparedBytes(imported.config) + ModelBytes(imported.config, imported.tokenizer.size());
  BytesReader reader(file);
  CHECK(ThrownBy([&] { Model::FromReader(reader, options); }).kind == ErrorKind::kMemory);
  const Model mapped = Model::FromFile(path, options);
  WriteFile(folder / "other", Bytes(file.size()));
  std::filesystem::rename(folder / "other", path);  // replaced, and gone
  std::filesystem::remove(path);

  const Model copied = Model::FromMemory(file);
  CHECK(ShortId(mapped) == ShortId(copied));
  CHECK(Same(mapped.Serialise(/*coded=*/false), file));
  const Bytes original = Prose(700, 4);
  CHECK(Costs(original, With(mapped)) == Costs(original, With(copied)));
  for (const Mode mode : {Mode::kChunked, Mode::kCarried}) {
    const auto coded = CompressBytes(original, With(mapped, mode));
    CHECK(Same(coded, CompressBytes(original, With(copied, mode))));
    CHECK(Same(DecompressBytes(coded, With(mapped)), original));
  }
}

TEST_CASE("Door: a file of another model tells both, and one whose model is nowhere says so") {
  const auto file = CompressBytes(Dream(200), With(Tiny()));
  const Thrown missing = ThrownBy([&] { DecompressBytes(file); });
  CHECK(missing.kind == ErrorKind::kUsage);
  CHECK(missing.Mentions("neither in the file nor built in"));
  CHECK(!missing.Mentions("--"));
  const Model builtin = Model::BuiltIn();
  const Thrown other = ThrownBy([&] { DecompressBytes(file, With(builtin)); });
  CHECK(other.kind == ErrorKind::kDamaged);
  CHECK(other.Mentions(ShortId(builtin)));
  CHECK(other.Mentions(ShortId(Tiny())));
}

TEST_CASE("Door: ranges come back with seeking and without") {
  const Bytes original = testing::SeveralSegments();
  const auto file = testing::SeveralSegmentsFile();
  for (const uint64_t offset : {0, 1, 63, 64, 100, 500}) {
    for (const uint64_t length : {0, 1, 40, 70}) {
      if (offset + length > original.size()) continue;
      const auto part = std::span(original).subspan(offset, length);
      BytesReader seeking(file);
      PipeReader pipe(file);
      for (Reader* reader : {static_cast<Reader*>(&seeking), static_cast<Reader*>(&pipe)}) {
        BytesWriter out;
        const Stats stats = DecompressRangeStream(*reader, out, offset, length, With(Tiny()));
        CHECK(Same(out.bytes, part));
        CHECK(stats.original_bytes == length);
      }
    }
    BytesReader reader(file);
    BytesWriter rest;
    DecompressRangeStream(reader, rest, offset, std::nullopt, With(Tiny()));
    CHECK(Same(rest.bytes, std::span(original).subspan(offset)));
  }
  BytesReader reader(file);
  BytesWriter out;
  CHECK(ThrownBy([&] {
          DecompressRangeStream(reader, out, original.size(), 1, With(Tiny()));
        }).kind == ErrorKind::kUsage);
}

TEST_CASE("Door: a range by seeking reads no more than its segments and the index") {
  class CountingReader final : public Reader {
   public:
    explicit CountingReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
    size_t Read(std::span<uint8_t> out) override {
      const size_t size = bytes_.Read(out);
      read += size;
      return size;
    }
    std::optional<uint64_t> size() const override { return bytes_.size(); }
    void Seek(uint64_t position) override { bytes_.Seek(position); }
    size_t read = 0;

   private:
    BytesReader bytes_;
  };
  const auto file = testing::SeveralSegmentsFile();
  CountingReader one(file), all(file);
  BytesWriter out;
  DecompressRangeStream(one, out, 300, 1, With(Tiny()));
  DecompressRangeStream(all, out, 0, std::nullopt, With(Tiny()));
  CHECK(one.read + 7 * testing::kSegmentBytes / 2 < all.read);
}

TEST_CASE("Door: progress never goes back, reaches the end, and false cancels") {
  const Bytes original = Dream(20000);
  const auto file = CompressBytes(original, With(Tiny()));
  for (const bool compressing : {true, false}) {
    Options options = With(Tiny());
    uint64_t last_original = 0, last_file = 0;
    bool rising = true;
    options.progress = [&](uint64_t original_bytes, uint64_t file_bytes) {
      rising = rising && original_bytes >= last_original && file_bytes >= last_file;
      last_original = original_bytes;
      last_file = file_bytes;
      return true;
    };
    compressing ? CompressBytes(original, options) : DecompressBytes(file, options);
    CHECK(rising);
    CHECK(last_original == original.size());
    CHECK(last_file > 0);
    CHECK(last_file <= file.size());

    int calls = 0;
    options.progress = [&](uint64_t, uint64_t) { return ++calls < 2; };
    const Thrown cancelled = ThrownBy(
        [&] { compressing ? CompressBytes(original, options) : DecompressBytes(file, options); });
    CHECK(cancelled.kind == ErrorKind::kCancelled);
    CHECK(calls == 2);
  }
}

TEST_CASE("Door: damage is told, and zeros stand for what is missing") {
  const Bytes original = testing::SeveralSegments();
  const auto file = DamagedAt(testing::SeveralSegmentsFile(), 2);
  CHECK(ThrownBy([&] { DecompressBytes(file, With(Tiny())); }).kind == ErrorKind::kDamaged);
  Options options = With(Tiny());
  std::vector<Damage> told;
  options.damage = [&](const Damage& damage) { told.push_back(damage); };
  const auto restored = DecompressBytes(file, options);
  REQUIRE(told.size() == 1);
  CHECK(told[0].begin == 2 * testing::kSegmentBytes);
  CHECK(told[0].end == 3 * testing::kSegmentBytes);
  CHECK(!told[0].why.empty());
  Bytes expected = original;
  std::fill_n(expected.begin() + 2 * testing::kSegmentBytes, testing::kSegmentBytes, uint8_t{0});
  CHECK(Same(restored, expected));

  told.clear();
  CHECK(Same(DecompressBytes(testing::SeveralSegmentsFile(), options), original));
  CHECK(told.empty());

  // The end is gone with all that told how much there was.
  const auto cut = std::span(file).first(file.size() / 2);
  DecompressBytes(cut, options);
  REQUIRE(!told.empty());
  CHECK(!told.back().end.has_value());
  BytesReader reader(file);
  BytesWriter out;
  CHECK(ThrownBy([&] { DecompressRangeStream(reader, out, 0, 1, options); }).kind ==
        ErrorKind::kUsage);
}

TEST_CASE("Door: exceptions of the caller's functions come out unchanged, once") {
  const Bytes original = Dream(20000);
  const auto file = CompressBytes(original, With(Tiny()));
  ThrowingReader no_reader;
  ThrowingWriter no_writer;
  BytesReader reader(original);
  BytesWriter writer;
  CHECK_THROWS_AS(CompressStream(no_reader, writer, With(Tiny())), Private);
  CHECK_THROWS_AS(CompressStream(reader, no_writer, With(Tiny())), Private);
  CHECK_THROWS_AS(DecompressStream(no_reader, writer, With(Tiny())), Private);
  BytesReader packed(file);
  CHECK_THROWS_AS(DecompressStream(packed, no_writer, With(Tiny())), Private);
  CHECK_THROWS_AS(DecompressRangeStream(no_reader, writer, 0, 1, With(Tiny())), Private);
  CHECK_THROWS_AS(ListArchive(no_reader), Private);
  Context context(Tiny());
  CHECK_THROWS_AS(context.Generate(10, no_writer), Private);

  std::atomic<int> calls = 0;
  Options options = With(Tiny());
  options.progress = [&](uint64_t, uint64_t) -> bool {
    ++calls;
    throw Private();
  };
  CHECK_THROWS_AS(CompressBytes(original, options), Private);
  CHECK_THROWS_AS(DecompressBytes(file, options), Private);
  CHECK_THROWS_AS(Costs(original, options), Private);
  CHECK(calls == 3);

  options = With(Tiny());
  calls = 0;
  options.damage = [&](const Damage&) {
    ++calls;
    throw Private();
  };
  const auto twice = DamagedAt(DamagedAt(testing::SeveralSegmentsFile(), 1), 4);
  CHECK_THROWS_AS(DecompressBytes(twice, options), Private);
  CHECK(calls == 1);
}

TEST_CASE("Door: several threads share one model") {
  const Bytes original = Dream(2000);
  const auto expected = CompressBytes(original, With(Tiny(), Mode::kAdaptive));
  std::vector<std::vector<uint8_t>> files(4), restored(4);
  std::vector<double> bits(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      files[i] = CompressBytes(original, With(Tiny(), Mode::kAdaptive));
      restored[i] = DecompressBytes(expected, With(Tiny()));
      bits[i] = Context(Tiny()).Feed(original);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < 4; ++i) {
    CHECK(files[i] == expected);
    CHECK(Same(restored[i], original));
    CHECK(bits[i] == bits[0]);
  }
}

TEST_CASE("Door: damaged and foreign bytes are errors, never other bytes") {
  const Bytes original = testing::SeveralSegments();
  const auto file = testing::SeveralSegmentsFile();
  for (size_t i = 0; i < file.size(); i += 11) {
    auto flipped = file;
    flipped[i] ^= 4;
    CHECK(ThrownBy([&] { DecompressBytes(flipped, With(Tiny())); }).kind == ErrorKind::kDamaged);
  }
  CHECK(ThrownBy([] { DecompressBytes(Bytes(100)); }).kind == ErrorKind::kDamaged);
  CHECK(ThrownBy([] { DecompressBytes({}); }).kind == ErrorKind::kDamaged);
}

}  // namespace occam
