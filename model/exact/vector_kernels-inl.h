// The fast kernels as one class. fast_kernels.cc includes this file once for each instruction set,
// with OCCAM_SIMD (a namespace), OCCAM_SIMD_TARGET (what the compiler may use) and OCCAM_SIMD_VNNI
// defined; so there is no include guard, here and in what is included here.
#include "model/exact/dot4-inl.h"
#include "model/exact/vector_rows-inl.h"
// These use the two above.
#include "model/exact/vector_attention-inl.h"
#include "model/exact/vector_heads-inl.h"
#include "model/exact/vector_linear-inl.h"
#include "model/exact/vector_output-inl.h"

HWY_PUSH_ATTRIBUTES(OCCAM_SIMD_TARGET)
namespace occam {
namespace OCCAM_SIMD {

class VectorKernels final : public FastKernels {
 public:
  const char* name() const override {
    if (OCCAM_SIMD_VNNI) return IsaName(TilesAreRight() ? Isa::kAmx : Isa::kAvx512Vnni);
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

  void Norm(const float* x, const float* gain, int rows, int n, float* y) const override {
    if (Divides(WideFloats(), n)) return NormRows(WideFloats(), x, gain, rows, n, y);
    NormRows(NarrowFloats(), x, gain, rows, n, y);
  }

  void Convolve(const float* const* sources, const float* w, int taps, int rows, int n,
                float* y) const override {
    if (Divides(WideFloats(), n)) {
      return ConvolveRows(WideFloats(), sources, w, taps, rows, n, y);
    }
    ConvolveRows(NarrowFloats(), sources, w, taps, rows, n, y);
  }

  void Sum(const float* const* addends, int count, int rows, int n, float* y) const override {
    if (Divides(WideFloats(), n)) return SumRows(WideFloats(), addends, count, rows, n, y);
    SumRows(NarrowFloats(), addends, count, rows, n, y);
  }

  void Quantise(const float* x, int rows, int n, int8_t* codes, float* scales) const override {
    if (Divides(WideFloats(), n)) {
      return QuantiseRows<false>(WideFloats(), x, rows, n, codes, scales);
    }
    QuantiseRows<false>(NarrowFloats(), x, rows, n, codes, scales);
  }

  void SquareAndQuantise(const float* x, int rows, int n, int8_t* codes,
                         float* scales) const override {
    if (Divides(WideFloats(), n)) {
      return QuantiseRows<true>(WideFloats(), x, rows, n, codes, scales);
    }
    QuantiseRows<true>(NarrowFloats(), x, rows, n, codes, scales);
  }

  void PrepareHeads(const HeadRows& rows, int8_t* codes, int code_stride,
                    float* scales) const override {
    if (Divides(WideFloats(), rows.head_size)) {
      return PrepareRowsOfHeads(WideFloats(), rows, codes, code_stride, scales);
    }
    PrepareRowsOfHeads(NarrowFloats(), rows, codes, code_stride, scales);
  }

  void Store(const float* key, float inverse_key_scale, const float* value,
             float inverse_value_scale, const CacheRing& ring, int slot) const override {
    if (Divides(WideFloats(), ring.head_size)) {
      StoreKey(WideFloats(), key, inverse_key_scale, ring, slot);
      StoreValue(WideFloats(), value, inverse_value_scale, ring, slot);
    } else {
      StoreKey(NarrowFloats(), key, inverse_key_scale, ring, slot);
      StoreValue(NarrowFloats(), value, inverse_value_scale, ring, slot);
    }
  }

  void Attend(const QueryRows& queries, const CacheRing& ring, float value_factor,
              const QueryGroupScratch& scratch) const override {
    AttendRows(queries, ring, value_factor, scratch);
  }

  void Frequencies(float* logits, int n, uint32_t* frequencies) const override {
    FrequenciesOf(logits, n, frequencies);
  }

  SymbolInterval Interval(float* logits, int n, int32_t symbol, uint32_t* scratch) const override {
    return IntervalOf(logits, n, symbol, reinterpret_cast<int32_t*>(scratch));
  }
  int group() const override { return kPanelsAtOnce; }

  void Multiply(const PackedWeights& w, const int8_t* x, const float* x_scales, int rows, bool add,
                float* y, std::byte* scratch) const override {
    MultiplyPacked(w, x, x_scales, rows, add, y, scratch);
  }

  void Scale(const PackedWeights& w, int panel, int panels, const int32_t* sums,
             const float* x_scales, int rows, bool add, float* y) const override {
    if (add) return ScaleSums<true>(w, panel, panels, sums, x_scales, rows, y);
    ScaleSums<false>(w, panel, panels, sums, x_scales, rows, y);
  }
};

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
