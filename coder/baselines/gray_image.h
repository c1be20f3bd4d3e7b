// The one rule by which bytes become images: 8-bit grey pixels in rows of 64, so that 2048 bytes
// are a patch of 32 rows. The last row is filled up with zeros; no bytes at all are one row of
// zeros.
#ifndef OCCAM_CODER_BASELINES_GRAY_IMAGE_H_
#define OCCAM_CODER_BASELINES_GRAY_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "data/base/file.h"

namespace occam {

constexpr size_t kGrayWidth = 64;
constexpr char kGrayRule[] = "8-bit grey image, rows of 64";

size_t GrayRows(size_t bytes);
Bytes GrayPixels(std::span<const uint8_t> bytes);  // [GrayRows][kGrayWidth]

// Makes images of at most `most_rows`, one after the other, for formats that bound the height. Each
// but the last has its size before it, 4 bytes. So a single image stays what it is.
Bytes EncodeStrips(
    std::span<const uint8_t> bytes, size_t most_rows,
    const std::function<Bytes(std::span<const uint8_t> pixels, size_t rows)>& encode);
// Reverses that; `decode` gives the pixels of an image of `rows`. Throws kInternal on what
// EncodeStrips does not give, as on a wrong number of pixels.
Bytes DecodeStrips(std::span<const uint8_t> coded, size_t original_bytes, size_t most_rows,
                   const std::function<Bytes(std::span<const uint8_t> image, size_t rows)>& decode);

}  // namespace occam

#endif  // OCCAM_CODER_BASELINES_GRAY_IMAGE_H_
