// Logits to frequencies as vector code (docs/spec/contract.md, section 7).
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

// Point 7: E of all logits, as terms; returns their sum. The padding gets a logit so low that its E
// is 0.
HWY_INLINE uint64_t FindTerms(float* logits, int n, int32_t* terms) {
  const WideFloats d;
  const IntsOf<WideFloats> di;
  const int lanes = LanesOf(d);
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
  return total;
}

// The first of the largest terms, which are 2^21.
HWY_INLINE int FirstLargest(const int32_t* terms) {
  const IntsOf<WideFloats> di;
  for (int i = 0;; i += LanesOf(di)) {
    const auto found = hn::Eq(hn::LoadU(di, terms + i), hn::Set(di, 1 << contract::kOutputBits));
    const auto at = static_cast<int>(hn::FindFirstTrue(di, found));
    if (at >= 0) return i + at;
  }
}

// Terms to frequencies, but for what is missing to their sum: 1 + floor(N / S) with
// N = E (2^24 - V) < 2^45. floor(N / S) is the whole part of (N + 1/2) * (1 / S) in double. N + 1/2
// is exact. The true value (N + 1/2) / S is at least 1 / (2 S) away from any whole number; the two
// roundings are off by less than 2^-52 of it, that is 2^-52 * 2^45 / S = 2^-7 / S. So both have the
// same whole part.
class Shares {
 public:
  using Doubles = hn::CappedTag<double, 8>;
  using Ints = hn::Rebind<int32_t, Doubles>;

  HWY_INLINE Shares(int n, uint64_t total)
      : share_(hn::Set(Doubles(), static_cast<double>(kFrequencyTotal - static_cast<uint32_t>(n)))),
        inverse_(hn::Set(Doubles(), 1.0 / static_cast<double>(total))) {}
  HWY_INLINE hn::Vec<Ints> Of(const int32_t* terms) const {
    const Doubles dd;
    const Ints di;
    const auto product = hn::Mul(hn::PromoteTo(dd, hn::LoadU(di, terms)), share_);
    const auto quotient = hn::Mul(hn::Add(product, hn::Set(dd, 0.5)), inverse_);
    return hn::Add(hn::DemoteTo(di, quotient), hn::Set(di, 1));
  }

 private:
  hn::Vec<Doubles> share_;
  hn::Vec<Doubles> inverse_;
};

// What is missing to the whole, where the padding's elements counted 1 each.
HWY_INLINE uint32_t Missing(hn::Vec<Shares::Ints> sums, int n) {
  const int32_t given = hn::GetLane(hn::SumOfLanes(Shares::Ints(), sums));
  return kFrequencyTotal - static_cast<uint32_t>(given - (RoundUp(n, kFloatPad) - n));
}

// Point 8.
HWY_INLINE void FrequenciesOf(float* logits, int n, uint32_t* frequencies) {
  const Shares::Ints di;
  auto* const terms = reinterpret_cast<int32_t*>(frequencies);
  const Shares shares(n, FindTerms(logits, n, terms));
  const int best = FirstLargest(terms);
  auto sum = hn::Zero(di);
  for (int i = 0; i < RoundUp(n, kFloatPad); i += LanesOf(di)) {
    const auto frequency = shares.Of(terms + i);
    hn::StoreU(frequency, di, terms + i);
    sum = hn::Add(sum, frequency);
  }
  frequencies[best] += Missing(sum, n);
}

// The same for one symbol alone.
HWY_INLINE SymbolInterval IntervalOf(float* logits, int n, int32_t symbol, int32_t* terms) {
  const Shares::Ints di;
  const int lanes = LanesOf(di);
  const Shares shares(n, FindTerms(logits, n, terms));
  const int best = FirstLargest(terms);
  const int vector_of_symbol = symbol / lanes * lanes;
  auto sum = hn::Zero(di);
  for (int i = 0; i < vector_of_symbol; i += lanes) sum = hn::Add(sum, shares.Of(terms + i));
  auto start = static_cast<uint32_t>(hn::GetLane(hn::SumOfLanes(di, sum)));
  HWY_ALIGN int32_t around[16];
  hn::StoreU(shares.Of(terms + vector_of_symbol), di, around);
  for (int i = 0; i < symbol - vector_of_symbol; ++i) start += static_cast<uint32_t>(around[i]);
  auto size = static_cast<uint32_t>(around[symbol - vector_of_symbol]);
  if (best <= symbol) {
    for (int i = vector_of_symbol; i < RoundUp(n, kFloatPad); i += lanes) {
      sum = hn::Add(sum, shares.Of(terms + i));
    }
    (best == symbol ? size : start) += Missing(sum, n);
  }
  return {start, size};
}

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
