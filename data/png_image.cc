// PNG through libpng. Its errors arrive by longjmp, so the functions that call it hold nothing that
// needs a destructor.
#include <png.h>

#include <csetjmp>
#include <cstring>

#include "data/base/error.h"
#include "data/image.h"

namespace occam {
namespace {

// What libpng reads from, and what it last complained of.
struct PngInput {
  std::span<const uint8_t> rest;
  char message[128] = "";
};

void ReadPng(png_structp png, png_bytep out, size_t size) {
  auto* input = static_cast<PngInput*>(png_get_io_ptr(png));
  if (size > input->rest.size()) png_error(png, "the file ends early");
  std::memcpy(out, input->rest.data(), size);
  input->rest = input->rest.subspan(size);
}

[[noreturn]] void OnPngError(png_structp png, png_const_charp message) {
  auto* input = static_cast<PngInput*>(png_get_error_ptr(png));
  std::strncpy(input->message, message, sizeof(input->message) - 1);
  png_longjmp(png, 1);
}

// Of profiles, texts and the like: nothing that changes samples.
void OnPngWarning(png_structp, png_const_charp) {}

// Frees what libpng holds.
struct PngReader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

// Everything becomes 8 bits a sample, gray or RGB.
bool ReadHeader(png_structp png, png_infop info) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_read_info(png, info);
  const auto color = png_get_color_type(png, info);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (color == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, info) < 8) {
    png_set_expand_gray_1_2_4_to_8(png);
  }
  if (png_get_bit_depth(png, info) == 16) png_set_scale_16(png);
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  return true;
}

bool ReadRows(png_structp png, png_bytep* rows) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_read_image(png, rows);
  png_read_end(png, nullptr);
  return true;
}

}  // namespace

GrayImage DecodePng(std::span<const uint8_t> file, const std::string& name) {
  PngInput input{file};
  PngReader reader;
  const auto fail = [&] { throw DamagedError(name + ": a broken PNG: " + input.message); };
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, OnPngError, OnPngWarning);
  if (reader.png != nullptr) reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) throw IoError(name + ": no memory for libpng");
  png_set_read_fn(reader.png, &input, ReadPng);
  if (!ReadHeader(reader.png, reader.info)) fail();

  const int64_t rows = png_get_image_height(reader.png, reader.info);
  const int64_t columns = png_get_image_width(reader.png, reader.info);
  CheckImageSize(rows, columns, name);
  const size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  Bytes samples(static_cast<size_t>(rows) * row_bytes);
  std::vector<png_bytep> pointers;
  for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
    pointers.push_back(samples.data() + row * row_bytes);
  }
  if (!ReadRows(reader.png, pointers.data())) fail();

  GrayImage image{static_cast<int>(rows), static_cast<int>(columns), {}};
  if (png_get_channels(reader.png, reader.info) == 1) {
    image.samples = std::move(samples);
  } else {
    image.samples.resize(samples.size() / 3);
    RgbToGray(samples, image.samples);
  }
  return image;
}

}  // namespace occam
