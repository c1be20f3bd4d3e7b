// Images and sounds as files in memory, through the libraries that read them, too.
#ifndef OCCAM_TESTS_DATA_IMAGE_FILES_H_
#define OCCAM_TESTS_DATA_IMAGE_FILES_H_

#include <cstdint>
#include <string>

#include "data/base/file.h"

namespace occam {

struct PngLayout {
  int rows = 0;
  int columns = 0;
  int bit_depth = 8;
  int color_type = 0;  // PNG_COLOR_TYPE_*
  bool interlaced = false;
};
// `rows_bytes`: the rows as libpng takes them, one after the other; 16-bit samples big-endian. A
// palette is the gray ramp 0, 1, 2, ... times 10 in red, twice that in green, 0 in blue.
Bytes PngFile(const PngLayout& layout, const Bytes& rows_bytes);

// channels: 1 gray, 3 RGB, 4 CMYK. samples [rows, columns, channels].
Bytes JpegFile(int rows, int columns, int channels, const Bytes& samples, int quality);

// Binary where kind is P5 or P6, else a text; one byte a sample.
Bytes PnmFile(const std::string& kind, int rows, int columns, const Bytes& samples);

// `format` is SF_FORMAT_* of libsndfile; samples of 16 bits, interleaved.
Bytes SoundFile(int format, int sample_rate_hz, int channels, const std::vector<int16_t>& samples);

}  // namespace occam

#endif  // OCCAM_TESTS_DATA_IMAGE_FILES_H_
