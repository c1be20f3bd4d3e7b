#include <webp/decode.h>
#include <webp/encode.h>

#include <algorithm>
#include <array>

#include "coder/baselines/classical_codecs.h"
#include "coder/baselines/gray_image.h"
#include "data/base/byte_order.h"
#include "data/base/format.h"

namespace occam {
namespace {

constexpr size_t kMostRows = 511 * 32;  // whole patches; the format ends at 16,383
constexpr std::array<uint8_t, 4> kRiff = {'R', 'I', 'F', 'F'};
constexpr std::array<uint8_t, 8> kWebpLossless = {'W', 'E', 'B', 'P', 'V', 'P', '8', 'L'};
// RIFF and size, WEBP, VP8L and size; then the payload, its signature and dimensions first.
constexpr size_t kContainerBytes = 20;
constexpr size_t kPayloadHeaderBytes = 5;
constexpr uint8_t kSignature = 0x2f;
constexpr uint32_t kDimensionBits = 14;

struct Picture : WebPPicture {
  Picture() : WebPPicture() {
    if (WebPPictureInit(this) == 0) throw CodecFailure("libwebp");
  }
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;
  ~Picture() { WebPPictureFree(this); }
};

struct Memory : WebPMemoryWriter {
  Memory() : WebPMemoryWriter() { WebPMemoryWriterInit(this); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { WebPMemoryWriterClear(this); }
};

Bytes EncodeWebp(std::span<const uint8_t> pixels, size_t rows) {
  WebPConfig config;
  constexpr int kStrongest = 9;
  if (WebPConfigInit(&config) == 0 || WebPConfigLosslessPreset(&config, kStrongest) == 0)
    throw CodecFailure("libwebp");
  config.exact = 1;
  Memory memory;
  Picture picture;
  picture.use_argb = 1;
  picture.width = kGrayWidth;
  picture.height = static_cast<int>(rows);
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = static_cast<WebPMemoryWriter*>(&memory);
  if (WebPPictureAlloc(&picture) == 0) throw CodecFailure("libwebp");
  for (size_t row = 0; row < rows; ++row) {
    for (size_t x = 0; x < kGrayWidth; ++x) {
      const uint32_t gray = pixels[row * kGrayWidth + x];
      picture.argb[row * static_cast<size_t>(picture.argb_stride) + x] =
          0xff000000u | gray << 16 | gray << 8 | gray;
    }
  }
  if (WebPEncode(&config, &picture) == 0) throw CodecFailure("libwebp");
  return {memory.mem, memory.mem + memory.size};
}

// The payload is filled up to an even number of bytes; its size is that before.
Bytes Bare(std::span<const uint8_t> file) {
  ByteReader size(file.subspan(kContainerBytes - 4, 4), "libwebp's file");
  const auto payload = file.subspan(kContainerBytes, size.Get<uint32_t>());
  return {payload.begin() + kPayloadHeaderBytes, payload.end()};
}

Bytes FileAround(std::span<const uint8_t> bare, size_t rows) {
  const size_t payload = kPayloadHeaderBytes + bare.size();
  const size_t padding = payload % 2;
  ByteWriter file;
  file.PutBytes(kRiff);
  file.Put(static_cast<uint32_t>(kContainerBytes - 8 + payload + padding));
  file.PutBytes(kWebpLossless);
  file.Put(static_cast<uint32_t>(payload));
  file.Put(kSignature);
  file.Put(static_cast<uint32_t>(kGrayWidth - 1) | static_cast<uint32_t>(rows - 1)
                                                       << kDimensionBits);
  file.PutBytes(bare);
  if (padding > 0) file.Put(uint8_t{0});
  return file.Take();
}

Bytes DecodeWebp(std::span<const uint8_t> file, size_t rows) {
  int width = 0;
  int height = 0;
  const std::unique_ptr<uint8_t, void (*)(void*)> argb(
      WebPDecodeARGB(file.data(), file.size(), &width, &height), &WebPFree);
  if (argb == nullptr || width != static_cast<int>(kGrayWidth) || height != static_cast<int>(rows))
    throw CodecFailure("libwebp");
  Bytes pixels(rows * kGrayWidth);
  for (size_t i = 0; i < pixels.size(); ++i) {
    const uint8_t* pixel = argb.get() + 4 * i;
    if (pixel[0] != 0xff || pixel[1] != pixel[2] || pixel[2] != pixel[3])
      throw CodecFailure("libwebp");
    pixels[i] = pixel[1];
  }
  return pixels;
}

class Webp final : public ClassicalCodec {
 public:
  CodecFacts facts() const override {
    const int version = WebPGetEncoderVersion();  // 8 bits each
    return {.name = "webp",
            .maker = fmt::format("libwebp {}.{}.{}", version >> 16, (version >> 8) & 0xff,
                                 version & 0xff),
            .setting = "lossless, preset 9",
            .sees = fmt::format("{}, one for each {} rows", kGrayRule, kMostRows),
            .removed = "the RIFF container, signature and dimensions, 25 bytes of an image",
            .missing = ""};
  }

  Bytes Compress(std::span<const uint8_t> original, Form form) const override {
    return EncodeStrips(original, kMostRows, [&](std::span<const uint8_t> pixels, size_t rows) {
      const Bytes file = EncodeWebp(pixels, rows);
      return form == Form::kFile ? file : Bare(file);
    });
  }

  Bytes Decompress(std::span<const uint8_t> compressed, size_t original_bytes,
                   Form form) const override {
    return DecodeStrips(compressed, original_bytes, kMostRows,
                        [&](std::span<const uint8_t> image, size_t rows) {
                          return form == Form::kFile ? DecodeWebp(image, rows)
                                                     : DecodeWebp(FileAround(image, rows), rows);
                        });
  }
};

}  // namespace

std::unique_ptr<ClassicalCodec> WebpCodec() { return std::make_unique<Webp>(); }

}  // namespace occam
