#include "model/exact/fast_linear.h"

#include <algorithm>
#include <utility>

namespace occam {
namespace {

class FastLinear final : public LinearLayer {
 public:
  FastLinear(const FastKernels& kernels, PackedWeights weights)
      : kernels_(kernels), weights_(std::move(weights)) {}

  void Apply(const int8_t* x, const float* x_scales, int rows, bool add, float* y) const override {
    kernels_.Multiply(weights_, x, x_scales, rows, add, y);
  }

 private:
  const FastKernels& kernels_;
  PackedWeights weights_;
};

}  // namespace

PackedWeights PackWeights(std::span<const int8_t> codes, std::span<const float> scales, int outputs,
                          int inputs) {
  PackedWeights packed;
  packed.outputs = outputs;
  packed.inputs = inputs;
  packed.scales.assign(scales.begin(), scales.end());
  packed.scales.resize(static_cast<size_t>(packed.panels() * kPanel), 0.0f);
  packed.bytes.assign(packed.scales.size() * static_cast<size_t>(inputs), kWeightOffset);
  for (int j = 0; j < outputs; ++j) {
    for (int k = 0; k < inputs; ++k) {
      const int64_t at = (static_cast<int64_t>(j / kPanel) * (inputs / 4) + k / 4) * kPanel * 4 +
                         j % kPanel * 4 + k % 4;
      const int code = codes[static_cast<size_t>(static_cast<int64_t>(j) * inputs + k)];
      packed.bytes[static_cast<size_t>(at)] = static_cast<uint8_t>(code + kWeightOffset);
    }
  }
  return packed;
}

std::unique_ptr<LinearLayer> FastKernels::MakeLinear(std::span<const int8_t> codes,
                                                     std::span<const float> scales, int outputs,
                                                     int inputs) const {
  return std::make_unique<FastLinear>(*this, PackWeights(codes, scales, outputs, inputs));
}

}  // namespace occam
