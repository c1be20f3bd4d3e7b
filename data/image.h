// Photographs as 8-bit grayscale, whatever file they come in.
//
// Gray is the mean of the three channels, rounded down: (R + G + B) / 3 in integers, as Deletang et
// al. (2024, "Language modeling is compression") do. Samples of more or fewer than 8 bits become 8
// by rounding. Transparency, gamma, colour profiles and the orientation that a camera noted are not
// looked at: the samples count as they are stored.
#ifndef OCCAM_DATA_IMAGE_H_
#define OCCAM_DATA_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "data/base/file.h"

namespace occam {

struct GrayImage {
  int rows = 0;
  int columns = 0;
  Bytes samples;  // [rows, columns], row-major; 0 is black
};

// Larger images are refused: what a file claims is not allocated for unchecked.
constexpr int64_t kMaxImagePixels = 100'000'000;

// Tells PNG, JPEG and PNM (P2, P3, P5, P6) apart by their first bytes. `name` is for messages.
// Throws kDamaged (truncated, broken, none of these), kUsage (larger than kMaxImagePixels; a JPEG
// of four inks, which has no agreed gray; a PNM bitmap or array).
GrayImage DecodeImage(std::span<const uint8_t> file, const std::string& name);

// The formats; to be called through DecodeImage. libpng, with the chunks' checksums checked;
GrayImage DecodePng(std::span<const uint8_t> file, const std::string& name);
// libjpeg-turbo, with the accurate integer transform, whose result is the same bits with and
// without vector instructions; whatever libjpeg would only warn of is damage;
GrayImage DecodeJpeg(std::span<const uint8_t> file, const std::string& name);
// The reader of PNM is our own.
GrayImage DecodePnm(std::span<const uint8_t> file, const std::string& name);

// Checks a size for decoders: throws kUsage where an image is too large, kDamaged where it has no
// pixel.
void CheckImageSize(int64_t rows, int64_t columns, const std::string& name);

// rgb [pixels, 3] -> gray [pixels].
inline void RgbToGray(std::span<const uint8_t> rgb, std::span<uint8_t> gray) {
  for (size_t i = 0; i < gray.size(); ++i) {
    gray[i] = static_cast<uint8_t>((rgb[3 * i] + rgb[3 * i + 1] + rgb[3 * i + 2]) / 3);
  }
}

}  // namespace occam

#endif  // OCCAM_DATA_IMAGE_H_
