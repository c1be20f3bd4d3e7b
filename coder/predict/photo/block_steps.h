// The steps of a JPEG file's frequencies, found of the coefficients that its pixels have.
#ifndef OCCAM_CODER_PREDICT_PHOTO_BLOCK_STEPS_H_
#define OCCAM_CODER_PREDICT_PHOTO_BLOCK_STEPS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "coder/predict/photo/block_transform.h"

namespace occam {

using Table = std::array<uint8_t, kBlockSize>;  // a step for each frequency

// Sizes of coefficients of whole blocks, in sixteenths: [frequency].
using Sizes = std::array<std::vector<int32_t>, kBlockSize>;

// Returns the largest steps of which nearly all coefficients are multiples. `noise` parts those
// that are 0 from others, in sixteenths.
Table FindTable(const Sizes& sizes, int32_t noise);

// Returns the usual table to whose multiples coefficients are nearest, by their distances as shares
// of steps. It is that of a JPEG file of a JPEG file, whose steps are hidden by older ones.
Table NearestUsualTable(const Sizes& sizes, int32_t noise);

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_BLOCK_STEPS_H_
