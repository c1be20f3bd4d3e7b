// Generating: a model goes on as its decoder would, a codec by what it codes shorter.
#include "coder/predict/continuation.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>

#include "coder/baselines/classical_codecs.h"
#include "coder/baselines/codec_continuation.h"
#include "coder/predict/network_predictor.h"
#include "coder/predict/order2_predictor.h"
#include "data/tokenizer/bpe_tokenizer.h"
#include "data/tokenizer/bpe_trainer.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

constexpr int kContext = 40;

ModelConfig SmallConfig(int vocabulary) {
  return testing::TestConfig(vocabulary, 16, 2, 1, 2, 3, kContext, {5, 0});
}

const ExactNetwork& ByteNetwork() {
  static const ExactNetwork network(testing::RandomModel(SmallConfig(256), 1), Kernels::kFast);
  return network;
}

Bytes Generate(Continuation* continuation, SymbolSampler* sampler, int symbols) {
  Bytes bytes;
  for (int i = 0; i < symbols; ++i) {
    const Bytes piece = continuation->Next(sampler);
    bytes.insert(bytes.end(), piece.begin(), piece.end());
  }
  return bytes;
}

Bytes Generate(const CodecModel& model, const Bytes& prompt, SamplerOptions options, int symbols) {
  Continuation continuation(model);
  continuation.Feed(prompt);
  SymbolSampler sampler(options);
  return Generate(&continuation, &sampler, symbols);
}

}  // namespace

TEST_CASE("Continuation: draws from the frequencies that the network gives, prompt and all") {
  const CodecModel model = NetworkCodecModel(ByteNetwork());
  for (const size_t size : {0, 1, 39, 40, 41, 200}) {  // below, at and far beyond the context
    const Bytes prompt = RandomBytes(size, size);
    Continuation continuation(model);
    const double bits = continuation.Feed(prompt);
    SymbolSampler sampler({900, 100, 5});
    const Bytes generated = Generate(&continuation, &sampler, 60);

    // By hand: a step for every byte, drawn only after the prompt.
    ExactSession session(ByteNetwork(), 1);
    session.Reset(0);
    SymbolSampler same_sampler({900, 100, 5});
    std::vector<uint32_t> table(256);
    double information = 0;
    int32_t symbol = 0;
    for (size_t i = 0; i < size + generated.size(); ++i) {
      session.Step(std::span(&symbol, 1), table);
      symbol = i < size ? prompt[i] : same_sampler.Draw(table);
      if (i < size) {
        information -= std::log2(table[static_cast<size_t>(symbol)] * 0x1p-24);
      } else {
        REQUIRE(symbol == generated[i - size]);
      }
    }
    CHECK(bits == Approx(information).epsilon(1e-6));
  }
}

TEST_CASE("Continuation: what was generated may be the prompt, and goes on the same") {
  const CodecModel model = NetworkCodecModel(ByteNetwork());
  const Bytes prompt = Prose(30, 1);
  const Bytes whole = Generate(model, prompt, {}, 100);
  Bytes longer = prompt;
  longer.insert(longer.end(), whole.begin(), whole.begin() + 60);
  Continuation continuation(model);
  continuation.Feed(longer);
  SymbolSampler sampler({});
  for (int i = 0; i < 60; ++i) sampler.Draw(std::vector<uint32_t>{1, 1});  // one number a symbol
  CHECK(Generate(&continuation, &sampler, 40) == Bytes(whole.begin() + 60, whole.end()));
}

TEST_CASE("Continuation: the plain kernels generate the same bytes, another seed others") {
  const ExactNetwork plain(testing::RandomModel(SmallConfig(256), 1), Kernels::kPlain);
  const CodecModel model = NetworkCodecModel(ByteNetwork());
  const Bytes prompt = Prose(100, 2);
  const Bytes bytes = Generate(model, prompt, {700, 0, 3}, 200);
  CHECK(Generate(NetworkCodecModel(plain), prompt, {700, 0, 3}, 200) == bytes);
  CHECK(Generate(model, prompt, {700, 0, 4}, 200) != bytes);
}

