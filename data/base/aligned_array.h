// Memory of the exact network's passes: allocated once, aligned for vectors.
#ifndef OCCAM_DATA_BASE_ALIGNED_ARRAY_H_
#define OCCAM_DATA_BASE_ALIGNED_ARRAY_H_

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "data/base/error.h"

namespace occam {

// Zeroed elements of a trivial type, aligned to a cache line; owned. Memory that is never used is
// never touched, but for the rest of a page. So a cache takes real memory only as far as contexts
// reach. Throws kMemory where there is not enough.
template <typename T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(size_t count)
      : memory_(std::calloc(count * sizeof(T) + kAlignment, 1), &std::free) {
    if (memory_ == nullptr) {
      throw MemoryError("not enough memory for the network: " + std::to_string(count * sizeof(T)) +
                        " bytes at once");
    }
    AskForLargePages(memory_.get(), count * sizeof(T));
    const auto address = reinterpret_cast<uintptr_t>(memory_.get());
    const uintptr_t aligned = (address + kAlignment - 1) / kAlignment * kAlignment;
    data_ = reinterpret_cast<T*>(static_cast<std::byte*>(memory_.get()) + (aligned - address));
  }
  T* data() const { return data_; }

 private:
  static constexpr size_t kAlignment = 64;

  // Asks for large pages: looking up thousands of small ones costs more than reading them. It is
  // advice: without it, all is as it was.
  static void AskForLargePages([[maybe_unused]] void* memory, [[maybe_unused]] size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    constexpr size_t kWorthwhile = size_t{4} << 20;
    if (bytes < kWorthwhile) return;
    const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto begin = (reinterpret_cast<uintptr_t>(memory) + page - 1) / page * page;
    const auto end = (reinterpret_cast<uintptr_t>(memory) + bytes) / page * page;
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
  }
  std::unique_ptr<void, void (*)(void*)> memory_{nullptr, &std::free};
  T* data_ = nullptr;
};

// Rows [rows][stride] of one length.
template <typename T>
class RowBuffer {
 public:
  RowBuffer(int rows, int stride)
      : stride_(static_cast<size_t>(stride)), values_(static_cast<size_t>(rows) * stride_) {}
  T* data() const { return values_.data(); }
  int stride() const { return static_cast<int>(stride_); }
  T* row(int r) const { return values_.data() + static_cast<size_t>(r) * stride_; }

 private:
  size_t stride_;
  AlignedArray<T> values_;
};

}  // namespace occam

#endif  // OCCAM_DATA_BASE_ALIGNED_ARRAY_H_
