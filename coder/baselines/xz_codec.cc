#include <lzma.h>

#include <algorithm>

#include "coder/baselines/baselines.h"

namespace occam {
namespace {

constexpr uint32_t kPreset = 9 | LZMA_PRESET_EXTREME;

void Require(lzma_ret status) {
  if (status != LZMA_OK) throw CodecFailure("liblzma");
}

// The preset with a dictionary of the data's size: the same matches and headers of the same size,
// without 64 MiB for each chunk.
lzma_options_lzma Options(size_t original_bytes) {
  lzma_options_lzma options;
  if (lzma_lzma_preset(&options, kPreset)) throw InternalError("liblzma has no preset 9e");
  const size_t most = options.dict_size;
  options.dict_size =
      static_cast<uint32_t>(std::clamp<size_t>(original_bytes, LZMA_DICT_SIZE_MIN, most));
  return options;
}

struct Filters {
  explicit Filters(size_t original_bytes) : options(Options(original_bytes)) {}
  Filters(const Filters&) = delete;
  Filters& operator=(const Filters&) = delete;
  lzma_options_lzma options;
  lzma_filter list[2] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
};

class Xz final : public ClassicalCodec {
 public:
  CodecFacts facts() const override {
    return {.name = "xz",
            .maker = std::string("liblzma ") + lzma_version_string(),
            .setting = "LZMA2, preset 9e",
            .sees = "bytes",
            .removed = "the .xz container: raw LZMA2 is left",
            .missing = ""};
  }

  Bytes Compress(std::span<const uint8_t> original, Form form) const override {
    // A file is never smaller than its bare stream, so its bound serves both.
    Bytes out(lzma_stream_buffer_bound(original.size()));
    size_t size = 0;
    Filters filters(original.size());
    if (form == Form::kFile) {
      Require(lzma_stream_buffer_encode(filters.list, LZMA_CHECK_CRC64, nullptr, original.data(),
                                        original.size(), out.data(), &size, out.size()));
    } else {
      Require(lzma_raw_buffer_encode(filters.list, nullptr, original.data(), original.size(),
                                     out.data(), &size, out.size()));
    }
    out.resize(size);
    return out;
  }

  Bytes Decompress(std::span<const uint8_t> compressed, size_t original_bytes,
                   Form form) const override {
    Bytes out(original_bytes + 1);  // liblzma wants room even for nothing
    size_t read = 0;
    size_t written = 0;
    if (form == Form::kFile) {
      uint64_t memory_limit = UINT64_MAX;
      Require(lzma_stream_buffer_decode(&memory_limit, 0, nullptr, compressed.data(), &read,
                                        compressed.size(), out.data(), &written, out.size()));
    } else {
      const Filters bare(original_bytes);
      Require(lzma_raw_buffer_decode(bare.list, nullptr, compressed.data(), &read,
                                     compressed.size(), out.data(), &written, out.size()));
    }
    out.resize(written);
    return out;
  }
};

}  // namespace

std::unique_ptr<ClassicalCodec> XzCodec() { return std::make_unique<Xz>(); }

}  // namespace occam
