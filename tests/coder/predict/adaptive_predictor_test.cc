#include "coder/predict/adaptive_predictor.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "coder/archive/compressor.h"
#include "coder/archive/decompressor.h"
#include "coder/archive/model_header.h"
#include "coder/archive/segment_codec.h"
#include "coder/predict/adaptive_mixer.h"
#include "coder/predict/network_predictor.h"
#include "data/base/digest.h"
#include "data/base/random.h"
#include "model/exact/network.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

constexpr uint32_t kContext = 16;

const ExactNetwork& Network(int vocabulary) {
  static const ExactNetwork bytes(
      testing::RandomModel(testing::TestConfig(256, 16, 2, 1, 2, 3, kContext, {5, 0}), 1),
      Kernels::kPlain);
  static const ExactNetwork others(
      testing::RandomModel(testing::TestConfig(100, 16, 2, 1, 2, 3, kContext, {5, 0}), 1),
      Kernels::kPlain);
  return vocabulary == 256 ? bytes : others;
}

std::unique_ptr<NetworkPredictor> Carried(int vocabulary, int threads = 1) {
  return std::make_unique<NetworkPredictor>(Network(vocabulary), kContext, threads,
                                            ContextMode::kCarried);
}

AdaptivePredictor Adaptive(int vocabulary, int threads = 1) {
  return AdaptivePredictor(Carried(vocabulary, threads), FastMixerKernels());
}

// Probabilities of all bits of a text, lanes in turn, beside a network that knows nothing.
std::vector<int32_t> Predictions(const Bytes& bytes, int lanes) {
  AdaptiveMixer mixer;
  mixer.Start(lanes);
  std::vector<int32_t> predictions;
  for (size_t i = 0; i < bytes.size(); ++i) {
    mixer.StartByte(static_cast<int>(i) % lanes);
    for (int shift = 8; shift-- > 0;) {
      predictions.push_back(mixer.Predict(0));
      mixer.Learn((bytes[i] >> shift & 1) != 0);
    }
  }
  return predictions;
}

// Who decides each byte of a text in one lane.
std::vector<Decider> DecidersOf(const Bytes& text) {
  const std::vector<int32_t> symbols(text.begin(), text.end());
  std::vector<SymbolInterval> intervals(text.size());
  std::vector<Decider> deciders(text.size());
  const std::span<const int32_t> lane(symbols);
  const std::span lane_intervals(intervals);
  const std::span lane_deciders(deciders);
  AdaptivePredictor predictor = Adaptive(256);
  predictor.StartSegment(1);
  predictor.ScoreWithDeciders(std::span(&lane, 1), std::span(&lane_intervals, 1),
                              std::span(&lane_deciders, 1));
  return deciders;
}

size_t Count(std::span<const Decider> deciders, Decider who) {
  return static_cast<size_t>(std::ranges::count(deciders, who));
}

// Four kinds of words in an order that does not repeat.
Bytes WordsOf(std::initializer_list<std::string> kinds, size_t size) {
  Random random(3);
  Bytes bytes;
  while (bytes.size() < size) {
    const std::string& word = *(kinds.begin() + random.Below(kinds.size()));
    bytes.insert(bytes.end(), word.begin(), word.end());
  }
  return bytes;
}

}  // namespace

TEST_CASE("Adaptive: decoding sees the intervals of scoring, whatever threads, lanes and rows") {
  const Bytes text = Prose(900, 1);
  const std::vector<size_t> lengths = {320, 320, 200, 60};
  Lanes lanes;
  size_t offset = 0;
  for (const size_t length : lengths) {
    lanes.emplace_back(text.begin() + static_cast<std::ptrdiff_t>(offset),
                       text.begin() + static_cast<std::ptrdiff_t>(offset + length));
    offset += length;
  }
  for (const size_t row : {size_t{kContext}, size_t{320}}) {
    for (const int threads : {1, 3}) {
      AdaptivePredictor scorer = Adaptive(256, threads);
      const Bytes payload = EncodeIntervals(ScoreInRows(&scorer, lanes, row));
      AdaptivePredictor stepper = Adaptive(256, 4 - threads);
      CHECK(DecodeLanes(&stepper, payload, lengths) == lanes);
    }
  }
}

TEST_CASE("Adaptive: files are the same from any number of threads, and come back") {
  const CodecModel model = NetworkCodecModel(Network(256));
  for (const size_t size : {size_t{1}, size_t{15}, size_t{3000}}) {
    const Bytes original = Prose(size, size);
    std::vector<Bytes> files(2);
    for (size_t i = 0; i < files.size(); ++i) {
      Compress(*MemorySource(original), *MemorySink(&files[i]), &model,
               {static_cast<int>(1 + 2 * i), {}, ContextMode::kAdaptive});
    }
    CHECK(files[0] == files[1]);
    CHECK(DecompressBytes(files[0], &model) == original);
  }
}

