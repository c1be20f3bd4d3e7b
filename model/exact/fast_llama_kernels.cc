// The fast steps of imported networks, compiled for the instruction sets of fast_kernels.cc.

// As there.
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | (HWY_AVX3 - 1) | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/exact/fast_llama_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstring>

#include "data/base/cpu.h"
#include "data/base/simd_targets.h"
#include "model/exact/contract.h"
#include "model/exact/kernels.h"
#include "model/exact/llama_kernels.h"

#ifdef HWY_TARGET_STR
#define OCCAM_SIMD HWY_NAMESPACE
#define OCCAM_SIMD_TARGET HWY_TARGET_STR
#define OCCAM_SIMD_VNNI 0
#include "model/exact/vector_llama-inl.h"
#undef OCCAM_SIMD
#undef OCCAM_SIMD_TARGET
#undef OCCAM_SIMD_VNNI
#endif

#if HWY_TARGET == HWY_AVX3
#define OCCAM_SIMD N_AVX3_VNNI
#define OCCAM_SIMD_TARGET HWY_TARGET_STR ",avx512vnni"
#define OCCAM_SIMD_VNNI 1
#include "model/exact/vector_llama-inl.h"
#undef OCCAM_SIMD
#undef OCCAM_SIMD_TARGET
#undef OCCAM_SIMD_VNNI
#endif

HWY_BEFORE_NAMESPACE();
namespace occam {
namespace HWY_NAMESPACE {

// Null where the plain kernels have to stand in.
LlamaKernels* NewLlamaKernels() {
#ifndef HWY_TARGET_STR
  return nullptr;
#else
#if HWY_TARGET == HWY_AVX3
  if (UsableIsa() >= Isa::kAvx512Vnni) return new N_AVX3_VNNI::VectorLlamaKernels;
#endif
  return new VectorLlamaKernels;
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace occam
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {

HWY_EXPORT(NewLlamaKernels);

std::unique_ptr<LlamaKernels> MakeFastLlamaKernels() {
  if (UsableIsa() == Isa::kPlain) return nullptr;
  return std::unique_ptr<LlamaKernels>(OCCAM_SIMD_DISPATCH(NewLlamaKernels)());
}

}  // namespace occam
#endif  // HWY_ONCE
