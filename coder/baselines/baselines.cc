#include "coder/baselines/baselines.h"

#include <algorithm>
#include <cerrno>

namespace occam {
namespace {

uint64_t CheckedBytes(const ClassicalCodec& codec, std::span<const uint8_t> original,
                      ClassicalCodec::Form form) {
  errno = 0;  // CodecFailure asks it
  const Bytes compressed = codec.Compress(original, form);
  const Bytes again = codec.Decompress(compressed, original.size(), form);
  if (!std::ranges::equal(again, original))
    throw InternalError(codec.name() + " does not give back what it was given");
  return compressed.size();
}

}  // namespace

uint64_t BaselineBytes(const ClassicalCodec& codec, std::span<const uint8_t> original,
                       size_t chunk_bytes, ClassicalCodec::Form form,
                       const BaselineProgressFn& progress) {
  if (chunk_bytes == 0) return CheckedBytes(codec, original, form);
  uint64_t sum = 0;
  for (size_t begin = 0; begin < original.size(); begin += chunk_bytes) {
    const size_t size = std::min(chunk_bytes, original.size() - begin);
    sum += CheckedBytes(codec, original.subspan(begin, size), form);
    if (progress) progress(begin + size);
  }
  return sum;
}

}  // namespace occam
