// What lanes remember: the keys and values of every layer, and the last inputs of every
// convolution.
#ifndef OCCAM_MODEL_EXACT_LANE_MEMORY_H_
#define OCCAM_MODEL_EXACT_LANE_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/exact/aligned_array.h"
#include "model/exact/kernels.h"
#include "model/exact/prepared_network.h"

namespace occam {

class LaneMemory {
 public:
  LaneMemory(const PreparedNetwork& network, int lanes);

  // Zeroes the convolutions' inputs: what a fresh context has before its start. Cached keys and
  // values need no clearing, since no window reaches before position 0.
  void Clear(int lane);

  CacheRing Ring(int lane, int layer, int group) const;
  // The input [D] of a layer's first or second convolution at a position, one of the taps - 1
  // latest.
  float* History(int lane, int layer, int which, int64_t position) const;

  int largest_capacity() const { return largest_capacity_; }

 private:
  struct LayerRings {
    size_t offset;  // within a lane's bytes
    int capacity;
  };

  int head_size_;
  int width_;
  int layers_;
  int kept_;  // positions of a convolution's input: a power of two, at least taps - 1, or none
  std::vector<LayerRings> rings_;
  size_t lane_bytes_ = 0;
  int largest_capacity_ = 0;
  AlignedArray<uint8_t> cache_;  // [lanes][layers][kv_heads][keys, values]
  AlignedArray<float> history_;  // [lanes][layers][2][kept][D]
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_LANE_MEMORY_H_
