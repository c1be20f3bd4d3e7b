#include "coder/predict/expert/history_table.h"

#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <new>

namespace occam {

void HistoryTable::Free::operator()(void* memory) const { std::free(memory); }

int HistoryTable::SlotBits(uint64_t bytes) {
  // Two slots a byte and context, of which about a quarter are new: 16 for each byte. 2^23 slots
  // take 128 MiB. On 2 MB of text 2^22 slots cost 0.6 % more than 2^24.
  constexpr uint64_t kSlotsForByte = 16;
  constexpr int kLeast = 12;
  constexpr int kMost = 23;
  return std::clamp(static_cast<int>(std::bit_width(bytes * kSlotsForByte)), kLeast, kMost);
}

void HistoryTable::Clear(int slot_bits) {
  memory_.reset();
  // calloc, since the system gives pages of zeros only when they are touched. A check of 0 is no
  // context's.
  memory_.reset(std::calloc(MemoryBytes(slot_bits), 1));
  if (!memory_) throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(memory_.get());
  slots_ = reinterpret_cast<Slot*>((address + kLine - 1) / kLine * kLine);
  shift_ = 32 - slot_bits;
}

}  // namespace occam
