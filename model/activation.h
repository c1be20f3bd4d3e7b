// relu(x)^2 (So et al., 2021, "Primer", section 3.2).
#ifndef OCCAM_MODEL_ACTIVATION_H_
#define OCCAM_MODEL_ACTIVATION_H_

#include "model/tensor.h"

namespace occam {

// y [N, D] = relu(x)^2; columns lie without gaps and are a multiple of 8.
void ReluSquareForward(ConstTensorView x, TensorView y);

// dx in place of dy: dy * 2 relu(x).
void ReluSquareBackward(ConstTensorView x, TensorView dy);

}  // namespace occam

#endif  // OCCAM_MODEL_ACTIVATION_H_
