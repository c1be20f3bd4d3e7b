#include "coder/predict/photo/photo_header.h"

#include <algorithm>
#include <array>

#include "data/base/error.h"

namespace occam {
namespace {

constexpr uint32_t kMostStride = 1u << 24;  // a segment has no more bytes

// Bytes of a header; beyond its end there is nothing to read, and `failed` is set.
class Header {
 public:
  explicit Header(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  bool failed() const { return failed_; }
  // An unsigned number of so many bytes.
  uint64_t Number(uint64_t position, size_t size, bool big_endian = false) {
    if (position > bytes_.size() || size > bytes_.size() - position) {
      failed_ = true;
      return 0;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < size; ++i)
      number = number << 8 | bytes_[position + (big_endian ? i : size - 1 - i)];
    return number;
  }

 private:
  std::span<const uint8_t> bytes_;
  bool failed_ = false;
};

std::optional<PhotoFile> Checked(uint64_t first, uint64_t rows, uint64_t width, uint64_t channels,
                                 uint64_t stride) {
  if (width < 1 || rows < 1 || channels < 1 || channels > kMostChannels) return std::nullopt;
  if (width > kMostPhotoWidth || stride > kMostStride || width * channels > stride)
    return std::nullopt;
  return PhotoFile{first, rows, static_cast<uint32_t>(width), static_cast<uint32_t>(channels),
                   static_cast<uint32_t>(stride)};
}

// ---- PGM and PPM -------------------------------------------------------------------------------

bool IsSpace(uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// Reads a number after space and comments; nothing where there is none that fits.
std::optional<uint64_t> NextNumber(std::span<const uint8_t> bytes, size_t* position) {
  size_t& i = *position;
  const size_t begin = i;
  while (i < bytes.size() && (IsSpace(bytes[i]) || bytes[i] == '#')) {
    if (bytes[i] == '#') {
      while (i < bytes.size() && bytes[i] != '\n' && bytes[i] != '\r') ++i;
    } else {
      ++i;
    }
  }
  if (i == begin) return std::nullopt;
  uint64_t number = 0;
  size_t digits = 0;
  for (; i < bytes.size() && bytes[i] >= '0' && bytes[i] <= '9'; ++i, ++digits) {
    if (digits == 10) return std::nullopt;
    number = number * 10 + (bytes[i] - '0');
  }
  if (digits == 0) return std::nullopt;
  return number;
}

std::optional<PhotoFile> FindPortable(std::span<const uint8_t> bytes) {
  if (bytes.size() < 2 || bytes[0] != 'P' || (bytes[1] != '5' && bytes[1] != '6'))
    return std::nullopt;
  size_t position = 2;
  const auto width = NextNumber(bytes, &position);
  const auto rows = NextNumber(bytes, &position);
  const auto most = NextNumber(bytes, &position);
  if (!width || !rows || !most || *most < 1 || *most > 255) return std::nullopt;
  if (position >= bytes.size() || !IsSpace(bytes[position])) return std::nullopt;
  const uint64_t channels = bytes[1] == '6' ? 3 : 1;
  return Checked(position + 1, *rows, *width, channels, *width * channels);
}

// ---- BMP ---------------------------------------------------------------------------------------

std::optional<PhotoFile> FindBitmap(std::span<const uint8_t> bytes) {
  Header in(bytes);
  if (in.Number(0, 2) != 0x4d42) return std::nullopt;  // BM
  const uint64_t first = in.Number(10, 4);
  const uint64_t width = in.Number(18, 4);
  const auto height = static_cast<int32_t>(in.Number(22, 4));  // negative: from top to bottom
  const uint64_t bits = in.Number(28, 2);
  const uint64_t compression = in.Number(30, 4);
  if (in.failed() || in.Number(14, 4) < 40 || bits % 8 != 0) return std::nullopt;
  // 3: with masks of colours, which only pixels of four bytes have here.
  if (compression != 0 && !(compression == 3 && bits == 32)) return std::nullopt;
  const int64_t rows = height < 0 ? -int64_t{height} : height;
  return Checked(first, static_cast<uint64_t>(rows), width, bits / 8,
                 (width * bits / 8 + 3) / 4 * 4);
}

// ---- TIFF --------------------------------------------------------------------------------------

// A field of the first directory: its values, as many as are given.
struct Tags {
  uint64_t width = 0;
  uint64_t rows = 0;
  uint64_t channels = 1;
  uint64_t compression = 1;
  uint64_t planar = 1;
  uint64_t rows_of_strip = UINT32_MAX;
  bool has_bytes = false;  // 8 bits a channel
  std::optional<uint64_t> first;
};

class TiffReader {
 public:
  explicit TiffReader(std::span<const uint8_t> bytes) : in_(bytes), big_(bytes[0] == 'M') {}

  std::optional<PhotoFile> Read() {
    const uint64_t directory = in_.Number(4, 4, big_);
    const uint64_t entries = in_.Number(directory, 2, big_);
    for (uint64_t i = 0; i < entries && !in_.failed(); ++i) {
      const uint64_t entry = directory + 2 + 12 * i;
      if (!ReadEntry(entry)) return std::nullopt;
    }
    if (in_.failed() || !tags_.first || !tags_.has_bytes) return std::nullopt;
    if (tags_.compression != 1 || (tags_.planar != 1 && tags_.channels > 1)) return std::nullopt;
    if (!StripsAreNeighbours()) return std::nullopt;
    return Checked(*tags_.first, tags_.rows, tags_.width, tags_.channels,
                   tags_.width * tags_.channels);
  }

 private:
  // Value i of a field of 16 or 32 bits, which stands in the entry or where this says.
  uint64_t Value(uint64_t entry, uint64_t i) {
    const uint64_t type = in_.Number(entry + 2, 2, big_);
    const uint64_t count = in_.Number(entry + 4, 4, big_);
    const size_t size = type == 3 ? 2 : 4;
    const uint64_t place = count * size <= 4 ? entry + 8 : in_.Number(entry + 8, 4, big_);
    return in_.Number(place + i * size, size, big_);
  }
  uint64_t Count(uint64_t entry) { return in_.Number(entry + 4, 4, big_); }

  bool ReadEntry(uint64_t entry) {
    switch (in_.Number(entry, 2, big_)) {
      case 256:
        tags_.width = Value(entry, 0);
        break;
      case 257:
        tags_.rows = Value(entry, 0);
        break;
      case 258:
        for (uint64_t i = 0; i < std::min<uint64_t>(Count(entry), kMostChannels); ++i)
          if (Value(entry, i) != 8) return false;
        tags_.has_bytes = true;
        break;
      case 259:
        tags_.compression = Value(entry, 0);
        break;
      case 273:
        strips_ = entry;
        tags_.first = Value(entry, 0);
        break;
      case 277:
        tags_.channels = Value(entry, 0);
        break;
      case 278:
        tags_.rows_of_strip = Value(entry, 0);
        break;
      case 284:
        tags_.planar = Value(entry, 0);
        break;
      case 322:  // tiles
        return false;
      default:
        break;
    }
    return true;
  }

  // Whether each strip begins where the one before ends.
  bool StripsAreNeighbours() {
    const uint64_t count = Count(strips_);
    const uint64_t bytes = tags_.rows_of_strip * tags_.width * tags_.channels;
    for (uint64_t i = 1; i < count; ++i) {
      if (Value(strips_, i) != *tags_.first + i * bytes || in_.failed()) return false;
    }
    return true;
  }

  Header in_;
  bool big_;
  uint64_t strips_ = 0;
  Tags tags_;
};

std::optional<PhotoFile> FindTiff(std::span<const uint8_t> bytes) {
  constexpr std::array<uint8_t, 4> kLittle = {'I', 'I', 42, 0};
  constexpr std::array<uint8_t, 4> kBig = {'M', 'M', 0, 42};
  if (bytes.size() < 8) return std::nullopt;
  const auto magic = bytes.first(4);
  if (!std::ranges::equal(magic, kLittle) && !std::ranges::equal(magic, kBig)) return std::nullopt;
  return TiffReader(bytes).Read();
}

}  // namespace

bool MayBePhoto(std::span<const uint8_t> first_bytes) {
  if (first_bytes.size() < 2) return false;
  const auto is = [&](char a, char b) { return first_bytes[0] == a && first_bytes[1] == b; };
  return is('P', '5') || is('P', '6') || is('B', 'M') || is('I', 'I') || is('M', 'M');
}

std::optional<PhotoFile> FindPhoto(std::span<const uint8_t> first_bytes) {
  if (const auto photo = FindPortable(first_bytes)) return photo;
  if (const auto photo = FindBitmap(first_bytes)) return photo;
  return FindTiff(first_bytes);
}

PhotoFile RawPhoto(uint32_t width, uint32_t channels) {
  const auto photo = Checked(0, kAllRows, width, channels, uint64_t{width} * channels);
  if (!photo) {
    throw UsageError("raw pixels have 1 .. 4 channels, and rows of 1 .. 65536 pixels");
  }
  return *photo;
}

std::optional<PhotoLayout> LayoutOf(const PhotoFile& photo, uint64_t begin, uint64_t size) {
  const uint64_t row = uint64_t{photo.width} * photo.channels;
  const uint64_t end = begin + size;
  if (size < row || photo.first > end - row) return std::nullopt;
  // The first row that begins in here, and the last one that ends in here.
  const uint64_t before = begin > photo.first ? begin - photo.first : 0;
  const uint64_t first_row = (before + photo.stride - 1) / photo.stride;
  const uint64_t last_row = (end - row - photo.first) / photo.stride;
  const uint64_t rows_end = std::min(photo.rows, last_row + 1);
  if (first_row >= rows_end) return std::nullopt;
  const PhotoLayout layout{static_cast<uint32_t>(photo.first + first_row * photo.stride - begin),
                           static_cast<uint32_t>(rows_end - first_row), photo.width, photo.channels,
                           photo.stride};
  if (!layout.Fits(size)) return std::nullopt;  // narrow, and too high
  return layout;
}

}  // namespace occam
