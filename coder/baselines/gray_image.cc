#include "coder/baselines/gray_image.h"

#include <algorithm>
#include <limits>

#include "coder/baselines/classical_codec.h"
#include "data/base/byte_order.h"

namespace occam {

size_t GrayRows(size_t bytes) { return std::max<size_t>(1, (bytes + kGrayWidth - 1) / kGrayWidth); }

Bytes GrayPixels(std::span<const uint8_t> bytes) {
  Bytes pixels(bytes.begin(), bytes.end());
  pixels.resize(GrayRows(bytes.size()) * kGrayWidth);
  return pixels;
}

Bytes EncodeStrips(
    std::span<const uint8_t> bytes, size_t most_rows,
    const std::function<Bytes(std::span<const uint8_t> pixels, size_t rows)>& encode) {
  const Bytes pixels = GrayPixels(bytes);
  const size_t rows = GrayRows(bytes.size());
  Bytes coded;
  for (size_t row = 0; row < rows; row += most_rows) {
    const size_t count = std::min(most_rows, rows - row);
    const Bytes image =
        encode(std::span(pixels).subspan(row * kGrayWidth, count * kGrayWidth), count);
    if (row + count < rows) {
      if (image.size() > std::numeric_limits<uint32_t>::max())
        throw CodecFailure("an image of more than 4 GB");
      ByteWriter size;
      size.Put(static_cast<uint32_t>(image.size()));
      coded.insert(coded.end(), size.bytes().begin(), size.bytes().end());
    }
    coded.insert(coded.end(), image.begin(), image.end());
  }
  return coded;
}

Bytes DecodeStrips(
    std::span<const uint8_t> coded, size_t original_bytes, size_t most_rows,
    const std::function<Bytes(std::span<const uint8_t> image, size_t rows)>& decode) {
  const size_t rows = GrayRows(original_bytes);
  ByteReader in(coded, "a strip of an image");
  Bytes original;
  for (size_t row = 0; row < rows; row += most_rows) {
    const size_t count = std::min(most_rows, rows - row);
    size_t size = in.remaining();
    if (row + count < rows) {
      if (size < sizeof(uint32_t)) throw CodecFailure(in.name());
      size = in.Get<uint32_t>();
      if (size > in.remaining()) throw CodecFailure(in.name());
    }
    const Bytes pixels = decode(in.GetBytes(size), count);
    if (pixels.size() != count * kGrayWidth) throw CodecFailure("the size of an image");
    original.insert(original.end(), pixels.begin(), pixels.end());
  }
  original.resize(original_bytes);
  return original;
}

}  // namespace occam
