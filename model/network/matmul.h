// Matrix products of the training network: the only training file behind which oneDNN stands. Each
// call runs on the calling thread alone, so results do not depend on threads. All products take
// rows apart by any stride.
#ifndef OCCAM_MODEL_NETWORK_MATMUL_H_
#define OCCAM_MODEL_NETWORK_MATMUL_H_

#include <memory>

#include "model/network/operand.h"
#include "model/network/tensor.h"

namespace occam {

enum class Operand { kAsIs, kTransposed };
enum class Result { kReplace, kAdd };

// c [M, N] = or += a [M, K] b [K, N]; a transposed operand is stored as [K, M] or [N, K]. Throws
// kInternal unless the shapes fit together.
void MatMul(ConstTensorView a, Operand a_is, ConstTensorView b, Operand b_is, TensorView c,
            Result result);

// Returns whether the processor multiplies bfloat16 faster than float32: AVX512_BF16 or AMX, and
// OCCAM_MAX_ISA allows it.
bool HasFastBfloat16();

// The weights [O, I] of a linear layer as its products like them.
class LinearWeights {
 public:
  // Throws kUsage for kBfloat16 unless HasFastBfloat16().
  LinearWeights(int64_t outputs, int64_t inputs, Precision precision);
  ~LinearWeights();
  LinearWeights(LinearWeights&&) noexcept;
  LinearWeights& operator=(LinearWeights&&) noexcept;

  // Takes w [O, I] without gaps between rows. In bfloat16 rounds and packs it for both directions;
  // in float32 only refers to it. Allocates nothing. Another shape is kInternal.
  void Set(ConstTensorView w);

 private:
  friend class LinearLayers;
  struct Packed;
  int64_t outputs_, inputs_;
  ConstTensorView plain_;
  std::unique_ptr<Packed> packed_;  // null in float32
};

// The products of linear layers without bias, on operands of one precision. Makes what oneDNN needs
// at the first use of a shape, for all threads; later uses allocate nothing of ours. Thread-safe as
// long as no two calls at a time have the same `thread`.
class LinearLayers {
 public:
  // Threads are numbered [0, threads). Throws as LinearWeights.
  LinearLayers(Precision precision, int threads);
  ~LinearLayers();
  LinearLayers(const LinearLayers&) = delete;
  LinearLayers& operator=(const LinearLayers&) = delete;

  // y [N, O] = or += x [N, I] w^T.
  void Forward(int thread, ConstOperandView x, const LinearWeights& w, TensorView y, Result result);

  // dx [N, I] = dy [N, O] w.
  void BackwardInput(int thread, ConstOperandView dy, const LinearWeights& w, TensorView dx);

  // dw [O, I] = dy^T x. Some of the columns of dy and rows of dw make a part of it.
  void BackwardWeights(int thread, ConstOperandView dy, ConstOperandView x, TensorView dw);

 private:
  struct Products;
  std::unique_ptr<Products> products_;  // null in float32
};

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_MATMUL_H_
