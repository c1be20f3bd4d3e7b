// Large pages for tables that are read here and there: finding thousands of small pages costs more
// than reading them.
#ifndef OCCAM_DATA_BASE_LARGE_PAGES_H_
#define OCCAM_DATA_BASE_LARGE_PAGES_H_

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <cstddef>
#include <cstdint>
#include <memory>

namespace occam {

// Asks the system for large pages where these bytes are many, before they are touched. It is
// advice: without it, all is as it was.
inline void AskForLargePages([[maybe_unused]] void* memory, [[maybe_unused]] size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr size_t kWorthwhile = size_t{4} << 20;
  if (bytes < kWorthwhile) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(memory) + page - 1) / page * page;
  const auto end = (reinterpret_cast<uintptr_t>(memory) + bytes) / page * page;
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

// The allocator of vectors that ask so.
template <typename T>
struct LargePageAllocator {
  using value_type = T;
  LargePageAllocator() = default;
  template <typename U>
  // NOLINTNEXTLINE(google-explicit-constructor): as allocators are
  LargePageAllocator(const LargePageAllocator<U>& /*other*/) {}
  T* allocate(size_t count) {
    T* const memory = std::allocator<T>().allocate(count);
    AskForLargePages(memory, count * sizeof(T));
    return memory;
  }
  void deallocate(T* memory, size_t count) { std::allocator<T>().deallocate(memory, count); }
  bool operator==(const LargePageAllocator&) const = default;
};

}  // namespace occam

#endif  // OCCAM_DATA_BASE_LARGE_PAGES_H_
