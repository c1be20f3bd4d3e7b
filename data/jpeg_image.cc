// JPEG through libjpeg-turbo. Its errors leave by longjmp, so the functions that call it hold
// nothing that needs a destructor.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
// jpeglib.h needs the two above.
#include <jerror.h>
#include <jpeglib.h>

#include "data/base/error.h"
#include "data/image.h"

namespace occam {
namespace {

struct JpegErrors {
  jpeg_error_mgr manager;  // first: libjpeg hands out its address
  std::jmp_buf leave;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void OnJpegError(j_common_ptr jpeg) {
  auto* errors = reinterpret_cast<JpegErrors*>(jpeg->err);
  jpeg->err->format_message(jpeg, errors->message);
  std::longjmp(errors->leave, 1);
}

// Level -1 is a warning of corrupt data that libjpeg would fill with something; others are traces.
void OnJpegMessage(j_common_ptr jpeg, int level) {
  if (level < 0) OnJpegError(jpeg);
}

struct JpegReader {
  jpeg_decompress_struct jpeg{};
  JpegErrors errors{};
  JpegReader() {
    jpeg.err = jpeg_std_error(&errors.manager);
    errors.manager.error_exit = OnJpegError;
    errors.manager.emit_message = OnJpegMessage;
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&jpeg); }
};

bool ReadHeader(JpegReader* reader, const uint8_t* data, size_t size) {
  if (setjmp(reader->errors.leave)) return false;
  jpeg_create_decompress(&reader->jpeg);
  jpeg_mem_src(&reader->jpeg, data, static_cast<unsigned long>(size));
  jpeg_read_header(&reader->jpeg, TRUE);
  return true;
}

// Writes gray samples straight into `gray`, others into `row` and their mean into `gray`.
bool ReadRows(JpegReader* reader, uint8_t* row, uint8_t* gray) {
  jpeg_decompress_struct& jpeg = reader->jpeg;
  if (setjmp(reader->errors.leave)) return false;
  const bool is_gray = jpeg.jpeg_color_space == JCS_GRAYSCALE;
  jpeg.out_color_space = is_gray ? JCS_GRAYSCALE : JCS_RGB;
  jpeg.dct_method = JDCT_ISLOW;
  jpeg.do_fancy_upsampling = TRUE;
  jpeg.do_block_smoothing = FALSE;
  jpeg_start_decompress(&jpeg);
  while (jpeg.output_scanline < jpeg.output_height) {
    const size_t columns = jpeg.output_width;
    uint8_t* out = gray + size_t{jpeg.output_scanline} * columns;
    JSAMPROW rows[1] = {is_gray ? out : row};
    jpeg_read_scanlines(&jpeg, rows, 1);
    if (!is_gray) RgbToGray({row, 3 * columns}, {out, columns});
  }
  jpeg_finish_decompress(&jpeg);
  return true;
}

}  // namespace

GrayImage DecodeJpeg(std::span<const uint8_t> file, const std::string& name) {
  JpegReader reader;
  const auto fail = [&] { throw DamagedError(name + ": a broken JPEG: " + reader.errors.message); };
  if (!ReadHeader(&reader, file.data(), file.size())) fail();
  const jpeg_decompress_struct& jpeg = reader.jpeg;
  if (jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK) {
    throw UsageError(name + " is a JPEG of four inks (CMYK); convert it to RGB first");
  }
  CheckImageSize(jpeg.image_height, jpeg.image_width, name);
  GrayImage image{static_cast<int>(jpeg.image_height), static_cast<int>(jpeg.image_width), {}};
  image.samples.resize(static_cast<size_t>(image.rows) * static_cast<size_t>(image.columns));
  Bytes row(3 * static_cast<size_t>(image.columns));
  if (!ReadRows(&reader, row.data(), image.samples.data())) fail();
  return image;
}

}  // namespace occam
