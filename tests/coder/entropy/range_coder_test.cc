#include <cmath>
#include <vector>

#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

// Frequencies of `size` symbols that sum to 2^24; the larger `skew`, the more uneven.
std::vector<uint32_t> RandomTable(size_t size, int skew, Random& random) {
  std::vector<double> weights(size);
  double sum = 0;
  for (double& weight : weights) {
    weight = std::pow(static_cast<double>(random.Below(1000) + 1) / 1000, skew);
    sum += weight;
  }
  std::vector<uint32_t> table(size);
  uint32_t left = kFrequencyTotal;
  for (size_t i = 0; i < size; ++i) {
    const double share = weights[i] / sum * static_cast<double>(kFrequencyTotal - size);
    table[i] = 1 + static_cast<uint32_t>(share);
    left -= table[i];
  }
  table[random.Below(size)] += left;
  return table;
}

SymbolInterval IntervalOf(std::span<const uint32_t> table, size_t symbol) {
  SymbolInterval interval;
  for (size_t i = 0; i < symbol; ++i) interval.start += table[i];
  interval.size = table[symbol];
  return interval;
}

size_t Draw(std::span<const uint32_t> table, Random& random) {
  uint64_t point = random.Below(kFrequencyTotal);
  size_t symbol = 0;
  while (point >= table[symbol]) point -= table[symbol++];
  return symbol;
}

Bytes EncodeAll(const std::vector<std::vector<uint32_t>>& tables,
                const std::vector<size_t>& symbols) {
  RangeEncoder encoder;
  for (size_t i = 0; i < symbols.size(); ++i)
    encoder.Encode(IntervalOf(tables[i % tables.size()], symbols[i]));
  return encoder.Finish();
}

}  // namespace

TEST_CASE("Range coder: what was encoded is decoded, for any tables, and consumed exactly") {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::vector<uint32_t>> tables;
    for (int i = 0; i < 5; ++i) {
      // Sizes around the blocks of 16 that the decoder searches by.
      const size_t size = i == 0 ? 256 : 1 + random.Below(70);
      tables.push_back(RandomTable(size, static_cast<int>(random.Below(40)), random));
    }
    std::vector<size_t> symbols;
    const uint64_t count = random.Below(200);
    for (size_t i = 0; i < count; ++i) {
      const auto& table = tables[i % tables.size()];
      symbols.push_back(random.Below(3) == 0 ? random.Below(table.size()) : Draw(table, random));
    }
    const Bytes payload = EncodeAll(tables, symbols);
    RangeDecoder decoder(payload);
    for (size_t i = 0; i < symbols.size(); ++i) {
      REQUIRE(decoder.DecodeSymbol(tables[i % tables.size()]) == static_cast<int32_t>(symbols[i]));
    }
    REQUIRE(decoder.ConsumedExactly());
  }
}

TEST_CASE("Range coder: a megabyte of symbols costs less than 0.05 % over the ideal length") {
  Random random(2);
  for (const int skew : {0, 3, 30}) {
    const std::vector<std::vector<uint32_t>> tables = {RandomTable(256, skew, random),
                                                       RandomTable(256, skew, random)};
    std::vector<size_t> symbols;
    double ideal_bits = 0;
    for (size_t i = 0; i < (1 << 20); i += kEvery) {
      symbols.push_back(Draw(tables[i % 2], random));
      ideal_bits += kFrequencyBits - std::log2(tables[i % 2][symbols.back()]);
    }
    const auto coded = static_cast<double>(EncodeAll(tables, symbols).size());
    CHECK(coded >= ideal_bits / 8 - 1);
    CHECK(coded <= ideal_bits / 8 * 1.0005);
    // What the encoder's header promises: rounding, two bytes, and 2^-24 of an interval a symbol.
    CHECK(coded <= ideal_bits / 8 + 3 + 0.1);
  }
}

TEST_CASE("Range coder: the rarest and the most certain symbols survive in any order") {
  // 255 symbols of size 1 and one of 2^24 - 255, at either end and in the middle.
  for (const size_t certain : {size_t{0}, size_t{128}, size_t{255}}) {
    std::vector<uint32_t> table(256, 1);
    table[certain] = kFrequencyTotal - 255;
    Random random(3);
    std::vector<size_t> symbols;
    for (int i = 0; i < 20000; ++i)
      symbols.push_back(random.Below(50) == 0 ? random.Below(256) : certain);
    for (int i = 0; i < 500; ++i) symbols.push_back(255 * (i % 2));
    const Bytes payload = EncodeAll({table}, symbols);
    RangeDecoder decoder(payload);
    for (const size_t symbol : symbols)
      REQUIRE(decoder.DecodeSymbol(table) == static_cast<int32_t>(symbol));
    CHECK(decoder.ConsumedExactly());
  }
}

