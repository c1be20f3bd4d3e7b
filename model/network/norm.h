// Division of a row by its root mean square (Zhang and Sennrich, 2019, "Root mean square layer
// normalization", section 4), with no epsilon. A row whose largest magnitude is below 2^-100 gives
// zeros, and a zero gradient (docs/spec/contract.md, section 3.3). model/network/mix.h has the norm
// with a gain.
#ifndef OCCAM_MODEL_NETWORK_NORM_H_
#define OCCAM_MODEL_NETWORK_NORM_H_

#include <span>

#include "model/network/tensor.h"

namespace occam {

// y = norm(x) of each group of `size` columns of a row, a multiple of 8: x, y [N, groups * size],
// y may be x. inverse_rms [N * groups] is kept for the backward pass, 0 for groups that are zeros.
void NormForward(ConstTensorView x, int size, TensorView y, std::span<float> inverse_rms);

// dx, in place of dy, for the y of the forward pass.
void NormBackward(ConstTensorView y, int size, std::span<const float> inverse_rms, TensorView dy);

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_NORM_H_
