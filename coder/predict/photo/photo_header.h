// Finds where the pixels of a file lie, by its header: portable graymaps and pixmaps (PGM,
// PPM), Windows bitmaps (BMP) and TIFF, uncompressed, a byte a channel.
#ifndef OCCAM_CODER_PREDICT_PHOTO_PHOTO_HEADER_H_
#define OCCAM_CODER_PREDICT_PHOTO_PHOTO_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "coder/predict/photo/photo_layout.h"

namespace occam {

// The rows of a whole file. What lies between, before and behind them are other bytes. A file may
// have fewer bytes than its header promises.
struct PhotoFile {
  uint64_t first = 0;     // the byte where the first row begins
  uint64_t rows = 0;      // kAllRows: as many as there are
  uint32_t width = 0;     // pixels of a row
  uint32_t channels = 0;  // bytes of a pixel
  uint32_t stride = 0;    // bytes from one row to the next
  bool operator==(const PhotoFile&) const = default;
};
constexpr uint64_t kAllRows = UINT64_MAX;

// Returns whether a file whose first kPhotoMagicBytes are these may be of one of these formats.
constexpr size_t kPhotoMagicBytes = 2;
bool MayBePhoto(std::span<const uint8_t> first_bytes);

// Returns what the first bytes of a file tell; of a TIFF file they hold all of the directory.
// Nothing where they are of no such format, where a pixel has another form, or a row is too wide.
std::optional<PhotoFile> FindPhoto(std::span<const uint8_t> first_bytes);

// Returns pixels without a header. Throws kUsage unless there is a pixel in a row, there are 1 .. 4
// channels, and a segment has room for a row.
PhotoFile RawPhoto(uint32_t width, uint32_t channels);

// Returns the rows that lie whole in the bytes [begin, begin + size) of the file, as a layout of
// these bytes; nothing where there are none.
std::optional<PhotoLayout> LayoutOf(const PhotoFile& photo, uint64_t begin, uint64_t size);

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_PHOTO_HEADER_H_
