// Vectors of float32 to and from memory of float32 or bfloat16. It is included once for each
// Highway target.
#if defined(OCCAM_MODEL_NETWORK_BFLOAT16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OCCAM_MODEL_NETWORK_BFLOAT16_INL_H_
#undef OCCAM_MODEL_NETWORK_BFLOAT16_INL_H_
#else
#define OCCAM_MODEL_NETWORK_BFLOAT16_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {

// Rounds to the nearest, ties to even: adding half of the last kept bit, less one where that bit is
// even, carries as rounding must. A number that is none is made quiet instead, since a carry could
// make it a number.
template <class D, class V>
HWY_INLINE void StoreOperand(V x, [[maybe_unused]] D d, uint16_t* to) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<uint16_t, D> dh;
  const auto bits = hn::BitCast(du, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fff)));
  const auto quiet = hn::Or(bits, hn::Set(du, 0x400000));
  const auto chosen = hn::IfThenElse(hn::RebindMask(du, hn::Eq(x, x)), rounded, quiet);
  hn::StoreU(hn::DemoteTo(dh, hn::BitCast(di, hn::ShiftRight<16>(chosen))), dh, to);
}
template <class D, class V>
HWY_INLINE void StoreOperand(V x, D d, float* to) {
  hwy::HWY_NAMESPACE::StoreU(x, d, to);
}

template <class D>
HWY_INLINE auto LoadOperand(D d, const uint16_t* from) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToUnsigned<D> du;
  const auto half = hn::LoadU(hn::Rebind<uint16_t, D>(), from);
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du, half)));
}
template <class D>
HWY_INLINE auto LoadOperand(D d, const float* from) {
  return hwy::HWY_NAMESPACE::LoadU(d, from);
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // OCCAM_MODEL_NETWORK_BFLOAT16_INL_H_
