#include "model/exact/fast_linear.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "data/base/tiles.h"
#include "model/exact/tile_product.h"

namespace occam {
namespace {

class PackedLinear final : public LinearLayer {
 public:
  PackedLinear(const FastKernels& kernels, PackedProduct product, size_t scratch_bytes,
               PackedWeights weights)
      : kernels_(kernels),
        product_(product),
        scratch_bytes_(scratch_bytes),
        weights_(std::move(weights)) {}

  size_t scratch_bytes() const override { return scratch_bytes_; }

  void Apply(const int8_t* x, const float* x_scales, int rows, bool add, float* y,
             std::byte* scratch) const override {
    product_(kernels_, weights_, x, x_scales, rows, add, y, scratch);
  }

 private:
  const FastKernels& kernels_;
  PackedProduct product_;
  size_t scratch_bytes_;
  PackedWeights weights_;
};

PackedWeights PackWeights(std::span<const int8_t> codes, std::span<const float> scales, int outputs,
                          int inputs, int padded_inputs, int group) {
  PackedWeights packed;
  packed.outputs = outputs;
  packed.inputs = padded_inputs;
  const auto padded = static_cast<size_t>(packed.panels() * kPanel);
  packed.codes = AlignedArray<int8_t>(padded * static_cast<size_t>(padded_inputs));
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
      packed.wide = packed.wide || code > 63 || code < -63;
      packed.starts.data()[j] -= kCodeOffset * code;
    }
  }
  return packed;
}

void MultiplyVectors(const FastKernels& kernels, const PackedWeights& w, const int8_t* x,
                     const float* x_scales, int rows, bool add, float* y, std::byte* scratch) {
  kernels.Multiply(w, x, x_scales, rows, add, y, scratch);
}

// Some rows of a small layer, and what a layer that `make` makes of some codes gives for them.
template <class Make>
std::vector<float> SampleProduct(const Make& make) {
  constexpr int kOutputs = 5 * kPanel + 8, kInputs = 200, kRows = 50;
  std::vector<int8_t> codes(kOutputs * kInputs);
  for (size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<int8_t>(static_cast<int>(i * i % 127) - 63);
  }
  const std::vector<float> scales(kOutputs, 1.0f), x_scales(kTileRows, 1.0f);
  const RowBuffer<int8_t> x(kTileRows, RoundUp(kInputs, kCodePad));
  for (int i = 0; i < kTileRows * RoundUp(kInputs, kCodePad); ++i) {
    x.data()[i] = static_cast<int8_t>(i * 7 % 255 - 127);
  }
  const RowBuffer<float> y(kRows, RoundUp(kOutputs, kFloatPad));
  const std::unique_ptr<LinearLayer> layer = make(codes, scales, kOutputs, kInputs);
  const AlignedArray<std::byte> scratch(layer->scratch_bytes());
  layer->Apply(x.data(), x_scales.data(), kRows, false, y.data(), scratch.data());
  return {y.data(), y.row(kRows)};
}

}  // namespace

bool FastKernels::TilesAreRight() const {
  static const bool right = CanUseTiles() && SampleProduct([this](auto&&... layer) {
                                               return MakeTileLinear(&MultiplyOnTiles, layer...);
                                             }) == SampleProduct([this](auto&&... layer) {
                                               return MakeVectorLinear(layer...);
                                             });
  return right;
}

std::unique_ptr<LinearLayer> FastKernels::MakeLinear(std::span<const int8_t> codes,
                                                     std::span<const float> scales, int outputs,
                                                     int inputs) const {
  if (TilesAreRight()) return MakeTileLinear(&MultiplyOnTiles, codes, scales, outputs, inputs);
  return MakeVectorLinear(codes, scales, outputs, inputs);
}

std::unique_ptr<LinearLayer> FastKernels::MakeVectorLinear(std::span<const int8_t> codes,
                                                           std::span<const float> scales,
                                                           int outputs, int inputs) const {
  const size_t scratch_bytes = size_t{kTileRows} * static_cast<size_t>(RoundUp(inputs, kCodePad));
  return std::make_unique<PackedLinear>(
      *this, &MultiplyVectors, scratch_bytes,
      PackWeights(codes, scales, outputs, inputs, inputs, group()));
}

std::unique_ptr<LinearLayer> FastKernels::MakeTileLinear(PackedProduct on_tiles,
                                                         std::span<const int8_t> codes,
                                                         std::span<const float> scales, int outputs,
                                                         int inputs) const {
  static_assert(kTileInputs == kCodePad);
  return std::make_unique<PackedLinear>(
      *this, on_tiles, kTileScratchBytes,
      PackWeights(codes, scales, outputs, inputs, RoundUp(inputs, kTileInputs), kTilePanels));
}

}  // namespace occam
