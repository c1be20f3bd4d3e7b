// Linear layers of the fast kernels: weights packed once for int8 dot products, by vectors or,
// where there is AMX, by tiles.
#ifndef OCCAM_MODEL_EXACT_FAST_LINEAR_H_
#define OCCAM_MODEL_EXACT_FAST_LINEAR_H_

#include <cstdint>
#include <memory>
#include <span>

#include "data/base/aligned_array.h"
#include "model/exact/kernels.h"

namespace occam {

constexpr int kPanel = 16;  // outputs that are packed together

// Int8 dot instructions multiply unsigned by signed bytes, so activations are made unsigned for
// them: x + kCodeOffset, in [1, 255]. What that adds to an output's sum, kCodeOffset * sum_k w[k],
// does not depend on the activations: sums start from minus it.
constexpr int kCodeOffset = 128;

// Panels of kPanel outputs, filled up with zero codes of scale zero, in groups that are multiplied
// at once; the last group may be smaller. The codes of a group are [inputs / 4][panels][kPanel][4].
struct PackedWeights {
  int outputs = 0;
  int inputs = 0;     // a multiple of 4, or of more, filled up with zero codes
  bool wide = false;  // some code is beyond 63: two products of bytes may not fit into 16 bits
  AlignedArray<int8_t> codes;
  AlignedArray<int32_t> starts;  // [RoundUp(outputs, kPanel)], of the sums
  AlignedArray<float> scales;    // the same

  int panels() const { return RoundUp(outputs, kPanel) / kPanel; }
  int64_t panel_bytes() const { return int64_t{inputs} * kPanel; }
};

class FastKernels;

// LinearLayer::Apply for packed weights.
using PackedProduct = void (*)(const FastKernels& kernels, const PackedWeights& w, const int8_t* x,
                               const float* x_scales, int rows, bool add, float* y,
                               std::byte* scratch);

// The kernel set of one instruction set, which does the products of packed weights.
class FastKernels : public KernelSet {
 public:
  // Makes a layer that multiplies on tiles where they are to be had and right, else by Multiply.
  std::unique_ptr<LinearLayer> MakeLinear(std::span<const int8_t> codes,
                                          std::span<const float> scales, int outputs,
                                          int inputs) const final;
  // Makes a layer that multiplies by Multiply.
  std::unique_ptr<LinearLayer> MakeVectorLinear(std::span<const int8_t> codes,
                                                std::span<const float> scales, int outputs,
                                                int inputs) const;
  // Makes a layer that multiplies by MultiplyOnTiles (tile_product.h), or by what stands in for it.
  std::unique_ptr<LinearLayer> MakeTileLinear(PackedProduct on_tiles, std::span<const int8_t> codes,
                                              std::span<const float> scales, int outputs,
                                              int inputs) const;
  // Returns whether CanUseTiles() and a product on them agrees with Multiply. Thread-safe.
  bool TilesAreRight() const;

  // The panels of a group.
  virtual int group() const = 0;
  // Computes what LinearLayer::Apply does, with scratch of kTileRows * RoundUp(inputs, kCodePad)
  // bytes.
  virtual void Multiply(const PackedWeights& w, const int8_t* x, const float* x_scales, int rows,
                        bool add, float* y, std::byte* scratch) const = 0;
  // Does what Multiply does with the sums of products of `panels` panels, [rows][panels][kPanel].
  virtual void Scale(const PackedWeights& w, int panel, int panels, const int32_t* sums,
                     const float* x_scales, int rows, bool add, float* y) const = 0;
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_FAST_LINEAR_H_
