// The fast kernels, compiled for every instruction set that Highway dispatches to, and for AVX-512
// with VNNI: Highway 1.0.3 has a target for that, but compiles it for AVX-VNNI, which Ice Lake
// lacks, and it asks for much that we do not use.

// SSE4 is the least we serve. Targets above AVX3 have lower bits; later versions of Highway add
// some. Vectors whose size is known only at run time cannot stand in arrays.
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | (HWY_AVX3 - 1) | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/exact/fast_kernels.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstring>

#include "data/base/cpu.h"
#include "data/base/frequency.h"
#include "data/base/simd_targets.h"
#include "model/exact/contract.h"
#include "model/exact/fast_linear.h"
#include "model/exact/kernels.h"

// Highway's targets without vectors, which lack what we use, have no target string.
#ifdef HWY_TARGET_STR
#define OCCAM_SIMD HWY_NAMESPACE
#define OCCAM_SIMD_TARGET HWY_TARGET_STR
#define OCCAM_SIMD_VNNI 0
#include "model/exact/vector_kernels-inl.h"
#undef OCCAM_SIMD
#undef OCCAM_SIMD_TARGET
#undef OCCAM_SIMD_VNNI
#endif

#if HWY_TARGET == HWY_AVX3
#define OCCAM_SIMD N_AVX3_VNNI
#define OCCAM_SIMD_TARGET HWY_TARGET_STR ",avx512vnni"
#define OCCAM_SIMD_VNNI 1
#include "model/exact/vector_kernels-inl.h"
#undef OCCAM_SIMD
#undef OCCAM_SIMD_TARGET
#undef OCCAM_SIMD_VNNI
#endif

HWY_BEFORE_NAMESPACE();
namespace occam {
namespace HWY_NAMESPACE {

// Null where the plain kernels have to stand in.
KernelSet* NewKernels() {
#ifndef HWY_TARGET_STR
  return nullptr;
#else
#if HWY_TARGET == HWY_AVX3
  if (UsableIsa() >= Isa::kAvx512Vnni) return new N_AVX3_VNNI::VectorKernels;
#endif
  return new VectorKernels;
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace occam
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {

HWY_EXPORT(NewKernels);

std::unique_ptr<KernelSet> MakeFastKernels() {
  if (UsableIsa() == Isa::kPlain) return nullptr;
  return std::unique_ptr<KernelSet>(OCCAM_SIMD_DISPATCH(NewKernels)());
}

}  // namespace occam
#endif  // HWY_ONCE
