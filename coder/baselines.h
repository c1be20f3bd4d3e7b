// The codecs that every result stands beside. A new one is a file that implements ClassicalCodec
// and a line in ClassicalCodecs.
#ifndef OCCAM_CODER_BASELINES_H_
#define OCCAM_CODER_BASELINES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/base/file.h"

namespace occam {

// A codec at its strongest setting, in two forms: a file as its program would write it, and the
// bare stream without headers that is fair for short chunks.
class ClassicalCodec {
 public:
  enum class Form { kFile, kBare };

  virtual ~ClassicalCodec() = default;
  virtual std::string name() const = 0;  // "gzip", "xz"
  virtual Bytes Compress(std::span<const uint8_t> original, Form form) const = 0;
  // What Compress was given, of `original_bytes`. Throws kInternal when the codec refuses.
  virtual Bytes Decompress(std::span<const uint8_t> compressed, size_t original_bytes,
                           Form form) const = 0;
};

std::unique_ptr<ClassicalCodec> GzipCodec();  // zlib level 9; bare: raw deflate
std::unique_ptr<ClassicalCodec> XzCodec();    // liblzma 9e; bare: raw LZMA2

// All of them, in the order in which tables show them.
std::vector<std::unique_ptr<ClassicalCodec>> ClassicalCodecs();

constexpr size_t kBaselineChunkBytes = 2048;

// The compressed sizes of the whole as a file, and of chunks with no memory of each other as bare
// streams. Every result is decompressed and compared; a difference is kInternal.
uint64_t WholeBytes(const ClassicalCodec& codec, std::span<const uint8_t> original);
uint64_t ChunkedBytes(const ClassicalCodec& codec, std::span<const uint8_t> original,
                      size_t chunk_bytes = kBaselineChunkBytes);

}  // namespace occam

#endif  // OCCAM_CODER_BASELINES_H_
