// The memory of lanes: the keys and values of every layer, the still pairs of the last key, and the
// last inputs of every convolution.
#ifndef OCCAM_MODEL_EXACT_LANE_MEMORY_H_
#define OCCAM_MODEL_EXACT_LANE_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/base/aligned_array.h"
#include "model/exact/kernels.h"
#include "model/exact/prepared_network.h"

namespace occam {

// A pass goes from layer to layer and, in each, from lane to lane; so does what it reads here.
class LaneMemory {
 public:
  LaneMemory(const PreparedNetwork& network, int lanes);

  // Zeroes the convolutions' inputs and the still pairs: what a fresh context has before its start.
  // Cached keys and values need no clearing, since no window reaches before position 0.
  void Clear(int lane);

  CacheRing Ring(int lane, int layer, int group) const;
  // Returns the still elements of a head of a layer's last key, normed [2 * still pairs].
  float* StillPairs(int lane, int layer, int group) const;
  // A layer's first or second convolution had its input [D] at position p, one of the taps - 1
  // latest, in slot p % (taps - 1).
  float* History(int lane, int layer, int which, int slot) const;

  int largest_capacity() const { return largest_capacity_; }

 private:
  struct LayerRings {
    size_t offset;      // of lane 0
    size_t lane_bytes;  // a multiple of 64
    int capacity;
  };

  int head_size_;
  int width_;
  int layers_;
  int lanes_;
  int kv_heads_;
  int still_;  // elements of a head whose pairs do not turn
  int kept_;   // positions of a convolution's input: taps - 1
  std::vector<LayerRings> rings_;
  int largest_capacity_ = 0;
  AlignedArray<uint8_t> cache_;      // [layers][lanes][kv_heads][keys, values]
  AlignedArray<float> still_pairs_;  // [layers][lanes][kv_heads][still]
  AlignedArray<float> history_;      // [layers][2][lanes][kept][D]
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_LANE_MEMORY_H_
