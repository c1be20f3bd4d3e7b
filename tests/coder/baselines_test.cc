#include "coder/baselines.h"

#include <catch2/catch.hpp>

#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

using Form = ClassicalCodec::Form;

// Gives back one byte less than it was given.
class Forgetful final : public ClassicalCodec {
 public:
  std::string name() const override { return "forgetful"; }
  Bytes Compress(std::span<const uint8_t> original, Form) const override {
    return Bytes(original.begin(), original.end());
  }
  Bytes Decompress(std::span<const uint8_t> compressed, size_t, Form) const override {
    return Bytes(compressed.begin(), compressed.end() - 1);
  }
};

}  // namespace

TEST_CASE("Baselines: every codec gives back any data in both forms") {
  const auto codecs = ClassicalCodecs();
  REQUIRE(codecs.size() == 2);
  CHECK(codecs[0]->name() == "gzip");
  CHECK(codecs[1]->name() == "xz");
  for (const auto& codec : codecs) {
    // 200,000 bytes: more than one piece of output, more than one chunk of LZMA2.
    for (const Bytes& data : {Bytes{}, Bytes{7}, Prose(200000, 1), RandomBytes(200000, 2)}) {
      for (const Form form : {Form::kFile, Form::kBare})
        CHECK(codec->Decompress(codec->Compress(data, form), data.size(), form) == data);
    }
  }
}

TEST_CASE("Baselines: files are what the programs write, and text shrinks") {
  const Bytes text = Prose(100000, 1);
  const Bytes gzip = GzipCodec()->Compress(text, Form::kFile);
  CHECK((gzip[0] == 0x1f && gzip[1] == 0x8b));
  const Bytes xz = XzCodec()->Compress(text, Form::kFile);
  CHECK((xz[0] == 0xfd && xz[1] == '7' && xz[2] == 'z'));
  CHECK(gzip.size() < text.size() / 2);
  CHECK(xz.size() < gzip.size());
}

TEST_CASE(
    "Baselines: the whole is a file, chunks are bare streams that know nothing of each other") {
  const auto codec = GzipCodec();
  const Bytes text = Prose(5000, 3);
  CHECK(WholeBytes(*codec, text) == codec->Compress(text, Form::kFile).size());
  uint64_t sum = 0;
  for (const auto& [begin, size] : {std::pair{0, 2048}, {2048, 2048}, {4096, 904}}) {
    const auto chunk =
        std::span(text).subspan(static_cast<size_t>(begin), static_cast<size_t>(size));
    sum += codec->Compress(chunk, Form::kBare).size();
  }
  CHECK(ChunkedBytes(*codec, text) == sum);
  CHECK(sum > WholeBytes(*codec, text));
  // The gzip header and trailer are 18 bytes.
  CHECK(ChunkedBytes(*codec, text, 5000) + 18 == WholeBytes(*codec, text));
}

TEST_CASE("Baselines: a codec that does not give back its input is an error, not a figure") {
  CHECK(ThrownBy([] { WholeBytes(Forgetful(), Bytes(10)); }).kind == ErrorKind::kInternal);
  CHECK(ThrownBy([] { ChunkedBytes(Forgetful(), Bytes(10)); }).kind == ErrorKind::kInternal);
  CHECK(ThrownBy([] { GzipCodec()->Decompress(Bytes(10, 7), 5, Form::kFile); }).kind ==
        ErrorKind::kInternal);
  CHECK(ThrownBy([] { XzCodec()->Decompress(Bytes(10, 7), 5, Form::kFile); }).kind ==
        ErrorKind::kInternal);
}

}  // namespace occam
