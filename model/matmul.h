// Matrix products of the training network: the only training file behind which oneDNN stands. Each
// call runs on the calling thread alone, so results do not depend on threads. All products take
// rows apart by any stride.
#ifndef OCCAM_MODEL_MATMUL_H_
#define OCCAM_MODEL_MATMUL_H_

#include <memory>

#include "model/tensor.h"

namespace occam {

enum class Operand { kAsIs, kTransposed };
enum class Result { kReplace, kAdd };

// c [M, N] = or += a [M, K] b [K, N]; a transposed operand is stored as [K, M] or [N, K]. Throws
// kInternal unless the shapes fit together.
void MatMul(ConstTensorView a, Operand a_is, ConstTensorView b, Operand b_is, TensorView c,
            Result result);

// What the operands of a linear layer's products are rounded to first; sums are float32 in both
// cases.
enum class Precision { kFloat32, kBfloat16 };

// Whether the processor multiplies bfloat16 faster than float32: AVX512_BF16 or AMX, and
// OCCAM_MAX_ISA allows it.
bool HasFastBfloat16();

// Linear layers without bias. Holds the rounded operands and oneDNN's products, made at the first
// use of a shape; one for each thread.
class LinearLayers {
 public:
  // Throws kUsage for kBfloat16 unless HasFastBfloat16().
  explicit LinearLayers(Precision precision);
  ~LinearLayers();
  LinearLayers(const LinearLayers&) = delete;
  LinearLayers& operator=(const LinearLayers&) = delete;

  // y [N, O] = or += x [N, I] w^T, w [O, I].
  void Forward(ConstTensorView x, ConstTensorView w, TensorView y, Result result);

  // dx [N, I] = or += dy [N, O] w;  dw [O, I] += dy^T x.
  void Backward(ConstTensorView x, ConstTensorView w, ConstTensorView dy, TensorView dx,
                Result dx_result, TensorView dw);

 private:
  struct Rounded;
  std::unique_ptr<Rounded> rounded_;  // null in float32
};

}  // namespace occam

#endif  // OCCAM_MODEL_MATMUL_H_
