#include "model/exact/fast_linear.h"

#include <algorithm>
#include <utility>

#include "data/base/cpu.h"
#include "model/exact/onednn_product.h"

namespace occam {
namespace {

class FastLinear final : public LinearLayer {
 public:
  FastLinear(const FastKernels& kernels, PackedWeights weights,
             std::unique_ptr<OneDnnProduct> product)
      : kernels_(kernels), weights_(std::move(weights)), product_(std::move(product)) {}

  size_t scratch_bytes() const override {
    return product_ == nullptr ? 0 : sum_bytes() + product_->scratch_bytes();
  }

  void Apply(const int8_t* x, const float* x_scales, int rows, bool add, float* y,
             std::byte* scratch) const override {
    if (product_ == nullptr || rows < kTileRows) {
      kernels_.Multiply(weights_, x, x_scales, rows, add, y);
      return;
    }
    auto* const sums = reinterpret_cast<int32_t*>(scratch);
    product_->Multiply(x, sums, scratch + sum_bytes());
    kernels_.Scale(weights_, sums, x_scales, rows, add, y);
  }

 private:
  size_t sum_bytes() const {
    return sizeof(int32_t) * kTileRows * static_cast<size_t>(RoundUp(weights_.outputs, kFloatPad));
  }

  const FastKernels& kernels_;
  PackedWeights weights_;
  std::unique_ptr<OneDnnProduct> product_;  // of whole tiles; null where ours is faster
};

// Measured at tiles of 64 rows: with VNNI, oneDNN is 1.25 times faster than our own products from
// 192 inputs on, slower below 100, and nowhere faster without VNNI. AMX is its alone.
bool OneDnnIsFaster(int inputs) {
  if (UsableIsa() >= Isa::kAmx) return inputs >= 64;
  return UsableIsa() >= Isa::kAvx512Vnni && inputs >= 144;
}

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
  std::unique_ptr<OneDnnProduct> product;
  if (OneDnnIsFaster(inputs)) product = std::make_unique<OneDnnProduct>(codes, outputs, inputs);
  return std::make_unique<FastLinear>(*this, PackWeights(codes, scales, outputs, inputs),
                                      std::move(product));
}

}  // namespace occam
