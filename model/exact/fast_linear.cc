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
    const size_t ours = size_t{kTileRows} * static_cast<size_t>(RoundUp(weights_.inputs, kCodePad));
    if (product_ == nullptr) return ours;
    return std::max(ours, sum_bytes() + product_->scratch_bytes());
  }

  void Apply(const int8_t* x, const float* x_scales, int rows, bool add, float* y,
             std::byte* scratch) const override {
    if (product_ == nullptr || rows < kTileRows) {
      kernels_.Multiply(weights_, x, x_scales, rows, add, y, scratch);
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

// For its AMX alone: with VNNI and below, our own products are faster for any number of rows. Few
// inputs leave most of a tile empty.
bool OneDnnIsFaster(int inputs) { return UsableIsa() >= Isa::kAmx && inputs >= 128; }

}  // namespace

PackedWeights PackWeights(std::span<const int8_t> codes, std::span<const float> scales, int outputs,
                          int inputs, int group) {
  PackedWeights packed;
  packed.outputs = outputs;
  packed.inputs = inputs;
  packed.group = group;
  const auto padded = static_cast<size_t>(packed.panels() * kPanel);
  packed.codes = AlignedArray<int8_t>(padded * static_cast<size_t>(inputs));
  packed.starts = AlignedArray<int32_t>(padded);
  packed.scales = AlignedArray<float>(padded);
  std::ranges::copy(scales, packed.scales.data());
  for (int j = 0; j < outputs; ++j) {
    const int panel = j / kPanel;
    const int first = panel / group * group;
    const int panels = std::min(group, packed.panels() - first);
    int8_t* const at = packed.codes.data() + first * packed.panel_bytes() +
                       ((panel - first) * kPanel + j % kPanel) * 4;
    for (int k = 0; k < inputs; ++k) {
      const int8_t code = codes[static_cast<size_t>(int64_t{j} * inputs + k)];
      at[k / 4 * panels * kPanel * 4 + k % 4] = code;
      packed.starts.data()[j] -= kCodeOffset * code;
    }
  }
  return packed;
}

std::unique_ptr<LinearLayer> FastKernels::MakeLinear(std::span<const int8_t> codes,
                                                     std::span<const float> scales, int outputs,
                                                     int inputs) const {
  std::unique_ptr<OneDnnProduct> product;
  if (OneDnnIsFaster(inputs)) product = std::make_unique<OneDnnProduct>(codes, outputs, inputs);
  return std::make_unique<FastLinear>(*this, PackWeights(codes, scales, outputs, inputs, group()),
                                      std::move(product));
}

}  // namespace occam
