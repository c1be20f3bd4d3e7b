// The door from C++ (include/occam/occam.h): files in memory and in streams, costs, contexts, and
// the range coder. What only C sees is in door_c_test.cc.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "coder/api/built_in_models.h"
#include "coder/archive/compressor.h"
#include "coder/predict/continuation.h"
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
using testing::DamagedAt;
using testing::Dream;
using testing::Same;

constexpr Mode kModes[] = {Mode::kChunked, Mode::kCarried, Mode::kAdaptive};

const Model& Tiny() {
  static const Model model = Model::FromMemory(SerialiseModel(ByteModel()));
  return model;
}

const Model& Pairs() {
  static const Model model = Model::FromMemory(SerialiseModel(BytePairModel()));
  return model;
}

Options With(const Model& model, Mode mode = Mode::kChunked) {
  Options options;
  options.model = &model;
  options.mode = mode;
  options.threads = 2;
  return options;
}

class BytesWriter final : public Writer {
 public:
  void Write(std::span<const uint8_t> more) override {
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  Bytes bytes;
};

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

double Sum(const std::vector<float>& costs) {
  return std::accumulate(costs.begin(), costs.end(), 0.0);
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
  CHECK(seen[0]->network().id() == seen[1]->network().id());
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

TEST_CASE("Door: costs add up to the payload, in every mode and for byte pairs") {
  // A payload is its information, rounded up to bytes, and at most two bytes more a segment.
  const auto check = [](const Bytes& bytes, const Model& model, const CodecModel& codec_model,
                        Mode mode) {
    const auto costs = Costs(bytes, With(model, mode));
    REQUIRE(costs.size() == bytes.size());
    CHECK(std::ranges::all_of(costs, [](float bits) { return bits >= 0; }));
    const CodecOptions options{1, {}, static_cast<ContextMode>(mode)};
    const auto payload = static_cast<double>(ModelPayloadBytes(bytes, codec_model, options));
    const FileHeader header =
        DefaultHeader(codec_model.context, options.mode, codec_model.vocabulary);
    const double segments = std::ceil(static_cast<double>(bytes.size()) / header.segment_bytes());
    INFO("mode " << static_cast<int>(mode) << ", " << bytes.size() << " bytes");
    CHECK(std::abs(Sum(costs) / 8 - payload) <= 3 * segments);
  };
  const LoadedModel bytes_model(ByteModel(), Kernels::kFast);
  const LoadedModel pairs_model(BytePairModel(), Kernels::kFast);
  for (const Mode mode : kModes) {
    check(Dream(4000), Tiny(), bytes_model.codec_model(), mode);
    check(Prose(3000, 1), Tiny(), bytes_model.codec_model(), mode);
  }
  for (const Mode mode : {Mode::kChunked, Mode::kCarried})
    check(Prose(3000, 2), Pairs(), pairs_model.codec_model(), mode);
  check(Prose(530000, 4), Tiny(), bytes_model.codec_model(), Mode::kChunked);  // two segments
  CHECK(Costs({}, With(Tiny())).empty());
  CHECK(ThrownBy([] { Costs(Prose(10, 1), With(Pairs(), Mode::kAdaptive)); }).kind ==
        ErrorKind::kUsage);
}

TEST_CASE("Door: costs are of the very file that the built-in model writes") {
  const std::string text =
      "The history of tea in China is long and complex. It was first drunk as a medicine, later "
      "as a beverage, and has been known for thousands of years. ";
  for (const Mode mode : kModes) {
    Options options;
    options.mode = mode;
    const auto costs = Costs(BytesOf(text), options);
    const auto file = CompressBytes(BytesOf(text), options);
    BytesReader reader(file);
    const Stats stats = ListArchive(reader).stats;
    REQUIRE(stats.model_segments == 1);
    CHECK(std::abs(Sum(costs) / 8 - static_cast<double>(stats.payload_bytes)) <= 3);
  }
}

TEST_CASE("Door: a context tells of each next byte what feeding that byte costs") {
  for (const Model* model : {&Tiny(), &Pairs()}) {
    Context context(*model);
    const Bytes text = Prose(100, 5);
    for (const uint8_t byte : text) {
      const auto frequencies = context.Next();
      CHECK(std::accumulate(frequencies.begin(), frequencies.end(), uint64_t{0}) ==
            OCCAM_FREQUENCY_TOTAL);
      const double bits = context.Feed(std::span(&byte, 1));
      if (model == &Tiny()) CHECK(bits == Approx(24 - std::log2(frequencies[byte])).epsilon(1e-6));
    }
  }
}

TEST_CASE("Door: feeding in pieces is feeding at once, with and without questions between") {
  const Bytes text = Dream(200);
  Context at_once(Tiny()), in_pieces(Tiny()), asked(Tiny());
  const double bits = at_once.Feed(text);
  double pieces_bits = 0, asked_bits = 0;
  for (size_t begin = 0; begin < text.size(); begin += 37) {
    const auto piece = std::span(text).subspan(begin, std::min<size_t>(37, text.size() - begin));
    pieces_bits += in_pieces.Feed(piece);
    if (begin == 74) asked.Next();
    asked_bits += asked.Feed(piece);
  }
  CHECK(pieces_bits == Approx(bits).epsilon(1e-9));
  CHECK(asked_bits == Approx(bits).epsilon(1e-9));
  CHECK(in_pieces.Next() == at_once.Next());
  CHECK(asked.Next() == at_once.Next());
  CHECK(at_once.Feed({}) == 0);
  CHECK(in_pieces.Next() == at_once.Next());
  // Carried costs of a short text are those of a context: one lane, no end.
  CHECK(bits == Approx(Sum(Costs(text, With(Tiny(), Mode::kCarried)))).epsilon(1e-5));
}

TEST_CASE("Door: generation is the library's own continuation, cut to the size that was asked") {
  const LoadedModel pairs_model(BytePairModel(), Kernels::kFast);
  const LoadedModel bytes_model(ByteModel(), Kernels::kFast);
  const Bytes prompt = Prose(50, 6);
  const auto check = [&](const Model& model, const LoadedModel& loaded) {
    Context context(model);
    context.Feed(prompt);
    BytesWriter generated;
    context.Generate(101, generated, {800, 40, 7});
    Continuation continuation(loaded.codec_model());
    continuation.Feed(prompt);
    SymbolSampler sampler({800, 40, 7});
    Bytes expected;
    while (expected.size() < 101) {
      const Bytes more = continuation.Next(&sampler);
      expected.insert(expected.end(), more.begin(), more.end());
    }
    expected.resize(101);
    CHECK(generated.bytes == expected);
  };
  check(Tiny(), bytes_model);
  check(Pairs(), pairs_model);
  Context context(Tiny());
  BytesWriter out;
  CHECK(ThrownBy([&] { context.Generate(1, out, {100001, 0, 1}); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Door: symbols come back from the range coder, at the length of their information") {
  const std::vector<uint32_t> frequencies = {1, 1u << 20, (1u << 24) - (1u << 20) - 2, 1};
  std::vector<uint32_t> starts = {0};
  for (const uint32_t f : frequencies) starts.push_back(starts.back() + f);
  REQUIRE(starts.back() == OCCAM_FREQUENCY_TOTAL);
  std::vector<size_t> symbols;
  for (const uint8_t byte : RandomBytes(3000, 8))
    symbols.push_back(byte == 0 ? 0 : byte == 1 ? 3 : byte < 20 ? 1 : 2);
  EntropyEncoder encoder;
  for (int stream = 0; stream < 2; ++stream) {  // Finish begins another
    double bits = 0;
    for (const size_t symbol : symbols) {
      encoder.Put(starts[symbol], frequencies[symbol]);
      bits += 24 - std::log2(frequencies[symbol]);
    }
    const auto bytes = encoder.Finish();
    CHECK(static_cast<double>(bytes.size()) <= std::ceil(bits / 8) + 2);
    EntropyDecoder decoder(bytes);
    for (const size_t symbol : symbols) {
      const uint32_t target = decoder.Target();
      CHECK(decoder.Target() == target);
      const size_t found = static_cast<size_t>(
          std::upper_bound(starts.begin(), starts.end(), target) - starts.begin() - 1);
      REQUIRE(found == symbol);
      decoder.Take(starts[found], frequencies[found]);
    }
    CHECK(decoder.IsExact());
  }
  EntropyDecoder decoder({});
  CHECK(ThrownBy([&] { decoder.Take(0, 1); }).Mentions("ask for the target"));
  decoder.Target();
  CHECK(ThrownBy([&] { decoder.Take(5, 1); }).kind == ErrorKind::kUsage);
  for (const auto& [start, size] :
       {std::pair{0u, 0u}, {OCCAM_FREQUENCY_TOTAL, 1u}, {1u, OCCAM_FREQUENCY_TOTAL}, {~0u, 2u}}) {
    CHECK(ThrownBy([&, s = start, n = size] { encoder.Put(s, n); }).kind == ErrorKind::kUsage);
  }
  CHECK(encoder.Finish().empty());
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