TEST_CASE("Range coder: carries run through long rows of 0xff") {
  // The last of the numbers that share a prefix of ones, then a symbol whose offset overflows it.
  for (int length = 0; length < 40; ++length) {
    RangeEncoder encoder;
    std::vector<SymbolInterval> symbols(static_cast<size_t>(length),
                                        SymbolInterval{kFrequencyTotal - 1, 1});
    symbols.insert(symbols.begin(), {0, 3});
    symbols.push_back({kFrequencyTotal / 2, kFrequencyTotal / 2});
    symbols.push_back({kFrequencyTotal - 1, 1});
    for (const SymbolInterval symbol : symbols) encoder.Encode(symbol);
    const Bytes payload = encoder.Finish();
    RangeDecoder decoder(payload);
    for (const SymbolInterval symbol : symbols) {
      const uint32_t target = decoder.Target();
      REQUIRE(target >= symbol.start);
      REQUIRE(target - symbol.start < symbol.size);
      decoder.Advance(symbol);
    }
    CHECK(decoder.ConsumedExactly());
  }
}

TEST_CASE("Range coder: no symbols take no bytes, certain symbols hardly any") {
  CHECK(RangeEncoder().Finish().empty());
  RangeEncoder encoder;
  for (int i = 0; i < 1000; ++i) encoder.Encode({0, kFrequencyTotal});
  CHECK(encoder.Finish().size() <= 2);
}

TEST_CASE("Range coder: no stream that goes on is shorter than one that ends") {
  Random random(8);
  for (int round = 0; round < 200; ++round) {
    // The first symbol of all gives zeros, which are dropped at the end, the last 0xff, which
    // carries turn into zeros.
    const auto table =
        RandomTable(2 + random.Below(20), static_cast<int>(random.Below(30)), random);
    const uint64_t kind = random.Below(4);
    RangeEncoder encoder;
    size_t shortest = 0;
    for (int i = 0; i < 60; ++i) {
      const bool at_random = kind == 0 || random.Below(20) == 0;
      const size_t symbol = at_random ? Draw(table, random) : kind == 1 ? 0 : table.size() - 1;
      encoder.Encode(IntervalOf(table, symbol));
      const size_t size = RangeEncoder(encoder).Finish().size();
      REQUIRE(size >= shortest);
      shortest = size;
    }
  }
}

TEST_CASE("Range coder: a changed, longer or shorter payload is never consumed exactly and equal") {
  Random random(4);
  const std::vector<std::vector<uint32_t>> tables = {RandomTable(256, 4, random)};
  std::vector<size_t> symbols;
  for (int i = 0; i < 60; ++i) symbols.push_back(Draw(tables[0], random));
  const Bytes payload = EncodeAll(tables, symbols);
  const auto decodes_the_same = [&](const Bytes& bytes) {
    RangeDecoder decoder(bytes);
    bool same = true;
    try {
      for (const size_t symbol : symbols)
        same = decoder.DecodeSymbol(tables[0]) == static_cast<int32_t>(symbol) && same;
    } catch (const Error& error) {
      REQUIRE(error.kind() == ErrorKind::kDamaged);
      return false;
    }
    return same && decoder.ConsumedExactly();
  };
  REQUIRE(decodes_the_same(payload));
  for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
    Bytes flipped = payload;
    flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
    CHECK_FALSE(decodes_the_same(flipped));
  }
  for (size_t size = 0; size < payload.size(); ++size)
    CHECK_FALSE(
        decodes_the_same(Bytes(payload.begin(), payload.begin() + static_cast<ptrdiff_t>(size))));
  for (const uint8_t appended : {0, 1, 255}) {
    Bytes longer = payload;
    longer.push_back(appended);
    CHECK_FALSE(decodes_the_same(longer));
  }
}

TEST_CASE("Range coder: bytes that are consumed exactly are what the encoder writes") {
  Random random(5);
  const std::vector<std::vector<uint32_t>> tables = {RandomTable(7, 2, random)};
  int exact = 0;
  for (int round = 0; round < 20000; ++round) {
    const Bytes bytes = RandomBytes(random.Below(4), random.Next());
    RangeDecoder decoder(bytes);
    std::vector<size_t> symbols;
    try {
      for (int i = 0; i < 4; ++i)
        symbols.push_back(static_cast<size_t>(decoder.DecodeSymbol(tables[0])));
    } catch (const Error&) {
      continue;
    }
    const bool same = EncodeAll(tables, symbols) == bytes;
    REQUIRE(decoder.ConsumedExactly() == same);
    exact += same ? 1 : 0;
  }
  CHECK(exact > 100);
}

TEST_CASE("Range coder: an empty interval and a table with a wrong sum are reported as bugs") {
  CHECK(ThrownBy([] { RangeEncoder().Encode({5, 0}); }).kind == ErrorKind::kInternal);
  const std::vector<uint32_t> table(20, 100);
  CHECK(ThrownBy([&] { RangeDecoder(Bytes{0xf0}).DecodeSymbol(table); }).kind ==
        ErrorKind::kInternal);
}

}  // namespace occam
