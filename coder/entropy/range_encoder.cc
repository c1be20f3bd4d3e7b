#include "coder/entropy/range_encoder.h"

#include <utility>

namespace occam {

// low + range never exceeds what the first byte can hold, so a carry always ends within the stream.
void RangeEncoder::Carry() {
  size_t i = bytes_.size();
  while (++bytes_[--i] == 0) {
  }
}

Bytes RangeEncoder::Finish() {
  const StreamEnd end = ShortestEnd(low_, range_);
  if (end.window < low_) Carry();
  for (int i = 0; i < end.bytes; ++i)
    bytes_.push_back(static_cast<uint8_t>(end.window >> (56 - 8 * i)));
  // The decoder reads zeros past the end, so zeros at the end say nothing.
  while (!bytes_.empty() && bytes_.back() == 0) bytes_.pop_back();
  return std::move(bytes_);
}

}  // namespace occam
