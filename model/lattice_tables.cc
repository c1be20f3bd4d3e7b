#include "model/lattice_tables.h"

#include <algorithm>
#include <bit>

namespace occam {
namespace {

constexpr size_t kSide = kLatticeSide;
// 2^34 times the logarithm of e to the base 2: a square distance over twice its variance, in bits.
constexpr int64_t kBitsPerNat = 24785594146;
constexpr int kFarthest = 4;         // standard deviations
constexpr int64_t kMostCost = 1445;  // of a coefficient that is no multiple: 5.6 bits
constexpr int32_t kLeastStep = 4;    // of coefficients that tell lattices apart
constexpr size_t kJudge = 2;         // the noise by which lattices are told apart

// Quantization of luminance (ITU-T T.81, table K.1), [down][across].
constexpr std::array<int32_t, kSide* kSide> kSteps = {16, 11, 10, 16, 24,  40,  51,  61,   //
                                                      12, 12, 14, 19, 26,  58,  60,  55,   //
                                                      14, 13, 16, 24, 40,  57,  69,  56,   //
                                                      14, 17, 22, 29, 51,  87,  80,  62,   //
                                                      18, 22, 37, 56, 68,  109, 103, 77,   //
                                                      24, 35, 55, 64, 81,  104, 113, 92,   //
                                                      49, 64, 78, 87, 103, 121, 120, 101,  //
                                                      72, 92, 95, 98, 112, 100, 103, 99};

std::array<int32_t, kSide * kSide> StepsOf(int32_t quality) {
  const int32_t percent = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  std::array<int32_t, kSide * kSide> steps;
  for (size_t i = 0; i < steps.size(); ++i)
    steps[i] = std::clamp((kSteps[i] * percent + 50) / 100, 1, 255);
  return steps;
}

// The logarithm to the base 2, in 256ths, as a line between powers of two.
int32_t Log2(int32_t x) {
  const int floor = std::bit_width(static_cast<uint32_t>(x)) - 1;
  return 256 * (floor - 1) + static_cast<int32_t>((int64_t{x} << 8) >> floor);
}

// The largest integer whose square is not above x.
int32_t SquareRoot(int64_t x) {
  int64_t root = 0;
  for (int64_t bit = int64_t{1} << 20; bit != 0; bit >>= 1)
    if ((root + bit) * (root + bit) <= x) root += bit;
  return static_cast<int32_t>(root);
}

// Covariances out of 4096 of a frequency across in the rows to come, the next one first.
using Covariances = std::array<std::array<int64_t, kLatticeRows>, kLatticeRows>;

Covariances CovariancesOf(size_t rows, int across, int scale) {
  Covariances c{};
  const int64_t kept = kKept[static_cast<size_t>(across)];
  int64_t variance = 0;
  for (size_t i = 0; i < rows; ++i) {
    variance = (((variance * kept) >> 8) * kept >> 8) + AddedVariance(across, scale);
    int64_t x = variance;
    for (size_t j = i; j < rows; ++j) {
      c[i][j] = c[j][i] = x;
      x = (x * kept) >> 8;
    }
  }
  return c;
}

// Observes the sum of rows to come by weights, with a noise: its variance, and what it has in
// common with each row, out of 4096.
struct Observation {
  int64_t variance;
  std::array<int64_t, kLatticeRows> common;
};

Observation Observe(const Covariances& c, std::span<const int32_t> weights, int64_t noise) {
  Observation o{};
  int64_t sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    int64_t common = 0;
    for (size_t j = 0; j < weights.size(); ++j) common += c[i][j] * weights[j];
    o.common[i] = common >> 14;
    sum += o.common[i] * weights[i];
  }
  o.variance = noise + (sum >> 14);
  return o;
}

}  // namespace

