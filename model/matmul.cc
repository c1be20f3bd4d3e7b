#include "model/matmul.h"

#include <fmt/format.h>
#include <oneapi/dnnl/dnnl.h>

#include "data/base/error.h"
#include "model/simd_targets.h"

namespace occam {

void MatMul(ConstTensorView a, Operand a_is, ConstTensorView b, Operand b_is, TensorView c,
            Result result) {
  const bool at = a_is == Operand::kTransposed;
  const bool bt = b_is == Operand::kTransposed;
  const int64_t inner = at ? a.rows : a.columns;
  if ((at ? a.columns : a.rows) != c.rows || (bt ? b.rows : b.columns) != c.columns ||
      (bt ? b.columns : b.rows) != inner) {
    throw InternalError(fmt::format("matrix product of [{}, {}] and [{}, {}] into [{}, {}]", a.rows,
                                    a.columns, b.rows, b.columns, c.rows, c.columns));
  }
  PrepareOneDnn();
  const dnnl_status_t status =
      dnnl_sgemm(at ? 'T' : 'N', bt ? 'T' : 'N', c.rows, c.columns, inner, 1.0f, a.data, a.stride,
                 b.data, b.stride, result == Result::kAdd ? 1.0f : 0.0f, c.data, c.stride);
  if (status != dnnl_success) {
    throw InternalError(fmt::format("oneDNN's matrix product failed with status {}", int{status}));
  }
}

void LinearForward(ConstTensorView x, ConstTensorView w, TensorView y, Result result) {
  MatMul(x, Operand::kAsIs, w, Operand::kTransposed, y, result);
}

void LinearBackward(ConstTensorView x, ConstTensorView w, ConstTensorView dy, TensorView dx,
                    Result dx_result, TensorView dw) {
  MatMul(dy, Operand::kAsIs, w, Operand::kAsIs, dx, dx_result);
  MatMul(dy, Operand::kTransposed, x, Operand::kAsIs, dw, Result::kAdd);
}

}  // namespace occam
