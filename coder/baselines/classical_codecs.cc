#include "coder/baselines/classical_codecs.h"

namespace occam {
namespace {

// Stands for a codec whose library was missing when Occam was built.
class NotBuilt final : public ClassicalCodec {
 public:
  NotBuilt(std::string codec, std::string library)
      : codec_(std::move(codec)), library_(std::move(library)) {}

  CodecFacts facts() const override {
    return {.name = codec_,
            .maker = library_,
            .setting = "",
            .sees = "",
            .removed = "",
            .missing = "not built: " + library_ + " was not found when Occam was configured"};
  }
  Bytes Compress(std::span<const uint8_t>, Form) const override { throw UsageError(Why()); }
  Bytes Decompress(std::span<const uint8_t>, size_t, Form) const override {
    throw UsageError(Why());
  }

 private:
  std::string Why() const { return codec_ + " is " + facts().missing; }

  std::string codec_;
  std::string library_;
};

[[maybe_unused]] std::unique_ptr<ClassicalCodec> Without(const char* codec, const char* library) {
  return std::make_unique<NotBuilt>(codec, library);
}

}  // namespace

#ifdef OCCAM_WITHOUT_BZIP2
std::unique_ptr<ClassicalCodec> Bzip2Codec() { return Without("bzip2", "libbz2"); }
#endif
#ifdef OCCAM_WITHOUT_BROTLI
std::unique_ptr<ClassicalCodec> BrotliCodec() { return Without("brotli", "libbrotli"); }
#endif
#ifdef OCCAM_WITHOUT_PNG
std::unique_ptr<ClassicalCodec> PngCodec() { return Without("png", "libpng"); }
#endif
#ifdef OCCAM_WITHOUT_WEBP
std::unique_ptr<ClassicalCodec> WebpCodec() { return Without("webp", "libwebp"); }
#endif
#ifdef OCCAM_WITHOUT_JXL
std::unique_ptr<ClassicalCodec> JxlCodec() { return Without("jxl", "libjxl"); }
#endif
#ifdef OCCAM_WITHOUT_FLAC
std::unique_ptr<ClassicalCodec> FlacCodec() { return Without("flac", "libFLAC"); }
#endif

std::vector<std::unique_ptr<ClassicalCodec>> ClassicalCodecs() {
  std::vector<std::unique_ptr<ClassicalCodec>> codecs;
  codecs.push_back(GzipCodec());
  codecs.push_back(Bzip2Codec());
  codecs.push_back(ZstdCodec());
  codecs.push_back(BrotliCodec());
  codecs.push_back(XzCodec());
  codecs.push_back(PpmdCodec());
  codecs.push_back(ZpaqCodec());
  codecs.push_back(PngCodec());
  codecs.push_back(WebpCodec());
  codecs.push_back(JxlCodec());
  codecs.push_back(FlacCodec());
  return codecs;
}

}  // namespace occam
