#include "data/base/digest.h"

#include <string>
#include <vector>

#include "tests/catch.h"

namespace occam {
namespace {

std::vector<uint8_t> BytesOf(const std::string& text) { return {text.begin(), text.end()}; }

// FIPS 180-4 test vectors, as NIST publishes them.
TEST_CASE("Digest: SHA-256 is that of FIPS 180-4") {
  CHECK(Hex(Sha256Of({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(Hex(Sha256Of(BytesOf("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Hex(Sha256Of(std::vector<uint8_t>(1'000'000, 'a'))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("Digest: SHA-256 in pieces is that of the whole") {
  const auto bytes = BytesOf("The quick brown fox jumps over the lazy dog");
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    Sha256 sha;
    sha.Update(std::span(bytes).first(cut));
    sha.Update({});
    sha.Update(std::span(bytes).subspan(cut));
    CHECK(sha.Finish() == Sha256Of(bytes));
  }
}

// The value of the empty input is in xxHash's own test vectors.
TEST_CASE("Digest: XXH3-64 is that of xxHash, and sees every byte") {
  CHECK(Xxh3Of({}) == 0x2d06800538d394c2);
  for (const size_t size : {1u, 16u, 17u, 128u, 129u, 240u, 241u, 5000u}) {
    std::vector<uint8_t> bytes(size, 7);
    const uint64_t before = Xxh3Of(bytes);
    for (size_t i = 0; i < size; ++i) {
      bytes[i] ^= 1;
      CHECK(Xxh3Of(bytes) != before);
      bytes[i] ^= 1;
    }
  }
}

TEST_CASE("Digest: hexadecimal is lower case, two digits a byte") {
  CHECK(Hex(std::vector<uint8_t>{0x00, 0x0f, 0xab, 0xff}) == "000fabff");
  CHECK(Hex({}).empty());
}

}  // namespace
}  // namespace occam
