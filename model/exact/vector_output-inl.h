// Logits to frequencies as vector code (DESIGN.md section 4, points 7 and 8).
#include <hwy/highway.h>

#include "data/base/frequency.h"
#include "model/exact/contract.h"
#include "model/exact/kernels.h"

HWY_PUSH_ATTRIBUTES(OCCAM_SIMD_TARGET)
namespace occam {
namespace OCCAM_SIMD {
namespace hn = hwy::HWY_NAMESPACE;

// contract::OutputTerm of (logit - largest) * log2 e.
template <class D>
HWY_INLINE hn::Vec<IntsOf<D>> OutputTerms(D d, hn::Vec<D> logits, hn::Vec<D> largest) {
  const IntsOf<D> di;
  const auto x = hn::Mul(hn::Sub(logits, largest), hn::Set(d, contract::kLog2E));
  const auto y = hn::Max(x, hn::Set(d, contract::kOutputFloor));
  const auto n = RoundToInts(d, y);
  const auto f = hn::Sub(y, hn::ConvertTo(d, n));
  auto p = hn::Set(d, contract::kExp2[5]);
  for (int i = 4; i >= 0; --i) p = hn::Add(hn::Mul(p, f), hn::Set(d, contract::kExp2[i]));
  const auto exponent = hn::Add(n, hn::Set(di, 127 + contract::kOutputBits));
  return RoundToInts(d, hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<23>(exponent))));
}

// Points 7 and 8. The padding gets a logit so low that its E is 0.
HWY_INLINE void FrequenciesOf(float* logits, int n, uint32_t* frequencies) {
  const WideFloats d;
  const IntsOf<WideFloats> di;
  const int lanes = LanesOf(d);
  auto* const terms = reinterpret_cast<int32_t*>(frequencies);
  const int padded = RoundUp(n, kFloatPad);
  for (int i = n; i < padded; ++i) logits[i] = -0x1p100f;

  auto largest = hn::LoadU(d, logits);
  for (int i = lanes; i < padded; i += lanes) largest = hn::Max(largest, hn::LoadU(d, logits + i));
  largest = hn::MaxOfLanes(d, largest);

  // Sums of at most 512 terms of at most 2^21 each fit into 31 bits.
  uint64_t total = 0;
  for (int start = 0; start < padded; start += 512) {
    auto sum = hn::Zero(di);
    for (int i = start; i < HWY_MIN(padded, start + 512); i += lanes) {
      const auto e = OutputTerms(d, hn::LoadU(d, logits + i), largest);
      hn::StoreU(e, di, terms + i);
      sum = hn::Add(sum, e);
    }
    total += static_cast<uint64_t>(hn::GetLane(hn::SumOfLanes(di, sum)));
  }
  int best = 0;
  while (terms[best] != 1 << contract::kOutputBits) ++best;

  // floor(N / S) with N = E (2^24 - V) < 2^45 as the whole part of (N + 1/2) * (1 / S) in double. N
  // + 1/2 is exact. The true value (N + 1/2) / S is at least 1 / (2 S) away from any whole number;
  // the two roundings are off by less than 2^-52 of it, that is 2^-52 * 2^45 / S = 2^-7 / S. So
  // both have the same whole part.
  const hn::CappedTag<double, 8> dd;
  const hn::Rebind<int32_t, decltype(dd)> di_half;
  const auto share = hn::Set(dd, static_cast<double>(kFrequencyTotal - static_cast<uint32_t>(n)));
  const auto half = hn::Set(dd, 0.5);
  const auto inverse = hn::Set(dd, 1.0 / static_cast<double>(total));
  const auto one = hn::Set(di_half, 1);
  auto sum = hn::Zero(di_half);
  for (int i = 0; i < padded; i += LanesOf(dd)) {
    const auto product = hn::Mul(hn::PromoteTo(dd, hn::LoadU(di_half, terms + i)), share);
    const auto quotient = hn::Mul(hn::Add(product, half), inverse);
    const auto frequency = hn::Add(hn::DemoteTo(di_half, quotient), one);
    hn::StoreU(frequency, di_half, terms + i);
    sum = hn::Add(sum, frequency);
  }
  // Each element of the padding counted 1.
  const int32_t given = hn::GetLane(hn::SumOfLanes(di_half, sum)) - (padded - n);
  frequencies[best] += kFrequencyTotal - static_cast<uint32_t>(given);
}

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
