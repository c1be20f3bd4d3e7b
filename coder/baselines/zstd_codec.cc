#include <zstd.h>

#include <algorithm>
#include <array>

#include "coder/baselines/classical_codecs.h"

namespace occam {
namespace {

constexpr int kLevel = 22;
constexpr std::array<uint8_t, 4> kMagic = {0x28, 0xb5, 0x2f, 0xfd};

size_t Checked(size_t result) {
  if (ZSTD_isError(result) != 0) throw CodecFailure("libzstd");
  return result;
}

class Zstd final : public ClassicalCodec {
 public:
  CodecFacts facts() const override {
    return {.name = "zstd",
            .maker = std::string("libzstd ") + ZSTD_versionString(),
            .setting = "level 22, window of 128 MB",
            .sees = "bytes",
            .removed =
                "magic number, content size and checksum; what stays tells the window, 2 "
                "bytes, and the blocks",
            .missing = ""};
  }

  Bytes Compress(std::span<const uint8_t> original, Form form) const override {
    const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
    const int frame = form == Form::kFile ? 1 : 0;
    Checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel));
    Checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, frame));
    Checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, frame));
    Bytes out(ZSTD_compressBound(original.size()));
    out.resize(Checked(
        ZSTD_compress2(context.get(), out.data(), out.size(), original.data(), original.size())));
    if (form == Form::kBare) out.erase(out.begin(), out.begin() + kMagic.size());
    return out;
  }

  Bytes Decompress(std::span<const uint8_t> compressed, size_t original_bytes,
                   Form form) const override {
    Bytes in;
    if (form == Form::kBare) in.assign(kMagic.begin(), kMagic.end());
    in.insert(in.end(), compressed.begin(), compressed.end());
    Bytes out(original_bytes);
    out.resize(Checked(ZSTD_decompress(out.data(), out.size(), in.data(), in.size())));
    return out;
  }
};

}  // namespace

std::unique_ptr<ClassicalCodec> ZstdCodec() { return std::make_unique<Zstd>(); }

}  // namespace occam
