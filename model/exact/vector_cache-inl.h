// Keys and values into the cache as vector code (DESIGN.md section 4, point 5).
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
