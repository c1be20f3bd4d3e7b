// Causal attention within a window, in panels of queries and tiles of keys. So no [T, T] matrix is
// ever stored, and a window costs its size (Dao et al., 2022, "FlashAttention", sections 3.1 and
// B). Queries and keys are normed, so scores are at most 3 sqrt(head size): their exponentials
// cannot overflow, and no maximum needs to be subtracted.
#ifndef OCCAM_MODEL_NETWORK_ATTENTION_H_
#define OCCAM_MODEL_NETWORK_ATTENTION_H_

#include <cstdint>
#include <span>

#include "data/base/stop.h"
#include "model/network/attention_bf16.h"
#include "model/network/matmul.h"
#include "model/network/tensor.h"

namespace occam {

struct AttentionShape {
  int sequences = 0;
  int length = 0;
  int heads = 0;
  int kv_heads = 0;   // query head h reads key/value head h / (heads / kv_heads)
  int head_size = 0;  // a multiple of 8
  int window = 0;     // position i sees j with i - window < j <= i
};

// ThreadScratch that one thread works in; grows to the largest shape it has met. In bfloat16
// attention takes the kernels of model/network/attention_bf16.h.
struct AttentionScratch {
  // Throws kUsage for kBfloat16 unless HasFastBfloat16().
  explicit AttentionScratch(Precision precision);
  void Reserve(const AttentionShape& shape);
  const Precision precision;
  Bfloat16Heads bfloat16;
  Tensor q_panel, dout_panel, out_panel;  // of some queries, transposed
  Tensor q_rows, dout_rows;               // of some queries
  Tensor scores, dscores;                 // of some queries and some keys
  Tensor dk, dv;                          // of one head of a sequence
  // Asked between queries, so that long sequences notice it; null: never.
  const StopFn* stop = nullptr;
};

// out [N, heads * size] for q [N, heads * size], k, v [N, kv_heads * size], N = sequences * length,
// every head of q and k of root mean square 1 (or zeros). inverse_sum [sequences, heads, length] is
// kept for the backward pass: one over the sum of a query's exponentials.
void AttentionForward(const AttentionShape& shape, ConstTensorView q, ConstTensorView k,
                      ConstTensorView v, TensorView out, std::span<float> inverse_sum,
                      AttentionScratch* scratch);

// dq, dk, dv, of the shapes of q, k, v, = for dout [N, heads * size].
void AttentionBackward(const AttentionShape& shape, ConstTensorView q, ConstTensorView k,
                       ConstTensorView v, ConstTensorView out, std::span<const float> inverse_sum,
                       ConstTensorView dout, TensorView dq, TensorView dk, TensorView dv,
                       AttentionScratch* scratch);

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_ATTENTION_H_
