// A network of Llama's shape in double precision: what the exact network is measured against, and
// what calibrates it. It is slow and plain.
#ifndef OCCAM_MODEL_IMPORT_FLOAT_LLAMA_H_
#define OCCAM_MODEL_IMPORT_FLOAT_LLAMA_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/import/llama_weights.h"

namespace occam {

// The largest magnitudes that a layer's rows had, element by element.
struct LlamaMaxima {
  std::vector<double> attention_inputs;  // [D], after norm, before gain1
  std::vector<double> queries;           // [heads * head_size], turned
  std::vector<double> keys, values;      // [kv_heads * head_size]; keys turned
  std::vector<double> mlp_inputs;        // [D], after norm, before gain2
  std::vector<double> gated;             // [mlp_width]
};

// Logits [inputs, tokens] of one context whose inputs, the begin token first, are given. `maxima`
// [layers], which may be null, grow.
std::vector<double> FloatLogits(const LlamaWeights& w, std::span<const int32_t> inputs,
                                std::vector<LlamaMaxima>* maxima = nullptr);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_FLOAT_LLAMA_H_
