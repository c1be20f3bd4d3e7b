#include "data/tokenizer.h"

#include <catch2/catch.hpp>

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

TEST_CASE("Tokenizer: what is serialised loads again, and nothing else does") {
  const Bytes serialised = ByteTokenizer().Serialise();
  CHECK(serialised.size() == 1);
  const auto loaded = LoadTokenizer(serialised, "model.h5");
  CHECK(loaded->name() == "bytes");
  CHECK(loaded->Decode(loaded->Encode(AllBytes())) == AllBytes());

  for (const Bytes& foreign : {Bytes{}, Bytes{0}, Bytes{2}, Bytes{255}, Bytes{1, 1}}) {
    const Thrown thrown = ThrownBy([&] { LoadTokenizer(foreign, "model.h5"); });
    CHECK(thrown.kind == ErrorKind::kDamaged);
    CHECK(thrown.Mentions("model.h5"));
  }
}

}  // namespace
}  // namespace occam