LatticeTables::LatticeTables(int32_t quality) : steps_(StepsOf(quality)) {
  for (size_t noise = 0; noise < first_costs_.size(); ++noise) {
    // That of the density of a Gaussian, over that of a step's width.
    constexpr int32_t kTwoPi = 679;  // its logarithm, in 256ths
    for (size_t i = 0; i < steps_.size(); ++i)
      first_costs_[noise][i] =
          (Log2(kLatticeNoises[noise]) - 12 * 256 + kTwoPi - Log2(steps_[i] * steps_[i])) >> 1;
  }
  columns_.resize(Index(kLatticeSide, 0, 0, 0));
  for (int row = kFirstLatticeRow; row < kLatticeSide; ++row)
    for (int across = 0; across < kLatticeSide; ++across)
      for (int scale = 0; scale < kScales; ++scale)
        for (int noise = 0; noise < kNoises; ++noise)
          columns_[Index(row, across, scale, noise)] = ColumnOf(row, across, scale, noise);
}

size_t LatticeTables::Index(int row, int across, int scale, int noise) {
  const int place = ((row - kFirstLatticeRow) * kLatticeSide + across) * kScales + scale;
  return static_cast<size_t>(place * kNoises + noise);
}

LatticeColumn LatticeTables::ColumnOf(int row, int across, int scale, int noise) const {
  LatticeColumn column;
  const size_t rows = static_cast<size_t>(kLatticeSide - row);
  Covariances c = CovariancesOf(rows, across, scale);
  const int64_t noise_variance = kLatticeNoises[static_cast<size_t>(noise)];
  for (int down = kLatticeSide - 1; down >= 0; --down) {
    if (down == 0 && across == 0) continue;  // rounding down moves every mean
    const int64_t step = steps_[static_cast<size_t>(down * kLatticeSide + across)];
    const int64_t square = step * step << 12;
    if (square < 9 * noise_variance) continue;
    const auto weights =
        std::span(kLatticeCosines[static_cast<size_t>(down)]).subspan(static_cast<size_t>(row));
    const Observation o = Observe(c, weights, noise_variance);
    if (2 * o.variance > square) continue;  // too many multiples are possible
    LatticeStep& s = column.steps[static_cast<size_t>(column.count++)];
    s = {.down = down,
         .step = static_cast<int32_t>(step * 64),
         .farthest = kFarthest * SquareRoot(o.variance),
         .bits = static_cast<int32_t>(kBitsPerNat / o.variance),
         .gain = {}};
    for (size_t i = 0; i < rows; ++i) {
      s.gain[i] = static_cast<int32_t>(o.common[i] * 65536 / o.variance);
      for (size_t j = 0; j < rows; ++j) c[i][j] -= o.common[i] * o.common[j] / o.variance;
    }
  }
  column.variance = static_cast<int32_t>(std::max<int64_t>(c[0][0], 0) >> 4);
  return column;
}

LatticeTables::Costs LatticeTables::CostsOf(
    std::span<const std::array<int32_t, kSide>, kSide> coefficients) const {
  Costs costs{};
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i] < kLeastStep) continue;
    const int32_t step = steps_[i] * 64;
    const int32_t coefficient = (coefficients[i % kSide][i / kSide] + 8192) >> 14;
    const int32_t multiple = NearestMultiple(coefficient, step);
    const int64_t distance = coefficient - multiple * step;
    for (size_t noise = 0; noise < costs.all.size(); ++noise) {
      const int64_t bits = kBitsPerNat / kLatticeNoises[noise];
      const int64_t cost =
          std::min(first_costs_[noise][i] + LatticeCost(distance, bits), kMostCost);
      costs.all[noise] += cost;
      if (noise == kJudge) costs.of_multiples += multiple != 0 ? cost : std::max<int64_t>(cost, 0);
    }
  }
  return costs;
}

size_t LatticeBytes(size_t qualities) {
  const size_t columns = size_t{kLatticeRows} * kLatticeSide * kScales * kNoises;
  return qualities * (sizeof(LatticeTables) + columns * sizeof(LatticeColumn));
}

}  // namespace occam
