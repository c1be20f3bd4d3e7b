// Photographs cut into the patches that a context of 2048 bytes holds.
#ifndef OCCAM_DATA_PATCHES_H_
#define OCCAM_DATA_PATCHES_H_

#include <cstdint>

#include "data/base/random.h"
#include "data/image.h"

namespace occam {

constexpr int kPatchRows = 32;
constexpr int kPatchColumns = 64;
constexpr int64_t kPatchBytes = int64_t{kPatchRows} * kPatchColumns;

// The patches of the grid that starts at the top left, whole ones only, from left to right and from
// top to bottom; each row-major: [patches, kPatchRows, kPatchColumns]. Where there are more than
// `limit` > 0, a random choice of that many, in the same order; `random` is then drawn from. Empty
// where the image is smaller than a patch.
Bytes CutPatches(const GrayImage& image, int64_t limit, Random* random);

// Returns the image whose grid of patches is the `index`-th of `count`. It lacks the top index /
// count of a patch's rows and the left index / count of its columns. An odd one is mirrored left to
// right. Index 0 is the image itself. 0 <= index < count; empty where nothing is left.
GrayImage ShiftedForGrid(const GrayImage& image, int index, int count);

}  // namespace occam

#endif  // OCCAM_DATA_PATCHES_H_
