#include "coder/predict/expert/history_table.h"

#include <bit>
#include <cstdlib>
#include <new>

#include "data/base/large_pages.h"

namespace occam {

void HistoryTable::Free::operator()(void* memory) const { std::free(memory); }

int HistoryTable::SlotBits(uint64_t bytes, int most_bits) {
  // Two slots a byte and context, of which about a quarter are new: 16 for each byte.
  constexpr uint64_t kSlotsForByte = 16;
  constexpr int kLeast = 12;
  return std::clamp(static_cast<int>(std::bit_width(bytes * kSlotsForByte)), kLeast, most_bits);
}

void HistoryTable::Clear(int slot_bits, int hash_bits) {
  Allocate(slot_bits);
  shift_ = hash_bits - slot_bits;
}

void HistoryTable::CopyFrom(const HistoryTable& other) {
  if (slot_bits_ != other.slot_bits_) Allocate(other.slot_bits_);
  shift_ = other.shift_;
  std::copy_n(other.slots_, size_t{1} << slot_bits_, slots_);
}

void HistoryTable::Allocate(int slot_bits) {
  memory_.reset();
  // calloc, since the system gives pages of zeros only when they are touched. A check of 0 is no
  // context's.
  memory_.reset(std::calloc(MemoryBytes(slot_bits), 1));
  if (!memory_) throw std::bad_alloc();
  AskForLargePages(memory_.get(), MemoryBytes(slot_bits));
  const auto address = reinterpret_cast<uintptr_t>(memory_.get());
  slots_ = reinterpret_cast<Slot*>((address + kLine - 1) / kLine * kLine);
  slot_bits_ = slot_bits;
}

}  // namespace occam