TEST_CASE("Continuation: a model of byte pairs generates their bytes") {
  const BpeTokenizer tokenizer(TrainBpe(Prose(5000, 1), 290, PieceRule::kWords), PieceRule::kWords);
  QuantizedModel tokens = testing::RandomModel(SmallConfig(290), 2);
  tokens.tokenizer = tokenizer.Serialise();
  const ExactNetwork network(std::move(tokens), Kernels::kFast);
  const Bytes prompt = Prose(300, 1);
  const Bytes generated = Generate(NetworkCodecModel(network), prompt, {}, 80);

  ExactSession session(network, 1);
  session.Reset(0);
  SymbolSampler sampler({});
  std::vector<uint32_t> table(290);
  std::vector<int32_t> symbols = tokenizer.Encode(prompt);
  const size_t known = symbols.size();
  for (size_t i = 0; i < known + 80; ++i) {
    session.Step(std::span(&symbols[i == 0 ? 0 : i - 1], 1), table);
    if (i >= known) symbols.push_back(sampler.Draw(table));
  }
  CHECK(generated == tokenizer.Decode(std::span(symbols).subspan(known)));
  CHECK(generated.size() > 80);  // some were pairs
}

TEST_CASE("Continuation: reading a prompt ends early when told, and only tables can go on") {
  const CodecModel model = NetworkCodecModel(ByteNetwork());
  Continuation continuation(model);
  CHECK(continuation.Feed(Prose(100, 1), [](uint64_t, double) { return false; }) == 0);
  CodecModel order2 = model;
  order2.factory = [](int, ContextMode) { return std::make_unique<Order2Predictor>(); };
  CHECK(ThrownBy([&] { Continuation refused(order2); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Codec continuation: bits are those of the bare coded text with each byte after it") {
  const Bytes text = Prose(500, 3);
  for (const auto& codec : {GzipCodec(), XzCodec()}) {
    CodecContinuation continuation(*codec, 0, 3);
    continuation.Begin(text);
    const auto bits = continuation.Bits();
    for (const int byte : {0, 97, 122, 255}) {
      Bytes longer = text;
      longer.push_back(static_cast<uint8_t>(byte));
      CHECK(bits[static_cast<size_t>(byte)] ==
            8 * codec->Compress(longer, ClassicalCodec::Form::kBare).size());
    }
  }
}

TEST_CASE("Codec continuation: what goes on as before is never less probable") {
  Bytes text;
  for (int i = 0; i < 60; ++i) text.insert(text.end(), {'o', 'c', 'c', 'a', 'm', ' '});
  for (const auto& codec : {GzipCodec(), XzCodec()}) {
    CodecContinuation continuation(*codec, 0, 1);
    continuation.Begin(text);
    const auto bits = continuation.Bits();
    INFO(codec->name());
    CHECK(bits['o'] == *std::ranges::min_element(bits));
    CHECK(bits['o'] < bits[200]);
  }
}

TEST_CASE("Codec continuation: only what is looked back on counts, and threads never do") {
  const auto codec = GzipCodec();
  const Bytes tail = Prose(64, 5);
  const auto generate = [&](uint64_t seed, size_t look_back, int threads) {
    Bytes text = Prose(300, seed);
    text.insert(text.end(), tail.begin(), tail.end());
    CodecContinuation continuation(*codec, look_back, threads);
    continuation.Begin(text);
    SymbolSampler sampler({1000, 0, 2});
    Bytes generated;
    for (int i = 0; i < 4; ++i) generated.push_back(continuation.Next(&sampler));
    return generated;
  };
  CHECK(generate(1, 64, 1) == generate(2, 64, 1));
  CHECK(generate(1, 0, 1) == generate(1, 0, 3));
  CHECK(generate(1, 0, 1) == generate(1, 1000, 1));
  CodecContinuation nothing(*codec, 2048, 1);
  nothing.Begin({});
  SymbolSampler sampler({});
  for (int i = 0; i < 2; ++i) nothing.Next(&sampler);
  CHECK(nothing.Bits()[0] > 0);
}

}  // namespace occam
