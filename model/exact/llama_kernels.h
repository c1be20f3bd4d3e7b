// Steps of a network of Llama's shape besides linear layers and the quantising of rows
// (docs/spec/import.md, sections 3 and 4). All floats are in the mode of float_mode.h, one
// operation at a time.
#ifndef OCCAM_MODEL_EXACT_LLAMA_KERNELS_H_
#define OCCAM_MODEL_EXACT_LLAMA_KERNELS_H_

#include <cstdint>

namespace occam {

// The cache of a lane, a layer and a key/value head: position p is in slot p % capacity.
struct LlamaCache {
  int8_t* keys = nullptr;       // [capacity][head size]
  int8_t* values = nullptr;     // the same
  float* key_scales = nullptr;  // [capacity]
  int capacity = 0;
  int head_size = 0;
};

// y = norm(x) * gain of `n` elements, epsilon added to the mean square.
void NormWithEpsilon(const float* x, const float* gain, float epsilon, int n, float* y);

// Turns the pairs (i, n / 2 + i) of a head of n elements.
void TurnHead(const float* cosine, const float* sine, int n, float* head);

// Quantises a row to +-127; returns its scale.
float QuantiseHead(const float* x, int n, int8_t* codes);

// Codes of a value at the inverse of its static scale.
void QuantiseValue(const float* x, float inverse_scale, int n, int8_t* codes);

// gated_i = silu(gates_i) * values_i.
void Gate(const float* gates, const float* values, int n, float* gated);

// Quantises a row to +-16256, as two planes: 128 * high + low. Returns the scale of `low`; that of
// `high` is 128 times as much.
float QuantisePlanes(const float* x, int n, int8_t* high, int8_t* low);

// One query over the keys and values of positions first .. last, at most the capacity. `factor` is
// F of the query, `value_factor` 8 * s_v. scores and weights have room for last - first + 1
// numbers.
void AttendByToken(const int8_t* query, float factor, const LlamaCache& cache, int64_t first,
                   int64_t last, float value_factor, float* scores, int32_t* weights, float* out);

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_LLAMA_KERNELS_H_
