// A quantised model as the kernels want it: matrices packed, constants of the contract computed
// once.
#ifndef OCCAM_MODEL_EXACT_PREPARED_NETWORK_H_
#define OCCAM_MODEL_EXACT_PREPARED_NETWORK_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "data/base/aligned_array.h"
#include "data/base/digest.h"
#include "model/exact/kernels.h"
#include "model/lattice_tables.h"
#include "model/parameters.h"
#include "model/quantized_model.h"
#include "model/row_rules.h"

namespace occam {

struct PreparedLayer {
  // Gain and convolution before attention [0] and before the MLP [1].
  const float* gains[2];
  std::vector<float> convolutions[2];  // [taps, D], empty in a network without

  std::unique_ptr<LinearLayer> wqkv;  // [D + 2 kv_width, D]: queries, keys, values
  std::unique_ptr<LinearLayer> wo, wu, wd;

  // One a key/value head.
  std::vector<float> key_scales, inverse_key_scales, inverse_value_scales;
  std::vector<float> value_factors;  // 128 * s_v

  int window;    // positions that a query sees, its own included
  int capacity;  // of the layer's cache rings
};

// The rules and layers of a memory; in a network without there are none.
struct PreparedMemory {
  RowRules rules;
  std::unique_ptr<LinearLayer> projection, gates, gated;
};

// Immutable after construction, which throws kDamaged as CheckModel does. Owns the model.
struct PreparedNetwork {
  PreparedNetwork(QuantizedModel quantized, std::unique_ptr<KernelSet> kernel_set);

  // Returns F of docs/spec/contract.md, section 6.3, for a query of this scale.
  float AttentionFactor(float query_scale, const PreparedLayer& layer, int group) const;
  // Returns how many bytes of scratch the linear layers need at most.
  size_t scratch_bytes() const;

  const QuantizedTensor& tensor(int i) const { return model.tensors[static_cast<size_t>(i)]; }
  const float* gain(int i) const { return tensor(i).floats.data(); }

  QuantizedModel model;
  std::unique_ptr<KernelSet> kernels;
  ParameterIndex index;
  Sha256Digest id;
  std::vector<int32_t> rotary_frequencies;  // [head size / 2]
  // [V + 1][RoundUp(D, kFloatPad)], normed where neither memory nor signals are added to it.
  RowBuffer<float> embedding{0, 0};
  std::vector<RowBuffer<float>> signals;     // [rows of its rule][RoundUp(D, kFloatPad)] each
  std::shared_ptr<const Lattices> lattices;  // null without signals that have any
  PreparedMemory memory;
  std::vector<PreparedLayer> layers;
  std::unique_ptr<LinearLayer> head;

 private:
  std::unique_ptr<LinearLayer> MakeLinear(std::initializer_list<int> tensors) const;
  PreparedLayer MakeLayer(int l) const;
  RowBuffer<float> MakeRows(int tensor) const;
  RowBuffer<float> MakeEmbedding() const;

  float beta_;  // 3 / sqrt(head size)
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_PREPARED_NETWORK_H_
