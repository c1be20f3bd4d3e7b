// Division of a row by its root mean square (Zhang and Sennrich, 2019, "Root mean square layer
// normalization", section 4), with no epsilon: a row whose largest magnitude is below 2^-100 gives
// zeros, and a zero gradient (DESIGN.md section 4, point 4).
#ifndef OCCAM_MODEL_NORM_H_
#define OCCAM_MODEL_NORM_H_

#include <span>

#include "model/tensor.h"

namespace occam {

// y [N, D] = norm(x [N, D]) * gain [D]; an empty gain is all ones. inverse_rms [N] is kept for the
// backward pass, 0 for rows that are zeros. D is a multiple of 8.
void NormForward(ConstTensorView x, std::span<const float> gain, TensorView y,
                 std::span<float> inverse_rms);

// dx [N, D] += and dgain [D] += (if there is a gain) for dy [N, D] and the x and inverse_rms of the
// forward pass.
void NormBackward(ConstTensorView x, std::span<const float> gain,
                  std::span<const float> inverse_rms, ConstTensorView dy, TensorView dx,
                  std::span<float> dgain);

// The norm of each head of a row, in place: x [N, heads * size], inverse_rms [N * heads].
void HeadNormForward(TensorView x, int head_size, std::span<float> inverse_rms);

// dx, in place of dy, for the y of the forward pass.
void HeadNormBackward(ConstTensorView y, int head_size, std::span<const float> inverse_rms,
                      TensorView dy);

}  // namespace occam

#endif  // OCCAM_MODEL_NORM_H_
