#include "coder/predict/network_predictor.h"

#include <algorithm>
#include <vector>

#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {

bool operator==(const SymbolInterval& a, const SymbolInterval& b) {
  return a.start == b.start && a.size == b.size;
}

namespace {

constexpr int kContext = 40;

const ExactNetwork& Network() {
  static const ExactNetwork network(
      testing::RandomModel(testing::TestConfig(256, 16, 2, 1, 2, 3, kContext, {5, 0}), 1),
      Kernels::kPlain);
  return network;
}

// What the network itself would write: noise, decoded. No other method codes it as well.
Bytes Dream(size_t size, uint64_t seed, ContextMode mode = ContextMode::kChunked) {
  const Bytes noise = RandomBytes(size, seed);
  RangeDecoder decoder(noise);
  NetworkPredictor codec(Network(), kContext, 1, mode);
  codec.StartSegment(1);
  Bytes bytes;
  int32_t symbol = 0;
  while (bytes.size() < size) {
    codec.Decode(decoder, std::span(&symbol, 1));
    bytes.push_back(static_cast<uint8_t>(symbol));
  }
  return bytes;
}

// A carried codec's intervals of the lanes, stepped.
std::vector<std::vector<SymbolInterval>> StepCarried(
    NetworkPredictor* codec, const std::vector<std::vector<int32_t>>& lanes) {
  std::vector<std::vector<SymbolInterval>> stepped(lanes.size());
  std::vector<uint32_t> tables(lanes.size() * 256);
  codec->StartSegment(static_cast<int>(lanes.size()));
  for (size_t step = 0; step < lanes[0].size(); ++step) {
    std::vector<int32_t> previous;
    while (previous.size() < lanes.size() && lanes[previous.size()].size() > step)
      previous.push_back(step == 0 ? -1 : lanes[previous.size()][step - 1]);
    codec->Step(previous, tables);
    for (size_t i = 0; i < previous.size(); ++i) {
      stepped[i].push_back(
          testing::IntervalOf(std::span(tables).subspan(i * 256, 256), lanes[i][step]));
    }
  }
  return stepped;
}

}  // namespace

TEST_CASE("Language model codec: decodes what it encodes, for any number of threads") {
  const CodecModel model = NetworkCodecModel(Network());
  CHECK(model.context == kContext);
  CHECK(model.model_id == Network().id());
  uint64_t by_model = 0;
  for (const size_t size : {1, 39, 40, 41, 479, 480, 481, 1500}) {
    const Bytes original = Dream(size, size);
    // Lanes of up to 120 symbols: more than one chunk each, more than one segment.
    const FileHeader layout = SmallLayout(kContext, 4, 120, &model);
    const Bytes file = CompressWithLayout(original, layout, &model);
    by_model += ReadFileInfo(*MemorySource(file)).totals.method_segments[2];
    for (const int threads : {1, 2, 3, 8})
      REQUIRE(DecompressBytes(file, &model, threads) == original);
    const Bytes usual = CompressBytes(original, &model, 1);
    REQUIRE(CompressBytes(original, &model, 5) == usual);
    REQUIRE(DecompressBytes(usual, &model, 2) == original);
  }
  CHECK(by_model >= 8);
}

TEST_CASE("Language model codec: its intervals are those of the network for every chunk alone") {
  const std::vector<uint32_t> lengths = {120, 120, 80, 65};
  std::vector<std::vector<int32_t>> lanes;
  std::vector<std::vector<SymbolInterval>> expected;
  for (size_t i = 0; i < lengths.size(); ++i) {
    lanes.push_back(testing::RandomSymbols(Network().config(), lengths[i], i));
    for (size_t begin = 0; begin < lengths[i]; begin += kContext) {
      const size_t size = std::min<size_t>(kContext, lengths[i] - begin);
      if (begin == 0) expected.emplace_back();
      for (const SymbolInterval interval :
           testing::ScoreAll(Network(), std::span(lanes[i]).subspan(begin, size)))
        expected.back().push_back(interval);
    }
  }
  const auto same = [](SymbolInterval a, SymbolInterval b) {
    return a.start == b.start && a.size == b.size;
  };
  for (const int threads : {1, 2, 3, 7}) {
    NetworkPredictor codec(Network(), kContext, threads);
    // Twice: a segment leaves nothing behind for the next.
    for (int round = 0; round < 2; ++round) {
      codec.StartSegment(4);
      std::vector<std::vector<SymbolInterval>> scored;
      std::vector<std::span<const int32_t>> known;
      std::vector<std::span<SymbolInterval>> room;
      for (const auto& lane : lanes) {
        known.emplace_back(lane);
        scored.emplace_back(lane.size());
      }
      for (auto& lane : scored) room.emplace_back(lane);
      codec.Score(known, room);
      codec.StartSegment(4);
      std::vector<uint32_t> tables(4 * 256);
      for (size_t step = 0; step < 120; ++step) {
        std::vector<int32_t> previous;
        while (previous.size() < 4 && lengths[previous.size()] > step)
          previous.push_back(step == 0 ? -1 : lanes[previous.size()][step - 1]);
        codec.Step(previous, tables);
        for (size_t i = 0; i < previous.size(); ++i) {
          const SymbolInterval stepped =
              testing::IntervalOf(std::span(tables).subspan(i * 256, 256), lanes[i][step]);
          REQUIRE(same(stepped, expected[i][step]));
          REQUIRE(same(scored[i][step], expected[i][step]));
        }
      }
    }
  }
}

