// Causal attention within a window in bfloat16. It is as model/network/attention.h has it, with the
// operands of every product rounded to bfloat16 first (queries, keys, values, gradients of the
// output, probabilities and their gradients), sums, exponentials and results in float32. One
// key/value head of one sequence at a time: Load it, then Forward or Backward with each query head
// that reads it.
//
// Queries go through in panels of 32, side by side in the lanes of two vectors; of the keys only
// those are touched that one of 16 queries sees, in steps of 16. Every product is of the same two
// kinds of blocks, so that vectors and AMX tiles can both make it. They are [rows][32] with 16
// pairs of inner elements along the row, and [16 pairs][32 columns][2].
#ifndef OCCAM_MODEL_NETWORK_ATTENTION_BF16_H_
#define OCCAM_MODEL_NETWORK_ATTENTION_BF16_H_

#include <cstdint>

#include "data/base/aligned_array.h"
#include "model/network/tensor.h"

namespace occam {

namespace bf16 {
struct Scores;
}

// The shape of one head. Needs AVX512_BF16: everything here is only for processors with
// HasFastBfloat16().
struct HeadShape {
  int64_t length;
  int64_t size;    // a multiple of 8
  int64_t window;  // position i sees j with i - window < j <= i
};

class Bfloat16Heads {
 public:
  // ThreadScratch for every head of at most this length and size; allocates only where it grows.
  void Reserve(int64_t length, int64_t size);

  // k, v [T, size], rounded and arranged for Forward, or for Backward, where the gradients of both
  // become 0.
  void LoadForForward(const HeadShape& shape, ConstTensorView k, ConstTensorView v);
  void LoadForBackward(const HeadShape& shape, ConstTensorView k, ConstTensorView v);

  // out [T, size] for q [T, size]; inverse_sum [T].
  void Forward(const HeadShape& shape, ConstTensorView q, TensorView out, float* inverse_sum);

  // dq [T, size] = for dout [T, size]; adds to the gradients of keys and values.
  void Backward(const HeadShape& shape, ConstTensorView q, ConstTensorView out,
                const float* inverse_sum, ConstTensorView dout, TensorView dq);

  // dk, dv [T, size] = the sums over Backward since LoadForBackward.
  void StoreKeyGradients(const HeadShape& shape, TensorView dk, TensorView dv) const;

 private:
  bf16::Scores ScoresOf(const HeadShape& shape, int64_t query) const;
  void AddPart(const bf16::Scores& s, float* sums);
  void AddGradients(const bf16::Scores& s, const float* minus_delta);

  bool tiles_ = false;                             // whether AMX makes the products
  int64_t length_ = 0, size_ = 0;                  // of the room
  AlignedArray<uint16_t> k_, v_;                   // [F][T][32]: F blocks of 32 features, padded
  AlignedArray<uint16_t> columns_;                 // [T / 32][32 F][32]: v, or k in Backward
  AlignedArray<float> dk_, dv_;                    // [F][T][32]
  AlignedArray<uint16_t> q_pairs_, dout_pairs_;    // of a panel, [F][16 pairs][32 queries][2]
  AlignedArray<uint16_t> q_by_two_, dout_by_two_;  // [F][16 pairs of queries][32][2]
  AlignedArray<float> result_;                     // [32 F][32 queries]
  AlignedArray<uint16_t> p_pairs_;                 // [keys / 2][32 queries][2]: p, or ds
  AlignedArray<uint16_t> p_rows_, ds_rows_;        // [keys][32 queries]
  AlignedArray<float> scores_, dscores_;           // [keys][32 queries]
};

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_ATTENTION_BF16_H_
