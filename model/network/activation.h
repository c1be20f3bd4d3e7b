// relu(x)^2 (So et al., 2021, "Primer", section 3.2).
#ifndef OCCAM_MODEL_NETWORK_ACTIVATION_H_
#define OCCAM_MODEL_NETWORK_ACTIVATION_H_

#include "model/network/operand.h"
#include "model/network/tensor.h"

namespace occam {

// relu [N, M] = relu(x), which is what the backward pass needs, and activated [N, M] = its square,
// for x [N, M]; M is a multiple of 8. What is not a number stays so.
void ReluSquareForward(ConstTensorView x, OperandView relu, OperandView activated);

// dx [N, M] = dactivated * 2 relu, and activated once more.
void ReluSquareBackward(ConstOperandView relu, ConstTensorView dactivated, OperandView dx,
                        OperandView activated);

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_ACTIVATION_H_
