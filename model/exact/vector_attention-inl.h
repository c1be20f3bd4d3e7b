// Keys, values and attention as vector code (DESIGN.md section 4, points 5 and 6).
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

using WideInts = hn::CappedTag<int32_t, 16>;
using NarrowInts = hn::CappedTag<int32_t, 8>;
constexpr int kKeyOffset = 64;

// rint(clamp(x * inverse_scale, -63, 63)) for a multiple of 8 elements.
HWY_INLINE void CacheCodes(const float* x, float inverse_scale, int n, int32_t* codes) {
  const NarrowInts di;
  const hn::RebindToFloat<NarrowInts> df;
  const auto limit = hn::Set(df, static_cast<float>(contract::kCacheCode));
  for (int i = 0; i < n; i += LanesOf(di)) {
    const auto scaled = hn::Mul(hn::LoadU(df, x + i), hn::Set(df, inverse_scale));
    const auto clamped = hn::Min(hn::Max(scaled, hn::Neg(limit)), limit);
    hn::StoreU(hn::NearestInt(clamped), di, codes + i);
  }
}

HWY_INLINE void StoreKey(const float* key, float inverse_scale, const CacheRing& ring, int slot) {
  HWY_ALIGN int32_t codes[256];
  CacheCodes(key, inverse_scale, ring.head_size, codes);
  uint8_t* to = ring.keys + static_cast<size_t>(slot / kCacheBlock * kCacheBlock) *
                                static_cast<size_t>(ring.head_size);
  to += slot % kCacheBlock * 4;
  for (int k = 0; k < ring.head_size; k += 4, to += kCacheBlock * 4) {
    for (int i = 0; i < 4; ++i) to[i] = static_cast<uint8_t>(codes[k + i] + kKeyOffset);
  }
}

HWY_INLINE void StoreValue(const float* value, float inverse_scale, const CacheRing& ring,
                           int slot) {
  HWY_ALIGN int32_t codes[256];
  CacheCodes(value, inverse_scale, ring.head_size, codes);
  uint8_t* const to = ring.values +
                      static_cast<size_t>(slot / 4 * 4) * static_cast<size_t>(ring.head_size) +
                      slot % 4;
  for (int k = 0; k < ring.head_size; ++k) to[4 * k] = static_cast<uint8_t>(codes[k]);
}

// The products of a query with a block of keys. [32]
HWY_INLINE void BlockProducts(const int8_t* query, const uint8_t* keys, int head_size,
                              int32_t* products) {
  const WideInts d;
  const int lanes = LanesOf(d);
  for (int half = 0; half < kCacheBlock; half += 2 * lanes) {
    const uint8_t* from = keys + half * 4;
    auto sum0 = hn::Zero(d);
    auto sum1 = hn::Zero(d);
    for (int k = 0; k < head_size; k += 4, from += kCacheBlock * 4) {
      int32_t four;
      std::memcpy(&four, query + k, sizeof(four));
      const auto q = hn::Set(d, four);
      const auto* const vectors = reinterpret_cast<const int32_t*>(from);
      sum0 = Dot4(sum0, hn::LoadU(d, vectors), q);
      sum1 = Dot4(sum1, hn::LoadU(d, vectors + lanes), q);
    }
    hn::StoreU(sum0, d, products + half);
    hn::StoreU(sum1, d, products + half + lanes);
  }
}

// The window as blocks: positions block * 32 .. of which `first` .. `last` count, relative to the
// first block's start.
struct BlockRange {
  int64_t first_block;
  int blocks;
  int first;
  int last;
  BlockRange(const CacheWindow& window)  // NOLINT(google-explicit-constructor)
      : first_block(window.first / kCacheBlock),
        blocks(static_cast<int>(window.last / kCacheBlock - first_block) + 1),
        first(static_cast<int>(window.first - first_block * kCacheBlock)),
        last(static_cast<int>(window.last - first_block * kCacheBlock)) {}
  bool IsEdge(int block) const { return block == 0 || block == blocks - 1; }
};

