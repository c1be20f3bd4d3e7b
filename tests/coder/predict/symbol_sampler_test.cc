#include "coder/predict/symbol_sampler.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "coder/entropy/fixed_point.h"
#include "data/base/frequency.h"
#include "tests/catch.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

using Table = std::vector<uint32_t>;

std::vector<int> Counts(const Table& frequencies, const SamplerOptions& options, int draws) {
  SymbolSampler sampler(options);
  std::vector<int> counts(frequencies.size());
  for (int i = 0; i < draws; ++i) ++counts[static_cast<size_t>(sampler.Draw(frequencies))];
  return counts;
}

// Counts of draws are binomial: five deviations away is one in two million, and the seed is fixed.
void CheckShares(const std::vector<int>& counts, const std::vector<double>& weights, int draws) {
  double total = 0;
  for (const double w : weights) total += w;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double p = weights[i] / total;
    INFO("symbol " << i << ", expected " << p * draws);
    CHECK(std::abs(counts[i] - p * draws) <= 5 * std::sqrt(draws * p * (1 - p)));
  }
}

}  // namespace

TEST_CASE("Fixed point: log2 is rounded down, within one unit of the true value") {
  for (uint64_t x = 1; x < (uint64_t{1} << 32); x = x * 5 / 4 + 1) {
    const double exact = std::log2(static_cast<double>(x)) * static_cast<double>(kFixedOne);
    // The double is off by 2^-53 of 2^35 at most.
    const double got = static_cast<double>(Log2Fixed(static_cast<uint32_t>(x)));
    INFO(x);
    CHECK(got <= exact + 1e-3);
    CHECK(got > exact - 1 - 1e-3);
  }
  for (int bit = 0; bit < 32; ++bit)
    CHECK(Log2Fixed(uint32_t{1} << bit) == static_cast<uint64_t>(bit) * kFixedOne);
}

TEST_CASE("Fixed point: powers of two are within one unit of the true value, and end at 0") {
  for (uint64_t y = 0; y < 33 * kFixedOne; y += kFixedOne / 97) {
    const double exact = std::exp2(32 - static_cast<double>(y) / static_cast<double>(kFixedOne));
    INFO(y);
    CHECK(std::abs(static_cast<double>(NegativeExp2Fixed(y)) - exact) <= 1);
  }
  CHECK(NegativeExp2Fixed(0) == uint64_t{1} << 32);
  CHECK(NegativeExp2Fixed(5 * kFixedOne) == 1 << 27);
  CHECK(NegativeExp2Fixed(40 * kFixedOne) == 0);
  CHECK(NegativeExp2Fixed(UINT64_MAX) == 0);
}

TEST_CASE("Sampler: at a temperature of 1 symbols come as often as their frequencies say") {
  const Table table{kFrequencyTotal / 2, 0, kFrequencyTotal / 4, kFrequencyTotal / 8,
                    kFrequencyTotal / 8};
  constexpr int kDraws = 20000;
  CheckShares(Counts(table, {}, kDraws), {4, 0, 2, 1, 1}, kDraws);
}

TEST_CASE("Sampler: a temperature raises probabilities to its inverse") {
  const Table table{9000000, 4000000, 1000000, 2777216};
  constexpr int kDraws = 20000;
  for (const uint32_t thousandths : {250u, 800u, 2000u, 100000u}) {
    INFO(thousandths);
    std::vector<double> weights;
    for (const uint32_t f : table)
      weights.push_back(std::pow(f / 16777216.0, 1000.0 / thousandths));
    CheckShares(Counts(table, {thousandths, 0, 3}, kDraws), weights, kDraws);
  }
}

TEST_CASE("Sampler: temperature 0 takes the first of the most probable, without a draw") {
  SymbolSampler sampler({0, 0, 1});
  CHECK(sampler.Draw(Table{3, 7, 5, 7}) == 1);
  CHECK(sampler.DrawByBits(std::vector<uint64_t>{24, 16, 16, 800}) == 1);
  // Almost 0 is almost the same.
  SymbolSampler cold({1, 0, 1});
  for (int i = 0; i < 100; ++i) CHECK(cold.Draw(Table{300, 700, 500, 680}) == 1);
}

TEST_CASE("Sampler: top-k leaves the k most probable, of equals the first") {
  const Table table{10, 40, 20, 40, 20, 20};
  for (const uint32_t thousandths : {1000u, 3000u}) {
    const auto counts = Counts(table, {thousandths, 3, 9}, 3000);
    CHECK(counts[0] + counts[4] + counts[5] == 0);
    for (const size_t kept : {1u, 2u, 3u}) CHECK(counts[kept] > 300);
  }
  CHECK(Counts(table, {1000, 1, 9}, 50)[1] == 50);
  CHECK(Counts(table, {1000, 6, 9}, 50) == Counts(table, {1000, 0, 9}, 50));
  CHECK(Counts(table, {1000, 1000, 9}, 50) == Counts(table, {1000, 0, 9}, 50));
}

TEST_CASE("Sampler: a code that is one bit longer is half as probable, however long all are") {
  constexpr int kDraws = 20000;
  const std::vector<uint64_t> bits{16001, 16000, 16002, uint64_t{1} << 60};
  SymbolSampler sampler({1000, 0, 4});
  std::vector<int> counts(4);
  for (int i = 0; i < kDraws; ++i) ++counts[static_cast<size_t>(sampler.DrawByBits(bits))];
  CheckShares(counts, {2, 4, 1, 0}, kDraws);
}

TEST_CASE("Sampler: a seed gives these symbols on every machine") {
  Table table(1000);
  for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<uint32_t>(1 + i * i % 9973);
  const auto first = [&](const SamplerOptions& options) {
    SymbolSampler sampler(options);
    std::vector<int32_t> drawn(6);
    std::ranges::generate(drawn, [&] { return sampler.Draw(table); });
    return drawn;
  };
  CHECK(first({1000, 0, 1}) == std::vector<int32_t>{587, 758, 972, 468, 468, 773});
  CHECK(first({700, 0, 1}) == std::vector<int32_t>{589, 759, 972, 473, 473, 773});
  CHECK(first({1300, 50, 2}) == std::vector<int32_t>{662, 767, 662, 786, 373, 435});
}

TEST_CASE("Sampler: options out of range are wrong usage") {
  const auto kind = [](const SamplerOptions& options) {
    return ThrownBy([&] { SymbolSampler sampler(options); }).kind;
  };
  CHECK(kind({kMaxTemperatureThousandths + 1, 0, 1}) == ErrorKind::kUsage);
  CHECK(kind({1000, -1, 1}) == ErrorKind::kUsage);
}

}  // namespace occam
