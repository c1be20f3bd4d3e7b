// Memory: what reading a file may take.
#ifndef OCCAM_DATA_BASE_MEMORY_H_
#define OCCAM_DATA_BASE_MEMORY_H_

#include <cstdint>
#include <functional>
#include <string>

#include "data/base/file.h"

namespace occam {

// The memory that reading a file may take unless more is asked for.
constexpr uint64_t kDefaultMemoryBytes = 1'000'000'000;
constexpr uint64_t kAnyMemory = UINT64_MAX;

// The limits of reading a file from anywhere.
struct ReadLimits {
  uint64_t memory_bytes = kDefaultMemoryBytes;
  // Called often while much is read; may be null. An exception thrown here ends the reading.
  std::function<void()> keep_on = nullptr;

  void KeepOn() const {
    if (keep_on) keep_on();
  }
};

// Throws kMemory where more is needed than the limit allows: "NAME needs 4.2 GB of memory, more
// than the limit of 1 GB". Called before anything is allocated.
void RequireMemory(uint64_t needed_bytes, uint64_t limit_bytes, const std::string& name);

// Reads all of a source that fits into the limit. Throws kMemory where there is more, before there
// is room for it, and kIo.
Bytes ReadWithin(ByteSource& source, uint64_t limit_bytes);

// a + b, a b, or the largest number where that is less.
constexpr uint64_t SaturatingSum(uint64_t a, uint64_t b) { return a + b < a ? UINT64_MAX : a + b; }
constexpr uint64_t SaturatingProduct(uint64_t a, uint64_t b) {
  return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

}  // namespace occam

#endif  // OCCAM_DATA_BASE_MEMORY_H_
