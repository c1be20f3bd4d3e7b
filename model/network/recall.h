// The layers of a memory: rows that were chosen, and gates that weigh them once more
// (docs/spec/memory.md, section 3). There are R rules, rows of m numbers and a width D.
#ifndef OCCAM_MODEL_NETWORK_RECALL_H_
#define OCCAM_MODEL_NETWORK_RECALL_H_

#include <cstdint>
#include <span>

#include "model/memory_rows.h"
#include "model/network/tensor.h"

namespace occam {

// recalled [N, R m] = the memory's rows of m numbers at rows [N, R], side by side, as the passes
// see them.
void RecallForward(const MemoryView& memory, int64_t m, std::span<const int32_t> rows,
                   TensorView recalled);

// gates [N, R] = 1 + h [N, D] w^T, w [R, D]; gated [N, R m] = recalled, each rule's numbers times
// its gate between 0 and 2.
void GateForward(ConstTensorView h, ConstTensorView w, ConstTensorView recalled, TensorView gates,
                 TensorView gated);

// Goes back from dgated [N, R m] to dgates [N, R], drecalled [N, R m] and dh [N, D], with the gates
// of the forward pass. A gate beyond its bounds passes no gradient on.
void GateBackward(ConstTensorView w, ConstTensorView recalled, ConstTensorView gates,
                  ConstTensorView dgated, TensorView dgates, TensorView drecalled, TensorView dh);

// dw [D], of one rule: the sum of h [N, D], each row times the rule's element of dgates [N, R].
void GateWeightBackward(ConstTensorView h, ConstTensorView dgates, int64_t rule,
                        std::span<float> dw);

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_RECALL_H_
