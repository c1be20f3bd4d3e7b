#include "model/exact/lane_memory.h"

#include <algorithm>

#include "model/rotary.h"

namespace occam {

LaneMemory::LaneMemory(const PreparedNetwork& network, int lanes)
    : head_size_(network.model.config.head_size()),
      width_(network.model.config.width),
      layers_(network.model.config.layers),
      lanes_(lanes),
      kv_heads_(network.model.config.kv_heads),
      still_(2 * (head_size_ / 2 - TurningPairs(head_size_ / 2))),
      kept_(std::max(network.model.config.conv_width - 1, 0)) {
  const auto kv_width = static_cast<size_t>(network.model.config.kv_width());
  size_t bytes = 0;
  for (const PreparedLayer& layer : network.layers) {
    const size_t lane_bytes = 2 * kv_width * static_cast<size_t>(layer.capacity);
    rings_.push_back({bytes, lane_bytes, layer.capacity});
    bytes += static_cast<size_t>(lanes) * lane_bytes;
    largest_capacity_ = std::max(largest_capacity_, layer.capacity);
  }
  cache_ = AlignedArray<uint8_t>(bytes);
  still_pairs_ = AlignedArray<float>(static_cast<size_t>(layers_) * static_cast<size_t>(lanes) *
                                     static_cast<size_t>(kv_heads_ * still_));
  history_ = AlignedArray<float>(static_cast<size_t>(lanes) * 2 * static_cast<size_t>(layers_) *
                                 static_cast<size_t>(kept_) * static_cast<size_t>(width_));
}

void LaneMemory::Clear(int lane) {
  for (int l = 0; l < layers_; ++l) std::fill_n(StillPairs(lane, l, 0), kv_heads_ * still_, 0.0f);
  if (kept_ == 0) return;
  const auto count = static_cast<size_t>(kept_) * static_cast<size_t>(width_);
  for (int l = 0; l < layers_; ++l) {
    for (const int which : {0, 1}) std::fill_n(History(lane, l, which, 0), count, 0.0f);
  }
}

CacheRing LaneMemory::Ring(int lane, int layer, int group) const {
  const LayerRings& rings = rings_[static_cast<size_t>(layer)];
  const size_t half = static_cast<size_t>(rings.capacity) * static_cast<size_t>(head_size_);
  uint8_t* const keys = cache_.data() + rings.offset +
                        static_cast<size_t>(lane) * rings.lane_bytes +
                        2 * half * static_cast<size_t>(group);
  return {keys, keys + half, rings.capacity, head_size_};
}

float* LaneMemory::StillPairs(int lane, int layer, int group) const {
  const auto head =
      static_cast<size_t>((static_cast<int64_t>(layer) * lanes_ + lane) * kv_heads_ + group);
  return still_pairs_.data() + head * static_cast<size_t>(still_);
}

float* LaneMemory::History(int lane, int layer, int which, int slot) const {
  const auto convolution =
      static_cast<size_t>((static_cast<int64_t>(layer) * 2 + which) * lanes_ + lane);
  return history_.data() + (convolution * static_cast<size_t>(kept_) + static_cast<size_t>(slot)) *
                               static_cast<size_t>(width_);
}

}  // namespace occam
