#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/bfloat16.cc"
#include "model/bfloat16.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "model/simd_targets.h"

HWY_BEFORE_NAMESPACE();
namespace occam::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Adding half of the last kept bit, less one where that bit is even, carries as rounding must. A
// number that is none is made quiet instead, since a carry could make it a number.
template <class D, class V>
HWY_INLINE hn::Vec<hn::Rebind<uint16_t, D>> Round([[maybe_unused]] D d, V x) {
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const auto bits = hn::BitCast(du, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fff)));
  const auto quiet = hn::Or(bits, hn::Set(du, 0x400000));
  const auto chosen = hn::IfThenElse(hn::RebindMask(du, hn::Eq(x, x)), rounded, quiet);
  return hn::DemoteTo(hn::Rebind<uint16_t, D>(), hn::BitCast(di, hn::ShiftRight<16>(chosen)));
}

void RoundRow(const float* x, int64_t count, uint16_t* y) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(Round(d, hn::LoadU(d, x + i)), hn::Rebind<uint16_t, decltype(d)>(), y + i);
  }
  for (; i < count; ++i) {
    hn::StoreU(Round(one, hn::LoadU(one, x + i)), hn::Rebind<uint16_t, decltype(one)>(), y + i);
  }
}

}  // namespace occam::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace occam {
HWY_EXPORT(RoundRow);

void RoundToBfloat16(ConstTensorView x, Bfloat16Matrix* to) {
  const auto count = static_cast<size_t>(x.rows * x.columns);
  if (to->values.size() < count) to->values.resize(count);
  to->rows = x.rows;
  to->columns = x.columns;
  const bool whole = x.stride == x.columns;  // then one row of all
  const int64_t columns = whole ? x.rows * x.columns : x.columns;
  for (int64_t r = 0; r < (whole ? 1 : x.rows); ++r) {
    OCCAM_SIMD_DISPATCH(RoundRow)(x.row(r), columns, to->values.data() + r * columns);
  }
}

}  // namespace occam
#endif  // HWY_ONCE
