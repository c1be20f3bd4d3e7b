#include "coder/archive/cheap_look.h"

#include <atomic>
#include <memory>
#include <string>

#include "coder/archive/segment_codec.h"
#include "coder/predict/network_predictor.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

constexpr uint32_t kContext = 256;

// A predictor that counts the symbols that it was asked for.
class Counting final : public Predictor {
 public:
  Counting(std::unique_ptr<Predictor> own, std::atomic<uint64_t>* asked)
      : own_(std::move(own)), asked_(asked) {}
  int vocabulary() const override { return own_->vocabulary(); }
  void StartSegment(int lanes) override { own_->StartSegment(lanes); }
  void Score(std::span<const std::span<const int32_t>> lanes,
             std::span<const std::span<SymbolInterval>> intervals) override {
    for (const auto& lane : lanes) *asked_ += lane.size();
    own_->Score(lanes, intervals);
  }
  void Decode(RangeDecoder& decoder, std::span<int32_t> symbols) override {
    own_->Decode(decoder, symbols);
  }

 private:
  std::unique_ptr<Predictor> own_;
  std::atomic<uint64_t>* asked_;
};

struct Coded {
  CodingMethod method;
  size_t bytes = 0;
  uint64_t asked = 0;  // symbols of the model
  uint64_t counted = 0;
};

Coded Code(const Bytes& original, const CodecModel& model, ContextMode mode) {
  std::atomic<uint64_t> asked = 0;
  CodecModel counting = model;
  counting.factory = [&](int threads, ContextMode of_mode) {
    return std::make_unique<Counting>(model.factory(threads, of_mode), &asked);
  };
  FileHeader layout = SmallLayout(kContext, 32, 16384, &counting);
  layout.mode = mode;
  SegmentCodec codec(layout, &counting);
  uint64_t counted = 0;
  const EncodedSegment segment = codec.Encode(original, 1, [&](uint32_t n) { counted += n; });
  CHECK(codec.Decode(
            segment.header, segment.payload, 1, [](uint32_t) {}, "x") == original);
  return {segment.header.method, segment.payload.size(), asked, counted};
}

// The order-2 predictor's favourite: each byte follows from the one before, most of the time.
Bytes Ramp(size_t size, uint64_t seed) {
  const Bytes noise = RandomBytes(size, seed);
  Bytes bytes(size);
  for (size_t i = 1; i < size; ++i)
    bytes[i] = static_cast<uint8_t>(noise[i] < 60 ? noise[i] : bytes[i - 1] * 3 + 7);
  return bytes;
}

}  // namespace