// Lanes whose index, counted from `start`, is in [first, last].
template <class D>
HWY_INLINE hn::Mask<D> Inside(D d, int start, int first, int last) {
  using T = hn::TFromD<D>;
  const auto at = hn::Iota(d, static_cast<T>(start));
  return hn::And(hn::Gt(at, hn::Set(d, static_cast<T>(first - 1))),
                 hn::Lt(at, hn::Set(d, static_cast<T>(last + 1))));
}

// All products of the window, and the largest of those inside it.
HWY_INLINE int32_t WindowProducts(const int8_t* query, const CacheRing& ring,
                                  const BlockRange& range, int32_t* products) {
  const WideInts d;
  const size_t block_bytes = static_cast<size_t>(kCacheBlock) * static_cast<size_t>(ring.head_size);
  const int ring_blocks = ring.capacity / kCacheBlock;
  int slot = static_cast<int>(range.first_block % ring_blocks);
  auto largest = hn::Set(d, INT32_MIN);
  for (int b = 0; b < range.blocks; ++b) {
    int32_t* const out = products + b * kCacheBlock;
    BlockProducts(query, ring.keys + static_cast<size_t>(slot) * block_bytes, ring.head_size, out);
    if (++slot == ring_blocks) slot = 0;
    for (int i = 0; i < kCacheBlock; i += LanesOf(d)) {
      const auto v = hn::LoadU(d, out + i);
      if (!range.IsEdge(b)) {
        largest = hn::Max(largest, v);
        continue;
      }
      const auto inside = Inside(d, b * kCacheBlock + i, range.first, range.last);
      largest = hn::IfThenElse(inside, hn::Max(largest, v), largest);
    }
  }
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

// contract::AttentionTerm for 16-bit lanes.
template <class D16>
HWY_INLINE hn::Vec<D16> AttentionTerms(D16 d, hn::Vec<D16> t) {
  const hn::RebindToUnsigned<D16> du;
  const auto x = hn::And(hn::ShiftLeft<4>(t), hn::Set(d, 0x7ff0));
  // MulFixedPoint15 is contract::MultiplyHigh.
  const auto inner = hn::Add(hn::Set(d, -21627), hn::MulFixedPoint15(x, hn::Set(d, 5571)));
  const auto g = hn::Add(hn::Set(d, 32712), hn::MulFixedPoint15(x, inner));
  return hn::BitCast(d, hn::Shr(hn::BitCast(du, g), hn::ShiftRight<11>(hn::BitCast(du, t))));
}

// Products to 8-bit weights, 0 outside the window; returns the sum of the 16-bit terms.
HWY_INLINE int32_t WindowWeights(const int32_t* products, int32_t largest, float factor,
                                 const BlockRange& range, uint8_t* weights) {
  const WideInts d;
  const hn::RebindToFloat<WideInts> df;
  const hn::Repartition<int16_t, WideInts> d16;
  const hn::RebindToUnsigned<decltype(d16)> du16;
  const hn::Rebind<uint8_t, decltype(d16)> d8;
  const auto most = hn::Set(df, static_cast<float>(contract::kMaxTerm));
  const auto scale = hn::Set(df, factor);
  const auto top = hn::Set(d, largest);
  const auto temperature = [&](const int32_t* from) HWY_ATTR {
    const auto distance = hn::ConvertTo(df, hn::Sub(top, hn::LoadU(d, from)));
    return hn::BitCast(d16, hn::NearestInt(hn::Min(hn::Mul(distance, scale), most)));
  };
  auto sum = hn::Zero(d);
  auto sum_more = hn::Zero(d);
  for (int b = 0; b < range.blocks; ++b) {
    for (int i = b * kCacheBlock; i < (b + 1) * kCacheBlock; i += 2 * LanesOf(d)) {
      const auto t =
          hn::ConcatEven(d16, temperature(products + i + LanesOf(d)), temperature(products + i));
      auto a = AttentionTerms(d16, t);
      if (range.IsEdge(b)) {
        // Relative to this block, so that 16 bits suffice.
        const int start = b * kCacheBlock;
        const int first = HWY_MAX(range.first - start, 0);
        const int last = HWY_MIN(range.last - start, kCacheBlock);
        a = hn::IfThenElseZero(Inside(d16, i - start, first, last), a);
      }
      sum = hn::ReorderWidenMulAccumulate(d, a, hn::Set(d16, 1), sum, sum_more);
      // At most 256 after the shift; narrowing saturates at 255.
      const auto rounded = hn::Add(hn::BitCast(du16, a), hn::Set(du16, 64));
      hn::StoreU(hn::DemoteTo(d8, hn::BitCast(d16, hn::ShiftRight<7>(rounded))), d8, weights + i);
    }
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(sum, sum_more)));
}

