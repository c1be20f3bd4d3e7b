#include "coder/baselines.h"

#include <algorithm>

#include "data/base/error.h"

namespace occam {
namespace {

uint64_t CheckedBytes(const ClassicalCodec& codec, std::span<const uint8_t> original,
                      ClassicalCodec::Form form) {
  const Bytes compressed = codec.Compress(original, form);
  const Bytes again = codec.Decompress(compressed, original.size(), form);
  if (!std::ranges::equal(again, original))
    throw InternalError(codec.name() + " does not give back what it was given");
  return compressed.size();
}

}  // namespace

std::vector<std::unique_ptr<ClassicalCodec>> ClassicalCodecs() {
  std::vector<std::unique_ptr<ClassicalCodec>> codecs;
  codecs.push_back(GzipCodec());
  codecs.push_back(XzCodec());
  return codecs;
}

uint64_t WholeBytes(const ClassicalCodec& codec, std::span<const uint8_t> original) {
  return CheckedBytes(codec, original, ClassicalCodec::Form::kFile);
}

uint64_t ChunkedBytes(const ClassicalCodec& codec, std::span<const uint8_t> original,
                      size_t chunk_bytes) {
  uint64_t sum = 0;
  for (size_t begin = 0; begin < original.size(); begin += chunk_bytes) {
    const size_t size = std::min(chunk_bytes, original.size() - begin);
    sum += CheckedBytes(codec, original.subspan(begin, size), ClassicalCodec::Form::kBare);
  }
  return sum;
}

}  // namespace occam
