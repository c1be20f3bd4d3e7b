#include "coder/archive/lost_bits.h"

#include <string>

#include "data/base/digest.h"
#include "data/tokenizer/seven_bits.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

struct Parted {
  std::vector<int32_t> symbols;
  Bytes lost;
};

Parted Part(Bytes bytes, LostBit which) {
  Parted parted;
  parted.lost = TakeLostBits(bytes, which);
  parted.symbols.assign(bytes.begin(), bytes.end());
  return parted;
}

Bytes Coded(const Parted& parted) {
  RangeEncoder encoder;
  EncodeLostBits(parted.symbols, parted.lost, &encoder);
  return encoder.Finish();
}

Bytes Text(const std::string& words, size_t size) {
  Bytes text;
  while (text.size() < size) text.insert(text.end(), words.begin(), words.end());
  text.resize(size);
  return text;
}

TEST_CASE("Lost bits: they come back, of any bytes and any number") {
  for (const LostBit which : {LostBit::kTop, LostBit::kBottom}) {
    for (const size_t size : {0, 1, 7, 8, 9, 1000}) {
      for (const Bytes& bytes : {RandomBytes(size, 1), Prose(size, 2), Bytes(size, 255)}) {
        const Parted parted = Part(bytes, which);
        const Bytes coded = Coded(parted);
        RangeDecoder decoder(coded);
        CHECK(DecodeLostBits(parted.symbols, &decoder) == parted.lost);
        CHECK(decoder.ConsumedExactly());
      }
    }
  }
}

TEST_CASE("Lost bits: ASCII costs next to nothing, letters of two bytes little, noise its bits") {
  constexpr size_t kSize = 100'000;
  const auto bits_a_byte = [&](const Bytes& bytes, LostBit which) {
    return 8.0 * static_cast<double>(Coded(Part(bytes, which)).size()) / kSize;
  };
  CHECK(bits_a_byte(Prose(kSize, 3), LostBit::kTop) < 0.002);
  // Every tenth letter or so is one of two bytes, which nothing but its own bits tells.
  CHECK(bits_a_byte(Text("Stra\xc3\x9f"
                         "e und B\xc3\xbc"
                         "cher, B C. ",
                         kSize),
                    LostBit::kTop) < 0.01);
  const double noise = bits_a_byte(RandomBytes(kSize, 4), LostBit::kBottom);
  CHECK(noise > 0.999);
  // Contexts that learn from noise cost a little.
  CHECK(noise < 1.03);
}

TEST_CASE("Lost bits: their coded form is what it always was") {
  Bytes bytes = Prose(3000, 5);
  const Bytes noise = RandomBytes(1000, 6);
  bytes.insert(bytes.end(), noise.begin(), noise.end());
  CHECK(Hex(Sha256Of(Coded(Part(bytes, LostBit::kTop)))).substr(0, 16) == "840dc4bd78dee380");
  CHECK(Hex(Sha256Of(Coded(Part(bytes, LostBit::kBottom)))).substr(0, 16) == "e3d40f0cb0e90ca0");
}

}  // namespace
}  // namespace occam
