// What the exact network must know of its keys and values beyond the weights (DESIGN.md section 4,
// point 5).
#ifndef OCCAM_MODEL_CALIBRATION_H_
#define OCCAM_MODEL_CALIBRATION_H_

#include <vector>

namespace occam {

// The largest magnitudes seen on a calibration part of the training data; [layers * kv_heads] each,
// layer-major. Keys are meant after rotation and norm.
struct Calibration {
  std::vector<float> key_maxima;
  std::vector<float> value_maxima;
};

}  // namespace occam

#endif  // OCCAM_MODEL_CALIBRATION_H_
