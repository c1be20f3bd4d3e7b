#include "coder/predict/slot_table.h"

#include <cstdlib>
#include <new>

namespace occam {

void SlotTable::Free::operator()(void* memory) const { std::free(memory); }

void SlotTable::Clear() {
  constexpr size_t kLine = 64;  // bytes of a line of the cache, which holds both candidates
  memory_.reset();
  // calloc, since the system gives pages of zeros only when they are touched. A checksum of 0 is no
  // context's.
  memory_.reset(std::calloc((sizeof(Slot) << kSlotBits) + kLine, 1));
  if (!memory_) throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(memory_.get());
  slots_ = reinterpret_cast<Slot*>((address + kLine - 1) / kLine * kLine);
}

}  // namespace occam
