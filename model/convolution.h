// A causal depthwise convolution beside a residual connection: one weight a channel and tap, zeros
// before the start of a sequence (DESIGN.md section 3; measured in docs/facts.md section 4).
#ifndef OCCAM_MODEL_CONVOLUTION_H_
#define OCCAM_MODEL_CONVOLUTION_H_

#include "model/tensor.h"

namespace occam {

// y_t = x_t + sum_k w_k * x_(t - taps + 1 + k): the newest position is the last tap. x, y
// [sequences * length, D], w [taps, D], D a multiple of 8; y is not x.
void ConvolutionForward(ConstTensorView x, ConstTensorView w, int length, TensorView y);

// dx [sequences * length, D] = and dw [taps, D] += for dy; dx is not dy.
void ConvolutionBackward(ConstTensorView x, ConstTensorView w, int length, ConstTensorView dy,
                         TensorView dx, TensorView dw);

}  // namespace occam

#endif  // OCCAM_MODEL_CONVOLUTION_H_
