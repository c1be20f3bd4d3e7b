// The exact network: scoring and stepping agree, kernels agree, and nothing around them matters.
#include <algorithm>
#include <cfenv>

#include "tests/catch.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "data/base/error.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {

bool operator==(const SymbolInterval& a, const SymbolInterval& b) {
  return a.start == b.start && a.size == b.size;
}

namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

size_t ContextOf(const ModelConfig& config) { return static_cast<size_t>(config.context); }

TEST_CASE("Exact network: scoring and stepping give the same intervals") {
  for (const auto& [name, config] : AllConfigs()) {
    INFO(name);
    const ExactNetwork network(RandomModel(config, 1), Kernels::kPlain);
    const auto symbols = RandomSymbols(config, ContextOf(config), 2);
    CHECK((StepAll(network, {symbols})[0] == ScoreAll(network, symbols)));
  }
}

TEST_CASE("Exact network: lanes do not see each other, whatever their number and progress") {
  const ModelConfig config = TestConfigs()[2].config;
  const ExactNetwork network(RandomModel(config, 3), Kernels::kFast);
  for (const size_t lanes : {size_t{1}, size_t{3}, size_t{32}, size_t{70}}) {
    std::vector<std::vector<int32_t>> symbols;
    for (size_t i = 0; i < lanes; ++i) {
      symbols.push_back(RandomSymbols(config, 60 - std::min<size_t>(i * 2, 50), i));
    }
    const auto stepped = StepAll(network, symbols);
    for (size_t i = 0; i < lanes; ++i) {
      INFO("lane " << i << " of " << lanes);
      CHECK((stepped[i] == ScoreAll(network, symbols[i])));
    }
  }
}

TEST_CASE("Exact network: lanes at different positions of their contexts step together") {
  const ModelConfig config = TestConfigs()[3].config;
  const ExactNetwork network(RandomModel(config, 4), Kernels::kFast);
  const auto vocabulary = static_cast<size_t>(config.vocabulary);
  const auto first = RandomSymbols(config, 90, 1);
  const auto second = RandomSymbols(config, 90, 2);
  ExactSession session(network, 2);
  std::vector<SymbolInterval> ignored(37);
  session.Reset(0);
  session.Reset(1);
  session.Score(0, std::span(first).first(37), ignored);
  std::vector<uint32_t> frequencies(2 * vocabulary);
  std::vector<SymbolInterval> got_first, got_second;
  for (size_t t = 0; t + 37 < first.size(); ++t) {
    session.Step(std::vector<int32_t>{first[36 + t], t == 0 ? 0 : second[t - 1]}, frequencies);
    got_first.push_back(IntervalOf(std::span(frequencies).first(vocabulary), first[37 + t]));
    got_second.push_back(IntervalOf(std::span(frequencies).last(vocabulary), second[t]));
  }
  const auto want_first = ScoreAll(network, first);
  const auto want_second = ScoreAll(network, second);
  CHECK(std::equal(got_first.begin(), got_first.end(), want_first.begin() + 37));
  CHECK(std::equal(got_second.begin(), got_second.end(), want_second.begin()));
}

TEST_CASE("Exact network: a context scored in pieces of any length is the context scored at once") {
  const ModelConfig config = TestConfigs()[0].config;
  const ExactNetwork network(RandomModel(config, 5), Kernels::kFast);
  const auto symbols = RandomSymbols(config, 300, 6);
  const auto whole = ScoreAll(network, symbols);
  ExactSession session(network, 1);
  session.Reset(0);
  std::vector<SymbolInterval> pieces(symbols.size());
  size_t at = 0;
  for (size_t piece = 1; at < symbols.size(); piece = piece * 3 % 101) {
    const size_t n = std::min(piece, symbols.size() - at);
    session.Score(0, std::span(symbols).subspan(at, n), std::span(pieces).subspan(at, n));
    at += n;
  }
  CHECK((pieces == whole));
}

TEST_CASE("Exact network: a lane that is reset knows nothing of what came before") {
  const ModelConfig config = TestConfigs()[5].config;
  const ExactNetwork network(RandomModel(config, 7), Kernels::kFast);
  const auto symbols = RandomSymbols(config, 150, 8);
  ExactSession session(network, 1);
  session.Reset(0);
  std::vector<SymbolInterval> intervals(300);
  session.Score(0, RandomSymbols(config, 300, 9), intervals);
  session.Reset(0);
  intervals.resize(150);
  session.Score(0, symbols, intervals);
  CHECK((intervals == ScoreAll(network, symbols)));
}

