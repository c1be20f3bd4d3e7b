// A hash table of contexts, each with the bits that followed it. What a context has taught of half
// a byte lies in half a line of the processor's cache.
#ifndef OCCAM_CODER_PREDICT_SLOT_TABLE_H_
#define OCCAM_CODER_PREDICT_SLOT_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "coder/entropy/bit_model.h"

namespace occam {

// The layout is that of Mahoney's lpaq1 (2007): a checksum, then a cell for each of the 15
// decisions of half a byte. Where lpaq1 has three candidates and bit histories, this has two
// candidates and probabilities.
class SlotTable {
 public:
  // cells[0] is the checksum, never 0. cells[n], n in [1, 16), predicts the decision after the bits
  // of n below its leading one.
  struct alignas(32) Slot {
    std::array<uint16_t, 16> cells;
  };

  // Forgets everything. Time and memory are spent only on slots that are touched later. Throws
  // std::bad_alloc.
  void Clear();

  // The slot of a context, by its hash; a fresh one where it has none. Of the two slots where it
  // may be, the one whose first cell has seen less makes room for it. It lasts until the next call.
  Slot& Find(uint32_t hash) {
    const size_t index = hash >> (32 - kSlotBits);
    const auto check = static_cast<uint16_t>(hash | 1);
    Slot* slot = &slots_[index];
    if (slot->cells[0] == check) return *slot;
    Slot* const other = &slots_[index ^ 1];
    if (other->cells[0] == check) return *other;
    if (NarrowCell::Count(other->cells[1]) < NarrowCell::Count(slot->cells[1])) slot = other;
    slot->cells.fill(NarrowCell::kFresh);
    slot->cells[0] = check;
    return *slot;
  }

  // Brings both candidates of a later Find into the cache.
  void Prefetch(uint32_t hash) const { __builtin_prefetch(&slots_[hash >> (32 - kSlotBits)], 1); }

 private:
  // 2^20 slots take 32 MiB: room for every half byte of 512 KiB in new contexts. By the measure of
  // adaptive_mixer.cc, 2^18 slots a table cost 644 bytes more and 2^22 slots 120 fewer.
  static constexpr int kSlotBits = 20;

  struct Free {
    void operator()(void* memory) const;
  };
  std::unique_ptr<void, Free> memory_;
  Slot* slots_ = nullptr;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_SLOT_TABLE_H_
