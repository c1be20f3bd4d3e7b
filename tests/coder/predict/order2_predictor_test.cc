#include "coder/predict/order2_predictor.h"

#include <cmath>
#include <vector>

#include "coder/entropy/range_encoder.h"
#include "data/base/digest.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"

namespace occam {
namespace {

// Bytes cut into lanes of the given lengths.
std::vector<std::vector<int32_t>> Cut(std::span<const uint8_t> bytes,
                                      const std::vector<size_t>& lengths) {
  std::vector<std::vector<int32_t>> lanes;
  size_t offset = 0;
  for (const size_t length : lengths) {
    const auto piece = bytes.subspan(offset, length);
    lanes.emplace_back(piece.begin(), piece.end());
    offset += length;
  }
  return lanes;
}

double BitsPerByte(const Bytes& bytes) {
  Order2Predictor model;
  double bits = 0;
  const auto intervals = ScoreInRows(&model, Cut(bytes, {bytes.size()}), bytes.size());
  for (const SymbolInterval symbol : intervals[0]) bits += kFrequencyBits - std::log2(symbol.size);
  return bits / static_cast<double>(bytes.size());
}

double Order0Entropy(const Bytes& bytes) {
  std::vector<double> counts(256);
  for (const uint8_t byte : bytes) counts[byte] += 1;
  double bits = 0;
  for (const double count : counts) {
    if (count > 0) bits -= count * std::log2(count / static_cast<double>(bytes.size()));
  }
  return bits / static_cast<double>(bytes.size());
}

}  // namespace

TEST_CASE("Order 2: decoding sees the intervals of scoring, whatever the lanes and rows") {
  const Bytes bytes = Prose(5000, 1);
  const std::vector<size_t> lengths = {1500, 1500, 900, 900, 200};
  const auto lanes = Cut(bytes, lengths);
  Order2Predictor scorer;
  const auto intervals = ScoreInRows(&scorer, lanes, 1500);
  for (const size_t rows : {size_t{1}, size_t{64}, size_t{1000}}) {
    const auto again = ScoreInRows(&scorer, lanes, rows);
    for (size_t i = 0; i < lanes.size(); ++i) {
      for (size_t step = 0; step < lanes[i].size(); ++step) {
        REQUIRE(again[i][step].start == intervals[i][step].start);
        REQUIRE(again[i][step].size == intervals[i][step].size);
      }
    }
  }
  Order2Predictor model;
  CHECK(DecodeLanes(&model, EncodeIntervals(intervals), lengths) == lanes);
}

TEST_CASE("Order 2: every byte keeps at least 1, and all 256 fill the whole range") {
  // Every byte in turn after the same certain past.
  Bytes past(3000, 'x');
  uint64_t sum = 0;
  uint32_t next_start = 0;
  for (int last = 0; last < 256; ++last) {
    past.back() = static_cast<uint8_t>(last);
    Order2Predictor model;
    const SymbolInterval symbol = ScoreInRows(&model, Cut(past, {past.size()}), 3000)[0].back();
    REQUIRE(symbol.size >= 1);
    REQUIRE(symbol.start == next_start);
    next_start = symbol.start + symbol.size;
    sum += symbol.size;
  }
  CHECK(sum == kFrequencyTotal);
}

TEST_CASE("Order 2: learns text, knows certainty, and hardly grows noise") {
  const Bytes prose = Prose(60000, 2);
  CHECK(BitsPerByte(prose) < 0.75 * Order0Entropy(prose));
  CHECK(BitsPerByte(Bytes(60000, 'z')) < 0.01);
  CHECK(BitsPerByte(RandomBytes(60000, 3)) < 8.3);
}

TEST_CASE("Order 2: predicts the same on every machine") {
  const Bytes bytes = Prose(20000, 4);
  Order2Predictor model;
  const auto intervals = ScoreInRows(&model, Cut(bytes, {bytes.size()}), 777);
  Bytes numbers;
  for (const SymbolInterval symbol : intervals[0]) {
    for (int shift = 0; shift < 32; shift += 8) {
      numbers.push_back(static_cast<uint8_t>(symbol.start >> shift));
      numbers.push_back(static_cast<uint8_t>(symbol.size >> shift));
    }
  }
  // Files in the world were made with these numbers; a new predictor needs a new coding method.
  CHECK(Hex(Sha256Of(numbers)) ==
        "3b2dd41817b41148513b9833e35c36302653c869d05c8487a503ccbb80704df7");
}

}  // namespace occam