TEST_CASE(
    "Language model codec: carried, scoring and stepping go on as the network's own context") {
  // Rings hold some 130 and 96 positions: they go round several times.
  std::vector<std::vector<int32_t>> lanes;
  std::vector<std::vector<SymbolInterval>> expected;
  for (const size_t length : {640, 640, 600, 565}) {
    lanes.push_back(testing::RandomSymbols(Network().config(), length, length + lanes.size()));
    expected.push_back(testing::ScoreAll(Network(), lanes.back()));
  }
  for (const int threads : {1, 2, 3, 7}) {
    NetworkPredictor codec(Network(), kContext, threads, ContextMode::kCarried);
    // Twice: a segment leaves nothing behind for the next.
    for (int round = 0; round < 2; ++round) {
      CHECK((ScoreInRows(&codec, lanes, kContext) == expected));
      CHECK((ScoreInRows(&codec, lanes, 1000) == expected));
      CHECK((StepCarried(&codec, lanes) == expected));
    }
  }
}

// What layers see of a context, 53 symbols; the rules of the memory, where there is one, see all of
// a word.
ModelConfig NearSighted(bool with_memory) {
  ModelConfig config = testing::TestConfig(256, 16, 2, 1, 2, 3, kContext, {5, 0});
  if (!with_memory) return config;
  config.memory_rules = {{RuleKind::kSymbols, 2, 6}, {RuleKind::kWords, 2, 6}};
  config.memory_width = 8;
  config.memory_gate = 1;
  return config;
}

// Words, one of them of 300 letters.
std::vector<int32_t> WordsWithLongOne(size_t size, uint64_t seed) {
  const Bytes prose = Prose(size, seed);
  std::vector<int32_t> symbols(prose.begin(), prose.end());
  for (size_t i = 100; i < 400; ++i) symbols[i] = static_cast<int32_t>('a' + (seed + i * i) % 26);
  return symbols;
}

TEST_CASE("Language model codec: a network goes on from the middle of a context") {
  constexpr size_t kPlace = 350;
  for (const bool with_memory : {false, true}) {
    const ExactNetwork network(testing::RandomModel(NearSighted(with_memory), 2), Kernels::kPlain);
    const auto reach = static_cast<ptrdiff_t>(network.config().reach());
    CHECK(reach == 5 + 4 + kContext + 4);
    const auto symbols = WordsWithLongOne(600, 1);
    const auto whole = testing::ScoreAll(network, symbols);
    ExactSession session(network, 1);
    KnownPast past;
    for (size_t i = 0; i + 1 < kPlace; ++i) past.Append(symbols[i]);
    session.Resume(0, kPlace, symbols[kPlace - 1], past);
    std::vector<SymbolInterval> after(symbols.size() - kPlace);
    session.Score(0, std::span(symbols).subspan(kPlace), after);
    CHECK(std::equal(after.begin() + reach, after.end(), whole.begin() + kPlace + reach));
    CHECK_FALSE(std::equal(after.begin(), after.begin() + reach, whole.begin() + kPlace));
    CHECK(ThrownBy([&] { session.Resume(0, kPlace, 256, past); }).kind == ErrorKind::kInternal);
  }
  // Signals look back further than that is known.
  const ExactNetwork rows(testing::RandomModel(testing::SignalConfigs()[1].config, 1),
                          Kernels::kPlain);
  CHECK(rows.config().reach() == 0);
  CHECK(ThrownBy([&] { ExactSession(rows, 1).Resume(0, 9, 1, {}); }).kind == ErrorKind::kInternal);
}

