// Linear layers of the fast kernels: weights packed once for int8 dot products of our own and,
// where it is faster, for oneDNN.
#ifndef OCCAM_MODEL_EXACT_FAST_LINEAR_H_
#define OCCAM_MODEL_EXACT_FAST_LINEAR_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/exact/kernels.h"

namespace occam {

constexpr int kPanel = 16;         // outputs that are packed together
constexpr int kWeightOffset = 64;  // packed weights are code + 64, in [1, 127]

// Weights as [outputs / kPanel][inputs / 4][kPanel][4] bytes, code + kWeightOffset, outputs filled
// up with zero codes of scale zero. Unsigned, since int8 dot instructions multiply unsigned by
// signed bytes; what the offset adds, kWeightOffset * sum_k x[k], is subtracted again.
struct PackedWeights {
  int outputs = 0;
  int inputs = 0;  // a multiple of 4
  std::vector<uint8_t> bytes;
  std::vector<float> scales;  // [RoundUp(outputs, kPanel)]

  int panels() const { return RoundUp(outputs, kPanel) / kPanel; }
};

PackedWeights PackWeights(std::span<const int8_t> codes, std::span<const float> scales, int outputs,
                          int inputs);

// The kernel set of one instruction set, which does the products of packed weights.
class FastKernels : public KernelSet {
 public:
  std::unique_ptr<LinearLayer> MakeLinear(std::span<const int8_t> codes,
                                          std::span<const float> scales, int outputs,
                                          int inputs) const final;
  // As LinearLayer::Apply, but without scratch.
  virtual void Multiply(const PackedWeights& w, const int8_t* x, const float* x_scales, int rows,
                        bool add, float* y) const = 0;
  // What Multiply does once it has the sums of products, [rows][RoundUp(outputs, kFloatPad)].
  virtual void Scale(const PackedWeights& w, const int32_t* sums, const float* x_scales, int rows,
                     bool add, float* y) const = 0;
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_FAST_LINEAR_H_
