// Files whose symbols are tokens of several bytes.
#include <algorithm>
#include <memory>
#include <string>

#include "coder/archive/decompress_range.h"
#include "coder/archive/salvage.h"
#include "coder/archive/segment_codec.h"
#include "coder/container/container_writer.h"
#include "coder/predict/network_predictor.h"
#include "data/base/random.h"
#include "data/tokenizer/bpe_tokenizer.h"
#include "data/tokenizer/bpe_trainer.h"
#include "data/tokenizer/seven_bit_tokenizer.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

constexpr uint32_t kContext = 16;
constexpr uint32_t kSegment = 256;  // bytes

// Words in an order that nothing smaller than a word tells.
Bytes Words(size_t size, uint64_t seed) {
  const std::string words[] = {"wherefore ", "quixotic ", "jabberwock ", "sphinx ", "ozymandias "};
  Random random(seed);
  Bytes text;
  while (text.size() < size) {
    const std::string& word = words[random.Below(5)];
    text.insert(text.end(), word.begin(), word.end());
  }
  text.resize(size);
  return text;
}

BpeTokenizer WordTokenizer(int32_t vocabulary = 290) {
  return {TrainBpe(Words(5000, 1), vocabulary, PieceRule::kWords), PieceRule::kWords};
}

// Tokens as frequent as in the text that they were learned from, whatever came before.
class Unigram final : public TablePredictor {
 public:
  explicit Unigram(const BpeTokenizer& tokenizer)
      : frequencies_(static_cast<size_t>(tokenizer.vocabulary()), 1) {
    const auto tokens = tokenizer.Encode(Words(5000, 1));
    uint32_t left = kFrequencyTotal - static_cast<uint32_t>(frequencies_.size());
    const auto part = left / static_cast<uint32_t>(tokens.size());
    for (const int32_t token : tokens) {
      frequencies_[static_cast<size_t>(token)] += part;
      left -= part;
    }
    frequencies_.back() += left;
  }

  int vocabulary() const override { return static_cast<int>(frequencies_.size()); }
  void StartSegment(int) override {}
  void Score(std::span<const std::span<const int32_t>> lanes,
             std::span<const std::span<SymbolInterval>> intervals) override {
    for (size_t lane = 0; lane < lanes.size(); ++lane) {
      for (size_t i = 0; i < lanes[lane].size(); ++i) {
        const auto symbol = lanes[lane][i];
        uint32_t start = 0;
        for (int32_t s = 0; s < symbol; ++s) start += frequencies_[static_cast<size_t>(s)];
        intervals[lane][i] = {start, frequencies_[static_cast<size_t>(symbol)]};
      }
    }
  }
  void Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies) override {
    for (size_t lane = 0; lane < previous.size(); ++lane) {
      std::copy(frequencies_.begin(), frequencies_.end(),
                frequencies.begin() + static_cast<std::ptrdiff_t>(lane * frequencies_.size()));
    }
  }

 private:
  std::vector<uint32_t> frequencies_;
};

// Every symbol of 7 bits but four is as good as impossible.
class Four final : public TablePredictor {
 public:
  int vocabulary() const override { return 128; }
  void StartSegment(int) override {}
  void Score(std::span<const std::span<const int32_t>> lanes,
             std::span<const std::span<SymbolInterval>> intervals) override {
    for (size_t lane = 0; lane < lanes.size(); ++lane) {
      for (size_t i = 0; i < lanes[lane].size(); ++i) {
        const auto s = static_cast<uint32_t>(lanes[lane][i]);
        intervals[lane][i] = {s < 4 ? s * kPart : 4 * kPart + s - 4, s < 4 ? kPart : 1};
      }
    }
  }
  void Step(std::span<const int32_t>, std::span<uint32_t> frequencies) override {
    for (size_t i = 0; i < frequencies.size(); ++i) frequencies[i] = i % 128 < 4 ? kPart : 1;
  }

 private:
  static constexpr uint32_t kPart = (kFrequencyTotal - 124) / 4;
};

CodecModel TokenModel() {
  CodecModel model;
  model.factory = [](int, ContextMode) { return std::make_unique<Unigram>(WordTokenizer()); };
  model.tokenizer = [] { return std::make_unique<BpeTokenizer>(WordTokenizer()); };
  model.vocabulary = WordTokenizer().vocabulary();
  model.context = kContext;
  model.model_id = Sha256Of(WordTokenizer().Serialise());
  model.tokenizer_id = {8, 7, 6};
  model.contract_version = 1;
  return model;
}

