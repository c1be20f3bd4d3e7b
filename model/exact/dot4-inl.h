// Four products of bytes at a time, for every target of Highway, which has no such operation in
// version 1.0.3.
#include <hwy/highway.h>

HWY_PUSH_ATTRIBUTES(OCCAM_SIMD_TARGET)
namespace occam {
namespace OCCAM_SIMD {
namespace hn = hwy::HWY_NAMESPACE;

// Returns, in each 32-bit lane, sum + u0 s0 + u1 s1 + u2 s2 + u3 s3, u four unsigned and s four
// signed bytes. The sum of two neighbouring products must fit into 16 bits. All our operands are in
// [0, 127] x [-127, 127] or [0, 255] x [-63, 63]; 2 * 127 * 127 and 2 * 255 * 63 are below 2^15.
#if OCCAM_SIMD_VNNI

HWY_INLINE hn::Vec512<int32_t> Dot4(hn::Vec512<int32_t> sum, hn::Vec512<int32_t> u,
                                    hn::Vec512<int32_t> s) {
  return hn::Vec512<int32_t>{_mm512_dpbusd_epi32(sum.raw, u.raw, s.raw)};
}
HWY_INLINE hn::Vec256<int32_t> Dot4(hn::Vec256<int32_t> sum, hn::Vec256<int32_t> u,
                                    hn::Vec256<int32_t> s) {
  return hn::Vec256<int32_t>{_mm256_dpbusd_epi32(sum.raw, u.raw, s.raw)};
}

#elif HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2

#if HWY_TARGET == HWY_AVX3
HWY_INLINE hn::Vec512<int32_t> Dot4(hn::Vec512<int32_t> sum, hn::Vec512<int32_t> u,
                                    hn::Vec512<int32_t> s) {
  const __m512i pairs = _mm512_maddubs_epi16(u.raw, s.raw);
  return sum + hn::Vec512<int32_t>{_mm512_madd_epi16(pairs, _mm512_set1_epi16(1))};
}
#endif
HWY_INLINE hn::Vec256<int32_t> Dot4(hn::Vec256<int32_t> sum, hn::Vec256<int32_t> u,
                                    hn::Vec256<int32_t> s) {
  const __m256i pairs = _mm256_maddubs_epi16(u.raw, s.raw);
  return sum + hn::Vec256<int32_t>{_mm256_madd_epi16(pairs, _mm256_set1_epi16(1))};
}

#elif HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_SSSE3

HWY_INLINE hn::Vec128<int32_t> Dot4(hn::Vec128<int32_t> sum, hn::Vec128<int32_t> u,
                                    hn::Vec128<int32_t> s) {
  const __m128i pairs = _mm_maddubs_epi16(u.raw, s.raw);
  return sum + hn::Vec128<int32_t>{_mm_madd_epi16(pairs, _mm_set1_epi16(1))};
}

#else  // any other: even and odd bytes as 16-bit lanes

template <class V>
HWY_INLINE V Dot4(V sum, V u, V s) {
  const hn::DFromV<V> d32;
  const hn::Repartition<int16_t, decltype(d32)> d16;
  const hn::RebindToUnsigned<decltype(d16)> du16;
  const auto u16 = hn::BitCast(du16, u);
  const auto s16 = hn::BitCast(d16, s);
  const auto u_even = hn::BitCast(d16, hn::And(u16, hn::Set(du16, 0xff)));
  const auto u_odd = hn::BitCast(d16, hn::ShiftRight<8>(u16));
  const auto s_even = hn::ShiftRight<8>(hn::ShiftLeft<8>(s16));
  const auto s_odd = hn::ShiftRight<8>(s16);
  const auto pairs = hn::BitCast(d32, hn::Add(hn::Mul(u_even, s_even), hn::Mul(u_odd, s_odd)));
  const auto low = hn::ShiftRight<16>(hn::ShiftLeft<16>(pairs));
  return hn::Add(sum, hn::Add(low, hn::ShiftRight<16>(pairs)));
}

#endif

// The same for any signed bytes, whose products need not fit into 16 bits in pairs.
#if OCCAM_SIMD_VNNI
template <class V>
HWY_INLINE V WideDot4(V sum, V u, V s) {
  return Dot4(sum, u, s);
}
#else
template <class V>
HWY_INLINE V WideDot4(V sum, V u, V s) {
  const hn::DFromV<V> d32;
  const hn::Repartition<int16_t, decltype(d32)> d16;
  const hn::RebindToUnsigned<decltype(d16)> du16;
  const auto u16 = hn::BitCast(du16, u);
  const auto s16 = hn::BitCast(d16, s);
  const auto u_even = hn::BitCast(d16, hn::And(u16, hn::Set(du16, 0xff)));
  const auto u_odd = hn::BitCast(d16, hn::ShiftRight<8>(u16));
  const auto s_even = hn::ShiftRight<8>(hn::ShiftLeft<8>(s16));
  const auto s_odd = hn::ShiftRight<8>(s16);
#if HWY_ARCH_X86  // neighbouring products stay in the lane of their pair
  auto unused = hn::Zero(d32);
  sum = hn::ReorderWidenMulAccumulate(d32, u_even, s_even, sum, unused);
  return hn::ReorderWidenMulAccumulate(d32, u_odd, s_odd, sum, unused);
#else
  for (const auto pairs :
       {hn::BitCast(d32, hn::Mul(u_even, s_even)), hn::BitCast(d32, hn::Mul(u_odd, s_odd))}) {
    const auto low = hn::ShiftRight<16>(hn::ShiftLeft<16>(pairs));
    sum = hn::Add(sum, hn::Add(low, hn::ShiftRight<16>(pairs)));
  }
  return sum;
#endif
}
#endif

// Hides from the compiler how a sum came about, after a loop that held many of them in registers.
// g++ 12 would keep each twice, once as the type of Dot4's instruction and once as that of the
// vector. It would copy one into the other in every round, and run out of registers.
#if HWY_ARCH_X86
template <class V>
HWY_INLINE void ForgetOrigin(V* sum) {
#if HWY_TARGET == HWY_AVX3
  asm("" : "+v"(sum->raw));
#else
  asm("" : "+x"(sum->raw));
#endif
}
#else
template <class V>
HWY_INLINE void ForgetOrigin(V* /*sum*/) {}
#endif

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
