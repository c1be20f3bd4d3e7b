// Predictions of the samples of a photograph that was a JPEG file, from the samples before them in
// rows (docs/spec/lattice.md).
//
// At the begin of a block's row its eight samples are predicted together. From the row above comes
// a Gaussian for each frequency across. Where a row leaves few unknown ones below, coefficients
// near multiples of their steps narrow it. The likeliest combinations of multiples are kept, as in
// a beam search. Each sample that becomes known then tells of those to its right. Which lattice it
// is, if any, and how much noise there is, the blocks that are complete tell.
#ifndef OCCAM_MODEL_LATTICE_PAST_H_
#define OCCAM_MODEL_LATTICE_PAST_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/config.h"
#include "model/lattice_tables.h"

namespace occam {

// A coefficient to come.
struct LatticeNormal {
  int32_t mean;      // in 64ths of a level
  int32_t variance;  // out of 256
};

// The coefficient of a block's row to come. `last` is that of the row above, in 64ths of a level;
// sums: of the rows that are known, for each frequency down, out of 2^20.
LatticeNormal PredictOnLattice(const LatticeColumn& column, int row, size_t across, int32_t last,
                               std::span<const int32_t, kLatticeSide> sums);

// The past of one record. Copies share the lattices.
class LatticePast {
 public:
  // Columns and rows of a record are multiples of kLatticeSide; there is at least one lattice.
  LatticePast(int32_t columns, int32_t rows, std::shared_ptr<const Lattices> lattices);

  void Clear();               // a record begins
  void Append(uint8_t byte);  // after the last of a record another one begins

  // The byte to come is expected here.
  uint8_t prediction() const { return prediction_; }
  // The logarithm of the prediction's variance in steps of a square root, limited.
  int32_t certainty() const { return certainty_; }
  // True where the blocks before lie near a lattice.
  bool on_lattice() const { return noise_ != kNoises; }

  // Bytes of memory without the lattices.
  static size_t Bytes(int32_t columns);

 private:
  static constexpr size_t kSide = kLatticeSide;
  using Row = std::array<int32_t, kSide>;
  // The past of a column of blocks.
  struct BlockColumn {
    Row spread;                   // how much rows added, by frequency, out of 4096
    Row last;                     // coefficients of the last row, in 64ths
    std::array<Row, kSide> sums;  // [across][down], coefficients so far, out of 2^20
  };
  struct Evidence {
    std::array<int64_t, kNoises> all;  // 256ths of a bit, against no lattice
    int64_t of_multiples;
  };

  void StartRow();
  Row Spreads() const;
  LatticeNormal PredictPlain(size_t across, int scale) const;
  LatticeNormal PredictNext(size_t across, int scale) const;
  void ObserveWest(int32_t spread);
  // Sample x is `error`, in 64ths, above its mean; `variance` is its own and that of the look. So
  // samples from `first` on are known better.
  void Observe(size_t x, size_t first, int64_t error, int64_t variance);
  void EndRow();
  void WeighLattices();
  void Look();

  std::shared_ptr<const Lattices> lattices_;
  int32_t columns_, rows_;
  std::vector<BlockColumn> blocks_;  // [columns / 8]
  std::vector<uint8_t> line_;        // [columns], the last byte of each
  std::vector<Evidence> evidence_;   // [lattices]
  size_t lattice_ = 0;
  int noise_ = 0;  // kNoises: none
  int32_t column_ = 0, row_ = 0;
  uint8_t corner_ = 0;  // above the last byte
  // The samples of the row of a block: means in 64ths of a level, covariances out of 4096.
  Row means_;
  std::array<std::array<int64_t, kSide>, kSide> covariances_;
  uint8_t prediction_ = 0;
  int32_t certainty_ = 0;
};

}  // namespace occam

#endif  // OCCAM_MODEL_LATTICE_PAST_H_
