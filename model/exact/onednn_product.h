// Integer products of whole tiles through oneDNN, which knows more instruction sets than we do
// (AMX).
#ifndef OCCAM_MODEL_EXACT_ONEDNN_PRODUCT_H_
#define OCCAM_MODEL_EXACT_ONEDNN_PRODUCT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace occam {

// A matrix [outputs, inputs] of codes in [-63, 63], which oneDNN multiplies without saturation on
// every instruction set, packed once for tiles of kTileRows rows. Immutable; any number of threads.
class OneDnnProduct {
 public:
  OneDnnProduct(std::span<const int8_t> codes, int outputs, int inputs);
  ~OneDnnProduct();
  OneDnnProduct(const OneDnnProduct&) = delete;
  OneDnnProduct& operator=(const OneDnnProduct&) = delete;

  // What Multiply needs of `scratch`, aligned to 64 bytes.
  size_t scratch_bytes() const;

  // sums[r][j] = sum_k x[r][k] w[j][k]: x [kTileRows][RoundUp(inputs, kCodePad)], sums
  // [kTileRows][RoundUp(outputs, kFloatPad)].
  void Multiply(const int8_t* x, int32_t* sums, std::byte* scratch) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_ONEDNN_PRODUCT_H_
