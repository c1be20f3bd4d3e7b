// A quantised model of Llama's shape as the kernels want it (docs/spec/import.md).
#ifndef OCCAM_MODEL_EXACT_PREPARED_LLAMA_H_
#define OCCAM_MODEL_EXACT_PREPARED_LLAMA_H_

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <vector>

#include "data/base/digest.h"
#include "model/exact/kernels.h"
#include "model/exact/llama_kernels.h"
#include "model/parameters.h"
#include "model/quantized_model.h"

namespace occam {

// A matrix, and in a fine network its rest, which is null elsewhere.
struct PreparedMatrix {
  std::unique_ptr<LinearLayer> codes, rest;
};

struct PreparedLlamaLayer {
  const float* gains[2];  // before attention, and before the MLP
  // These are null where the shape has none.
  const float *q_gain, *k_gain;    // of heads
  const float *bq, *bo, *bu, *bd;  // biases after the products
  PreparedMatrix wqkv;             // [query width + 2 kv width, D]
  PreparedMatrix wo;               // [D, query width]
  // [2 MLP width, D]: gates, and what they gate; [MLP width, D] where there is no gate.
  PreparedMatrix wgu;
  PreparedMatrix wd;                        // [D, MLP width]
  std::vector<float> inverse_value_scales;  // one a key/value head
  std::vector<float> value_factors;         // 8 * s_v; in a fine network s_v
  int window;                               // positions that a query sees, its own included
  int capacity;                             // of the layer's caches
};

// Immutable after construction, which throws kDamaged as CheckModel does. Owns the model.
struct PreparedLlama {
  PreparedLlama(QuantizedModel quantized, std::unique_ptr<KernelSet> kernel_set,
                std::unique_ptr<LlamaKernels> llama_kernels);

  // Returns how many bytes of scratch the linear layers need at most.
  size_t scratch_bytes() const;
  const QuantizedTensor& tensor(int i) const { return model.tensors[static_cast<size_t>(i)]; }
  // The floats of a tensor, null for no tensor.
  const float* floats(int i) const { return i < 0 ? nullptr : tensor(i).floats.data(); }

  QuantizedModel model;
  std::unique_ptr<KernelSet> kernels;
  std::unique_ptr<LlamaKernels> steps;
  ParameterIndex index;
  Sha256Digest id;
  float beta;  // 1 / sqrt(head size)
  std::vector<PreparedLlamaLayer> layers;
  PreparedMatrix head;  // [V, D]: escapes get 0

 private:
  PreparedMatrix MakeMatrix(std::initializer_list<int> tensors, int zeros = 0) const;
  std::unique_ptr<LinearLayer> MakeLinear(std::initializer_list<int> tensors, bool rests,
                                          int zeros) const;
  PreparedLlamaLayer MakeLayer(int l) const;
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_PREPARED_LLAMA_H_
