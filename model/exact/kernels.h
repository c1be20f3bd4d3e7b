// The parts of the exact network: a set of kernels that compute the steps of docs/spec/contract.md,
// and nothing else. The plain set is the definition; a fast set gives the same bits. network.cc is
// written once on top of this interface.
//
// Rows of floats are RoundUp(n, kFloatPad) apart, rows of codes RoundUp(n, kCodePad). Lengths `n`
// are multiples of 8, but for logits. A kernel may write anything to a row's padding; none depends
// on what is there.
#ifndef OCCAM_MODEL_EXACT_KERNELS_H_
#define OCCAM_MODEL_EXACT_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "data/base/frequency.h"

namespace occam {

constexpr int kFloatPad = 16;
constexpr int kCodePad = 64;
constexpr int kCacheBlock = 32;  // cache capacities are multiples of it
constexpr int kTileRows = 64;    // rows of one pass, at most

constexpr int RoundUp(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

// A matrix [outputs, inputs] of int8 codes with one scale an output, packed for a kernel set.
// Immutable.
class LinearLayer {
 public:
  virtual ~LinearLayer() = default;
  // Returns how many bytes of `scratch` Apply needs.
  virtual size_t scratch_bytes() const { return 0; }
  // y[r][j] (+)= (float(sum_k x[r][k] * w[j][k]) * scale_j) * x_scales[r] for rows [0, rows), rows
  // <= kTileRows. x [kTileRows][RoundUp(inputs, kCodePad)], of which rows beyond `rows` may be read
  // but do not matter; y [rows][RoundUp(outputs, kFloatPad)]. x, y, scratch: aligned to 64 bytes.
  virtual void Apply(const int8_t* x, const float* x_scales, int rows, bool add, float* y,
                     std::byte* scratch) const = 0;
};

// Queries and keys of rows, heads side by side: row r's begin at queries and keys + r * stride. Its
// position has the angles cosine and sine + r * head_size / 2.
struct HeadRows {
  float* queries = nullptr;
  float* keys = nullptr;
  int stride = 0;
  const float* cosine = nullptr;
  const float* sine = nullptr;
  int rows = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_size = 0;
};

// One cache ring of a lane, a layer and a key/value head: position p is in slot p % capacity. The
// layout of each half (capacity * head_size bytes) is the kernel set's own. What is scanned after a
// half, the values of its keys or the keys of the next head or lane, lies best right behind it.
struct CacheRing {
  uint8_t* keys = nullptr;
  uint8_t* values = nullptr;
  int capacity = 0;  // a multiple of kCacheBlock
  int head_size = 0;
};

// The queries of one head at consecutive positions of a lane, and where their results go.
struct QueryRows {
  const int8_t* codes = nullptr;  // [rows][code_stride], head_size each
  int code_stride = 0;
  const float* factors = nullptr;  // F of row r in factors[r * factor_stride]
  int factor_stride = 0;
  float* out = nullptr;  // [rows][out_stride], head_size each
  int out_stride = 0;
  int rows = 0;
  int64_t position = 0;  // of the first
  int window = 0;        // positions that a query sees, its own included
};

// Queries that look at the same keys together, at most.
constexpr int kQueryGroup = 8;

// Scratch of Attend for kQueryGroup queries, aligned to 64 bytes: of each element, kQueryGroup *
// (the largest capacity + 2 * kCacheBlock).
struct QueryGroupScratch {
  int32_t* products = nullptr;
  uint8_t* weights = nullptr;
};

// The kernels. x and y are rows of floats, and codes rows of codes, unless something else is said.
class KernelSet {
 public:
  virtual ~KernelSet() = default;
  virtual const char* name() const = 0;

  virtual std::unique_ptr<LinearLayer> MakeLinear(std::span<const int8_t> codes,
                                                  std::span<const float> scales, int outputs,
                                                  int inputs) const = 0;
  // Point 4, row by row: y = norm(x), times gain unless that is null. y may be x.
  virtual void Norm(const float* x, const float* gain, int rows, int n, float* y) const = 0;
  // Row by row: y_i = h_i + (w[0] h[0]_i + w[1] h[1]_i + ...), h[k] [n] oldest first, h[taps - 1]
  // the row itself; w [taps][n]. `sources` are the h of all rows, [rows][taps].
  virtual void Convolve(const float* const* sources, const float* w, int taps, int rows, int n,
                        float* y) const = 0;
  // Row by row: y_i = (a[0]_i + a[1]_i) + a[2]_i ..., a[k] [n]. `addends` are the a of all rows,
  // [rows][count], count at least 1. Those of the next row are fetched while one is summed.
  virtual void Sum(const float* const* addends, int count, int rows, int n, float* y) const = 0;
  // Point 3 with m = 127, row by row.
  virtual void Quantise(const float* x, int rows, int n, int8_t* codes, float* scales) const = 0;
  // The same for max(x, 0)^2.
  virtual void SquareAndQuantise(const float* x, int rows, int n, int8_t* codes,
                                 float* scales) const = 0;
  // Point 5: turns the pairs (i, head_size / 2 + i) of all queries and keys and norms them, keys in
  // place. Queries become codes [rows][code_stride], heads side by side, and scales [rows][heads];
  // what is left of their floats does not matter.
  virtual void PrepareHeads(const HeadRows& rows, int8_t* codes, int code_stride,
                            float* scales) const = 0;
  // Point 5: quantises a key and a value with the inverses of their static scales into a slot.
  virtual void Store(const float* key, float inverse_key_scale, const float* value,
                     float inverse_value_scale, const CacheRing& ring, int slot) const = 0;
  // Point 6; value_factor is 128 * s_v. The ring holds all positions that the queries see.
  virtual void Attend(const QueryRows& queries, const CacheRing& ring, float value_factor,
                      const QueryGroupScratch& scratch) const = 0;
  // Points 7 and 8: frequencies of n logits, any n >= 2. Both have room for RoundUp(n, kFloatPad);
  // the logits' padding is overwritten.
  virtual void Frequencies(float* logits, int n, uint32_t* frequencies) const = 0;
  // The same for a known symbol; scratch has the room of frequencies.
  virtual SymbolInterval Interval(float* logits, int n, int32_t symbol,
                                  uint32_t* scratch) const = 0;
};

std::unique_ptr<KernelSet> MakePlainKernels();

// The best that UsableIsa() allows; null where the build or the processor has none.
std::unique_ptr<KernelSet> MakeFastKernels();

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_KERNELS_H_
