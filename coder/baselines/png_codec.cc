#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <limits>

#include "coder/baselines/classical_codecs.h"
#include "coder/baselines/gray_image.h"

namespace occam {
namespace {

constexpr std::array<uint8_t, 8> kSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
// A filter for all rows, or one a row by the sum of its differences.
constexpr int kFilters[] = {PNG_FILTER_NONE, PNG_FILTER_SUB,   PNG_FILTER_UP,
                            PNG_FILTER_AVG,  PNG_FILTER_PAETH, PNG_ALL_FILTERS};
constexpr int kStrategies[] = {Z_DEFAULT_STRATEGY, Z_FILTERED};
constexpr size_t kMostRows = PNG_UINT_31_MAX;
constexpr size_t kMostInOneChunk = 1u << 30;  // of an IDAT chunk: all of it, as far as that goes

// What libpng's callbacks share. libpng ends by longjmp, so nothing that needs a destructor is
// between it and setjmp, and no exception passes through it.
struct Job {
  png_structp png = nullptr;
  png_infop info = nullptr;
  Bytes* out = nullptr;
  std::span<const uint8_t> in;
};

[[noreturn]] void Fail(png_structp png, png_const_charp) { png_longjmp(png, 1); }
void Ignore(png_structp, png_const_charp) {}

void Append(png_structp png, png_bytep data, size_t size) {
  Bytes& out = *static_cast<Job*>(png_get_io_ptr(png))->out;
  try {
    out.insert(out.end(), data, data + size);
    return;
  } catch (const std::exception&) {
  }
  png_error(png, "no memory");
}

void Flush(png_structp) {}

void Take(png_structp png, png_bytep data, size_t size) {
  std::span<const uint8_t>& in = static_cast<Job*>(png_get_io_ptr(png))->in;
  if (in.size() < size) png_error(png, "the data ends");
  std::copy_n(in.begin(), size, data);
  in = in.subspan(size);
}

bool Encode(Job* job, const uint8_t* pixels, uint32_t rows, int filter, int strategy) {
  if (setjmp(png_jmpbuf(job->png)) != 0) return false;
  png_set_write_fn(job->png, job, Append, Flush);
  png_set_user_limits(job->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_IHDR(job->png, job->info, kGrayWidth, rows, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
  png_set_filter(job->png, PNG_FILTER_TYPE_BASE, filter);
  png_set_compression_level(job->png, 9);
  png_set_compression_mem_level(job->png, 9);
  png_set_compression_strategy(job->png, strategy);
  const size_t bytes = (kGrayWidth + 1) * size_t{rows};
  png_set_compression_buffer_size(job->png, std::min(bytes + bytes / 64 + 64, kMostInOneChunk));
  png_write_info(job->png, job->info);
  for (uint32_t row = 0; row < rows; ++row) png_write_row(job->png, pixels + row * kGrayWidth);
  png_write_end(job->png, nullptr);
  return true;
}

bool Decode(Job* job, uint8_t* pixels, uint32_t rows) {
  if (setjmp(png_jmpbuf(job->png)) != 0) return false;
  png_set_read_fn(job->png, job, Take);
  png_set_user_limits(job->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_read_info(job->png, job->info);
  if (png_get_image_width(job->png, job->info) != kGrayWidth ||
      png_get_image_height(job->png, job->info) != rows ||
      png_get_bit_depth(job->png, job->info) != 8 ||
      png_get_color_type(job->png, job->info) != PNG_COLOR_TYPE_GRAY ||
      png_get_interlace_type(job->png, job->info) != PNG_INTERLACE_NONE)
    return false;
  for (uint32_t row = 0; row < rows; ++row)
    png_read_row(job->png, pixels + row * kGrayWidth, nullptr);
  png_read_end(job->png, nullptr);
  return true;
}

struct Writer : Job {
  Writer() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, Fail, Ignore);
    info = png != nullptr ? png_create_info_struct(png) : nullptr;
    if (info == nullptr) throw CodecFailure("libpng");
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png, &info); }
};

struct Reader : Job {
  Reader() {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, Fail, Ignore);
    info = png != nullptr ? png_create_info_struct(png) : nullptr;
    if (info == nullptr) throw CodecFailure("libpng");
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void PutBigEndian(uint32_t value, Bytes* out) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<uint8_t>(value >> shift));
}

uint32_t BigEndian(std::span<const uint8_t> bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

void PutChunk(const char* type, std::span<const uint8_t> data, Bytes* out) {
  PutBigEndian(static_cast<uint32_t>(data.size()), out);
  const size_t begin = out->size();
  out->insert(out->end(), type, type + 4);
  out->insert(out->end(), data.begin(), data.end());
  const auto size = static_cast<uInt>(out->size() - begin);
  PutBigEndian(static_cast<uint32_t>(crc32(0, out->data() + begin, size)), out);
}

// The data of the IDAT chunks of a file that libpng wrote.
Bytes ImageData(std::span<const uint8_t> file) {
  Bytes data;
  for (size_t at = kSignature.size(); at + 8 <= file.size();) {
    const size_t size = BigEndian(file.subspan(at, 4));
    const auto type = file.subspan(at + 4, 4);
    const auto chunk = file.subspan(at + 8, size);
    if (std::equal(type.begin(), type.end(), "IDAT"))
      data.insert(data.end(), chunk.begin(), chunk.end());
    at += 8 + size + 4;
  }
  return data;
}

Bytes FileAround(std::span<const uint8_t> data, uint32_t rows) {
  Bytes header;
  PutBigEndian(kGrayWidth, &header);
  PutBigEndian(rows, &header);
  header.insert(header.end(), {8, PNG_COLOR_TYPE_GRAY, 0, 0, 0});
  Bytes file(kSignature.begin(), kSignature.end());
  PutChunk("IHDR", header, &file);
  for (size_t begin = 0; begin < data.size(); begin += kMostInOneChunk)
    PutChunk("IDAT", data.subspan(begin, std::min(kMostInOneChunk, data.size() - begin)), &file);
  PutChunk("IEND", {}, &file);
  return file;
}

Bytes EncodePng(std::span<const uint8_t> pixels, size_t rows) {
  Bytes best;
  for (const int filter : kFilters) {
    for (const int strategy : kStrategies) {
      Bytes file;
      Writer writer;
      writer.out = &file;
      if (!Encode(&writer, pixels.data(), static_cast<uint32_t>(rows), filter, strategy))
        throw CodecFailure("libpng");
      if (best.empty() || file.size() < best.size()) best = std::move(file);
    }
  }
  return best;
}

class Png final : public ClassicalCodec {
 public:
  CodecFacts facts() const override {
    return {.name = "png",
            .maker = std::string("libpng ") + png_get_libpng_ver(nullptr),
            .setting = "level 9, the smallest of 6 filters and 2 strategies",
            .sees = kGrayRule,
            .removed = "all but the data of IDAT chunks, 57 bytes of an image",
            .missing = ""};
  }

  Bytes Compress(std::span<const uint8_t> original, Form form) const override {
    if (GrayRows(original.size()) > kMostRows) throw UsageError("PNG cannot take so many bytes");
    const Bytes file = EncodePng(GrayPixels(original), GrayRows(original.size()));
    return form == Form::kFile ? file : ImageData(file);
  }

  Bytes Decompress(std::span<const uint8_t> compressed, size_t original_bytes,
                   Form form) const override {
    const auto rows = static_cast<uint32_t>(GrayRows(original_bytes));
    const Bytes rebuilt = form == Form::kBare ? FileAround(compressed, rows) : Bytes{};
    Bytes pixels(rows * kGrayWidth);
    Reader reader;
    reader.in = form == Form::kBare ? rebuilt : compressed;
    if (!Decode(&reader, pixels.data(), rows)) throw CodecFailure("libpng");
    pixels.resize(original_bytes);
    return pixels;
  }
};

}  // namespace

std::unique_ptr<ClassicalCodec> PngCodec() { return std::make_unique<Png>(); }

}  // namespace occam
