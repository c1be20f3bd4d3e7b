#include "data/tokenizer/tokenizer.h"

#include "data/tokenizer/seven_bit_tokenizer.h"
#include "tests/catch.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

Bytes AllBytes() {
  Bytes bytes;
  for (int i = 0; i < 512; ++i) bytes.push_back(static_cast<uint8_t>(i));
  return bytes;
}

TEST_CASE("Tokenizer: bytes are their own tokens, and come back") {
  const ByteTokenizer tokenizer;
  const auto tokens = tokenizer.Encode(AllBytes());
  REQUIRE(tokens.size() == 512);
  for (size_t i = 0; i < tokens.size(); ++i) CHECK(tokens[i] == static_cast<int32_t>(i % 256));
  CHECK(tokenizer.Decode(tokens) == AllBytes());
  CHECK(tokenizer.vocabulary() == 256);
  CHECK(tokenizer.Encode({}).empty());
}

TEST_CASE("Tokenizer: a token that is no byte is reported as damaged") {
  for (const int32_t token : {-1, 256, INT32_MAX, INT32_MIN}) {
    const std::vector<int32_t> tokens = {0, token};
    CHECK(ThrownBy([&] { ByteTokenizer().Decode(tokens); }).kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Tokenizer: symbols of 7 bits and the bits that they lose give the bytes back") {
  for (const LostBit bit : {LostBit::kTop, LostBit::kBottom}) {
    const SevenBitTokenizer tokenizer(bit);
    REQUIRE(tokenizer.lost_bit() == bit);
    const auto tokens = tokenizer.Encode(AllBytes());
    Bytes values = AllBytes();
    const Bytes lost = TakeLostBits(values, bit);
    REQUIRE(std::vector<int32_t>(values.begin(), values.end()) == tokens);
    CHECK(tokenizer.DecodedBytes(tokens) == tokens.size());
    // Without them the bytes have a 0 there.
    const Bytes decoded = tokenizer.Decode(tokens);
    for (int i = 0; i < 512; ++i)
      CHECK(decoded[static_cast<size_t>(i)] == (i & (bit == LostBit::kTop ? 127 : 254)));
    ReturnLostBits(values, lost, bit);
    CHECK(values == AllBytes());

    const auto loaded = LoadTokenizer(tokenizer.Serialise(), "model.h5");
    CHECK(loaded->name() == tokenizer.name());
    CHECK(loaded->lost_bit() == bit);
    CHECK(loaded->vocabulary() == 128);
    for (const int32_t token : {-1, 128, INT32_MAX, INT32_MIN}) {
      const std::vector<int32_t> damaged = {0, token};
      CHECK(ThrownBy([&] { tokenizer.Decode(damaged); }).kind == ErrorKind::kDamaged);
    }
  }
  CHECK_FALSE(ByteTokenizer().lost_bit());
}

TEST_CASE("Tokenizer: what is serialised loads again, and nothing else does") {
  const Bytes serialised = ByteTokenizer().Serialise();
  CHECK(serialised.size() == 1);
  const auto loaded = LoadTokenizer(serialised, "model.h5");
  CHECK(loaded->name() == "bytes");
  CHECK(loaded->Decode(loaded->Encode(AllBytes())) == AllBytes());

  for (const Bytes& foreign :
       {Bytes{}, Bytes{0}, Bytes{2}, Bytes{255}, Bytes{1, 1}, Bytes{4, 0}, Bytes{6}}) {
    const Thrown thrown = ThrownBy([&] { LoadTokenizer(foreign, "model.h5"); });
    CHECK(thrown.kind == ErrorKind::kDamaged);
    CHECK(thrown.Mentions("model.h5"));
  }
}

}  // namespace
}  // namespace occam
