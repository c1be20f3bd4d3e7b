// Predicts the coefficients of blocks, each by those that are known of its block, of blocks around
// and of planes before. It sees the samples at the border, too.
//
// Six predictions are blended by their errors around, as those of pixels (plane_predictor.h). Three
// are by least squares, of all blocks so far. That the samples of a block go on where its
// neighbours end is known since Lakhani, 2013, "Optimal coding of quantized DC coefficients in
// JPEG"; what is left at the border once the known coefficients are taken away is an input.
#ifndef OCCAM_CODER_PREDICT_PHOTO_BLOCK_PREDICTOR_H_
#define OCCAM_CODER_PREDICT_PHOTO_BLOCK_PREDICTOR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coder/predict/photo/block_plane.h"
#include "coder/predict/photo/least_squares.h"
#include "coder/predict/photo/pixel_contexts.h"

namespace occam {

// Coefficients are within this from 0, in steps.
constexpr int kMostCoefficient = 2047;

// Least squares of each frequency, of all blocks so far. Sums lose 2^-decay of themselves with each
// block.
class BlockLeastSquares {
 public:
  static constexpr size_t kMostInputs = 16;
  static constexpr int32_t kMostInput = (1 << 14) - 1;

  BlockLeastSquares(size_t inputs, int decay);

  // Inputs are within kMostInput from 0. Returns the prediction out of 65536.
  int64_t Predict(size_t frequency, std::span<const int32_t> inputs);
  // `target` is as an input, and `weight` within [1, 4096].
  void Learn(int32_t target, int64_t weight);

 private:
  const size_t inputs_;
  const int decay_;
  LeastSquaresSolver solver_;
  std::vector<int32_t> sums_;                     // [frequency][sum]
  std::array<int32_t, kMostInputs + 1> known_{};  // the inputs and the target
  size_t frequency_ = 0;
};

class BlockPredictor {
 public:
  static constexpr size_t kTables = 14;  // of the contexts that it tells

  // The plane is the `number`-th, from 0. `before` are planes before it, whole, that have the same
  // blocks; it and `plane` must outlive this.
  BlockPredictor(std::span<const BlockPlane* const> before, size_t number, BlockPlane* plane);

  static uint64_t MemoryBytes(size_t across);

  // Called for each block, row by row: StartBlock, then for each of the 64 frequencies in zigzag
  // order Predict and Learn; then the samples of the block are set.
  void StartBlock(size_t x, size_t y);
  const PixelContexts& Predict(size_t frequency);
  void Learn(int coefficient);

 private:
  static constexpr size_t kPredictions = 6;
  static constexpr size_t kModels = 3;
  using Errors = std::vector<int32_t>;  // [row of blocks, of two][block][frequency]

  // The coefficients around the one at work: of its frequency in other blocks, then of lower ones
  // in its own. `u` is across, `v` down.
  struct Around {
    int w, n, nw, ne;
    int u, v, uv, uu, vv;
  };

  void ReadAround();
  void FillInputs();
  void Predict();
  // The errors of its frequency in blocks around: twice those of the two nearest. Those of two
  // lower frequencies count `own` times.
  int32_t ErrorsAround(const Errors& errors, int32_t own) const;
  void FillContexts();

  const std::span<const BlockPlane* const> before_;
  const size_t number_;
  BlockPlane& plane_;
  std::vector<BlockLeastSquares> models_;
  std::array<Errors, kPredictions> errors_;
  Errors last_errors_;  // of the best guess

  // The block at work.
  size_t x_ = 0;
  size_t y_ = 0;
  std::array<const int16_t*, 4> blocks_{};  // to the left, above, above left, above right
  std::array<size_t, 4> error_blocks_{};    // where their errors are
  size_t error_block_ = 0;
  // Cosine sums of the samples at the border, and of what they change there, less what is known of
  // the block: [frequency down] and [frequency across], out of 8192.
  std::array<int64_t, kBlockSide> left_{}, left_slope_{};
  std::array<int64_t, kBlockSide> top_{}, top_slope_{};
  int magnitude_ = 0;
  int zeros_ = 0;  // since the last coefficient that is none
  // The frequency at work.
  size_t k_ = 0;
  Around around_{};
  std::array<int32_t, BlockLeastSquares::kMostInputs> inputs_{};
  std::array<int32_t, kPredictions> predictions_{};  // in sixteenths of a step
  std::array<int32_t, kPredictions> local_errors_{};
  int energy_ = 0;  // the size that is expected, in quarters
  int guess_ = 0;
  PixelContexts contexts_;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_BLOCK_PREDICTOR_H_
