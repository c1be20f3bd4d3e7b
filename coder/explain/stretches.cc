#include "coder/explain/stretches.h"

#include <algorithm>

namespace occam::explain {

size_t StretchesOf(size_t bytes) { return std::min<size_t>(32, bytes); }

std::vector<float> SpreadLengths(std::span<const uint8_t> bytes,
                                 const std::function<size_t(std::span<const uint8_t>)>& length_of) {
  std::vector<float> bits(bytes.size());
  const size_t stretches = StretchesOf(bytes.size());
  size_t begin = 0, length = 0;
  for (size_t i = 0; i < stretches; ++i) {
    const size_t end = bytes.size() * (i + 1) / stretches;
    const size_t longer = std::max(length, length_of(bytes.first(end)));
    const double each = 8 * static_cast<double>(longer - length) / static_cast<double>(end - begin);
    std::fill(bits.begin() + static_cast<std::ptrdiff_t>(begin),
              bits.begin() + static_cast<std::ptrdiff_t>(end), static_cast<float>(each));
    begin = end;
    length = longer;
  }
  return bits;
}

}  // namespace occam::explain
