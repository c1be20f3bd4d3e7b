#include "coder/entropy/mixed_four.h"

#include <algorithm>
#include <vector>

#include "coder/entropy/bit_coder.h"
#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "data/base/error.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

constexpr int kLeast = 512;

TEST_CASE("Four mixed: the same numbers as MixedBit<4>, extreme cells and weights included") {
  Random random(3);
  const uint32_t extreme[] = {0u, ~0u, WideCell::kFresh, 0x3ffu, ~0u << 10, kCountLimit};
  const int32_t extreme_weights[] = {1 << 24, -(1 << 24), 0, -1};
  for (int round = 0; round < 200; ++round) {
    std::array<uint32_t, 4> cells{};
    MixedFour::Weights weights{};
    for (size_t k = 0; k < 4; ++k) {
      // A count beyond the limit is none that a cell comes to.
      const auto drawn = static_cast<uint32_t>(random.Next()) & ~WideCell::kCountMask;
      cells[k] = drawn | static_cast<uint32_t>(random.Below(kCountLimit + 1));
      if (round % 2 == 0) cells[k] = extreme[random.Below(6)];
      cells[k] = (cells[k] & ~WideCell::kCountMask) |
                 std::min(WideCell::Count(cells[k]), uint32_t{kCountLimit});
      weights[k] = round % 3 == 0 ? extreme_weights[random.Below(4)]
                                  : static_cast<int32_t>(random.Below(1 << 18)) - (1 << 17);
    }
    auto naive_cells = cells;
    auto naive_weights = weights;
    const uint32_t limit = round % 5 == 0 ? 30 : kCountLimit;
    for (int step = 0; step < 50; ++step) {
      MixedFour four({&cells[0], &cells[1], &cells[2], &cells[3]}, &weights);
      MixedBit<4> naive({&naive_cells[0], &naive_cells[1], &naive_cells[2], &naive_cells[3]},
                        &naive_weights);
      REQUIRE(four.probability() == naive.probability());
      const bool bit = random.Below(static_cast<uint64_t>(1 + round % 8)) == 0;
      four.Update(bit, static_cast<int32_t>(limit));
      naive.Update(bit, {limit, limit, limit, limit});
      REQUIRE(cells == naive_cells);
      REQUIRE(weights == naive_weights);
    }
  }
}

TEST_CASE("Bit decoder: the same decisions as by target and interval, damaged bytes included") {
  Random random(5);
  std::vector<int32_t> probabilities;
  RangeEncoder encoder;
  BitEncoder bits(&encoder, kLeast);
  std::vector<bool> coded;
  for (int i = 0; i < 4000; ++i) {
    probabilities.push_back(static_cast<int32_t>(random.Below(65537)));
    coded.push_back(static_cast<int32_t>(random.Below(65536)) < probabilities.back());
    bits.Bit(coded.back(), probabilities.back());
  }
  const Bytes payload = encoder.Finish();
  for (int damage = 0; damage < 40; ++damage) {
    Bytes bytes = payload;
    if (damage > 0)
      bytes[random.Below(bytes.size())] ^= static_cast<uint8_t>(1 + random.Below(255));
    if (damage > 20) std::ranges::fill(bytes, uint8_t{0xff});
    RangeDecoder decoder(bytes), naive(bytes);
    BitDecoder decisions(&decoder, kLeast);
    for (size_t i = 0; i < probabilities.size(); ++i) {
      bool expected = false, damaged = false;
      try {
        expected = naive.Target() >= PartOf(true, probabilities[i], kLeast).start;
        naive.Advance(PartOf(expected, probabilities[i], kLeast));
      } catch (const Error&) {
        damaged = true;
      }
      if (damaged) {
        CHECK_THROWS_AS(decisions.Bit(false, probabilities[i]), Error);
        break;
      }
      const bool bit = decisions.Bit(false, probabilities[i]);
      REQUIRE(bit == expected);
      if (damage == 0) REQUIRE(bit == coded[i]);
    }
    CHECK(decoder.ConsumedExactly() == naive.ConsumedExactly());
  }
}

}  // namespace
}  // namespace occam
