// Matrix products of the training network: the only training file behind which oneDNN stands. Each
// call runs on the calling thread alone, so results do not depend on threads. All products take
// rows apart by any stride.
#ifndef OCCAM_MODEL_MATMUL_H_
#define OCCAM_MODEL_MATMUL_H_

#include "model/tensor.h"

namespace occam {

enum class Operand { kAsIs, kTransposed };
enum class Result { kReplace, kAdd };

// c [M, N] = or += a [M, K] b [K, N]; a transposed operand is stored as [K, M] or [N, K]. Throws
// kInternal unless the shapes fit together.
void MatMul(ConstTensorView a, Operand a_is, ConstTensorView b, Operand b_is, TensorView c,
            Result result);

// A linear layer without bias: y [N, O] = or += x [N, I] w^T, w [O, I].
void LinearForward(ConstTensorView x, ConstTensorView w, TensorView y, Result result);

// dx [N, I] = or += dy [N, O] w;  dw [O, I] += dy^T x.
void LinearBackward(ConstTensorView x, ConstTensorView w, ConstTensorView dy, TensorView dx,
                    Result dx_result, TensorView dw);

}  // namespace occam

#endif  // OCCAM_MODEL_MATMUL_H_
