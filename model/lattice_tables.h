// Tables for photographs that were JPEG files, from which their samples are predicted
// (docs/spec/lattice.md). Such a file keeps blocks of 8 x 8 samples as multiples of known steps
// (ITU-T T.81, 1992, A.3 and K.1). So the coefficients of a block lie near the points of a lattice.
//
// The samples of a block that are still to come are a Gaussian vector, for each frequency across. A
// coefficient that must be near a multiple of its step is an observation of it, with a gain as in a
// Kalman filter (Kalman, 1960). Gains depend on no sample, and stand here. All is in integers.
#ifndef OCCAM_MODEL_LATTICE_TABLES_H_
#define OCCAM_MODEL_LATTICE_TABLES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"

namespace occam {

constexpr int kFirstLatticeRow = 3;  // of a block; rows above have too many unknown ones below
constexpr int kLatticeRows = kLatticeSide - kFirstLatticeRow;
// Scales of the variance: powers of two, of which kUnitScale is 1.
constexpr int kScales = 14, kUnitScale = 8;
// Variances of what lies between coefficients and multiples, out of 4096.
constexpr std::array<int32_t, 5> kLatticeNoises = {512, 1024, 2048, 4096, 8192};
constexpr int kNoises = static_cast<int>(kLatticeNoises.size());

// [frequency][sample] out of 16384: an orthonormal transform, of cosines of multiples of pi / 16.
constexpr std::array<std::array<int32_t, kLatticeSide>, kLatticeSide> kLatticeCosines = {{
    {5793, 5793, 5793, 5793, 5793, 5793, 5793, 5793},
    {8035, 6811, 4551, 1598, -1598, -4551, -6811, -8035},
    {7568, 3135, -3135, -7568, -7568, -3135, 3135, 7568},
    {6811, -1598, -8035, -4551, 4551, 8035, 1598, -6811},
    {5793, -5793, -5793, 5793, 5793, -5793, -5793, 5793},
    {4551, -8035, 1598, 6811, -6811, -1598, 8035, -4551},
    {3135, -7568, 7568, -3135, -3135, 7568, -7568, 3135},
    {1598, -4551, 6811, -8035, 8035, -6811, 4551, -1598},
}};

// Coefficients from row to row, by their frequency across. So much stays, out of 256, and a
// variance of so many squares of a level is added.
constexpr std::array<int32_t, kLatticeSide> kKept = {256, 206, 169, 132, 113, 102, 96, 86};
constexpr std::array<int32_t, kLatticeSide> kAdded = {1256, 559, 359, 262, 197, 144, 95, 59};

// A variance of a row's coefficient to come, out of 4096.
inline int64_t AddedVariance(int across, int scale) {
  return int64_t{kAdded[static_cast<size_t>(across)]} << (scale + 12 - kUnitScale);
}

// One coefficient as an observation.
struct LatticeStep {
  int32_t down;                            // its frequency
  int32_t step;                            // in 64ths of a level
  int32_t farthest;                        // multiples that count are so near, in 64ths
  int32_t bits;                            // cost of a square distance, see LatticeCost
  std::array<int32_t, kLatticeRows> gain;  // of each row to come, out of 65536
};

// Observations of the coefficients of one frequency across, the highest frequency down first.
struct LatticeColumn {
  int32_t count = 0;
  int32_t variance = 0;  // of the row's coefficient after all of them, out of 256
  std::array<LatticeStep, kLatticeSide> steps;
};

// The multiple of a step that a value is nearest to.
inline int32_t NearestMultiple(int32_t value, int32_t step) {
  const int32_t x = value + step / 2;
  return x >= 0 ? x / step : -((step - 1 - x) / step);
}

// 256ths of a bit that a distance costs, in 64ths of a level.
inline int64_t LatticeCost(int64_t distance, int64_t bits) {
  return (distance * distance * bits) >> 27;
}

// The lattice of one quality, 1 .. 100, as the Independent JPEG Group scales the table K.1.
class LatticeTables {
 public:
  explicit LatticeTables(int32_t quality);

  // [down][across], in levels.
  std::span<const int32_t, kLatticeSide * kLatticeSide> steps() const { return steps_; }

  // row: of a block, kFirstLatticeRow or more.
  const LatticeColumn& Column(int row, int across, int scale, int noise) const {
    return columns_[Index(row, across, scale, noise)];
  }

  // 256ths of a bit by which each noise tells a block's coefficients worse than no lattice does.
  // `of_multiples` leaves out what zeros speak for, since they are in every lattice.
  struct Costs {
    std::array<int64_t, kNoises> all;
    int64_t of_multiples;
  };
  // coefficients: [across][down], out of 2^20.
  Costs CostsOf(
      std::span<const std::array<int32_t, kLatticeSide>, kLatticeSide> coefficients) const;

 private:
  static size_t Index(int row, int across, int scale, int noise);
  LatticeColumn ColumnOf(int row, int across, int scale, int noise) const;

  std::array<int32_t, kLatticeSide * kLatticeSide> steps_;
  std::array<std::array<int32_t, kLatticeSide * kLatticeSide>, kNoises> first_costs_;
  std::vector<LatticeColumn> columns_;
};

// The lattices of some qualities, the likeliest first.
using Lattices = std::vector<LatticeTables>;

// Bytes of memory of so many lattices.
size_t LatticeBytes(size_t qualities);

}  // namespace occam

#endif  // OCCAM_MODEL_LATTICE_TABLES_H_