TEST_CASE("Adaptive: a file has as many lanes as are told, or as its length is worth") {
  const CodecModel model = NetworkCodecModel(Network(256));
  constexpr size_t kWorthwhile = 32 * kContext;
  for (const auto& [size, told, lanes] : {std::tuple{kWorthwhile - 1, 0u, 1u},
                                          {2 * kWorthwhile, 0u, 2u},
                                          {7 * kWorthwhile, 0u, 4u},
                                          {32 * kWorthwhile, 0u, 32u},
                                          {7 * kWorthwhile, 1u, 1u},
                                          {7 * kWorthwhile, 3u, 3u}}) {
    const Bytes original = Prose(size, told + 1);
    CodecOptions options{2, {}, ContextMode::kAdaptive};
    options.lanes = told;
    options.short_form = true;
    Bytes file;
    Compress(*MemorySource(original), *MemorySink(&file), &model, options);
    CHECK(ReadFileInfo(*MemorySource(file)).header.lanes == lanes);
    CHECK(DecompressBytes(file, &model) == original);
  }
  CHECK(WorthwhileLanes(2048, uint64_t{1} << 40) == 32);
  CHECK(WorthwhileLanes(kMaxContext, kMostJudgedBytes / 2) == 16);
}

TEST_CASE("Adaptive: what comes again costs little, even where the network expects nothing of it") {
  const CodecModel model = NetworkCodecModel(Network(256));
  const Bytes once = RandomBytes(2000, 1);
  Bytes twice = once;
  twice.insert(twice.end(), once.begin(), once.end());
  const auto payload = [&](const Bytes& bytes) {
    SegmentCodec codec(DefaultHeader(kContext, ContextMode::kAdaptive), &model);
    return codec.PayloadBytes(CodingMethod::kModel, bytes, 1, [](uint32_t) {});
  };
  CHECK(payload(twice) < payload(once) * 5 / 4);
}

TEST_CASE("Adaptive: what comes again is decided by the match, and noise hardly ever") {
  const Bytes noise = RandomBytes(1000, 5);
  Bytes thrice = noise;
  for (int i = 0; i < 2; ++i) thrice.insert(thrice.end(), noise.begin(), noise.end());
  const std::vector<Decider> decided = DecidersOf(thrice);
  const std::span all(decided);
  CHECK(Count(all.first(1000), Decider::kMatch) < 20);
  CHECK(Count(all.first(1000), Decider::kNone) > 100);
  CHECK(Count(all.last(1000), Decider::kMatch) > 900);
}

TEST_CASE("Adaptive: words of letters are decided by words, other strings by what came before") {
  const auto words = DecidersOf(WordsOf({"abcd ", "abef ", "xyzw ", "mnop "}, 2000));
  CHECK(Count(words, Decider::kWords) > 2 * Count(words, Decider::kOrders));
  const auto numbers = DecidersOf(WordsOf({"1234 ", "1256 ", "9870 ", "5555 "}, 2000));
  CHECK(Count(numbers, Decider::kOrders) > 2 * Count(numbers, Decider::kWords));
}

TEST_CASE("Adaptive: predictions are those of the format, by digest") {
  const std::vector<int32_t> predictions = Predictions(Prose(20000, 3), 3);
  Bytes bytes;
  for (const int32_t p : predictions) {
    REQUIRE(p >= 1);
    REQUIRE(p <= 65535);
    bytes.push_back(static_cast<uint8_t>(p));
    bytes.push_back(static_cast<uint8_t>(p >> 8));
  }
  CHECK(Hex(Sha256Of(bytes)) == "d5701c80fe3aca368e56af10f227ae9151ebc8ce2eefead79e8e00581162765e");
}

TEST_CASE("Adaptive: a network that is sure of the wrong leaves every byte possible") {
  AdaptiveMixer mixer;
  mixer.Start(1);
  for (int byte = 0; byte < 256; ++byte) {
    mixer.StartByte(0);
    for (int shift = 8; shift-- > 0;) {
      const bool bit = (byte >> shift & 1) != 0;
      const int32_t p = mixer.Predict(bit ? -1000000 : 1000000);
      REQUIRE(p >= 1);
      REQUIRE(p <= 65535);
      mixer.Learn(bit);
    }
  }
}

TEST_CASE("Adaptive: a model of other symbols than bytes is refused") {
  CHECK(ThrownBy([] { Adaptive(100); }).kind == ErrorKind::kUsage);
}

}  // namespace occam
