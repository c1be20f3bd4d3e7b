// Predictions by lattices against a twin in double that computes all of a row anew.
#include "model/lattice_past.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/model/lattice_pixels.h"

namespace occam {
namespace {

constexpr size_t kSide = kLatticeSide;

std::shared_ptr<const Lattices> LatticesOf(std::initializer_list<int32_t> qualities) {
  auto lattices = std::make_shared<Lattices>();
  for (const int32_t quality : qualities) lattices->emplace_back(quality);
  return lattices;
}

double Cosine(size_t frequency, size_t x) { return kLatticeCosines[frequency][x] / 16384.0; }

// Means of the rows of one frequency to come, and their covariances, of which the first `rows`
// count.
struct Gaussian {
  double cost = 0, mean[kSide] = {}, covariance[kSide][kSide] = {};
};

// What is left of section 2 of docs/spec/lattice.md without integers: hypotheses of the next row.
std::vector<Gaussian> Hypotheses(const LatticeTables& lattice, size_t row, size_t across,
                                 double variance, double noise, double last, const double* known) {
  const size_t rows = kSide - row;
  const double kept = kKept[across] / 256.0;
  Gaussian first;
  double mean = last, total = 0;
  for (size_t i = 0; i < rows; ++i) {
    first.mean[i] = mean *= kept;
    double common = total = total * kept * kept + variance;
    for (size_t j = i; j < rows; ++j, common *= kept)
      first.covariance[i][j] = first.covariance[j][i] = common;
  }
  std::vector<Gaussian> beam = {first};
  for (size_t down = kSide; down-- > 0;) {
    const double step = lattice.steps()[down * kSide + across];
    if ((down == 0 && across == 0) || step * step < 9 * noise) continue;
    double common[kSide] = {}, seen = noise;
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < rows; ++j)
        common[i] += beam[0].covariance[i][j] * Cosine(down, row + j);
      seen += common[i] * Cosine(down, row + i);
    }
    if (2 * seen > step * step) continue;
    std::vector<Gaussian> next;
    for (const Gaussian& old : beam) {
      if (old.cost > beam[0].cost + 12) continue;
      double expected = known[down];
      for (size_t i = 0; i < rows; ++i) expected += Cosine(down, row + i) * old.mean[i];
      const double nearest = std::round(expected / step) * step - expected;
      for (int k = -2; k <= 2; ++k) {
        const double distance = nearest + k * step;
        if (k != 0 && distance * distance > 16 * seen) continue;
        Gaussian g = old;
        g.cost += distance * distance / (2 * seen) / std::log(2.0);
        for (size_t i = 0; i < rows; ++i) {
          g.mean[i] += common[i] / seen * distance;
          for (size_t j = 0; j < rows; ++j) g.covariance[i][j] -= common[i] * common[j] / seen;
        }
        next.push_back(g);
      }
    }
    std::ranges::stable_sort(next, {}, &Gaussian::cost);
    if (next.size() > 8) next.resize(8);
    beam = next;
  }
  return beam;
}

// The mean and the variance of a row's coefficient.
std::pair<double, double> Moments(const std::vector<Gaussian>& beam) {
  double total = 0, mean = 0, squares = 0;
  for (const Gaussian& g : beam) {
    const double weight = std::exp2(beam[0].cost - g.cost);
    total += weight;
    mean += weight * g.mean[0];
    squares += weight * g.mean[0] * g.mean[0];
  }
  mean /= total;
  return {mean, beam[0].covariance[0][0] + squares / total - mean * mean};
}

TEST_CASE("Lattice: rows to come by multiples are those of plain sums in double") {
  Random random(5);
  for (const int32_t quality : {96, 75}) {
    const LatticeTables lattice(quality);
    int near = 0, all = 0;
    for (int round = 0; round < 40; ++round) {
      const Bytes block = testing::PixelsOnLattice(kSide, kSide, lattice, &random);
      const int row = 3 + round % 5, scale = 4 + round % 6, noise = round % kNoises;
      for (size_t across = 0; across < kSide; ++across) {
        double known[kSide] = {}, last = 0;
        for (size_t y = 0; y < static_cast<size_t>(row); ++y) {
          last = 0;
          for (size_t x = 0; x < kSide; ++x)
            last += Cosine(across, x) * (block[y * kSide + x] - 128);
          for (size_t down = 0; down < kSide; ++down) known[down] += Cosine(down, y) * last;
        }
        const double variance = kAdded[across] * std::exp2(scale - kUnitScale);
        const auto [mean, spread] =
            Moments(Hypotheses(lattice, static_cast<size_t>(row), across, variance,
                               kLatticeNoises[static_cast<size_t>(noise)] / 4096.0, last, known));
        const LatticeColumn& column = lattice.Column(row, static_cast<int>(across), scale, noise);
        // Gains are those of a column; its last variance is that of every hypothesis.
        const auto beam =
            Hypotheses(lattice, static_cast<size_t>(row), across, variance,
                       kLatticeNoises[static_cast<size_t>(noise)] / 4096.0, last, known);
        CHECK(column.variance / 256.0 ==
              Approx(beam[0].covariance[0][0]).epsilon(0.01).margin(0.02));
        int32_t sums[kSide];
        for (size_t down = 0; down < kSide; ++down)
          sums[down] = static_cast<int32_t>(std::lround(known[down] * (1 << 20)));
        const LatticeNormal normal = PredictOnLattice(
            column, row, across, static_cast<int32_t>(std::lround(last * 64)), sums);
        ++all;
        // Where two combinations are as likely, the last digit of a cost decides which is kept.
        near += std::abs(normal.mean / 64.0 - mean) < 0.1 + 0.05 * std::sqrt(spread) &&
                        std::abs(normal.variance / 256.0 - spread) < 0.1 + 0.1 * spread
                    ? 1
                    : 0;
      }
    }
    INFO("quality " << quality << ": " << near << " of " << all);
    CHECK(near >= all * 95 / 100);
  }
}

