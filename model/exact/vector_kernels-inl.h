// The fast kernels as one class. fast_kernels.cc includes this file once for each instruction set,
// with OCCAM_SIMD (a namespace), OCCAM_SIMD_TARGET (what the compiler may use) and OCCAM_SIMD_VNNI
// defined; so there is no include guard, here and in what is included here.
#include "model/exact/dot4-inl.h"
#include "model/exact/vector_rows-inl.h"
// These use the two above.
#include "model/exact/vector_attention-inl.h"
#include "model/exact/vector_linear-inl.h"

HWY_PUSH_ATTRIBUTES(OCCAM_SIMD_TARGET)
namespace occam {
namespace OCCAM_SIMD {

class VectorKernels final : public FastKernels {
 public:
  const char* name() const override {
    if (OCCAM_SIMD_VNNI) return IsaName(Isa::kAvx512Vnni);
    switch (HWY_TARGET) {
      case HWY_AVX3:
        return IsaName(Isa::kAvx512);
      case HWY_AVX2:
        return IsaName(Isa::kAvx2);
      case HWY_SSE4:
        return IsaName(Isa::kSse41);
      default:
        return hwy::TargetName(HWY_TARGET);
    }
  }

  void Norm(const float* x, const float* gain, int n, float* y) const override {
    if (Divides(WideFloats(), n)) return NormRow(WideFloats(), x, gain, n, y);
    NormRow(NarrowFloats(), x, gain, n, y);
  }

  void Convolve(const float* const* h, const float* w, int taps, int n, float* y) const override {
    if (Divides(WideFloats(), n)) return ConvolveRow(WideFloats(), h, w, taps, n, y);
    ConvolveRow(NarrowFloats(), h, w, taps, n, y);
  }

  float Quantise(const float* x, int n, int8_t* codes) const override {
    if (Divides(WideFloats(), n)) return QuantiseRow<false>(WideFloats(), x, n, codes);
    return QuantiseRow<false>(NarrowFloats(), x, n, codes);
  }

  float SquareAndQuantise(const float* x, int n, int8_t* codes) const override {
    if (Divides(WideFloats(), n)) return QuantiseRow<true>(WideFloats(), x, n, codes);
    return QuantiseRow<true>(NarrowFloats(), x, n, codes);
  }

  void RotateAndNorm(const float* cosine, const float* sine, int n, float* head) const override {
    if (Divides(WideFloats(), n / 2)) return RotateAndNormHead(WideFloats(), cosine, sine, n, head);
    if (Divides(NarrowFloats(), n / 2)) {
      return RotateAndNormHead(NarrowFloats(), cosine, sine, n, head);
    }
    RotateAndNormHead(hn::CappedTag<float, 4>(), cosine, sine, n, head);
  }

  void Store(const float* key, float inverse_key_scale, const float* value,
             float inverse_value_scale, const CacheRing& ring, int slot) const override {
    StoreKey(key, inverse_key_scale, ring, slot);
    StoreValue(value, inverse_value_scale, ring, slot);
  }

  void Attend(const int8_t* query, float factor, const CacheRing& ring, const CacheWindow& window,
              float value_factor, const AttentionScratch& scratch, float* out) const override {
    AttendRow(query, factor, ring, window, value_factor, scratch, out);
  }

  void Frequencies(float* logits, int n, uint32_t* frequencies) const override {
    FrequenciesOf(logits, n, frequencies);
  }

  void Multiply(const PackedWeights& w, const int8_t* x, const float* x_scales, int rows, bool add,
                float* y) const override {
    MultiplyPacked(w, x, x_scales, rows, add, y);
  }

  void Scale(const PackedWeights& w, const int32_t* sums, const float* x_scales, int rows, bool add,
             float* y) const override {
    ScaleSums(w, sums, x_scales, rows, add, y);
  }
};

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
