// The compressed sizes of some bytes by a codec, decoded and compared.
#ifndef OCCAM_CODER_BASELINES_BASELINES_H_
#define OCCAM_CODER_BASELINES_BASELINES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "coder/baselines/classical_codec.h"

namespace occam {

std::unique_ptr<ClassicalCodec> GzipCodec();  // zlib level 9; bare: raw deflate
std::unique_ptr<ClassicalCodec> XzCodec();    // liblzma 9e; bare: raw LZMA2

constexpr size_t kBaselineChunkBytes = 2048;

// Takes the original bytes done so far. An exception thrown here ends the work and comes out.
using BaselineProgressFn = std::function<void(uint64_t original_bytes)>;

// The compressed size of the original in pieces of `chunk_bytes` with no memory of each other (0:
// as one piece; the last piece may be shorter). Every piece is decompressed and compared; a
// difference is kInternal. Throws what the codec throws.
uint64_t BaselineBytes(const ClassicalCodec& codec, std::span<const uint8_t> original,
                       size_t chunk_bytes, ClassicalCodec::Form form,
                       const BaselineProgressFn& progress = nullptr);

// The two that stand beside every model: the whole as a file, and bare chunks.
inline uint64_t WholeBytes(const ClassicalCodec& codec, std::span<const uint8_t> original) {
  return BaselineBytes(codec, original, 0, ClassicalCodec::Form::kFile);
}
inline uint64_t ChunkedBytes(const ClassicalCodec& codec, std::span<const uint8_t> original,
                             size_t chunk_bytes = kBaselineChunkBytes) {
  return BaselineBytes(codec, original, chunk_bytes, ClassicalCodec::Form::kBare);
}

}  // namespace occam

#endif  // OCCAM_CODER_BASELINES_BASELINES_H_