int32_t MedianEdge(const Bytes& p, size_t columns, size_t i) {
  const int32_t w = p[i - 1], n = p[i - columns], nw = p[i - columns - 1];
  return std::clamp(w + n - nw, std::min(w, n), std::max(w, n));
}

TEST_CASE("Lattice: the last rows of blocks become far better known, and others do not suffer") {
  const auto lattices = LatticesOf({96, 75});
  for (const size_t which : {0, 1}) {
    Random random(which);
    const Bytes pixels = testing::PixelsOnLattice(64, 32, (*lattices)[which], &random);
    LatticePast past(64, 32, lattices);
    int64_t ours[kSide] = {}, theirs[kSide] = {};
    for (size_t i = 0; i < pixels.size(); ++i) {
      const size_t row = i / 64;
      if (row >= kSide && i % 64 > 0) {
        CHECK(past.on_lattice());
        ours[row % kSide] += std::abs(past.prediction() - pixels[i]);
        theirs[row % kSide] += std::abs(MedianEdge(pixels, 64, i) - pixels[i]);
      }
      past.Append(pixels[i]);
    }
    INFO("lattice " << which);
    CHECK(4 * ours[7] < theirs[7]);
    CHECK(3 * ours[6] < 2 * theirs[6]);
    for (size_t row = 0; row < 6; ++row) CHECK(ours[row] < 2 * theirs[row]);
  }
}

TEST_CASE("Lattice: samples that lie on none are soon told apart") {
  const auto lattices = LatticesOf({96, 80, 75});
  Random random(1);
  LatticePast past(64, 32, lattices);
  int on = 0;
  for (int i = 0; i < 64 * 32; ++i) {
    if (i >= 64 * 16) on += past.on_lattice() ? 1 : 0;
    const int32_t hill = i % 64 * 2 + i / 64;
    past.Append(static_cast<uint8_t>(hill + static_cast<int32_t>(random.Below(41))));
  }
  CHECK(on == 0);
}

TEST_CASE("Lattice: a record begins as the first one did, also in copies") {
  const auto lattices = LatticesOf({90});
  Random random(2);
  LatticePast past(16, 8, lattices), other(16, 8, lattices);
  other.Append(3);
  other.Clear();
  for (int record = 0; record < 3; ++record) {
    std::unique_ptr<LatticePast> copy;
    for (int i = 0; i < 128; ++i) {
      if (i == 50) copy = std::make_unique<LatticePast>(past);
      const auto byte = static_cast<uint8_t>(random.Below(256));
      REQUIRE(past.prediction() == other.prediction());
      REQUIRE(past.certainty() == other.certainty());
      REQUIRE((past.certainty() >= 0 && past.certainty() < kCertainties));
      if (copy) REQUIRE(copy->prediction() == past.prediction());
      past.Append(byte);
      other.Append(byte);
      if (copy) copy->Append(byte);
    }
    other = LatticePast(16, 8, lattices);
  }
}

TEST_CASE("Lattice: no samples lead out of the integers' bounds") {
  const auto lattices = LatticesOf({1, 50, 96, 100});  // asan's build has the undefined sanitizer
  Random random(3);
  LatticePast past(24, 16, lattices);
  const auto sample = [&](int kind, int i) {
    return kind == 0   ? (i % 2 == 0 ? 255 : 0)
           : kind == 1 ? (i / 24 % 2 == 0 ? 255 : 0)
           : kind == 2 ? (random.Below(2) == 0 ? 255 : 0)
           : kind == 3 ? (i / 192 % 2 == 0 ? 255 : 0)
                       : static_cast<int>(random.Below(256));
  };
  for (int kind = 0; kind < 5; ++kind) {
    for (int i = 0; i < 10 * 24 * 16; ++i) {
      past.Append(static_cast<uint8_t>(sample(kind, i)));
      REQUIRE((past.certainty() >= 0 && past.certainty() < kCertainties));
    }
  }
}

}  // namespace
}  // namespace occam
