// The cost of each byte: where a model spends its bits.
#ifndef OCCAM_CODER_ARCHIVE_COSTS_H_
#define OCCAM_CODER_ARCHIVE_COSTS_H_

#include <cstdint>
#include <span>

#include "coder/archive/codec_options.h"
#include "coder/predict/codec_model.h"

namespace occam {

// bits[i] [bytes.size()] = -log2 of the probability that the model gives byte i where it codes all
// segments of these bytes in options.mode. Where a symbol stands for several bytes, each has an
// equal share. The sum is the model's payload, but for the rounding of the range coder and for the
// bits that a tokenizer of seven bits loses. `deciders` [bytes.size()], unless empty, get who
// decided each byte. Throws as Compress.
void MeasureCosts(std::span<const uint8_t> bytes, const CodecModel& model,
                  const CodecOptions& options, std::span<float> bits,
                  std::span<Decider> deciders = {});

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_COSTS_H_