TEST_CASE("Language model codec: lanes that many threads score in parts are as scored whole") {
  ModelConfig signals = testing::SignalConfigs()[1].config;  // never in parts
  signals.context = kContext;
  for (const ModelConfig& config : {NearSighted(false), NearSighted(true), signals}) {
    const ExactNetwork network(testing::RandomModel(config, 3), Kernels::kPlain);
    for (const auto& lengths : {std::vector<size_t>{700}, std::vector<size_t>{700, 700, 650}}) {
      Lanes lanes;
      LaneIntervals expected;
      for (const size_t length : lengths) {
        lanes.push_back(WordsWithLongOne(length, lanes.size()));
        expected.push_back(testing::ScoreAll(network, lanes.back()));
      }
      for (const int threads : {1, 2, 8}) {
        NetworkPredictor codec(network, kContext, threads, ContextMode::kCarried);
        for (const size_t row : {1000, 300, 130, 40}) {
          INFO(lengths.size() << " lanes, " << threads << " threads, rows of " << row);
          CHECK((ScoreInRows(&codec, lanes, row) == expected));
        }
        CHECK((StepCarried(&codec, lanes) == expected));
      }
    }
  }
}

TEST_CASE("Language model codec: a context that is carried past position 65,536 stays the same") {
  constexpr size_t kCircle = 65536;
  constexpr size_t kMore = 300;
  const ExactNetwork network(Network().model(), Kernels::kFast);
  // Angles come round after 65,536 positions. What the layers see, windows and convolutions
  // together, is below 100 symbols: with equal symbols, then, all must be as it was a circle ago.
  std::vector<int32_t> symbols = testing::RandomSymbols(network.config(), kCircle, 5);
  for (size_t i = 0; i < kMore; ++i) symbols.push_back(symbols[i]);
  NetworkPredictor codec(network, kContext, 1, ContextMode::kCarried);
  const auto scored = ScoreInRows(&codec, {symbols}, kContext)[0];
  CHECK((StepCarried(&codec, {symbols})[0] == scored));
  const auto before = std::span(scored).subspan(100, kMore - 100);
  const auto after = std::span(scored).subspan(kCircle + 100, kMore - 100);
  CHECK(std::equal(before.begin(), before.end(), after.begin()));
  // The same symbols elsewhere on the circle are not the same.
  CHECK_FALSE(std::equal(before.begin(), before.end(), scored.begin() + 101));
}

TEST_CASE("Language model codec: carried files come back for any number of threads") {
  const CodecModel model = NetworkCodecModel(Network());
  uint64_t by_model = 0;
  for (const size_t size : {1, 40, 41, 479, 480, 1500}) {
    const Bytes original = Dream(size, size, ContextMode::kCarried);
    FileHeader layout = SmallLayout(kContext, 4, 120, &model);
    layout.mode = ContextMode::kCarried;
    const Bytes file = CompressWithLayout(original, layout, &model);
    by_model += ReadFileInfo(*MemorySource(file)).totals.method_segments[2];
    for (const int threads : {1, 2, 3, 8})
      REQUIRE(DecompressBytes(file, &model, threads) == original);
  }
  CHECK(by_model >= 6);
  // What a long context wrote is coded best by one.
  const Bytes original = Dream(3000, 1, ContextMode::kCarried);
  Bytes carried;
  Compress(*MemorySource(original), *MemorySink(&carried), &model, {2, {}, ContextMode::kCarried});
  CHECK(carried.size() < CompressBytes(original, &model).size());
  CHECK(DecompressBytes(carried, &model, 3) == original);
}

TEST_CASE("Language model codec: a context beyond the network's is refused") {
  CHECK(NetworkCodecModel(Network(), 16).context == 16);
  CHECK(ThrownBy([] { NetworkCodecModel(Network(), kContext + 1); }).kind == ErrorKind::kUsage);
  CHECK(ThrownBy([] {
          NetworkPredictor(Network(), kContext - 1, 1, ContextMode::kCarried);
        }).kind == ErrorKind::kUsage);
}

TEST_CASE(
    "Network predictor: the tokenizer is read and has to fit, also where a symbol is a byte") {
  const ModelConfig config = testing::TestConfig(256, 16, 2, 1, 1, 3, 16, {5, 0});
  const auto made_with = [&](const Bytes& tokenizer) {
    QuantizedModel model = testing::RandomModel(config, 1);
    model.tokenizer = tokenizer;
    const ExactNetwork network(std::move(model), Kernels::kPlain);
    return ThrownBy([&] { NetworkCodecModel(network); }).kind;
  };
  CHECK_FALSE(made_with({1}));
  CHECK_FALSE(made_with({2, 0, 0}));  // byte pairs without merges
  for (const Bytes& tokenizer : {Bytes{}, Bytes{0}, Bytes{99}, Bytes{1, 1}, Bytes{4}, Bytes{5},
                                 Bytes{2, 1, 0, 0x65, 0x66}, Bytes{2, 0, 0, 0}, Bytes(40, 7)}) {
    CHECK(made_with(tokenizer) == ErrorKind::kDamaged);
  }
}

}  // namespace occam
