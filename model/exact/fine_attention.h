// The attention of fine networks, and the keys and values that their lanes remember
// (docs/spec/import.md, section 4.2). Codes have 16 bits and sums 64. There is one form of it, for
// all processors: only small networks are imported so.
#ifndef OCCAM_MODEL_EXACT_FINE_ATTENTION_H_
#define OCCAM_MODEL_EXACT_FINE_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/base/aligned_array.h"
#include "model/exact/prepared_llama.h"

namespace occam {

// The network must outlive it. Memory is allocated once.
class FineAttention {
 public:
  // Caches of `lanes` lanes; the network is a fine one.
  FineAttention(const PreparedLlama& network, int lanes);

  // A key/value head of a lane and a layer.
  struct Place {
    int lane, layer, group;
  };

  // Keeps the key, turned, and the value of a position, [head size] each.
  void Store(const Place& place, int64_t position, const float* key, const float* value);
  // out [head size] = what a query, turned, sees at the positions first .. last. They are stored,
  // and at most as many as the layer's capacity.
  void Attend(const Place& place, const float* query, int64_t first, int64_t last, float* out);

 private:
  // Position p is in slot p % capacity: [capacity][head size] codes, and a scale for each key.
  struct Cache {
    int16_t* keys;
    int16_t* values;
    float* key_scales;
    int capacity;
  };
  struct LayerOffsets {
    size_t codes, scales;  // of lane 0
  };

  Cache At(const Place& place) const;
  const PreparedLlamaLayer& layer(const Place& place) const {
    return net_.layers[static_cast<size_t>(place.layer)];
  }

  const PreparedLlama& net_;
  const int size_;                     // of a head
  std::vector<LayerOffsets> offsets_;  // [layers]
  AlignedArray<int16_t> codes_;        // [layers][lanes][kv_heads][keys, values]
  AlignedArray<float> key_scales_;     // [layers][lanes][kv_heads][capacity]
  AlignedArray<int16_t> query_;        // [2][head size]
  AlignedArray<int64_t> sums_;         // [head size]
  AlignedArray<float> scores_;         // [largest capacity]
  AlignedArray<int32_t> weights_;      // the same
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_FINE_ATTENTION_H_
