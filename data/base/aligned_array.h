// Memory of the exact network's passes: allocated once, aligned for vectors.
#ifndef OCCAM_DATA_BASE_ALIGNED_ARRAY_H_
#define OCCAM_DATA_BASE_ALIGNED_ARRAY_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "data/base/error.h"
#include "data/base/large_pages.h"

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
