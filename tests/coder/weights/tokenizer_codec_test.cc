#include "coder/weights/tokenizer_codec.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "coder/weights/model_codec.h"
#include "data/base/digest.h"
#include "data/base/random.h"
#include "data/tokenizer/bpe_tokenizer.h"
#include "data/tokenizer/bpe_trainer.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

Bytes Learned(size_t text_bytes, int32_t vocabulary, PieceRule rule, uint64_t seed = 1) {
  return BpeTokenizer(TrainBpe(Prose(text_bytes, seed), vocabulary, rule), rule).Serialise();
}

// Merges in no order and of no sense, many tokens of the same bytes among them.
Bytes Senseless(int merges, uint64_t seed) {
  occam::Random random(seed);
  std::vector<TokenPair> pairs;
  std::vector<size_t> lengths(kByteTokens, 1);
  std::set<std::pair<int, int>> known;
  while (static_cast<int>(pairs.size()) < merges) {
    // Few bytes, so that the same are made in several ways.
    const auto draw = [&] {
      const auto token = random.Below(20 + pairs.size());
      return static_cast<uint16_t>(token < 20 ? token : token - 20 + kByteTokens);
    };
    const TokenPair pair{draw(), draw()};
    if (lengths[pair.left] + lengths[pair.right] > kMaxTokenBytes) continue;
    if (!known.insert({pair.left, pair.right}).second) continue;
    pairs.push_back(pair);
    lengths.push_back(lengths[pair.left] + lengths[pair.right]);
  }
  return BpeTokenizer(pairs, PieceRule::kNone).Serialise();
}

Bytes Coded(const Bytes& tokenizer) {
  RangeEncoder encoder;
  EncodeMerges(tokenizer, &encoder);
  return encoder.Finish();
}

