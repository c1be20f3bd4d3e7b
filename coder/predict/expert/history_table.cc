#include "coder/predict/expert/history_table.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <bit>
#include <cstdlib>
#include <new>

namespace occam {

void HistoryTable::Free::operator()(void* memory) const { std::free(memory); }

int HistoryTable::SlotBits(uint64_t bytes, int most_bits) {
  // Two slots a byte and context, of which about a quarter are new: 16 for each byte.
  constexpr uint64_t kSlotsForByte = 16;
  constexpr int kLeast = 12;
  return std::clamp(static_cast<int>(std::bit_width(bytes * kSlotsForByte)), kLeast, most_bits);
}

void HistoryTable::Clear(int slot_bits, int hash_bits) {
  memory_.reset();
  // calloc, since the system gives pages of zeros only when they are touched. A check of 0 is no
  // context's.
  memory_.reset(std::calloc(MemoryBytes(slot_bits), 1));
  if (!memory_) throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(memory_.get());
  slots_ = reinterpret_cast<Slot*>((address + kLine - 1) / kLine * kLine);
  shift_ = hash_bits - slot_bits;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  // Every look-up of a large table is on another page. This is advice: without it, all is as it
  // was.
  constexpr uint64_t kLarge = uint64_t{256} << 20;
  const uint64_t bytes = sizeof(Slot) << slot_bits;
  constexpr uintptr_t kPage = 4096;
  const uintptr_t first_page = (address + kLine + kPage - 1) / kPage * kPage;
  if (bytes >= kLarge)
    ::madvise(reinterpret_cast<void*>(first_page), bytes - 2 * kPage, MADV_HUGEPAGE);
#endif
}

}  // namespace occam
