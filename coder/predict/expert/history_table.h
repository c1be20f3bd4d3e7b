// A hash table of contexts, each with the histories of the bits that followed it. All contexts of
// an expert share it. What a context has taught of half a byte lies in 16 bytes.
#ifndef OCCAM_CODER_PREDICT_EXPERT_HISTORY_TABLE_H_
#define OCCAM_CODER_PREDICT_EXPERT_HISTORY_TABLE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "coder/predict/expert/bit_history.h"

namespace occam {

class HistoryTable {
 public:
  // histories[0] is a check of the context's hash, never 0. histories[n], n in [1, 16), is of the
  // decision after the bits of n below its leading one.
  struct alignas(16) Slot {
    std::array<uint8_t, 16> histories;
  };

  // The bits of the number of slots for a segment of so many bytes, `most_bits` at most.
  static int SlotBits(uint64_t bytes, int most_bits);
  static uint64_t MemoryBytes(int slot_bits) { return (sizeof(Slot) << slot_bits) + kLine; }

  // Forgets everything, for hashes of so many bits. Pages are taken from the system only when they
  // are touched. Throws std::bad_alloc.
  void Clear(int slot_bits, int hash_bits);

  void CopyFrom(const HistoryTable& other);

  // The slot of a context by its hash, a fresh one where it has none. Of the three slots where it
  // may be, the one whose first decision has seen least makes room. It lasts until the next call.
  Slot& Find(uint64_t hash) {
    const size_t index = hash >> shift_;
    const auto check = static_cast<uint8_t>(std::max<uint64_t>(hash & 0xff, 1));
    Slot* least = &slots_[index];
    if (least->histories[0] == check) return *least;
    for (const size_t other : {index ^ 1, index ^ 2}) {
      Slot* const slot = &slots_[other];
      if (slot->histories[0] == check) return *slot;
      if (Seen(*slot) < Seen(*least)) least = slot;
    }
    least->histories.fill(0);
    least->histories[0] = check;
    return *least;
  }

  // The slot of a context, or one of zeros where it has none. It lasts until the next Find.
  const Slot& Look(uint64_t hash) const {
    static constexpr Slot kNone{};
    const size_t index = hash >> shift_;
    const auto check = static_cast<uint8_t>(std::max<uint64_t>(hash & 0xff, 1));
    for (const size_t place : {index, index ^ 1, index ^ 2})
      if (slots_[place].histories[0] == check) return slots_[place];
    return kNone;
  }

  // The part of the table, one of `parts`, that has all slots where this hash may be.
  size_t PartOf(uint64_t hash, size_t parts) const {
    return ((hash >> shift_ >> 2) * parts) >> (slot_bits_ - 2);
  }

  // Brings the slots of a later Find into the cache.
  void Prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash >> shift_], 1); }

 private:
  static constexpr size_t kLine = 64;  // bytes of a line of the cache, which holds all candidates

  static int Seen(const Slot& slot) {
    return kHistories.zeros(slot.histories[1]) + kHistories.ones(slot.histories[1]);
  }

  // Takes memory, which is not touched.
  void Allocate(int slot_bits);

  struct Free {
    void operator()(void* memory) const;
  };
  std::unique_ptr<void, Free> memory_;
  Slot* slots_ = nullptr;
  int slot_bits_ = 0;
  int shift_ = 0;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_EXPERT_HISTORY_TABLE_H_