FileHeader Layout(const CodecModel& model, ContextMode mode) {
  FileHeader header = SmallLayout(kContext, 4, kSegment / 4, &model);
  header.mode = mode;
  return header;
}

std::vector<SegmentHeader> SegmentsOf(const Bytes& file) {
  return ReadFileInfo(*MemorySource(file)).segments;
}

TEST_CASE("Token codec: files of any length come back, segments hold their bytes") {
  const CodecModel model = TokenModel();
  for (const ContextMode mode : {ContextMode::kChunked, ContextMode::kCarried}) {
    for (const size_t size : {0, 1, 2, 17, 255, 256, 257, 512, 2000}) {
      const Bytes original = Words(size, size);
      const Bytes file = CompressWithLayout(original, Layout(model, mode), &model);
      REQUIRE(DecompressBytes(file, &model, 1) == original);
      REQUIRE(DecompressBytes(file, &model, 3) == original);
      const auto segments = SegmentsOf(file);
      REQUIRE(segments.size() == (size + kSegment - 1) / kSegment);
      for (size_t i = 0; i < segments.size(); ++i) {
        CHECK(segments[i].original_bytes == std::min<size_t>(kSegment, size - i * kSegment));
        if (segments[i].original_bytes < kSegment) continue;
        CHECK(segments[i].method == CodingMethod::kModel);
        CHECK(segments[i].symbols < kSegment / 2);
      }
    }
  }
}

TEST_CASE("Token codec: what the tokens do not know comes back, too") {
  const CodecModel model = TokenModel();
  Bytes original = Words(400, 3);
  const Bytes noise = RandomBytes(400, 4);
  original.insert(original.end(), noise.begin(), noise.end());
  CHECK(DecompressBytes(CompressWithLayout(original, Layout(model, ContextMode::kChunked), &model),
                        &model, 1) == original);
  const Bytes usual = CompressBytes(original, &model, 2);
  CHECK(usual == CompressBytes(original, &model, 1));
  CHECK(DecompressBytes(usual, &model, 1) == original);
}

TEST_CASE("Token codec: progress tells all bytes, both ways") {
  const CodecModel model = TokenModel();
  const Bytes original = Words(2000, 5);
  uint64_t seen = 0;
  const ProgressFn progress = [&](uint64_t bytes, uint64_t) { seen = bytes; };
  Bytes file;
  Compress(*MemorySource(original), *MemorySink(&file), &model, {1, progress});
  CHECK(seen == original.size());
  seen = 0;
  Decompress(*MemorySource(file), *NullSink(), &model, {1, progress});
  CHECK(seen == original.size());
}

TEST_CASE("Token codec: a part is found by its bytes") {
  const CodecModel model = TokenModel();
  const Bytes original = Words(1000, 6);
  const Bytes file = CompressWithLayout(original, Layout(model, ContextMode::kChunked), &model);
  for (const uint64_t offset : {0, 100, 256, 700, 1000}) {
    for (const uint64_t length : {0, 1, 200, 300}) {
      if (offset + length > original.size()) continue;
      Bytes part;
      DecompressRange(*MemorySource(file), *MemorySink(&part),
                      [&](const FileHeader&, std::span<const uint8_t>) { return &model; },
                      {offset, length}, {1, {}});
      CHECK(std::ranges::equal(part, std::span(original).subspan(offset, length)));
    }
  }
}

TEST_CASE("Token codec: every flipped bit is found, and the other segments are saved") {
  const CodecModel model = TokenModel();
  const Bytes original = Words(600, 7);
  const Bytes file = CompressWithLayout(original, Layout(model, ContextMode::kChunked), &model);
  Random random(8);
  for (int i = 0; i < 300; ++i) {
    Bytes hurt = file;
    hurt[random.Below(hurt.size())] ^= static_cast<uint8_t>(1 << random.Below(8));
    CHECK(ThrownBy([&] { DecompressBytes(hurt, &model, 1); }).kind == ErrorKind::kDamaged);
  }
  Bytes hurt = file;
  hurt[kFileHeaderBytes + kSegmentHeaderBytes + 3] ^= 1;  // in the payload of segment 0
  Bytes saved;
  const SalvageReport report = DecompressKeepGoing(
      *MemorySource(hurt), *MemorySink(&saved),
      [&](const FileHeader&, std::span<const uint8_t>) { return &model; }, {1, {}});
  REQUIRE(report.missing.size() == 1);
  CHECK(report.missing[0].begin == 0);
  CHECK(report.missing[0].end == kSegment);
  REQUIRE(saved.size() == original.size());
  CHECK(std::equal(saved.begin() + kSegment, saved.end(), original.begin() + kSegment));
}

