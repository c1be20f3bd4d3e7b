// Vectors of AVX512_BF16 for the blocks of attention. Only for x86-64.
#ifndef OCCAM_MODEL_NETWORK_ATTENTION_VECTORS_INL_H_
#define OCCAM_MODEL_NETWORK_ATTENTION_VECTORS_INL_H_

#include <hwy/base.h>

// g++ 12 sees uninitialised operands in its own intrinsics (its bug 105593).
#if !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#include <cstdint>

// The instruction sets of everything that includes this.
#define OCCAM_AVX512BF16 "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"

HWY_PUSH_ATTRIBUTES(OCCAM_AVX512BF16)
namespace occam::bf16 {

constexpr int64_t kLanes = 16;

// Rounds to bfloat16: 16 of `low`, then 16 of `high`.
HWY_INLINE __m512i Round(__m512 low, __m512 high) {
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

}  // namespace occam::bf16
HWY_POP_ATTRIBUTES

#endif  // OCCAM_MODEL_NETWORK_ATTENTION_VECTORS_INL_H_