TEST_CASE("Exact network: past the context its rings go on, in scoring as in stepping") {
  ModelConfig config = TestConfigs()[0].config;
  config.context = 20;
  config.windows = {3, 20, 0, 7, 1, 0, 19};
  const ExactNetwork network(RandomModel(config, 10), Kernels::kPlain);
  const auto symbols = RandomSymbols(config, 500, 11);
  const auto scored = ScoreAll(network, symbols);
  CHECK((StepAll(network, {symbols})[0] == scored));
  // What lies beyond every layer's reach changes nothing: 7 layers look back over at most
  // 2 + 19 + 19 + 6 + 0 + 19 + 18 positions, their 14 convolutions over 3 each.
  auto changed = symbols;
  changed[0] = (changed[0] + 1) % config.vocabulary;
  const auto other = ScoreAll(network, changed);
  const size_t reach = 83 + 14 * 3 + 1;
  CHECK(std::equal(other.begin() + static_cast<ptrdiff_t>(reach) + 1, other.end(),
                   scored.begin() + static_cast<ptrdiff_t>(reach) + 1));
  CHECK_FALSE(other[1] == scored[1]);
}

TEST_CASE("Exact network: frequencies are at least 1 and sum to 2^24") {
  for (const auto& [name, config] : AllConfigs()) {
    for (const float head_scale : {1.0f, 0.0f, 40.0f}) {
      INFO(name << ", head times " << head_scale);
      ParameterSet weights(config);
      Randomise(&weights, 12);
      for (float& w : weights.tensor(ParameterIndex(config).head)) w *= head_scale;
      const auto count = static_cast<size_t>(config.layers * config.kv_heads);
      Calibration calibration{std::vector<float>(count, 3.0f), std::vector<float>(count, 2.0f)};
      if (config.has_memory()) calibration.memory_step = 0.25f;
      const ExactNetwork network(Quantise(config, weights, calibration, {}, RandomRows(config, 12)),
                                 Kernels::kFast);
      ExactSession session(network, 1);
      session.Reset(0);
      std::vector<uint32_t> frequencies(static_cast<size_t>(config.vocabulary));
      for (int t = 0; t < 20; ++t) {
        session.Step(std::vector<int32_t>{t % 2}, frequencies);
        uint64_t sum = 0;
        uint32_t smallest = kFrequencyTotal;
        for (const uint32_t f : frequencies) {
          sum += f;
          smallest = std::min(smallest, f);
        }
        REQUIRE(sum == kFrequencyTotal);
        REQUIRE(smallest >= 1);
        if (head_scale == 0.0f) {
          REQUIRE(smallest == kFrequencyTotal / static_cast<uint32_t>(config.vocabulary));
        }
      }
    }
  }
}

TEST_CASE("Exact network: plain and fast kernels agree on every frequency") {
  for (const auto& [name, config] : AllConfigs()) {
    INFO(name);
    const QuantizedModel model = RandomModel(config, 13);
    const ExactNetwork plain(model, Kernels::kPlain);
    const ExactNetwork fast(model, Kernels::kFast);
    const auto symbols = RandomSymbols(config, ContextOf(config), 14);
    CHECK((ScoreAll(plain, symbols) == ScoreAll(fast, symbols)));
    CHECK((StepAll(plain, {symbols}) == StepAll(fast, {symbols})));
  }
}

TEST_CASE("Exact network: the caller's floating-point mode changes nothing and comes back") {
  const ModelConfig config = TestConfigs()[0].config;
  ParameterSet weights(config);
  Randomise(&weights, 15);
  const Calibration calibration{std::vector<float>(14, 3.1f), std::vector<float>(14, 2.3f)};
  const auto quantised = [&] { return Quantise(config, weights, calibration, {}); };
  for (const Kernels kernels : {Kernels::kPlain, Kernels::kFast}) {
    const ExactNetwork network(quantised(), kernels);
    const auto symbols = RandomSymbols(config, 100, 16);
    const auto want = ScoreAll(network, symbols);
    for (const int rounding : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
      std::fesetround(rounding);
      const auto got = ScoreAll(ExactNetwork(quantised(), kernels), symbols);
      const auto stepped = StepAll(network, {symbols})[0];
      const int after = std::fegetround();
      std::fesetround(FE_TONEAREST);
      CHECK((got == want));
      CHECK((stepped == want));
      CHECK(after == rounding);
    }
#if defined(__x86_64__)
    const unsigned before = _mm_getcsr();
    const unsigned flushing = before | 0x8040;  // FTZ and DAZ
    _mm_setcsr(flushing);
    const auto got = ScoreAll(network, symbols);
    const unsigned after = _mm_getcsr();
    _mm_setcsr(before);
    CHECK((got == want));
    CHECK((after & 0xffc0u) == (flushing & 0xffc0u));
#endif
  }
}