TEST_CASE("Token codec: symbols that stand for other bytes than the header says are damage") {
  const CodecModel model = TokenModel();
  const FileHeader layout = Layout(model, ContextMode::kChunked);
  const Bytes original = Words(100, 9);
  SegmentCodec codec(layout, &model);
  EncodedSegment segment = codec.Encode(original, 1, [](uint32_t) {});
  REQUIRE(segment.header.method == CodingMethod::kModel);
  for (const uint32_t bytes : {99u, 101u, segment.header.symbols}) {
    SegmentHeader liar = segment.header;
    liar.original_bytes = bytes;
    const Thrown thrown = ThrownBy([&] {
      codec.Decode(
          liar, segment.payload, 1, [](uint32_t) {}, "a.occ");
    });
    CHECK(thrown.kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Token codec: a network codes with its own tokenizer, and with no other") {
  const auto network = [](const Bytes& tokenizer) {
    QuantizedModel model =
        testing::RandomModel(testing::TestConfig(290, 16, 2, 1, 1, 3, kContext, {5, 0}), 1);
    model.tokenizer = tokenizer;
    return ExactNetwork(std::move(model), Kernels::kPlain);
  };
  const BpeTokenizer tokenizer = WordTokenizer();
  REQUIRE(tokenizer.vocabulary() == 290);
  const ExactNetwork good = network(tokenizer.Serialise());
  const CodecModel model = NetworkCodecModel(good);
  REQUIRE(model.tokenizer);
  CHECK(model.tokenizer()->Serialise() == tokenizer.Serialise());
  const Bytes original = Words(3000, 2);
  CHECK(DecompressBytes(CompressBytes(original, &model, 2), &model, 1) == original);

  for (const Bytes& other :
       {Bytes{}, ByteTokenizer().Serialise(), WordTokenizer(289).Serialise()}) {
    const ExactNetwork bad = network(other);
    CHECK(ThrownBy([&] { NetworkCodecModel(bad); }).kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Token codec: with symbols of 7 bits any file comes back, lost bits and all") {
  for (const LostBit bit : {LostBit::kTop, LostBit::kBottom}) {
    QuantizedModel quantized =
        testing::RandomModel(testing::TestConfig(128, 16, 2, 1, 1, 3, kContext, {5, 0}), 1);
    quantized.tokenizer = SevenBitTokenizer(bit).Serialise();
    const ExactNetwork network(std::move(quantized), Kernels::kPlain);
    const CodecModel model = NetworkCodecModel(network);
    SegmentCodec codec(Layout(model, ContextMode::kChunked), &model);
    const CountFn uncounted = [](uint32_t) {};
    for (const size_t size : {1, 17, 256}) {
      for (const Bytes& original :
           {Words(size, 1), RandomBytes(size, 2), Bytes(size, 0xe9), Bytes(size, 0)}) {
        // The model alone, whether or not it is the smallest; restored and compared within.
        CHECK_NOTHROW(codec.PayloadBytes(CodingMethod::kModel, original, 1, uncounted));
        CHECK(DecompressBytes(CompressBytes(original, &model), &model) == original);
      }
    }
  }
}

TEST_CASE("Token codec: the lost bits of a file are told, and every flipped bit is found") {
  CodecModel model;
  model.factory = [](int, ContextMode) { return std::make_unique<Four>(); };
  model.tokenizer = [] { return std::make_unique<SevenBitTokenizer>(LostBit::kTop); };
  model.vocabulary = 128;
  model.context = kContext;
  model.model_id = Sha256Of(Bytes{7});
  model.contract_version = 1;

  Bytes original = RandomBytes(2000, 3);
  for (uint8_t& byte : original) byte &= 0x83;
  Bytes file;
  const ContainerStats stats = Compress(*MemorySource(original), *MemorySink(&file), &model, {});
  REQUIRE(stats.method_segments[static_cast<size_t>(CodingMethod::kModel)] == stats.segments);
  CHECK(DecompressBytes(file, &model) == original);
  // One noisy bit a byte, of three in all.
  CHECK(stats.lost_bit_bytes >= 250);
  CHECK(stats.lost_bit_bytes < 270);
  CHECK(stats.payload_bytes - stats.lost_bit_bytes >= 500);
  Random random(4);
  for (int i = 0; i < 200; ++i) {
    Bytes hurt = file;
    hurt[random.Below(hurt.size())] ^= static_cast<uint8_t>(1 << random.Below(8));
    CHECK(ThrownBy([&] { DecompressBytes(hurt, &model); }).kind == ErrorKind::kDamaged);
  }
}

}  // namespace
}  // namespace occam
