// The rows of a memory's tables as training has them, and as the passes see them.
#ifndef OCCAM_MODEL_MEMORY_ROWS_H_
#define OCCAM_MODEL_MEMORY_ROWS_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "data/base/large_pages.h"
#include "model/config.h"

namespace occam {

// Owns one float for each number of each row, [memory_rows, memory_width], table after table.
// It is empty in a network without a memory. Rows begin at zero, and rows never used stay there.
struct MemoryRows {
  MemoryRows() = default;
  explicit MemoryRows(const ModelConfig& config)
      : values(static_cast<size_t>(config.memory_rows() * config.memory_width)) {}
  bool operator==(const MemoryRows&) const = default;

  std::vector<float, LargePageAllocator<float>> values;
};

// View of the rows as the passes see them: as they are or, where `step` is not 0, as the exact
// network has them.
struct MemoryView {
  MemoryView() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  MemoryView(const MemoryRows& rows, float step_in = 0) : values(rows.values), step(step_in) {}

  std::span<const float> values;
  float step = 0;
};

// Codes of a row's numbers are in [-kMostMemoryCode, kMostMemoryCode].
constexpr float kMostMemoryCode = 63;

// The code of a number, as a float: the nearest integer to x / step, ties to even, clamped. Adding
// 1.5 * 2^23 leaves no bits below one.
inline float MemoryCode(float x, float inverse_step) {
  const float scaled = std::clamp(x * inverse_step, -kMostMemoryCode, kMostMemoryCode);
  return (scaled + 0x1.8p23f) - 0x1.8p23f;
}

}  // namespace occam

#endif  // OCCAM_MODEL_MEMORY_ROWS_H_
