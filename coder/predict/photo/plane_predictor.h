// Predicts the pixels of one plane of a photograph, a channel, of those before it and of the planes
// before.
//
// There are fourteen predictions of each pixel. Four are by least squares, with windows of four
// sizes (least_squares.h). One is by the median edge detector of LOCO-I (Weinberger, Seroussi and
// Sapiro, 2000), one by the gradients of CALIC (Wu and Memon, 1997). The others are simple planes,
// and differences to the planes before. Those that were near around here weigh most (blending:
// Meyer and Tischer, 1997, "TMW"; Seemann and Tischer, 1997). What the blend missed in like
// contexts is added (bias cancellation of CALIC).
#ifndef OCCAM_CODER_PREDICT_PHOTO_PLANE_PREDICTOR_H_
#define OCCAM_CODER_PREDICT_PHOTO_PLANE_PREDICTOR_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coder/predict/photo/least_squares.h"
#include "coder/predict/photo/padded_rows.h"
#include "coder/predict/photo/pixel_contexts.h"

namespace occam {

// A plane: its pixels, and by how much each was missed, within a signed byte.
struct PhotoPlane {
  PhotoPlane(size_t width, size_t rows)
      : pixels(width, rows + 2, 128), misses(width, rows + 2, 0) {}
  // Copies the last row below itself, twice.
  void Finish(size_t width, size_t rows);
  PaddedRows<uint8_t> pixels;
  PaddedRows<int8_t> misses;
};

class PlanePredictor {
 public:
  // `before` are the planes before it, whole, in their order; it and `plane` must outlive this.
  PlanePredictor(std::span<const PhotoPlane* const> before, PhotoPlane* plane, size_t width);

  static uint64_t MemoryBytes(size_t width);

  // Called for each row: StartRow, then Predict and Learn for each of its pixels, then EndRow.
  void StartRow(size_t y);
  const PixelContexts& Predict(size_t x);
  void Learn(int value);
  void EndRow();

 private:
  static constexpr size_t kWindows = 4;
  static constexpr size_t kPredictions = 14;
  static constexpr std::array<size_t, kWindows> kPlaceOfWindow = {0, 1, 2, 13};
  static constexpr size_t kBiases = 3;
  static constexpr size_t kBiasContexts = 2048;

  struct Bias {
    int32_t sum = 0;
    int32_t count = 0;
  };
  // The pixels around, by their directions: w is that to the left, nn that two above.
  struct Around {
    int w, n, nw, ne, ww, nn, nne;
  };

  void ReadPixels();
  void PredictByLeastSquares();
  void PredictBySimpleRules();
  void PredictByPlanesBefore();
  void SetPrediction(size_t prediction, int value) {
    predictions_[prediction] = std::clamp(value * kPixelOne, 0, kMostPixel);
  }
  void Blend();
  void FindEnergy();
  void CancelBias();
  void FillCurves();
  void FillTables();
  void FillTablesOfFirstPlane();
  void FillTablesOfPlanesBefore();
  // The best guess as a pixel.
  int Middle() const { return (contexts_.prediction + kPixelOne / 2) / kPixelOne; }
  uint32_t Nearness(size_t prediction, int shift) const;

  const std::span<const PhotoPlane* const> before_;
  PhotoPlane& plane_;
  const size_t width_;
  size_t own_inputs_ = 0;
  std::vector<PixelLeastSquares> windows_;
  std::array<PaddedRows<int32_t>, kPredictions> errors_;  // of each prediction
  PaddedRows<int32_t> last_errors_;                       // of the best guess
  std::array<std::vector<Bias>, kBiases> biases_;

  // The row and the pixel at work.
  size_t y_ = 0;
  size_t x_ = 0;
  Around around_{};
  int base_ = 0;  // the mean of the four nearest
  std::array<int, 4>
      innovations_{};  // of the planes before, the last one first: what they add there
  std::array<int32_t, PixelLeastSquares::kMostInputs> inputs_{};
  std::array<int, kPredictions> predictions_{};
  std::array<int, kPredictions> local_errors_{};
  int blend_ = 0;
  int gradient_x_ = 0;
  int gradient_y_ = 0;
  int spread_ = 0;  // between predictions
  int energy_ = 0;
  uint32_t texture_ = 0;
  int miss_ = 0;        // of the plane before, there
  int first_miss_ = 0;  // of the first plane, where it is not the plane before
  std::array<size_t, kBiases> bias_contexts_{};
  PixelContexts contexts_;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_PLANE_PREDICTOR_H_
