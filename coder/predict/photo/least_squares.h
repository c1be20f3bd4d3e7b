// Linear prediction of pixels by least squares, in integers.
//
// The coefficients are those that would have predicted the pixels around best, each pixel weighted.
// The window around is exponential in both directions: rows above to both sides, and the row at
// work to the left. Sums of products are kept for each column and smeared along the row, so that a
// window costs the same whatever its size. (Least squares over a causal neighbourhood: Li and
// Orchard, 2001, "Edge-directed prediction for lossless compression of natural images"; Meyer and
// Tischer, 2001, "Glicbawls". The window as recursive sums is our own choice.)
#ifndef OCCAM_CODER_PREDICT_PHOTO_LEAST_SQUARES_H_
#define OCCAM_CODER_PREDICT_PHOTO_LEAST_SQUARES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace occam {

// Finds the coefficients of least squares. Sums of products are given: of pairs of inputs, row by
// row to the diagonal, then of each input with the target.
class LeastSquaresSolver {
 public:
  explicit LeastSquaresSolver(size_t inputs);
  static constexpr size_t Sums(size_t inputs) { return inputs * (inputs + 1) / 2 + inputs; }
  // Returns them out of 65536, until the next call. Sums are within 2^30.
  std::span<const int64_t> Solve(std::span<const int32_t> sums);

 private:
  const size_t inputs_;
  // A triangular factor, and what follows from it.
  std::vector<int64_t> factor_, scaled_, inverse_, shift_, forward_, coefficients_;
};

class PixelLeastSquares {
 public:
  static constexpr size_t kMostInputs = 40;
  static constexpr int kMostDecay = 5;
  // Neighbouring pixels share their sums where a row has more pixels than this.
  static constexpr size_t kMostColumns = 4096;

  // Sums lose 2^-decay of themselves with each pixel and with each row.
  PixelLeastSquares(size_t inputs, int decay, size_t width);

  static uint64_t MemoryBytes(size_t inputs, size_t width);

  // Called for each row: StartRow, then for each of its pixels Predict and Learn.
  void StartRow();
  // The inputs are within [-255, 255]. Returns the prediction out of 65536.
  int64_t Predict(size_t x, std::span<const int32_t> inputs);
  // `target` is within [-255, 255], and `weight` within [1, 128].
  void Learn(int32_t target, int32_t weight);

 private:
  size_t Column(size_t x) const { return x >> column_bits_; }

  const size_t inputs_;
  const size_t sums_;
  const int decay_;
  int column_bits_ = 0;
  std::vector<int32_t> columns_;  // [column][sum], of the rows above and of this one so far
  std::vector<int32_t> around_;   // [column][sum], smeared over the rows above
  std::vector<int32_t> row_;      // [sum], of this row to the left
  std::vector<int32_t> total_;    // [sum]
  std::vector<int32_t> known_;    // the inputs and the target
  size_t column_ = 0;
  LeastSquaresSolver solver_;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_LEAST_SQUARES_H_
