#include "data/base/memory.h"

#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/units.h"

namespace occam {

void RequireMemory(uint64_t needed_bytes, uint64_t limit_bytes, const std::string& name) {
  if (needed_bytes <= limit_bytes) return;
  throw MemoryError(fmt::format("{} needs {} of memory, more than the limit of {}", name,
                                FormatBytes(static_cast<double>(needed_bytes)),
                                FormatBytes(static_cast<double>(limit_bytes))));
}

Bytes ReadWithin(ByteSource& source, uint64_t limit_bytes) {
  if (const auto size = source.size_bytes()) {
    RequireMemory(*size, limit_bytes, source.name());
    return ReadAll(source);
  }
  constexpr size_t kPiece = 1 << 20;
  Bytes bytes;
  for (;;) {
    // A vector that grows is there twice for a moment.
    RequireMemory(2 * bytes.size(), limit_bytes, source.name());
    const size_t before = bytes.size();
    bytes.resize(before + kPiece);
    const size_t n = source.Read(std::span(bytes).subspan(before));
    bytes.resize(before + n);
    if (n < kPiece) return bytes;
  }
}

}  // namespace occam
