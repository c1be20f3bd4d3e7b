// The rotary positions of model/rotary.h applied to the heads of a row.
#ifndef OCCAM_MODEL_NETWORK_ROTATE_H_
#define OCCAM_MODEL_NETWORK_ROTATE_H_

#include "model/network/tensor.h"

namespace occam {

// cos and sin of every position and pair of a sequence, gathered once.
struct RotaryAngles {
  RotaryAngles(int length, int head_size);
  Tensor cosine;  // [length, head_size / 2]
  Tensor sine;
};

// x [rows, heads * size] in place, the rows being positions first, first + 1, ... of a sequence: of
// each head, the pair (x_i, x_(i + size / 2)) is turned by its position. Size is a multiple of 8.
void RotateForward(const RotaryAngles& angles, int64_t first, TensorView x);

// dx in place of dy: turns back.
void RotateBackward(const RotaryAngles& angles, int64_t first, TensorView dy);

// Keys see the past: the still pairs of a key (those that do not turn) are those of the position
// before, zero at the first. So one layer finds what came after an earlier place like the present
// one: its query is like the key of the place after. Without this, two layers have to find out
// together: at 200K parameters and 6 MB seen, 2.24 instead of 1.95 bpb
// (experiments/results/recipe). After the partial key offset of the modded-nanogpt speed runs
// (Jordan et al., 2025), and the token shift of RWKV (Peng et al., 2023, section 3.1).
//
// keys [length, size], those of one head of a sequence, normed; `shifted` is not `keys`.
void ShiftStillPairs(ConstTensorView keys, TensorView shifted);

// dkeys of dshifted; they are not the same.
void UnshiftStillPairs(ConstTensorView dshifted, TensorView dkeys);

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_ROTATE_H_
