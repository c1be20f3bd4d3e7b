// What the exact network is made of: a set of kernels that compute the steps of DESIGN.md section
// 4, and nothing else. The plain set is the definition; a fast set gives the same bits. network.cc
// is written once on top of this interface.
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

namespace occam {

constexpr int kFloatPad = 16;
constexpr int kCodePad = 64;
constexpr int kCacheBlock = 32;  // cache capacities are multiples of it
constexpr int kTileRows = 64;    // rows of one pass, at most
constexpr int kMaxTaps = 16;

constexpr int RoundUp(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

// A matrix [outputs, inputs] of int8 codes with one scale an output, packed for a kernel set.
// Immutable.
class LinearLayer {
 public:
  virtual ~LinearLayer() = default;
  // What Apply needs of `scratch`, aligned to 64 bytes.
  virtual size_t scratch_bytes() const { return 0; }
  // y[r][j] (+)= (float(sum_k x[r][k] * w[j][k]) * scale_j) * x_scales[r] for rows [0, rows), rows
  // <= kTileRows. x [kTileRows][RoundUp(inputs, kCodePad)], of which rows beyond `rows` may be read
  // but do not matter; y [rows][RoundUp(outputs, kFloatPad)].
  virtual void Apply(const int8_t* x, const float* x_scales, int rows, bool add, float* y,
                     std::byte* scratch) const = 0;
};

// One cache ring of a lane, a layer and a key/value head: position p is in slot p % capacity. The
// layout of each half (capacity * head_size bytes) is the kernel set's own.
struct CacheRing {
  uint8_t* keys = nullptr;
  uint8_t* values = nullptr;
  int capacity = 0;  // a multiple of kCacheBlock
  int head_size = 0;
};

// Positions first .. last of a ring, at most `capacity` of them.
struct CacheWindow {
  int64_t first = 0;
  int64_t last = 0;
};

// Room for one query's dot products and weights: as many as the largest capacity + 2 * kCacheBlock.
// Aligned to 64 bytes.
struct AttentionScratch {
  int32_t* products = nullptr;
  uint8_t* weights = nullptr;
};

class KernelSet {
 public:
  virtual ~KernelSet() = default;
  virtual const char* name() const = 0;

  virtual std::unique_ptr<LinearLayer> MakeLinear(std::span<const int8_t> codes,
                                                  std::span<const float> scales, int outputs,
                                                  int inputs) const = 0;
  // Point 4: y = norm(x), times gain unless that is null. y may be x.
  virtual void Norm(const float* x, const float* gain, int n, float* y) const = 0;
  // y_i = h_i + (w[0] h[0]_i + w[1] h[1]_i + ...), h[k] [n] oldest first, h[taps - 1] the row
  // itself; w [taps][n].
  virtual void Convolve(const float* const* h, const float* w, int taps, int n, float* y) const = 0;
  // Point 3 with m = 127; returns the scale.
  virtual float Quantise(const float* x, int n, int8_t* codes) const = 0;
  // The same for max(x, 0)^2.
  virtual float SquareAndQuantise(const float* x, int n, int8_t* codes) const = 0;
  // Turns the pairs of a head (i, n / 2 + i) by the angles and norms it. n is a multiple of 8.
  virtual void RotateAndNorm(const float* cosine, const float* sine, int n, float* head) const = 0;
  // Point 5: quantises a key and a value with the inverses of their static scales into a slot.
  virtual void Store(const float* key, float inverse_key_scale, const float* value,
                     float inverse_value_scale, const CacheRing& ring, int slot) const = 0;
  // Point 6: factor is F, value_factor 128 * s_v; out [head_size].
  virtual void Attend(const int8_t* query, float factor, const CacheRing& ring,
                      const CacheWindow& window, float value_factor,
                      const AttentionScratch& scratch, float* out) const = 0;
  // Points 7 and 8: frequencies of n logits, any n >= 2. Both have room for RoundUp(n, kFloatPad);
  // the logits' padding is overwritten.
  virtual void Frequencies(float* logits, int n, uint32_t* frequencies) const = 0;
};

std::unique_ptr<KernelSet> MakePlainKernels();

// The best that UsableIsa() allows; null where the build or the processor has none.
std::unique_ptr<KernelSet> MakeFastKernels();

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_KERNELS_H_
