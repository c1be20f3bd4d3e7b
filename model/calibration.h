// The facts that the exact network must know beyond the weights (docs/spec/contract.md, sections
// 1.2 and 6.5).
#ifndef OCCAM_MODEL_CALIBRATION_H_
#define OCCAM_MODEL_CALIBRATION_H_

#include <vector>

namespace occam {

// The bits of a weight's code (model/quantize.h), and the largest magnitudes of keys and values
// seen on a calibration part of the training data; [layers * kv_heads] each, layer-major. Keys are
// meant after rotation and norm. Where training chose how finely each row of weights is coded
// (train/weight_rate.h), its step, [RowCount]; else empty.
struct Calibration {
  std::vector<float> key_maxima;
  std::vector<float> value_maxima;
  int weight_bits = 7;
  std::vector<float> row_steps = {};
  // The step between the codes of a memory's rows, of 16 significant bits; 0 without a memory.
  float memory_step = 0;
};

}  // namespace occam

#endif  // OCCAM_MODEL_CALIBRATION_H_
