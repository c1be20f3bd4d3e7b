#include <bzlib.h>

#include <limits>

#include "coder/baselines/classical_codecs.h"

namespace occam {
namespace {

constexpr int kLevel = 9;
constexpr uint8_t kHeader[] = {'B', 'Z', 'h', '0' + kLevel};
constexpr uint8_t kBlockMark[] = {0x31, 0x41, 0x59, 0x26, 0x53, 0x59};  // of every block
constexpr size_t kRemoved = sizeof(kHeader) + sizeof(kBlockMark);
// The manual's bound: 1 % and 600 bytes.
constexpr size_t kFixedGrowth = 600;

unsigned Counted(size_t bytes) {
  if (bytes > std::numeric_limits<unsigned>::max() / 2)
    throw UsageError("bzip2 is given at most 2 GB");
  return static_cast<unsigned>(bytes);
}

class Bzip2 final : public ClassicalCodec {
 public:
  CodecFacts facts() const override {
    return {.name = "bzip2",
            .maker = std::string("libbz2 ") + BZ2_bzlibVersion(),
            .setting = "level 9",
            .sees = "bytes",
            .removed =
                "file header and first block mark, 10 bytes; checksums and end mark, which "
                "start within a byte, stay",
            .missing = ""};
  }

  Bytes Compress(std::span<const uint8_t> original, Form form) const override {
    Bytes out(original.size() + original.size() / 100 + kFixedGrowth);
    unsigned size = Counted(out.size());
    Bytes in(original.begin(), original.end());  // the library's pointer is not const
    in.resize(original.size() + 1);              // ... nor may it be null
    if (BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(out.data()), &size,
                                 reinterpret_cast<char*>(in.data()), Counted(original.size()),
                                 kLevel, 0, 0) != BZ_OK) {
      throw CodecFailure("libbz2");
    }
    out.resize(size);
    // The mark after the header of nothing at all is the end mark.
    if (form == Form::kBare) out.erase(out.begin(), out.begin() + Removed(original.size()));
    return out;
  }

  Bytes Decompress(std::span<const uint8_t> compressed, size_t original_bytes,
                   Form form) const override {
    Bytes in;
    if (form == Form::kBare) {
      in.assign(std::begin(kHeader), std::end(kHeader));
      if (original_bytes > 0) in.insert(in.end(), std::begin(kBlockMark), std::end(kBlockMark));
    }
    in.insert(in.end(), compressed.begin(), compressed.end());
    Bytes out(original_bytes + 1);
    unsigned size = Counted(out.size());
    if (BZ2_bzBuffToBuffDecompress(reinterpret_cast<char*>(out.data()), &size,
                                   reinterpret_cast<char*>(in.data()), Counted(in.size()), 0,
                                   0) != BZ_OK) {
      throw CodecFailure("libbz2");
    }
    out.resize(size);
    return out;
  }

 private:
  static ptrdiff_t Removed(size_t original_bytes) {
    return original_bytes == 0 ? sizeof(kHeader) : kRemoved;
  }
};

}  // namespace

std::unique_ptr<ClassicalCodec> Bzip2Codec() { return std::make_unique<Bzip2>(); }

}  // namespace occam