// sum p v of kVectors vectors of dims, over all blocks; runs of 16 positions whose weights are all
// zero are skipped.
template <int kVectors, class D>
HWY_INLINE void WeightedSums(D d, const uint8_t* weights, const CacheRing& ring,
                             const BlockRange& range, int dim, float scale, float* out) {
  const hn::RebindToFloat<D> df;
  using V = hn::Vec<D>;
  const int lanes = LanesOf(d);
  const size_t group_bytes = 4 * static_cast<size_t>(ring.head_size);
  const int ring_blocks = ring.capacity / kCacheBlock;
  int slot = static_cast<int>(range.first_block % ring_blocks);
  V even[kVectors];
  V odd[kVectors];
  for (int v = 0; v < kVectors; ++v) even[v] = odd[v] = hn::Zero(d);
  for (int b = 0; b < range.blocks; ++b) {
    const uint8_t* values =
        ring.values + static_cast<size_t>(slot) * (kCacheBlock / 4) * group_bytes + 4 * dim;
    if (++slot == ring_blocks) slot = 0;
    for (int run = 0; run < kCacheBlock; run += 16, values += 4 * group_bytes) {
      uint64_t any[2];
      std::memcpy(any, weights + b * kCacheBlock + run, sizeof(any));
      if ((any[0] | any[1]) == 0) continue;
      int32_t p[4];
      std::memcpy(p, any, sizeof(p));
      for (int g = 0; g < 4; g += 2) {
        const auto p0 = hn::Set(d, p[g]);
        const auto p1 = hn::Set(d, p[g + 1]);
        const auto* const v0 =
            reinterpret_cast<const int32_t*>(values + static_cast<size_t>(g) * group_bytes);
        const auto* const v1 =
            reinterpret_cast<const int32_t*>(values + static_cast<size_t>(g + 1) * group_bytes);
        for (int v = 0; v < kVectors; ++v) {
          even[v] = Dot4(even[v], p0, hn::LoadU(d, v0 + v * lanes));
          odd[v] = Dot4(odd[v], p1, hn::LoadU(d, v1 + v * lanes));
        }
      }
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    const auto sum = hn::ConvertTo(df, hn::Add(even[v], odd[v]));
    hn::StoreU(hn::Mul(sum, hn::Set(df, scale)), df, out + dim + v * lanes);
  }
}

template <class D>
HWY_INLINE void AllWeightedSums(D d, const uint8_t* weights, const CacheRing& ring,
                                const BlockRange& range, float scale, float* out) {
  for (int dim = 0; dim < ring.head_size;) {
    const int vectors = HWY_MIN((ring.head_size - dim) / LanesOf(d), 4);
    switch (vectors) {
      case 1:
        WeightedSums<1>(d, weights, ring, range, dim, scale, out);
        break;
      case 2:
        WeightedSums<2>(d, weights, ring, range, dim, scale, out);
        break;
      case 3:
        WeightedSums<3>(d, weights, ring, range, dim, scale, out);
        break;
      default:
        WeightedSums<4>(d, weights, ring, range, dim, scale, out);
    }
    dim += vectors * LanesOf(d);
  }
}

HWY_INLINE void AttendRow(const int8_t* query, float factor, const CacheRing& ring,
                          const CacheWindow& window, float value_factor,
                          const AttentionScratch& scratch, float* out) {
  const BlockRange range(window);
  const int32_t largest = WindowProducts(query, ring, range, scratch.products);
  const int32_t terms = WindowWeights(scratch.products, largest, factor, range, scratch.weights);
  const float scale = value_factor / static_cast<float>(terms);
  if (Divides(WideInts(), ring.head_size)) {
    AllWeightedSums(WideInts(), scratch.weights, ring, range, scale, out);
  } else {
    AllWeightedSums(NarrowInts(), scratch.weights, ring, range, scale, out);
  }
}

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
