// The way from symbols to logits, which a session asks of a network of any shape.
#ifndef OCCAM_MODEL_EXACT_PASS_H_
#define OCCAM_MODEL_EXACT_PASS_H_

#include <cstdint>
#include <span>

#include "model/row_rules.h"

namespace occam {

// A token of a lane at its position.
struct TileRow {
  int lane = 0;
  int64_t position = 0;
  int32_t input = 0;  // a symbol, or the begin symbol
};

// Memory of lanes and of passes, allocated once. One thread uses it at a time, in the mode of
// float_mode.h.
class Pass {
 public:
  virtual ~Pass() = default;
  // A lane's context starts afresh.
  virtual void Clear(int lane) = 0;
  // A lane's context goes on from somewhere, after these symbols, of which it keeps nothing else. A
  // pass that knows no reach (ModelConfig::reach) throws kInternal.
  virtual void Resume(int lane, const KnownPast& past) = 0;
  // Computes at most kTileRows rows, each lane's together and at consecutive positions, the first
  // of which follows what the lane had last.
  virtual void Run(std::span<const TileRow> rows) = 0;
  // Returns the V logits of a row of the last run, with room for RoundUp(V, kFloatPad). They may be
  // overwritten.
  virtual float* logits(int r) = 0;
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_PASS_H_
