// An imported network in double precision: what the exact network is measured against, and
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

// The hidden states of one context before its head, normed: [width][inputs]. `maxima` [layers],
// which may be null, grow. `inputs` are tokens, the begin token first.
std::vector<double> FloatStates(const LlamaWeights& w, std::span<const int32_t> inputs,
                                std::vector<LlamaMaxima>* maxima = nullptr);

// Logits [count, tokens] of inputs `first` .. first + count - 1 of such states, of `inputs` inputs.
std::vector<double> LogitsOf(const LlamaWeights& w, std::span<const double> states, size_t inputs,
                             size_t first, size_t count);

// All logits [inputs, tokens] of a context.
std::vector<double> FloatLogits(const LlamaWeights& w, std::span<const int32_t> inputs,
                                std::vector<LlamaMaxima>* maxima = nullptr);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_FLOAT_LLAMA_H_