TEST_CASE("Cheap look: noise is even; texts are uneven, in any language") {
  for (const size_t size : {4096, 100'000, 1'000'000}) {
    for (uint64_t seed = 0; seed < 20; ++seed)
      CHECK(EvennessOf(RandomBytes(size, seed)) == Evenness::kEven);
    CHECK(EvennessOf(Prose(size, 1)) == Evenness::kUneven);
    // A part of text is seen in noise.
    Bytes mixed = RandomBytes(size, 1);
    const Bytes text = Prose(size / 4, 2);
    std::copy(text.begin(), text.begin() + static_cast<ptrdiff_t>(size / 10), mixed.begin());
    CHECK(EvennessOf(mixed) == Evenness::kFlat);
    std::copy(text.begin(), text.end(), mixed.begin());
    std::copy(text.begin(), text.end(), mixed.begin() + static_cast<ptrdiff_t>(size / 2));
    CHECK(EvennessOf(mixed) == Evenness::kUneven);
  }
  CHECK(EvennessOf(RandomBytes(4095, 1)) == Evenness::kUneven);
  const auto repeated = [](const std::string& text) {
    Bytes bytes;
    while (bytes.size() < 5000) bytes.insert(bytes.end(), text.begin(), text.end());
    return bytes;
  };
  for (const char* text :
       {"The quick brown fox jumps over the lazy dog, and every letter comes once.",
        "\xe5\xa4\xa9\xe5\x9c\xb0\xe7\x8e\x84\xe9\xbb\x83\xe5\xae\x87\xe5\xae\x99\xe6\xb4\xaa\xe8"
        "\x8d\x92",
        "\xd0\xa1\xd1\x8a\xd0\xb5\xd1\x88\xd1\x8c\xd0\xb6\xd0\xb5\xd1\x89\xd1\x91",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"}) {
    CHECK(EvennessOf(repeated(text)) == Evenness::kUneven);
  }
}

TEST_CASE("Cheap look: a long repetition is found wherever it begins, a short one is none") {
  const Bytes noise = RandomBytes(50'000, 2);
  CHECK_FALSE(HasLongRepetition(noise));
  CHECK_FALSE(HasLongRepetition({}));
  for (const size_t from : {0u, 1u, 15u, 777u}) {
    for (const size_t to : {20'000u, 20'001u, 20'009u}) {
      Bytes twice = noise;
      std::copy_n(noise.begin() + static_cast<ptrdiff_t>(from), 47,
                  twice.begin() + static_cast<ptrdiff_t>(to));
      CHECK(HasLongRepetition(twice));
      twice = noise;
      std::copy_n(noise.begin() + static_cast<ptrdiff_t>(from), 31,
                  twice.begin() + static_cast<ptrdiff_t>(to));
      CHECK_FALSE(HasLongRepetition(twice));
    }
  }
  CHECK(HasLongRepetition(Bytes(1000)));
}

TEST_CASE("Cheap look: a sample is spread evenly, within the symbols, and small") {
  for (const uint32_t symbols : {1u, 1000u, 4096u, 100'000u, 524'288u, 1u << 24}) {
    for (const uint32_t context : {1u, 100u, 2048u}) {
      const SamplePieces sample = SampleOf(symbols, context, 32);
      REQUIRE(!sample.begins.empty());
      CHECK(sample.begins.size() <= 32);
      CHECK(sample.size <= context);
      uint32_t before = 0;
      for (const uint32_t begin : sample.begins) {
        CHECK((begin >= before && begin % context == 0));
        CHECK(begin + sample.size <= symbols);
        before = begin + sample.size;
      }
      if (symbols >= 1 << 16) CHECK(sample.size * sample.begins.size() <= symbols / 64);
    }
  }
}

TEST_CASE("Cheap look: packed bytes are stored after the model has seen little of them") {
  const CodecModel model = ChainModel(kContext);
  for (const ContextMode mode : {ContextMode::kChunked, ContextMode::kCarried}) {
    const Coded noise = Code(RandomBytes(500'000, 3), model, mode);
    CHECK(noise.method == CodingMethod::kStored);
    CHECK(noise.bytes == 500'000);
    CHECK(noise.asked < 500'000 / 50);
    CHECK(noise.counted == 500'000);
    // What order 2 is good at, and the model is not.
    const Coded ramp = Code(Ramp(500'000, 4), model, mode);
    CHECK(ramp.method == CodingMethod::kOrder2);
    CHECK(ramp.asked < 500'000 / 50);
  }
}

TEST_CASE("Cheap look: what only the model can tell from noise is coded by it") {
  const CodecModel model = ChainModel(kContext);
  const Bytes chain = ChainBytes(300'000, kContext, 5);
  REQUIRE(EvennessOf(chain) == Evenness::kFlat);
  const Coded coded = Code(chain, model, ContextMode::kChunked);
  CHECK(coded.method == CodingMethod::kModel);
  CHECK(coded.bytes < 300'000 / 2);
  CHECK(coded.counted == 300'000);
}

TEST_CASE("Cheap look: noise that comes twice is no noise to what adapts") {
  const ExactNetwork network(
      testing::RandomModel(testing::TestConfig(256, 16, 2, 1, 1, 3, kContext, {5, 0}), 1),
      Kernels::kFast);
  const CodecModel model = NetworkCodecModel(network);
  Bytes twice = RandomBytes(20'000, 6);
  const Bytes once = twice;
  twice.insert(twice.end(), once.begin(), once.end());
  const Coded coded = Code(twice, model, ContextMode::kAdaptive);
  CHECK(coded.method == CodingMethod::kExpert);
  CHECK(coded.bytes < 30'000);
  CHECK(Code(once, model, ContextMode::kAdaptive).asked < 20'000 / 10);
}

}  // namespace occam
