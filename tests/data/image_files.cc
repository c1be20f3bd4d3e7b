#include "tests/data/image_files.h"

#include <png.h>
#include <sndfile.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
// jpeglib.h needs cstdio.
#include <jpeglib.h>

#include "tests/temporary_folder.h"

namespace occam {

Bytes PngFile(const PngLayout& layout, const Bytes& rows_bytes) {
  Bytes file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp writer, png_bytep data, size_t size) {
        auto* out = static_cast<Bytes*>(png_get_io_ptr(writer));
        out->insert(out->end(), data, data + size);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(layout.columns),
               static_cast<png_uint_32>(layout.rows), layout.bit_depth, layout.color_type,
               layout.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (layout.color_type == PNG_COLOR_TYPE_PALETTE) {
    png_color palette[12];
    for (int i = 0; i < 12; ++i) {
      palette[i] = {static_cast<png_byte>(10 * i), static_cast<png_byte>(20 * i), 0};
    }
    png_set_PLTE(png, info, palette, 12);
  }
  const size_t row_bytes = rows_bytes.size() / static_cast<size_t>(layout.rows);
  Bytes copy = rows_bytes;
  std::vector<png_bytep> rows;
  for (size_t row = 0; row < static_cast<size_t>(layout.rows); ++row) {
    rows.push_back(copy.data() + row * row_bytes);
  }
  png_set_rows(png, info, rows.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return file;
}

Bytes JpegFile(int rows, int columns, int channels, const Bytes& samples, int quality) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_height = static_cast<JDIMENSION>(rows);
  jpeg.image_width = static_cast<JDIMENSION>(columns);
  jpeg.input_components = channels;
  jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  Bytes copy = samples;
  for (int row = 0; row < rows; ++row) {
    JSAMPROW pointer = copy.data() + static_cast<size_t>(row * columns * channels);
    jpeg_write_scanlines(&jpeg, &pointer, 1);
  }
  jpeg_finish_compress(&jpeg);
  const Bytes file(memory, memory + size);
  jpeg_destroy_compress(&jpeg);
  std::free(memory);
  return file;
}

Bytes PnmFile(const std::string& kind, int rows, int columns, const Bytes& samples) {
  std::string text =
      kind + "\n# a comment\n" + std::to_string(columns) + " " + std::to_string(rows) + "\n255\n";
  const bool is_binary = kind == "P5" || kind == "P6";
  if (!is_binary) {
    for (const uint8_t sample : samples) text += std::to_string(sample) + "\n";
  }
  Bytes file(text.begin(), text.end());
  if (is_binary) file.insert(file.end(), samples.begin(), samples.end());
  return file;
}

Bytes SoundFile(int format, int sample_rate_hz, int channels, const std::vector<int16_t>& samples) {
  const TemporaryFolder folder;
  SF_INFO info{};
  info.format = format;
  info.samplerate = sample_rate_hz;
  info.channels = channels;
  const std::string path = folder / "sound";
  SNDFILE* sound = sf_open(path.c_str(), SFM_WRITE, &info);
  if (sound == nullptr) throw std::runtime_error(sf_strerror(nullptr));
  sf_write_short(sound, samples.data(), static_cast<sf_count_t>(samples.size()));
  sf_close(sound);
  return ReadFile(path);
}

}  // namespace occam