TEST_CASE(
    "Exact network: models at the contract's bounds run without overflow, and kernels agree") {
  // Largest codes, scales and gains, and cache scales at both ends: everything that passes
  // CheckModel must give frequencies that sum to 2^24.
  for (const float cache_scale : {0x1p-40f, 0x1p20f}) {
    for (const float scale : {1.0f, 0x1p-60f, 0.0f}) {
      const ModelConfig config = MemoryConfigs()[1].config;
      QuantizedModel model = RandomModel(config, 17);
      const auto table = ParameterTable(config);
      Random random(18);
      for (size_t t = 0; t < table.size(); ++t) {
        const bool gain = table[t].coding == Coding::kFloats;
        for (float& x : model.tensors[t].floats)
          x = gain ? (scale == 1.0f ? 256.0f : scale) : scale;
        for (int8_t& code : model.tensors[t].codes) code = random.Below(2) == 0 ? 63 : -63;
      }
      for (int8_t& code : model.memory.codes) code = random.Below(2) == 0 ? 63 : -63;
      model.memory.step = scale == 1.0f ? 1024.0f : 0x1p-60f;
      for (float& s : model.key_scales) s = cache_scale;
      for (float& s : model.value_scales) s = cache_scale;
      CheckModel(model, "extreme");
      const auto symbols = RandomSymbols(config, 100, 19);
      const auto plain = ScoreAll(ExactNetwork(model, Kernels::kPlain), symbols);
      CHECK((plain == ScoreAll(ExactNetwork(model, Kernels::kFast), symbols)));
      for (const SymbolInterval& interval : plain) {
        REQUIRE(interval.size >= 1);
        REQUIRE(interval.start + interval.size <= kFrequencyTotal);
      }
    }
  }
}

TEST_CASE("Exact network: a stepped context is not scored, and foreign symbols are refused") {
  const ModelConfig config = TestConfigs()[1].config;
  const ExactNetwork network(RandomModel(config, 20), Kernels::kPlain);
  ExactSession session(network, 1);
  session.Reset(0);
  std::vector<uint32_t> frequencies(2);
  std::vector<SymbolInterval> intervals(1);
  session.Step(std::vector<int32_t>{0}, frequencies);
  CHECK_THROWS_AS(session.Score(0, std::vector<int32_t>{0}, intervals), Error);
  CHECK_THROWS_AS(session.Step(std::vector<int32_t>{2}, frequencies), Error);
  session.Reset(0);
  CHECK_THROWS_AS(session.Score(0, std::vector<int32_t>{-1}, intervals), Error);
}

TEST_CASE("Exact network: the golden digest of contract version 3") {
  // Another digest is another numeric contract: raise kContractVersion, say so in
  // docs/spec/contract.md, and only then change this line.
  REQUIRE(kContractVersion == 3);
  Sha256 scored, stepped;
  for (const auto& [name, config] : TestConfigs()) {
    const ExactNetwork network(RandomModel(config, 100), Kernels::kFast);
    const auto symbols = RandomSymbols(config, ContextOf(config), 101);
    scored.Update(DigestOf(ScoreAll(network, symbols)));
    stepped.Update(DigestOf(StepAll(network, {symbols})[0]));
  }
  const std::string golden = "a5a1893713b2f8f0004b29cbbb9590026d13c711f06ec6544b701de8d13c0a89";
  CHECK(Hex(scored.Finish()) == golden);
  CHECK(Hex(stepped.Finish()) == golden);
}

TEST_CASE("Exact network: the golden digest of contract 4") {
  // While contract 4 is not frozen, another digest here changes golden files, too.
  Sha256 scored, stepped;
  for (const auto& [name, config] : MemoryConfigs()) {
    const ExactNetwork network(RandomModel(config, 100), Kernels::kFast);
    const auto symbols = RandomSymbols(config, ContextOf(config), 101);
    scored.Update(DigestOf(ScoreAll(network, symbols)));
    stepped.Update(DigestOf(StepAll(network, {symbols})[0]));
  }
  const std::string golden = "a6ad6dda0601fd97ed5c26148db40e895b37ef5b2cada759fc1843a6dc8d65be";
  CHECK(Hex(scored.Finish()) == golden);
  CHECK(Hex(stepped.Finish()) == golden);
}

TEST_CASE("Exact network: a memory sees nothing of the context before a reset") {
  for (const auto& [name, config] : MemoryConfigs()) {
    INFO(name);
    const ExactNetwork network(RandomModel(config, 3), Kernels::kFast);
    const auto before = RandomSymbols(config, 40, 4), symbols = RandomSymbols(config, 40, 5);
    ExactSession session(network, 1);
    std::vector<SymbolInterval> ignored(before.size()), intervals(symbols.size());
    session.Reset(0);
    session.Score(0, before, ignored);
    session.Reset(0);
    session.Score(0, symbols, intervals);
    CHECK((intervals == ScoreAll(network, symbols)));
  }
}

TEST_CASE("Exact network: the rows of a memory change what is predicted, at input and at gate") {
  for (const auto& [name, config] : MemoryConfigs()) {
    INFO(name);
    const QuantizedModel model = RandomModel(config, 6);
    const auto symbols = RandomSymbols(config, 30, 7);
    const auto whole = ScoreAll(ExactNetwork(model, Kernels::kFast), symbols);
    const ParameterIndex index(config);
    for (const int t : {index.memory_projection, index.memory_gates, index.memory_gated}) {
      if (t < 0) continue;
      QuantizedModel without = model;
      std::ranges::fill(without.tensors[static_cast<size_t>(t)].codes, int8_t{0});
      CHECK_FALSE((whole == ScoreAll(ExactNetwork(without, Kernels::kFast), symbols)));
    }
  }
}

}  // namespace
}  // namespace occam
