// Finds out whether a photograph was a JPEG file, and what that file said.
//
// A JPEG file holds the coefficients of blocks, each as a multiple of a step that its frequency
// has. The transform of the samples is near to these multiples, since samples were only rounded.
// So the steps can be seen, and then the multiples (Neelamani et al., 2006, "JPEG compression
// history estimation for color images"; Lewis and Kuhn, 2010, "Exact JPEG recompression").
#ifndef OCCAM_CODER_PREDICT_PHOTO_BLOCK_FINDER_H_
#define OCCAM_CODER_PREDICT_PHOTO_BLOCK_FINDER_H_

#include <cstdint>
#include <optional>
#include <span>

#include "coder/predict/photo/block_plane.h"
#include "coder/predict/photo/photo_layout.h"

namespace occam {

// The most memory that finding takes, beside three bytes for each of the samples.
constexpr uint64_t kBlockFinderBytes = 8 << 20;

// Returns what that file said. Returns nothing where these are no pixels of one or three channels
// that a JPEG file held, or where it helps little to know.
std::optional<BlockPhoto> FindBlocks(std::span<const uint8_t> original, const PhotoLayout& layout);

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_BLOCK_FINDER_H_
