#include "data/base/random.h"

#include <set>

#include "tests/catch.h"

namespace occam {
namespace {

// The sequence of seed 1234567 is a published test vector of SplitMix64 (Rosetta Code,
// "Pseudo-random numbers/Splitmix64").
TEST_CASE("Random: the numbers are those of SplitMix64") {
  Random random(1234567);
  for (const uint64_t wanted : {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                4593380528125082431u, 16408922859458223821u}) {
    CHECK(random.Next() == wanted);
  }
}

TEST_CASE("Random: streams of one seed and seeds of one stream differ") {
  std::set<uint64_t> seen;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (uint64_t stream = 0; stream < 20; ++stream) {
      Random random(seed, stream);
      for (int i = 0; i < 20; ++i) seen.insert(random.Next());
    }
  }
  CHECK(seen.size() == 20 * 20 * 20);
}

// 60,000 draws of 6: each count has a standard deviation of sqrt(60000 * 5 / 36) = 91.
TEST_CASE("Random: numbers below a bound are below it and even") {
  Random random(1);
  int counts[6] = {};
  for (int i = 0; i < 60'000; ++i) {
    const uint64_t n = random.Below(6);
    REQUIRE(n < 6);
    ++counts[n];
  }
  for (const int count : counts) CHECK(count == Approx(10'000).margin(500));
  CHECK(random.Below(1) == 0);
  for (int i = 0; i < 100; ++i) CHECK(random.Below(UINT64_MAX) < UINT64_MAX);
}

// The mean of 10,000 uniform numbers has a standard deviation of 0.0029.
TEST_CASE("Random: uniform numbers are in their interval, with its mean") {
  Random random(2);
  double mean = 0;
  double symmetric_mean = 0;
  for (int i = 0; i < 10'000; ++i) {
    const float u = random.Uniform();
    REQUIRE((u >= 0 && u < 1));
    REQUIRE(u * 0x1p24f == static_cast<float>(static_cast<int>(u * 0x1p24f)));
    const float s = random.Symmetric(3);
    REQUIRE((s >= -3 && s < 3));
    mean += static_cast<double>(u) / 10'000;
    symmetric_mean += static_cast<double>(s) / 10'000;
  }
  CHECK(mean == Approx(0.5).margin(0.015));
  CHECK(symmetric_mean == Approx(0).margin(0.09));
}

}  // namespace
}  // namespace occam
