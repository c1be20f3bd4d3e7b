// Operands of matrix products: matrices of float32, or of bfloat16, which is the upper 16 bits of a
// float32, 8 significant bits. What only products read is kept in this form.
#ifndef OCCAM_MODEL_NETWORK_OPERAND_H_
#define OCCAM_MODEL_NETWORK_OPERAND_H_

#include <cstdint>

#include "model/network/tensor.h"

namespace occam {

// The form that the operands of a linear layer's products are rounded to; sums are float32 in both
// cases.
enum class Precision { kFloat32, kBfloat16 };

using Bfloat16View = BasicTensorView<uint16_t>;
using ConstBfloat16View = BasicTensorView<const uint16_t>;

// [rows, columns] of either kind; the other view is empty.
struct ConstOperandView {
  ConstOperandView(ConstTensorView x)  // NOLINT(google-explicit-constructor): it is one
      : precision(Precision::kFloat32), float32(x) {}
  ConstOperandView(ConstBfloat16View x)  // NOLINT(google-explicit-constructor): it is one
      : precision(Precision::kBfloat16), bfloat16(x) {}

  int64_t rows() const { return float32.rows + bfloat16.rows; }
  int64_t columns() const { return float32.columns + bfloat16.columns; }
  int64_t stride() const { return float32.stride + bfloat16.stride; }
  ConstOperandView Columns(int64_t begin, int64_t count) const {
    if (precision == Precision::kFloat32) return float32.Columns(begin, count);
    return bfloat16.Columns(begin, count);
  }

  Precision precision;
  ConstTensorView float32;
  ConstBfloat16View bfloat16;
};

struct OperandView {
  OperandView(TensorView x)  // NOLINT(google-explicit-constructor): it is one
      : precision(Precision::kFloat32), float32(x) {}
  OperandView(Bfloat16View x)  // NOLINT(google-explicit-constructor): it is one
      : precision(Precision::kBfloat16), bfloat16(x) {}

  OperandView Rows(int64_t begin, int64_t count) const {
    if (precision == Precision::kFloat32) return float32.Rows(begin, count);
    return bfloat16.Rows(begin, count);
  }
  operator ConstOperandView() const {
    if (precision == Precision::kFloat32) return ConstTensorView(float32);
    return ConstBfloat16View(bfloat16);
  }

  Precision precision;
  TensorView float32;
  Bfloat16View bfloat16;
};

// Owns one, without gaps, zero at first.
class OperandTensor {
 public:
  OperandTensor(int64_t rows, int64_t columns, Precision precision);
  OperandView view();
  operator OperandView() { return view(); }
  operator ConstOperandView() { return view(); }
  // Some of its rows.
  OperandView Rows(int64_t begin, int64_t count) { return view().Rows(begin, count); }

 private:
  Precision precision_;
  int64_t rows_, columns_;
  Tensor memory_;
};

// to = x; in bfloat16 each element rounded to the nearest, ties to even; what is not a number stays
// so. Returns `to`.
ConstOperandView ToOperand(ConstTensorView x, OperandView to);

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_OPERAND_H_
