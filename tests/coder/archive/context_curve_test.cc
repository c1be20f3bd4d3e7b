#include "coder/archive/context_curve.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "data/tokenizer/bpe_tokenizer.h"
#include "data/tokenizer/bpe_trainer.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

constexpr int kContext = 24;

ModelConfig Config(int vocabulary) {
  return testing::TestConfig(vocabulary, 16, 2, 1, 2, 3, kContext, {5, 0});
}

double Bits(const SymbolInterval& interval) { return kFrequencyBits - std::log2(interval.size); }

double SumOfBits(const std::vector<ContextCurvePoint>& curve) {
  double sum = 0;
  for (const ContextCurvePoint& point : curve) sum += point.bits;
  return sum;
}

Bytes Text(size_t size) {
  const std::string words = "of the curve and its places, of the chunk and its bytes; ";
  Bytes text;
  for (size_t i = 0; i < size; ++i)
    text.push_back(static_cast<uint8_t>(words[(i * i / 7 + i) % words.size()]));
  return text;
}

}  // namespace

TEST_CASE("Context curve: each place has the mean of what its bytes cost in fresh chunks") {
  const ExactNetwork network(testing::RandomModel(Config(256), 1), Kernels::kPlain);
  const Bytes bytes = RandomBytes(3 * kContext + 5, 7);
  std::vector<ContextCurvePoint> wanted(kContext);
  ExactSession session(network, 1);
  for (size_t begin = 0; begin < bytes.size(); begin += kContext) {
    const std::vector<int32_t> chunk(
        bytes.begin() + static_cast<std::ptrdiff_t>(begin),
        bytes.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kContext, bytes.size())));
    std::vector<SymbolInterval> intervals(chunk.size());
    session.Reset(0);
    session.Score(0, chunk, intervals);
    for (size_t i = 0; i < chunk.size(); ++i) {
      ++wanted[i].chunks;
      wanted[i].bits += Bits(intervals[i]);
    }
  }
  for (const int threads : {1, 3}) {
    const auto curve = MeasureContextCurve(network, bytes, threads, nullptr);
    REQUIRE(curve.size() == wanted.size());
    for (size_t i = 0; i < curve.size(); ++i) {
      CHECK(curve[i].chunks == (i < 5 ? 4 : 3));
      CHECK(curve[i].chunks == wanted[i].chunks);
      // Equal sums of equal terms, whatever the threads.
      CHECK(curve[i].bits == wanted[i].bits);
      CHECK(curve[i].MeanBits() > 0);
      CHECK(curve[i].DeviationBits() > 0);
    }
  }
}

TEST_CASE("Context curve: the places sum to what the model codes, of bytes and of tokens") {
  const Bytes text = Text(2000);
  for (const bool tokens : {false, true}) {
    const BpeTokenizer pairs(TrainBpe(text, 300, PieceRule::kWords), PieceRule::kWords);
    QuantizedModel quantized = testing::RandomModel(Config(tokens ? 300 : 256), 2);
    if (tokens) quantized.tokenizer = pairs.Serialise();
    const ExactNetwork network(quantized, Kernels::kPlain);
    uint64_t told_bytes = 0;
    const auto curve = MeasureContextCurve(network, text, 2, [&](uint64_t n, uint64_t) {
      CHECK(n > told_bytes);
      told_bytes = n;
    });
    CHECK(told_bytes == text.size());
    // A stream ends within 2 bytes of its ideal length, and loses less than 1e-6 bits a symbol.
    const auto payload = static_cast<double>(
        ModelPayloadBytes(text, NetworkCodecModel(network), {.threads = 1, .progress = nullptr}));
    CHECK(SumOfBits(curve) / 8 <= payload + 0.01);
    CHECK(SumOfBits(curve) / 8 >= payload - 2.01);
    uint64_t bytes = 0;
    for (size_t i = 0; i < curve.size(); ++i) {
      bytes += curve[i].chunks;
      if (i > 0) CHECK(curve[i].chunks <= curve[i - 1].chunks);
    }
    CHECK(bytes == text.size());
    CHECK((curve.size() > kContext) == tokens);
  }
}

TEST_CASE("Context curve: a token's bytes share its bits equally") {
  const Bytes text = Text(1500);
  const BpeTokenizer pairs(TrainBpe(text, 300, PieceRule::kWords), PieceRule::kWords);
  QuantizedModel quantized = testing::RandomModel(Config(300), 3);
  quantized.tokenizer = pairs.Serialise();
  const ExactNetwork network(quantized, Kernels::kPlain);
  // A text of one long token.
  Bytes one;
  for (const int32_t token : pairs.Encode(text)) {
    const Bytes bytes = pairs.Decode(std::span(&token, 1));
    if (bytes.size() > one.size() && pairs.Encode(bytes).size() == 1) one = bytes;
  }
  REQUIRE(one.size() > 1);
  const auto curve = MeasureContextCurve(network, one, 1, nullptr);
  REQUIRE(curve.size() == one.size());
  for (const ContextCurvePoint& point : curve) {
    CHECK(point.bits == curve[0].bits);
    CHECK(point.DeviationBits() == 0);
  }
  CHECK(MeasureContextCurve(network, {}, 1, nullptr).empty());
}

}  // namespace occam
