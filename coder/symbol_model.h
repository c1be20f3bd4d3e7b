// The seam between predictor and range coder (DESIGN.md section 5). The network is one predictor,
// the order-2 model another. A segment's lanes step together; symbols are coded step-major,
// lane-minor.
#ifndef OCCAM_CODER_SYMBOL_MODEL_H_
#define OCCAM_CODER_SYMBOL_MODEL_H_

#include <cstdint>
#include <span>

#include "data/base/frequency.h"

namespace occam {

class SymbolModel {
 public:
  virtual ~SymbolModel() = default;
  virtual int vocabulary() const = 0;

  // Forgets everything; the next call is the first of a segment with these many lanes.
  virtual void StartSegment(int lanes) = 0;

  // Encoding: the interval of every symbol of a whole segment, lanes[i] and intervals[i] of equal
  // length. Lane lengths do not increase from lane to lane.
  virtual void Score(std::span<const std::span<const int32_t>> lanes,
                     std::span<const std::span<SymbolInterval>> intervals) = 0;

  // Decoding: the frequencies [n][vocabulary] of the next symbol of lanes 0 .. n - 1, n =
  // previous.size(), which does not grow from step to step; previous[i] is what lane i coded last,
  // ignored in the first step. Gives, at each step, what Score would have used.
  virtual void Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies) = 0;
};

}  // namespace occam

#endif  // OCCAM_CODER_SYMBOL_MODEL_H_
