// The place of whole rows of pixels among the bytes of a segment.
#ifndef OCCAM_CODER_PREDICT_PHOTO_PHOTO_LAYOUT_H_
#define OCCAM_CODER_PREDICT_PHOTO_PHOTO_LAYOUT_H_

#include <cstddef>
#include <cstdint>

namespace occam {

constexpr uint32_t kMostChannels = 4;
constexpr uint32_t kMostPhotoWidth = 1u << 16;  // bounds the memory of a row
// Narrower photographs have at most so many rows: what surrounds them is larger than they are.
constexpr uint32_t kNarrowWidth = 8;
constexpr uint32_t kMostNarrowRows = 4096;

// Smaller photographs are not looked at as blocks: those have eight pixels a side, and may begin
// before the photograph.
constexpr uint32_t kLeastBlockSide = 32;

// The byte of channel c of the pixel (x, y) is `first` + y * `stride` + x * `channels` + c.
struct PhotoLayout {
  uint32_t first = 0;
  uint32_t rows = 0;
  uint32_t width = 0;
  uint32_t channels = 0;
  uint32_t stride = 0;

  // Returns whether all rows lie apart from each other, and all within so many bytes.
  bool Fits(uint64_t bytes) const {
    if (channels < 1 || channels > kMostChannels || width < 1 || rows < 1) return false;
    if (width > kMostPhotoWidth || (width < kNarrowWidth && rows > kMostNarrowRows)) return false;
    const uint64_t row = uint64_t{width} * channels;
    return row <= stride && first + uint64_t{rows - 1} * stride + row <= bytes;
  }
  bool operator==(const PhotoLayout&) const = default;
};

// Returns whether a photograph may be coded as blocks.
inline bool MayBeBlocks(const PhotoLayout& layout) {
  return (layout.channels == 1 || layout.channels == 3) && layout.width >= kLeastBlockSide &&
         layout.rows >= kLeastBlockSide;
}

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_PHOTO_LAYOUT_H_
