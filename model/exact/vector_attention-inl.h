// Attention as vector code (docs/spec/contract.md, section 6.3), over a cache as vector_heads-inl.h
// writes it. Up to kTogether neighbouring queries go over the blocks of their windows together, so
// that keys and values are loaded once for all.
#include <hwy/cache_control.h>
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
// Sums of two vectors a query stay in registers: 16 of 32, or 8 of 16.
constexpr int kTogether = hn::MaxLanes(WideInts()) == 16 ? kQueryGroup : kQueryGroup / 2;

// Neighbouring queries of one head, and their scratch.
struct QueryGroup {
  const int8_t* codes;
  int code_stride;
  int32_t* products;  // [query][stride]
  uint8_t* weights;   // [query][stride]
  int stride;
};

// The blocks of a ring that a group of queries sees, from the block that holds the first position
// of its first window on.
struct Blocks {
  const CacheRing& ring;
  int64_t start;  // position of the first block's start
  int count;
  int first_slot;  // of the first block, in blocks
  int ring_blocks;

  Blocks(const CacheRing& of, int64_t first, int64_t last)
      : ring(of),
        start(first / kCacheBlock * kCacheBlock),
        count(static_cast<int>(last / kCacheBlock - first / kCacheBlock) + 1),
        first_slot(static_cast<int>(first / kCacheBlock % (of.capacity / kCacheBlock))),
        ring_blocks(of.capacity / kCacheBlock) {}
  size_t block_bytes() const {
    return static_cast<size_t>(kCacheBlock) * static_cast<size_t>(ring.head_size);
  }
};

// A window relative to the start of the blocks: `first` .. `last` count.
struct Window {
  int first;
  int last;
  bool IsEdge(int block) const { return block == first_block() || block == last_block(); }
  int first_block() const { return first / kCacheBlock; }
  int last_block() const { return last / kCacheBlock; }
};

constexpr int kIndices = 32;
// clang-format off
HWY_ALIGN constexpr int16_t kIndex16[kIndices] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
HWY_ALIGN constexpr int32_t kIndex32[kIndices / 2] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15};
// clang-format on
HWY_INLINE const int16_t* IndexTable(int16_t) { return kIndex16; }
HWY_INLINE const int32_t* IndexTable(int32_t) { return kIndex32; }

// Lanes whose index, counted from `start`, is in [first, last].
template <class D>
HWY_INLINE hn::Mask<D> Inside(D d, int start, int first, int last) {
  using T = hn::TFromD<D>;
  const auto at = hn::Load(d, IndexTable(T()));
  return hn::And(hn::Gt(at, hn::Set(d, static_cast<T>(first - start - 1))),
                 hn::Lt(at, hn::Set(d, static_cast<T>(last - start + 1))));
}

// The products of kQueries queries with a block of keys.
template <int kQueries>
HWY_INLINE void BlockProducts(const QueryGroup& group, const uint8_t* keys, int head_size,
                              int32_t* products) {
  const WideInts d;
  const int lanes = LanesOf(d);
  for (int part = 0; part < kCacheBlock; part += 2 * lanes) {
    const uint8_t* from = keys + part * 4;
    hn::Vec<WideInts> sums[kQueries][2];
    for (int q = 0; q < kQueries; ++q) sums[q][0] = sums[q][1] = hn::Zero(d);
    for (int k = 0; k < head_size; k += 4, from += kCacheBlock * 4) {
      const auto* const vectors = reinterpret_cast<const int32_t*>(from);
      const auto keys0 = hn::LoadU(d, vectors);
      const auto keys1 = hn::LoadU(d, vectors + lanes);
      for (int q = 0; q < kQueries; ++q) {
        int32_t four;
        std::memcpy(&four, group.codes + q * group.code_stride + k, sizeof(four));
        const auto codes = hn::Set(d, four);
        sums[q][0] = Dot4(sums[q][0], keys0, codes);
        sums[q][1] = Dot4(sums[q][1], keys1, codes);
      }
    }
    for (int q = 0; q < kQueries; ++q) {
      int32_t* const out = products + q * group.stride + part;
      hn::StoreU(sums[q][0], d, out);
      hn::StoreU(sums[q][1], d, out + lanes);
    }
  }
}

// Halves of rings lie one behind the other: keys, their values, the keys of the next head or lane.
// One query is done with a block sooner than memory brings the next half's.
template <int kQueries>
HWY_INLINE void PrefetchNextHalf(const Blocks& blocks, const uint8_t* block) {
  if constexpr (kQueries > 1) return;
  const uint8_t* const next = block + static_cast<size_t>(blocks.ring.capacity) *
                                          static_cast<size_t>(blocks.ring.head_size);
  for (size_t i = 0; i < blocks.block_bytes(); i += 64) hwy::Prefetch(next + i);
}

