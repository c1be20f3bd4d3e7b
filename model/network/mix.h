// The steps before attention and before the MLP, in one pass: h = norm(x) * gain; mixed = h +
// convolution(h), rounded to what products read. The convolution is causal and depthwise: one
// weight a channel and tap, zeros before the start of a sequence (docs/architecture.md; measured in
// docs/facts.md, "The recipe"). The backward pass makes h again from x.
#ifndef OCCAM_MODEL_NETWORK_MIX_H_
#define OCCAM_MODEL_NETWORK_MIX_H_

#include <span>

#include "model/config.h"
#include "model/network/operand.h"
#include "model/network/tensor.h"

namespace occam {

struct MixWeights {
  std::span<const float> gain;  // [D], D a multiple of 8
  ConstTensorView taps;         // [taps, D], the newest position last; no rows: mixed = h
};

// Some positions of a sequence.
struct Positions {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
};

// ThreadScratch that one thread works in.
struct MixScratch {
  explicit MixScratch(int64_t width) : rows(kMaxTaps + 2, width) {}
  Tensor rows;
};

// mixed [positions, D] for the sequence x [T, D]. Their elements of inverse_rms [T] are kept for
// the backward pass, 0 for rows that are zeros.
void MixForward(ConstTensorView x, const MixWeights& w, Positions positions,
                std::span<float> inverse_rms, OperandView mixed, MixScratch* scratch);

// Adds, for dmixed [T, D], to the positions' rows of dx [T, D], and gives their share of the
// gradient of gain and taps: dw [1 + taps, D] =, the gain's first.
void MixBackward(ConstTensorView x, const MixWeights& w, Positions positions,
                 std::span<const float> inverse_rms, ConstTensorView dmixed, TensorView dx,
                 TensorView dw, MixScratch* scratch);

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_MIX_H_
