#include <brotli/decode.h>
#include <brotli/encode.h>

#include "coder/baselines/classical_codecs.h"
#include "data/base/format.h"

namespace occam {
namespace {

class Brotli final : public ClassicalCodec {
 public:
  CodecFacts facts() const override {
    const uint32_t version = BrotliEncoderVersion();  // 8, 12 and 12 bits
    return {.name = "brotli",
            .maker = fmt::format("libbrotli {}.{}.{}", version >> 24, (version >> 12) & 0xfff,
                                 version & 0xfff),
            .setting = "quality 11, window of 16 MB, its built-in dictionary of 122 KB",
            .sees = "bytes",
            .removed = "nothing: it has no headers",
            .missing = ""};
  }

  Bytes Compress(std::span<const uint8_t> original, Form) const override {
    size_t size = BrotliEncoderMaxCompressedSize(original.size());
    if (size == 0) throw UsageError("brotli cannot take so many bytes");
    Bytes out(size);
    if (BrotliEncoderCompress(BROTLI_MAX_QUALITY, BROTLI_MAX_WINDOW_BITS, BROTLI_MODE_GENERIC,
                              original.size(), original.data(), &size, out.data()) == BROTLI_FALSE)
      throw CodecFailure("libbrotli");
    out.resize(size);
    return out;
  }

  Bytes Decompress(std::span<const uint8_t> compressed, size_t original_bytes,
                   Form) const override {
    Bytes out(original_bytes + 1);
    size_t size = out.size();
    if (BrotliDecoderDecompress(compressed.size(), compressed.data(), &size, out.data()) !=
        BROTLI_DECODER_RESULT_SUCCESS)
      throw CodecFailure("libbrotli");
    out.resize(size);
    return out;
  }
};

}  // namespace

std::unique_ptr<ClassicalCodec> BrotliCodec() { return std::make_unique<Brotli>(); }

}  // namespace occam
