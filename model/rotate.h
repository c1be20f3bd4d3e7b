// The rotary positions of model/rotary.h applied to the heads of a row.
#ifndef OCCAM_MODEL_ROTATE_H_
#define OCCAM_MODEL_ROTATE_H_

#include "model/tensor.h"

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

}  // namespace occam

#endif  // OCCAM_MODEL_ROTATE_H_
