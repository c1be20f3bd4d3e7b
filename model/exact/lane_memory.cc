#include "model/exact/lane_memory.h"

#include <algorithm>
#include <bit>

namespace occam {

LaneMemory::LaneMemory(const PreparedNetwork& network, int lanes)
    : head_size_(network.model.config.head_size()),
      width_(network.model.config.width),
      layers_(network.model.config.layers),
      kept_(network.model.config.conv_width > 1
                ? static_cast<int>(
                      std::bit_ceil(static_cast<uint32_t>(network.model.config.conv_width - 1)))
                : 0) {
  const auto kv_width = static_cast<size_t>(network.model.config.kv_width());
  for (const PreparedLayer& layer : network.layers) {
    rings_.push_back({lane_bytes_, layer.capacity});
    lane_bytes_ += 2 * kv_width * static_cast<size_t>(layer.capacity);
    largest_capacity_ = std::max(largest_capacity_, layer.capacity);
  }
  cache_ = AlignedArray<uint8_t>(static_cast<size_t>(lanes) * lane_bytes_);
  history_ = AlignedArray<float>(static_cast<size_t>(lanes) * 2 * static_cast<size_t>(layers_) *
                                 static_cast<size_t>(kept_) * static_cast<size_t>(width_));
}

void LaneMemory::Clear(int lane) {
  if (kept_ == 0) return;
  const size_t count =
      2 * static_cast<size_t>(layers_) * static_cast<size_t>(kept_) * static_cast<size_t>(width_);
  std::fill_n(history_.data() + static_cast<size_t>(lane) * count, count, 0.0f);
}

CacheRing LaneMemory::Ring(int lane, int layer, int group) const {
  const LayerRings& rings = rings_[static_cast<size_t>(layer)];
  const size_t half = static_cast<size_t>(rings.capacity) * static_cast<size_t>(head_size_);
  uint8_t* const keys = cache_.data() + static_cast<size_t>(lane) * lane_bytes_ + rings.offset +
                        2 * half * static_cast<size_t>(group);
  return {keys, keys + half, rings.capacity, head_size_};
}

float* LaneMemory::History(int lane, int layer, int which, int64_t position) const {
  const auto convolution =
      static_cast<size_t>((static_cast<int64_t>(lane) * layers_ + layer) * 2 + which);
  // Positions before the start of a context are -(taps - 1) .. -1.
  const auto slot = static_cast<size_t>(position) & static_cast<size_t>(kept_ - 1);
  return history_.data() +
         (convolution * static_cast<size_t>(kept_) + slot) * static_cast<size_t>(width_);
}

}  // namespace occam
