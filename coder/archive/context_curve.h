// The cost of the bytes of a chunk by their place in it: how a model learns from its context.
#ifndef OCCAM_CODER_ARCHIVE_CONTEXT_CURVE_H_
#define OCCAM_CODER_ARCHIVE_CONTEXT_CURVE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "coder/archive/codec_options.h"
#include "coder/predict/network_predictor.h"

namespace occam {

// The cost of the bytes at one place in their chunks.
struct ContextCurvePoint {
  uint64_t chunks = 0;     // chunks that have such a byte
  double bits = 0;         // the sum of what they cost
  double square_bits = 0;  // the sum of their squares
  double MeanBits() const;
  double DeviationBits() const;  // of one byte; 0 for a single chunk
};

// Measures what the network's frequencies cost, -log2(frequency / 2^24), in chunks of the network's
// context, every one fresh. A token's bits are shared equally by its bytes. A place is counted in
// bytes from the chunk's begin, so that models of tokens compare with those of bytes. Chunks of
// tokens differ in length, so fewer of them have later places. The sum over all places is what the
// model codes. It lacks the rounding of the range coder and the bits that a tokenizer of 7 bits
// loses. The result does not depend on `threads`, 0 being one a processor. `progress` may be null;
// its second argument is the ideal bytes so far. Throws kDamaged where the model's tokenizer is not
// one of its vocabulary.
std::vector<ContextCurvePoint> MeasureContextCurve(const ExactNetwork& network,
                                                   std::span<const uint8_t> bytes, int threads,
                                                   const ProgressFn& progress);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_CONTEXT_CURVE_H_
