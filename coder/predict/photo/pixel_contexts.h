// The knowledge of a pixel before it is coded: predictions of its value, and contexts.
#ifndef OCCAM_CODER_PREDICT_PHOTO_PIXEL_CONTEXTS_H_
#define OCCAM_CODER_PREDICT_PHOTO_PIXEL_CONTEXTS_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace occam {

// Values are in sixteenths of a step of brightness, so that 255 is 4080.
constexpr int kPixelOne = 16;
constexpr int kMostPixel = 255 * kPixelOne;

struct PixelContexts {
  static constexpr size_t kTables = 22;
  static constexpr size_t kTableContexts = 4096;
  static constexpr size_t kCurves = 8;
  static constexpr size_t kSets = 6;
  static constexpr size_t kEstimates = 2;
  static constexpr size_t kEstimateContexts = 1024;
  static constexpr int kEnergies = 24;
  static constexpr size_t kPlaces = 64;  // in a square of eight pixels
  static constexpr size_t kNearnesses = 23;
  static constexpr size_t kSlopes = 64;

  int prediction = 0;  // the best guess, in [0, kMostPixel]
  // Contexts of the tables of what was seen, each below kTableContexts.
  std::array<uint32_t, kTables> tables{};
  // Bell-shaped curves: where they are, and how wide.
  struct Curve {
    int32_t middle = 0;
    int32_t width = 1;
  };
  std::array<Curve, kCurves> curves{};
  // The choice of weights: the plane, at most 2; two energies of errors; the place; how near the
  // guess is to the first prediction; the gradients.
  uint32_t plane = 0;
  uint32_t energy = 0;
  uint32_t other_energy = 0;
  uint32_t place = 0;
  uint32_t nearness = 0;
  uint32_t slopes = 0;
  std::array<uint32_t, kEstimates> estimates{};  // each below kEstimateContexts
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_PIXEL_CONTEXTS_H_