TEST_CASE("Tokenizer codec: merges come back, learned and senseless ones") {
  for (const Bytes& tokenizer :
       {Learned(20'000, 257, PieceRule::kWords), Learned(20'000, 700, PieceRule::kWords),
        Learned(20'000, 700, PieceRule::kNone), Senseless(0, 1), Senseless(1, 2),
        Senseless(600, 3)}) {
    REQUIRE(HasMerges(tokenizer));
    const Bytes coded = Coded(tokenizer);
    RangeDecoder decoder(coded);
    CHECK(DecodeMerges(std::span(tokenizer).first(kTokenizerHeadBytes), &decoder, "m") ==
          tokenizer);
    CHECK(decoder.ConsumedExactly());
    CHECK(CodedTokenizerBytes(tokenizer) == kTokenizerHeadBytes + coded.size());
  }
  CHECK_FALSE(HasMerges(ByteTokenizer().Serialise()));
  CHECK_FALSE(HasMerges({}));
  CHECK(CodedTokenizerBytes(ByteTokenizer().Serialise()) == 1);
}

TEST_CASE("Tokenizer codec: learned merges take fewer bytes than their numbers") {
  const Bytes few = Learned(300'000, 600, PieceRule::kWords);
  const Bytes many = Learned(300'000, 2000, PieceRule::kNone);
  CHECK(static_cast<double>(Coded(few).size()) < 0.85 * static_cast<double>(few.size()));
  CHECK(static_cast<double>(Coded(many).size()) < 0.8 * static_cast<double>(many.size()));
}

TEST_CASE("Tokenizer codec: the coded form is what it always was") {
  CHECK(Hex(Sha256Of(Coded(Learned(50'000, 800, PieceRule::kWords)))).substr(0, 16) ==
        "9369e8bad64e9183");
  CHECK(Hex(Sha256Of(Coded(Senseless(300, 4)))).substr(0, 16) == "393b40cd94e42311");
}

TEST_CASE("Tokenizer codec: whatever is decoded, it is a tokenizer or damage") {
  const Bytes tokenizer = Learned(20'000, 600, PieceRule::kWords);
  const Bytes coded = Coded(tokenizer);
  occam::Random random(5);
  int damaged = 0;
  for (int i = 0; i < 60; ++i) {
    Bytes hurt = coded;
    hurt[random.Below(hurt.size())] ^= static_cast<uint8_t>(1 << random.Below(8));
    RangeDecoder decoder(hurt);
    try {
      const Bytes other =
          DecodeMerges(std::span(tokenizer).first(kTokenizerHeadBytes), &decoder, "some.occm");
      CHECK(LoadTokenizer(other, "m")->Serialise() == other);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kDamaged);
      CHECK(std::string(error.what()).find("some.occm") != std::string::npos);
      ++damaged;
    }
  }
  CHECK(damaged > 0);
  const auto head_error = [&](const Bytes& head) {
    RangeDecoder decoder(coded);
    return ThrownBy([&] { DecodeMerges(head, &decoder, "some.occm"); });
  };
  for (const Bytes& head :
       {Bytes{}, Bytes{3}, Bytes{3, 1}, Bytes{1, 0, 0}, Bytes{3, 255, 255}, Bytes{3, 1, 0, 0}}) {
    CHECK(head_error(head).kind == ErrorKind::kDamaged);
    CHECK(head_error(head).Mentions("some.occm"));
  }
}

QuantizedModel TokenModel(const Bytes& tokenizer) {
  const auto vocabulary = LoadTokenizer(tokenizer, "m")->vocabulary();
  QuantizedModel model =
      testing::RandomModel(testing::TestConfig(vocabulary, 16, 2, 1, 1, 3, 16, {5, 0}), 1);
  model.tokenizer = tokenizer;
  return model;
}

TEST_CASE("Tokenizer codec: a coded model holds its merges, and every flipped bit is found") {
  const Bytes tokenizer = Learned(20'000, 500, PieceRule::kWords);
  const QuantizedModel model = TokenModel(tokenizer);
  const CodedModel coded = EncodeModel(model);
  const QuantizedModel decoded = DecodeModel(coded.bytes, "m");
  CHECK(SerialiseModel(decoded) == SerialiseModel(model));
  CHECK(coded.tokenizer_bytes < tokenizer.size());
  CHECK(coded.tokenizer_bytes + 10 > CodedTokenizerBytes(tokenizer));
  occam::Random random(6);
  for (int i = 0; i < 60; ++i) {
    Bytes hurt = coded.bytes;
    hurt[random.Below(hurt.size())] ^= static_cast<uint8_t>(1 << random.Below(8));
    CHECK(ThrownBy([&] { DecodeModel(hurt, "m"); }).kind == ErrorKind::kDamaged);
  }
  for (size_t size = 0; size < coded.bytes.size(); size += 97) {
    CHECK(ThrownBy([&] { DecodeModel(std::span(coded.bytes).first(size), "m"); }).kind ==
          ErrorKind::kDamaged);
  }
}

TEST_CASE("Tokenizer codec: coded models of format 1 with plain merges still decode") {
  const Bytes tokenizer = Learned(20'000, 400, PieceRule::kWords);
  const QuantizedModel model = TokenModel(tokenizer);
  // The stream of weights of format 1 knows nothing of the tokenizer: one that is taken as it is
  // gives it.
  QuantizedModel other = model;
  other.tokenizer = {1};
  const Bytes base = EncodeModel(other).bytes;
  REQUIRE(base[8] == 1);
  ByteWriter head;
  PutModelHead(other, &head);
  const size_t stream = 16 + head.bytes().size();
  ByteWriter old;
  for (size_t i = 0; i < 16; ++i) old.Put(base[i]);
  PutModelHead(model, &old);
  old.PutBytes(std::span(base).subspan(stream, base.size() - stream - sizeof(Sha256Digest)));
  old.PutBytes(ModelId(model));
  const QuantizedModel decoded = DecodeModel(old.bytes(), "m");
  CHECK(SerialiseModel(decoded) == SerialiseModel(model));
  CHECK(EncodeModel(model).bytes[8] == 2);
}

}  // namespace
}  // namespace occam
