// Queries, keys and values of heads, up to codes and into the cache, as vector code
// (docs/spec/contract.md, sections 6.2 and 6.4).
//
// A cache ring is cut into blocks of 32 positions. Keys are [block][head_size / 4][32 positions][4
// dims], code + 64 as unsigned bytes: the offset adds the same to every product of a query, and
// only differences of products count. Values are [group of 4 positions][head_size dims][4
// positions], signed bytes.
#include <hwy/highway.h>

#include <cstring>

#include "model/exact/contract.h"
#include "model/exact/kernels.h"

HWY_PUSH_ATTRIBUTES(OCCAM_SIMD_TARGET)
namespace occam {
namespace OCCAM_SIMD {
namespace hn = hwy::HWY_NAMESPACE;

// Pairs i .. of a head, as many whole vectors as there are; returns the first that is left.
template <class D>
HWY_INLINE int RotatePairs(D d, const float* cosine, const float* sine, int pairs, int i,
                           float* head) {
  for (; i + LanesOf(d) <= pairs; i += LanesOf(d)) {
    const auto c = hn::LoadU(d, cosine + i);
    const auto s = hn::LoadU(d, sine + i);
    const auto x1 = hn::LoadU(d, head + i);
    const auto x2 = hn::LoadU(d, head + pairs + i);
    hn::StoreU(hn::Sub(hn::Mul(x1, c), hn::Mul(x2, s)), d, head + i);
    hn::StoreU(hn::Add(hn::Mul(x1, s), hn::Mul(x2, c)), d, head + pairs + i);
  }
  return i;
}

// Pairs are a multiple of 4.
HWY_INLINE void RotateHead(const float* cosine, const float* sine, int pairs, float* head) {
  int i = RotatePairs(WideFloats(), cosine, sine, pairs, 0, head);
  i = RotatePairs(NarrowFloats(), cosine, sine, pairs, i, head);
  RotatePairs(hn::CappedTag<float, 4>(), cosine, sine, pairs, i, head);
}

// The codes of a normed head, which is x * inverse.
template <class D>
HWY_INLINE void QuantiseNormed(D d, const float* x, float inverse, float factor, int n,
                               int8_t* codes) {
  const hn::Rebind<int8_t, D> d8;
  for (int i = 0; i < n; i += LanesOf(d)) {
    const auto normed = hn::Mul(hn::LoadU(d, x + i), hn::Set(d, inverse));
    const auto code = RoundToInts(d, hn::Mul(normed, hn::Set(d, factor)));
    hn::StoreU(hn::DemoteTo(d8, code), d8, codes + i);
  }
}

// All heads of all rows in one order: of each row its queries, then its keys.
template <class D>
HWY_INLINE void PrepareRowsOfHeads(D d, const HeadRows& h, int8_t* codes, int code_stride,
                                   float* scales) {
  const int n = h.head_size;
  const int per_row = h.heads + h.kv_heads;
  int row = 0;
  int head = 0;
  NormFactors factors;
  HWY_ALIGN float code_factors[kGroup];
  HWY_ALIGN float code_scales[kGroup];
  for (int left = h.rows * per_row; left > 0; left -= kGroup) {
    const int count = HWY_MIN(left, kGroup);
    float* x[kGroup];
    int rows[kGroup];
    int heads[kGroup];
    for (int i = 0; i < count; ++i) {
      rows[i] = row;
      heads[i] = head;
      x[i] = head < h.heads ? h.queries + row * h.stride + head * n
                            : h.keys + row * h.stride + (head - h.heads) * n;
      RotateHead(h.cosine + row * (n / 2), h.sine + row * (n / 2), n / 2, x[i]);
      if (++head == per_row) {
        head = 0;
        ++row;
      }
    }
    FindNormFactors(d, x, count, n, &factors);
    FindCodeFactors(factors.largest, code_factors, code_scales);
    for (int i = 0; i < count; ++i) {
      if (heads[i] >= h.heads) {
        NormRow(d, x[i], factors.inverse[i], nullptr, n, x[i]);
        continue;
      }
      QuantiseNormed(d, x[i], factors.inverse[i], code_factors[i], n,
                     codes + rows[i] * code_stride + heads[i] * n);
      scales[rows[i] * h.heads + heads[i]] = code_scales[i];
    }
  }
}

constexpr int kKeyOffset = 64;
constexpr int kMostHeadSize = 256;

// rint(clamp(x * inverse_scale, -63, 63)) of a vector of elements.
template <class D>
HWY_INLINE hn::Vec<IntsOf<D>> CacheCodes(D d, const float* x, float inverse_scale) {
  const auto limit = hn::Set(d, static_cast<float>(contract::kCacheCode));
  const auto scaled = hn::Mul(hn::LoadU(d, x), hn::Set(d, inverse_scale));
  return RoundToInts(d, hn::Min(hn::Max(scaled, hn::Neg(limit)), limit));
}

template <class D>
HWY_INLINE void StoreKey(D d, const float* key, float inverse_scale, const CacheRing& ring,
                         int slot) {
  const hn::Rebind<uint8_t, D> d8;
  const auto offset = hn::Set(IntsOf<D>(), kKeyOffset);
  HWY_ALIGN uint8_t codes[kMostHeadSize];
  for (int i = 0; i < ring.head_size; i += LanesOf(d)) {
    const auto code = hn::Add(CacheCodes(d, key + i, inverse_scale), offset);
    hn::StoreU(hn::DemoteTo(d8, code), d8, codes + i);
  }
  uint8_t* to = ring.keys + static_cast<size_t>(slot / kCacheBlock * kCacheBlock) *
                                static_cast<size_t>(ring.head_size);
  to += slot % kCacheBlock * 4;
  for (int k = 0; k < ring.head_size; k += 4, to += kCacheBlock * 4) std::memcpy(to, codes + k, 4);
}

// Each 32-bit lane holds a dim of four positions, of which one is replaced.
template <class D>
HWY_INLINE void StoreValue(D d, const float* value, float inverse_scale, const CacheRing& ring,
                           int slot) {
  const IntsOf<D> di;
  auto* const group = reinterpret_cast<int32_t*>(
      ring.values + static_cast<size_t>(slot / 4 * 4) * static_cast<size_t>(ring.head_size));
  const int bits = slot % 4 * 8;
  const auto place = hn::ShiftLeftSame(hn::Set(di, 0xff), bits);
  for (int i = 0; i < ring.head_size; i += LanesOf(d)) {
    const auto code = hn::ShiftLeftSame(CacheCodes(d, value + i, inverse_scale), bits);
    const auto others = hn::AndNot(place, hn::LoadU(di, group + i));
    hn::StoreU(hn::Or(others, hn::And(code, place)), di, group + i);
  }
}

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
