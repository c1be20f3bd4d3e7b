// 2^x for vectors. It is included once for each Highway target.
#if defined(OCCAM_MODEL_NETWORK_EXP2_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OCCAM_MODEL_NETWORK_EXP2_INL_H_
#undef OCCAM_MODEL_NETWORK_EXP2_INL_H_
#else
#define OCCAM_MODEL_NETWORK_EXP2_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {

// 2^x for x in [-126, 126], to a relative error below 2^-22; not a number stays so. Let n be the
// nearest integer and f = x - n in [-1/2, 1/2]. 2^f is the Taylor series, coefficients ln(2)^k /
// k!, whose first term left out is below 2^-27; n is added to the exponent.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V Exp2(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<D> di;
  const auto n = hn::NearestInt(x);
  const auto f = hn::Sub(x, hn::ConvertTo(d, n));
  auto y = hn::Set(d, 1.5252734e-5f);
  y = hn::MulAdd(y, f, hn::Set(d, 1.5403530e-4f));
  y = hn::MulAdd(y, f, hn::Set(d, 1.3333558e-3f));
  y = hn::MulAdd(y, f, hn::Set(d, 9.6181291e-3f));
  y = hn::MulAdd(y, f, hn::Set(d, 5.5504109e-2f));
  y = hn::MulAdd(y, f, hn::Set(d, 2.4022651e-1f));
  y = hn::MulAdd(y, f, hn::Set(d, 6.9314718e-1f));
  y = hn::MulAdd(y, f, hn::Set(d, 1.0f));
  const auto power = hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127)));
  return hn::Mul(y, hn::BitCast(d, power));
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // OCCAM_MODEL_NETWORK_EXP2_INL_H_
