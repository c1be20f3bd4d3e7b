// The adaptive linear filters that predict samples of sound. They compute in integers alone, and so
// are the same on every machine: docs/spec/sound.md, sections 3 and 4.
#ifndef OCCAM_CODER_PREDICT_SOUND_FILTERS_H_
#define OCCAM_CODER_PREDICT_SOUND_FILTERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace occam {

// Predictions are in units of 1/16 of a sample.
constexpr int kPredictionBits = 4;

// Returns a / 2^bits rounded to the next integer towards minus infinity; `most` bounds it.
constexpr int32_t ShiftedWithin(int64_t a, int bits, int32_t most) {
  const int64_t shifted = a >> bits;
  return static_cast<int32_t>(shifted < -most ? -most : shifted > most ? most : shifted);
}

// The largest r with r * r <= x; 0 <= x < 2^62.
uint32_t SquareRootOf(uint64_t x);

// A linear predictor whose weights have the least squared error over the past, which counts less
// the longer ago it is (recursive least squares; Haykin, "Adaptive Filter Theory", chapter on RLS).
// Sums of products are kept; every `block` samples they are solved for the weights by Cholesky's
// decomposition in fixed point.
class LeastSquares {
 public:
  struct Shape {
    int inputs = 0;     // at most kMostInputs
    int block = 0;      // samples between two solutions
    int decay = 0;      // a block's sums lose 1 / 2^decay at the next one
    int unit_bits = 0;  // a prediction is of targets in units of 2^-unit_bits
  };
  static constexpr int kMostInputs = 32;

  explicit LeastSquares(const Shape& shape);

  // The inputs of the next sample, to be set before Predict: magnitudes of at most 2^20.
  std::span<int32_t> inputs() { return inputs_; }
  // Returns the prediction of the target, within 2^20.
  int32_t Predict() const;
  // Takes the value that came, of a magnitude of at most 2^20, and ends the sample.
  void Learn(int32_t target);

 private:
  void AddBlock();
  void Solve();
  void Decompose(int shift);

  static constexpr size_t kMost = kMostInputs;
  Shape shape_;
  std::vector<int32_t> inputs_;
  std::vector<int32_t> weights_;        // out of 2^20
  std::vector<int32_t> block_;          // [inputs][block]
  std::vector<int32_t> block_targets_;  // [block]
  int known_ = 0;                       // samples of the block
  std::vector<int64_t> products_;       // [inputs][inputs], of which the lower half is used
  std::vector<int64_t> target_products_;
  std::vector<int64_t> factor_;  // [inputs][inputs], lower
  std::vector<int64_t> solved_;  // of the triangular system
};

// A linear predictor of a signal by its own last values. Its weights follow the gradient of the
// squared error, normalised by the energy of these values (Nagumo and Noda, 1967: NLMS). A long one
// learns slowly and sees far, a short one follows quickly.
class GradientFilter {
 public:
  // `rate`, out of 1024, is the share of an error that a step would undo.
  GradientFilter(int taps, int rate);

  // Returns the prediction of the next value, within 2^21.
  int32_t Predict() const;
  // Takes the value that came and what it was beyond the prediction: magnitudes below 2^24.
  void Learn(int32_t value, int32_t error);

 private:
  std::span<const int32_t> past() const {
    return std::span(values_).subspan(begin_, weights_.size());
  }

  int rate_;
  std::vector<int32_t> weights_;  // out of 2^20
  std::vector<int32_t> values_;   // the last one first, from begin_ on
  size_t begin_;
  int64_t energy_ = 0;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_SOUND_FILTERS_H_
