#include "data/patches.h"

#include <algorithm>

namespace occam {

Bytes CutPatches(const GrayImage& image, int64_t limit, Random* random) {
  const int down = image.rows / kPatchRows;
  const int across = image.columns / kPatchColumns;
  const int64_t all = int64_t{down} * across;
  int64_t wanted = limit > 0 ? std::min(limit, all) : all;
  Bytes patches;
  patches.reserve(static_cast<size_t>(wanted * kPatchBytes));
  for (int64_t patch = 0; patch < all && wanted > 0; ++patch) {
    // Selection sampling: Knuth, 1997, "The art of computer programming", volume 2, 3.4.2,
    // algorithm S.
    const auto left = static_cast<uint64_t>(all - patch);
    if (left > static_cast<uint64_t>(wanted) &&
        random->Below(left) >= static_cast<uint64_t>(wanted)) {
      continue;
    }
    --wanted;
    const int64_t top = patch / across * kPatchRows;
    const int64_t first = patch % across * kPatchColumns;
    for (int64_t row = top; row < top + kPatchRows; ++row) {
      const auto begin = image.samples.begin() + row * image.columns + first;
      patches.insert(patches.end(), begin, begin + kPatchColumns);
    }
  }
  return patches;
}

GrayImage ShiftedForGrid(const GrayImage& image, int index, int count) {
  const int top = kPatchRows * index / count;
  const int left = kPatchColumns * index / count;
  if (image.rows <= top || image.columns <= left) return {};
  GrayImage shifted{image.rows - top, image.columns - left, {}};
  shifted.samples.reserve(static_cast<size_t>(int64_t{shifted.rows} * shifted.columns));
  for (int64_t row = top; row < image.rows; ++row) {
    const auto begin = image.samples.begin() + row * image.columns + left;
    shifted.samples.insert(shifted.samples.end(), begin, begin + shifted.columns);
    if (index % 2 == 1)
      std::reverse(shifted.samples.end() - shifted.columns, shifted.samples.end());
  }
  return shifted;
}

}  // namespace occam
