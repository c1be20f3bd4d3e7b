// Steps of an imported network besides linear layers and the quantising of rows
// (docs/spec/import.md, sections 3 and 4). The plain set is the definition; a fast set gives the
// same bits. All floats are in the mode of float_mode.h, one operation at a time. Rows of floats
// are RoundUp(n, kFloatPad) apart, rows of codes RoundUp(n, kCodePad); lengths are multiples of 8.
#ifndef OCCAM_MODEL_EXACT_LLAMA_KERNELS_H_
#define OCCAM_MODEL_EXACT_LLAMA_KERNELS_H_

#include <cstdint>
#include <memory>
#include <span>

namespace occam {

// The cache of a lane, a layer and a key/value head: position p is in slot p % capacity. The layout
// of keys and of values (capacity * head_size bytes each) is the kernel set's own.
struct LlamaCache {
  int8_t* keys = nullptr;
  int8_t* values = nullptr;
  float* key_scales = nullptr;  // [capacity]
  int capacity = 0;             // a multiple of kCacheBlock
  int head_size = 0;
};

// One query, the positions that it sees, first .. last, and the place of its result.
struct LlamaQuery {
  const int8_t* codes = nullptr;  // [head_size]
  float factor = 0;               // F
  int64_t first = 0;
  int64_t last = 0;
  float* out = nullptr;  // [head_size]
};

// Queries that look at one cache together, at most: what they see is read once for all.
constexpr int kLlamaQueries = 4;

// Scratch of Attend, aligned to 64 bytes: of each kLlamaQueries times the largest capacity.
struct LlamaScratch {
  float* scores = nullptr;
  int32_t* weights = nullptr;
};

class LlamaKernels {
 public:
  virtual ~LlamaKernels() = default;

  // y = norm(x) * gain, row by row, epsilon added to the mean square. y may be x.
  virtual void NormWithEpsilon(const float* x, const float* gain, float epsilon, int rows, int n,
                               float* y) const = 0;
  // Row by row: y_i = silu(g_i) * u_i, of rows of 2 n floats that begin with g, then u. The result
  // becomes two planes of codes to +-16256, 128 * high + low. `scales` [rows] are those of `low`;
  // those of `high` are 128 times as much.
  virtual void GateToPlanes(float* rows_of_gates, int rows, int n, int8_t* high, int8_t* low,
                            float* scales) const = 0;
  // The same for y_i = gelu(u_i + bias_i), of rows of n floats.
  virtual void GeluToPlanes(float* inner, const float* bias, int rows, int n, int8_t* high,
                            int8_t* low, float* scales) const = 0;
  // Row by row: the two planes of x, of rows of n floats.
  virtual void ToPlanes(const float* x, int rows, int n, int8_t* high, int8_t* low,
                        float* scales) const = 0;
  // x_i = x_i + bias_i, row by row; rows are `stride` apart.
  virtual void AddBias(const float* bias, int rows, int n, int stride, float* x) const = 0;

  // Puts the codes of a key and a value into a slot.
  virtual void Store(const int8_t* key, const int8_t* value, const LlamaCache& cache,
                     int slot) const = 0;
  // Computes the results of 1 .. kLlamaQueries queries; `value_factor` is 8 * s_v. From the first
  // position that any of them sees to the last one there are at most capacity - 16.
  virtual void Attend(std::span<const LlamaQuery> queries, const LlamaCache& cache,
                      float value_factor, const LlamaScratch& scratch) const = 0;
};

std::unique_ptr<LlamaKernels> MakePlainLlamaKernels();

// The best that UsableIsa() allows; null where the build or the processor has none.
std::unique_ptr<LlamaKernels> MakeFastLlamaKernels();

// Steps of single heads, of n floats, which all sets share.

// y = norm(x) * gain; y may be x.
void NormHead(const float* x, const float* gain, float epsilon, int n, float* y);

// Codes of a value at the inverse of its static scale.
void QuantiseValue(const float* x, float inverse_scale, int n, int8_t* codes);
// The same in a fine network, codes to +-32767.
void QuantiseFineValue(const float* x, float inverse_scale, int n, int16_t* codes);

// Codes to +-32767 of a query or a key; returns their scale.
float QuantiseFine(const float* x, int n, int16_t* codes);

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_LLAMA_KERNELS_H_