template <int kQueries>
HWY_INLINE void AllProducts(const QueryGroup& group, const Blocks& blocks) {
  int slot = blocks.first_slot;
  for (int b = 0; b < blocks.count; ++b) {
    const uint8_t* const keys = blocks.ring.keys + static_cast<size_t>(slot) * blocks.block_bytes();
    PrefetchNextHalf<kQueries>(blocks, keys);
    BlockProducts<kQueries>(group, keys, blocks.ring.head_size, group.products + b * kCacheBlock);
    if (++slot == blocks.ring_blocks) slot = 0;
  }
}

// Returns it in all lanes.
HWY_INLINE hn::Vec<WideInts> LargestProduct(const int32_t* products, const Window& window) {
  const WideInts d;
  auto largest = hn::Set(d, INT32_MIN);
  for (int b = window.first_block(); b <= window.last_block(); ++b) {
    const bool edge = window.IsEdge(b);
    for (int i = b * kCacheBlock; i < (b + 1) * kCacheBlock; i += LanesOf(d)) {
      auto larger = hn::Max(largest, hn::LoadU(d, products + i));
      if (edge) larger = hn::IfThenElse(Inside(d, i, window.first, window.last), larger, largest);
      largest = larger;
    }
  }
  return hn::MaxOfLanes(d, largest);
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

// Products to 8-bit weights, 0 outside the window; returns 16-bit terms whose sum is that of all.
HWY_INLINE hn::Vec<WideInts> WindowWeights(const int32_t* products, hn::Vec<WideInts> largest,
                                           float factor, const Window& window, uint8_t* weights) {
  const WideInts d;
  const hn::RebindToFloat<WideInts> df;
  const hn::Repartition<int16_t, WideInts> d16;
  const hn::RebindToUnsigned<decltype(d16)> du16;
  const hn::Rebind<uint8_t, decltype(d16)> d8;
  const auto most = hn::Set(df, static_cast<float>(contract::kMaxTerm));
  const auto scale = hn::Set(df, factor);
  const auto temperature = [&](const int32_t* from) HWY_ATTR {
    const auto distance = hn::ConvertTo(df, hn::Sub(largest, hn::LoadU(d, from)));
    // Rounds as RoundToInts does; the low 16 bits are all that counts.
    const auto t = hn::Min(hn::Mul(distance, scale), most);
    return hn::BitCast(d16, hn::Add(t, hn::Set(df, kRounder)));
  };
  auto sum = hn::Zero(d);
  auto sum_more = hn::Zero(d);
  for (int b = window.first_block(); b <= window.last_block(); ++b) {
    const bool edge = window.IsEdge(b);
    const int start = b * kCacheBlock;
    for (int i = 0; i < kCacheBlock; i += 2 * LanesOf(d)) {
      const int32_t* const from = products + start + i;
      auto a = AttentionTerms(
          d16, hn::ConcatEven(d16, temperature(from + LanesOf(d)), temperature(from)));
      if (edge) {
        // Relative to this block, so that 16 bits suffice.
        const int first = HWY_MAX(window.first - start, 0);
        const int last = HWY_MIN(window.last - start, kCacheBlock);
        a = hn::IfThenElseZero(Inside(d16, i, first, last), a);
      }
      sum = hn::ReorderWidenMulAccumulate(d, a, hn::Set(d16, 1), sum, sum_more);
      // Weights are at most 256 after the shift; narrowing saturates at 255.
      const auto rounded = hn::Add(hn::BitCast(du16, a), hn::Set(du16, 64));
      hn::StoreU(hn::DemoteTo(d8, hn::BitCast(d16, hn::ShiftRight<7>(rounded))), d8,
                 weights + start + i);
    }
  }
  return hn::Add(sum, sum_more);
}

// The weights of a query in the blocks that its group sees, and it does not.
HWY_INLINE void ClearWeights(const Blocks& blocks, const Window& window, uint8_t* weights) {
  for (int b = 0; b < window.first_block(); ++b) {
    std::memset(weights + b * kCacheBlock, 0, kCacheBlock);
  }
  for (int b = window.last_block() + 1; b < blocks.count; ++b) {
    std::memset(weights + b * kCacheBlock, 0, kCacheBlock);
  }
}

// sum p v of kQueries queries in the kVectors vectors of dims that begin at dims[], times scales[].
// One query has its sums in four chains, which need not wait for each other.
template <int kQueries, int kVectors, class D>
HWY_INLINE void WeightedSums(D d, const QueryGroup& group, const Blocks& blocks, const int* dims,
                             const float* scales, float* out, int out_stride) {
  constexpr int kChains = kQueries == 1 ? 4 : 1;
  const hn::RebindToFloat<D> df;
  const size_t group_bytes = 4 * static_cast<size_t>(blocks.ring.head_size);
  hn::Vec<D> sums[kQueries * kChains][kVectors];
  for (auto& sum : sums) {
    for (auto& v : sum) v = hn::Zero(d);
  }
  int slot = blocks.first_slot;
  for (int b = 0; b < blocks.count; ++b) {
    const uint8_t* values = blocks.ring.values + static_cast<size_t>(slot) * blocks.block_bytes();
    if (++slot == blocks.ring_blocks) slot = 0;
    if (dims[0] == 0) PrefetchNextHalf<kQueries>(blocks, values);
    const uint8_t* weights = group.weights + b * kCacheBlock;
    for (int run = 0; run < kCacheBlock / 16; ++run) {
      for (int g = 0; g < 4; ++g, values += group_bytes, weights += 4) {
        hn::Vec<D> v[kVectors];
        for (int i = 0; i < kVectors; ++i) {
          v[i] = hn::LoadU(d, reinterpret_cast<const int32_t*>(values) + dims[i]);
        }
        for (int q = 0; q < kQueries; ++q) {
          int32_t four;
          std::memcpy(&four, weights + q * group.stride, sizeof(four));
          const auto p = hn::Set(d, four);
          auto& sum = sums[q * kChains + g % kChains];
          for (int i = 0; i < kVectors; ++i) sum[i] = Dot4(sum[i], p, v[i]);
        }
      }
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    for (int i = 0; i < kVectors; ++i) {
      auto sum = sums[q * kChains][i];
      for (int c = 1; c < kChains; ++c) sum = hn::Add(sum, sums[q * kChains + c][i]);
      const auto scaled = hn::Mul(hn::ConvertTo(df, sum), hn::Set(df, scales[q]));
      hn::StoreU(scaled, df, out + q * out_stride + dims[i]);
    }
  }
}

// All dims; the last vector begins earlier where vectors do not fill the head.
template <int kQueries, class D>
HWY_INLINE void AllWeightedSums(D d, const QueryGroup& group, const Blocks& blocks,
                                const float* scales, float* out, int out_stride) {
  const int lanes = LanesOf(d);
  const int n = blocks.ring.head_size;
  int dim = 0;
  for (; dim + lanes < n; dim += 2 * lanes) {
    const int dims[2] = {dim, HWY_MIN(dim + lanes, n - lanes)};
    WeightedSums<kQueries, 2>(d, group, blocks, dims, scales, out, out_stride);
  }
  if (dim >= n) return;
  const int last = n - lanes;
  WeightedSums<kQueries, 1>(d, group, blocks, &last, scales, out, out_stride);
}

// Queries r .. r + kQueries - 1.
template <int kQueries>
HWY_INLINE void AttendTogether(const QueryRows& rows, int r, const CacheRing& ring,
                               float value_factor, const QueryGroupScratch& scratch) {
  const auto first_of = [&](int64_t last) { return HWY_MAX(int64_t{0}, last - rows.window + 1); };
  const int64_t position = rows.position + r;
  const Blocks blocks(ring, first_of(position), position + kQueries - 1);
  const QueryGroup group{rows.codes + r * rows.code_stride, rows.code_stride, scratch.products,
                         scratch.weights, blocks.count * kCacheBlock};
  AllProducts<kQueries>(group, blocks);
  Window windows[kQueries];
  hn::Vec<WideInts> vectors[kQueries];  // the largest product, then terms
  for (int q = 0; q < kQueries; ++q) {
    const int64_t last = position + q;
    windows[q] = {static_cast<int>(first_of(last) - blocks.start),
                  static_cast<int>(last - blocks.start)};
    vectors[q] = LargestProduct(group.products + q * group.stride, windows[q]);
  }
  for (int q = 0; q < kQueries; ++q) {
    uint8_t* const weights = group.weights + q * group.stride;
    ClearWeights(blocks, windows[q], weights);
    vectors[q] = WindowWeights(group.products + q * group.stride, vectors[q],
                               rows.factors[(r + q) * rows.factor_stride], windows[q], weights);
  }
  float scales[kQueries];
  for (int q = 0; q < kQueries; ++q) {
    const int32_t terms = hn::GetLane(hn::SumOfLanes(WideInts(), vectors[q]));
    scales[q] = value_factor / static_cast<float>(terms);
  }
  float* const out = rows.out + r * rows.out_stride;
  if (ring.head_size >= LanesOf(WideInts())) {
    AllWeightedSums<kQueries>(WideInts(), group, blocks, scales, out, rows.out_stride);
  } else {
    AllWeightedSums<kQueries>(NarrowInts(), group, blocks, scales, out, rows.out_stride);
  }
}

HWY_INLINE void AttendRows(const QueryRows& rows, const CacheRing& ring, float value_factor,
                           const QueryGroupScratch& scratch) {
  int r = 0;
  for (; r + kTogether <= rows.rows; r += kTogether) {
    AttendTogether<kTogether>(rows, r, ring, value_factor, scratch);
  }
  for (; r < rows.rows; ++r) AttendTogether<1>(rows, r, ring, value_factor, scratch);
}

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
