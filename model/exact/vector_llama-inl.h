// The steps of imported networks as vector code: the loops of llama_kernels.cc, several elements at
// a time. fast_llama_kernels.cc includes this file once for each instruction set.
//
// A cache is cut into blocks of kKeyBlock positions. Keys are [block][head_size / 4][kKeyBlock
// positions][4 dims], code + 128 as unsigned bytes. Values are [group of 4 positions][head_size
// dims][4 positions], signed bytes.
#include "model/exact/dot4-inl.h"
#include "model/exact/vector_rows-inl.h"
// It uses the two above.
#include <hwy/highway.h>

#include <cstring>

#include "model/exact/contract.h"
#include "model/exact/kernels.h"
#include "model/exact/llama_kernels.h"

HWY_PUSH_ATTRIBUTES(OCCAM_SIMD_TARGET)
namespace occam {
namespace OCCAM_SIMD {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kKeyBlock = 16;
constexpr int kKeyOffset = 128;
constexpr int kLowWeightBits = 6;  // weights are in [0, 4089]: two planes of at most 63

template <class D>
HWY_INLINE void NormRowWithEpsilon(D d, const float* x, const float* gain, float epsilon, int n,
                                   float* y) {
  const float a = LargestMagnitude(d, x, n);
  if (a < contract::kLeastNormed) return FillZero(d, n, y);
  const auto sum = static_cast<int64_t>(SumOfSquares(d, x, contract::kNormCode / a, n));
  NormRow(d, x, contract::InverseSize(a, sum, n, epsilon), gain, n, y);
}

// The Exp2 of llama_kernels.cc.
template <class D>
HWY_INLINE hn::Vec<D> Exp2Of(D d, hn::Vec<D> y) {
  const IntsOf<D> di;
  const auto most = hn::Set(d, contract::kMostExponent);
  const auto clamped = hn::Min(hn::Max(y, hn::Neg(most)), most);
  const auto n = RoundToInts(d, clamped);
  const auto f = hn::Sub(clamped, hn::ConvertTo(d, n));
  auto p = hn::Set(d, contract::kExp2[5]);
  for (int i = 4; i >= 0; --i) p = hn::Add(hn::Mul(p, f), hn::Set(d, contract::kExp2[i]));
  const auto power = hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127)));
  return hn::Mul(p, hn::BitCast(d, power));
}

// x times the sigmoid whose argument, in octaves, is `octaves`.
template <class D>
HWY_INLINE hn::Vec<D> TimesSigmoid(D d, hn::Vec<D> x, hn::Vec<D> octaves) {
  return hn::Div(x, hn::Add(hn::Set(d, 1.0f), Exp2Of(d, hn::Neg(octaves))));
}

template <class D>
HWY_INLINE hn::Vec<D> SiluOf(D d, hn::Vec<D> x) {
  return TimesSigmoid(d, x, hn::Mul(x, hn::Set(d, contract::kLog2E)));
}

template <class D>
HWY_INLINE hn::Vec<D> GeluOf(D d, hn::Vec<D> x) {
  const auto cube = hn::Mul(hn::Mul(x, x), x);
  const auto inner = hn::Add(x, hn::Mul(cube, hn::Set(d, contract::kGeluCube)));
  return TimesSigmoid(d, x, hn::Mul(inner, hn::Set(d, contract::kGeluLog2)));
}

template <class D>
HWY_INLINE float PlanesOfRow(D d, const float* x, int n, int8_t* high, int8_t* low) {
  const IntsOf<D> di;
  const hn::Rebind<int8_t, D> d8;
  const float a = LargestMagnitude(d, x, n);
  const bool zero = a < contract::kSmallest;
  const auto r = hn::Set(d, zero ? 0.0f : contract::kWideCode / a);
  for (int i = 0; i < n; i += LanesOf(d)) {
    const auto code = zero ? hn::Zero(di) : RoundToInts(d, hn::Mul(hn::LoadU(d, x + i), r));
    const auto upper = hn::ShiftRight<7>(hn::Add(code, hn::Set(di, 64)));
    hn::StoreU(hn::DemoteTo(d8, upper), d8, high + i);
    hn::StoreU(hn::DemoteTo(d8, hn::Sub(code, hn::ShiftLeft<7>(upper))), d8, low + i);
  }
  return zero ? 0.0f : a / contract::kWideCode;
}

template <class D>
HWY_INLINE void GateRows(D d, float* rows_of_gates, int rows, int n, int8_t* high, int8_t* low,
                         float* scales) {
  for (int r = 0; r < rows; ++r) {
    float* const gates = rows_of_gates + r * RoundUp(2 * n, kFloatPad);
    for (int i = 0; i < n; i += LanesOf(d)) {
      const auto gate = SiluOf(d, hn::LoadU(d, gates + i));
      hn::StoreU(hn::Mul(gate, hn::LoadU(d, gates + n + i)), d, gates + i);
    }
    const int at = r * RoundUp(n, kCodePad);
    scales[r] = PlanesOfRow(d, gates, n, high + at, low + at);
  }
}

template <class D>
HWY_INLINE void GeluRows(D d, float* inner, const float* bias, int rows, int n, int8_t* high,
                         int8_t* low, float* scales) {
  for (int r = 0; r < rows; ++r) {
    float* const x = inner + r * RoundUp(n, kFloatPad);
    for (int i = 0; i < n; i += LanesOf(d))
      hn::StoreU(GeluOf(d, hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, bias + i))), d, x + i);
    const int at = r * RoundUp(n, kCodePad);
    scales[r] = PlanesOfRow(d, x, n, high + at, low + at);
  }
}

using KeyInts = hn::CappedTag<int32_t, 16>;

// Blocks of a cache from the one of the first position that any query sees on.
struct KeyBlocks {
  int64_t start;  // position of the first block's start
  int count;
  int first_slot;  // of its first position
  KeyBlocks(std::span<const LlamaQuery> queries, const LlamaCache& cache) {
    int64_t first = queries[0].first, last = queries[0].last;
    for (const LlamaQuery& query : queries) {
      first = HWY_MIN(first, query.first);
      last = HWY_MAX(last, query.last);
    }
    start = first / kKeyBlock * kKeyBlock;
    count = static_cast<int>(last / kKeyBlock - first / kKeyBlock) + 1;
    first_slot = static_cast<int>(start % cache.capacity);
  }
  int positions() const { return count * kKeyBlock; }
};

HWY_INLINE int32_t SumOfCodes(const int8_t* codes, int n) {
  int32_t sum = 0;
  for (int i = 0; i < n; ++i) sum += codes[i];
  return sum;
}

// Gives what is outside of a query's window so low a score that its term is 0, and returns the
// largest score.
HWY_INLINE float MaskScores(const LlamaQuery& query, const KeyBlocks& blocks, float* scores) {
  const hn::RebindToFloat<KeyInts> d;
  const int first = static_cast<int>(query.first - blocks.start);
  const int last = static_cast<int>(query.last - blocks.start);
  for (int i = 0; i < first; ++i) scores[i] = -0x1p120f;
  for (int i = last + 1; i < blocks.positions(); ++i) scores[i] = -0x1p120f;
  auto largest = hn::LoadU(d, scores);
  for (int i = LanesOf(d); i < blocks.positions(); i += LanesOf(d))
    largest = hn::Max(largest, hn::LoadU(d, scores + i));
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

// Four bytes in every lane.
template <class D>
HWY_INLINE hn::Vec<D> FourCodes(D d, const void* bytes) {
  int32_t four;
  std::memcpy(&four, bytes, sizeof(four));
  return hn::Set(d, four);
}

// The scores of kQueries queries for all positions of the blocks; query q's begin at
// scores + q * stride.
template <int kQueries>
HWY_INLINE void BlockScores(const LlamaQuery* queries, const LlamaCache& cache,
                            const KeyBlocks& blocks, int stride, float* scores) {
  const KeyInts d;
  const hn::RebindToFloat<KeyInts> df;
  const int n = cache.head_size, lanes = LanesOf(d);
  hn::Vec<KeyInts> offset[kQueries];
  for (int q = 0; q < kQueries; ++q)
    offset[q] = hn::Set(d, -kKeyOffset * SumOfCodes(queries[q].codes, n));
  int slot = blocks.first_slot;
  for (int b = 0; b < blocks.count; ++b) {
    const auto* const keys = reinterpret_cast<const uint8_t*>(cache.keys) +
                             static_cast<size_t>(slot) * static_cast<size_t>(n);
    for (int part = 0; part < kKeyBlock; part += lanes) {
      hn::Vec<KeyInts> even[kQueries], odd[kQueries];
      HWY_UNROLL(4)
      for (int q = 0; q < kQueries; ++q) {
        even[q] = offset[q];
        odd[q] = hn::Zero(d);
      }
      for (int k = 0; k < n; k += 8) {
        const auto* const from = reinterpret_cast<const int32_t*>(keys + k * kKeyBlock) + part;
        const auto first = hn::LoadU(d, from), second = hn::LoadU(d, from + kKeyBlock);
        HWY_UNROLL(4)
        for (int q = 0; q < kQueries; ++q) {
          even[q] = WideDot4(even[q], first, FourCodes(d, queries[q].codes + k));
          odd[q] = WideDot4(odd[q], second, FourCodes(d, queries[q].codes + k + 4));
        }
      }
      const auto key_scale = hn::LoadU(df, cache.key_scales + slot + part);
      HWY_UNROLL(4)
      for (int q = 0; q < kQueries; ++q) {
        const auto scale = hn::Mul(hn::Set(df, queries[q].factor), key_scale);
        hn::StoreU(hn::Mul(hn::ConvertTo(df, hn::Add(even[q], odd[q])), scale), df,
                   scores + q * stride + b * kKeyBlock + part);
      }
    }
    slot += kKeyBlock;
    if (slot == cache.capacity) slot = 0;
  }
}

// contract::AttentionTerm of 32-bit lanes.
template <class D>
HWY_INLINE hn::Vec<D> TermsOf(D d, hn::Vec<D> t) {
  const auto half = hn::Set(d, 0x4000);
  const auto x = hn::And(hn::ShiftLeft<4>(t), hn::Set(d, 0x7ff0));
  const auto bend = hn::ShiftRight<15>(hn::Add(hn::Mul(x, hn::Set(d, 5571)), half));
  const auto inner = hn::Add(hn::Set(d, -21627), bend);
  const auto g = hn::Add(hn::Set(d, 32712), hn::ShiftRight<15>(hn::Add(hn::Mul(x, inner), half)));
  return hn::Shr(g, hn::ShiftRight<11>(t));
}

// Scores to weights in two planes of bytes; returns the sum of the terms.
HWY_INLINE int32_t BlockWeights(const float* scores, float largest_score, int count, uint8_t* high,
                                uint8_t* low) {
  const KeyInts d;
  const hn::RebindToFloat<KeyInts> df;
  const hn::Rebind<uint8_t, KeyInts> d8;
  const auto largest = hn::Set(df, largest_score);
  const auto most = hn::Set(df, static_cast<float>(contract::kMaxTerm));
  auto sum = hn::Zero(d);
  for (int i = 0; i < count; i += LanesOf(d)) {
    const auto distance = hn::Min(hn::Sub(largest, hn::LoadU(df, scores + i)), most);
    const auto term = TermsOf(d, RoundToInts(df, distance));
    sum = hn::Add(sum, term);
    const auto weight = hn::ShiftRight<3>(hn::Add(term, hn::Set(d, 4)));
    const auto upper = hn::ShiftRight<kLowWeightBits>(weight);
    hn::StoreU(hn::DemoteTo(d8, upper), d8, high + i);
    hn::StoreU(hn::DemoteTo(d8, hn::Sub(weight, hn::ShiftLeft<kLowWeightBits>(upper))), d8,
               low + i);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// A query's weights in two planes, and what their sums are multiplied with.
struct WeightPlanes {
  const uint8_t* high;
  const uint8_t* low;
  float scale;
};

// Dims dim .. dim + kVectors lanes - 1 of the weighted sums of values, for kQueries queries.
template <int kQueries, int kVectors, class D>
HWY_INLINE void WeighValues(D d, const LlamaQuery* queries, const LlamaCache& cache,
                            const KeyBlocks& blocks, const WeightPlanes* planes, int dim) {
  const hn::RebindToFloat<D> df;
  const int n = cache.head_size, lanes = LanesOf(d);
  hn::Vec<D> upper[kQueries][kVectors], lower[kQueries][kVectors];
  HWY_UNROLL(4)
  for (int q = 0; q < kQueries; ++q) {
    HWY_UNROLL(4)
    for (int i = 0; i < kVectors; ++i) upper[q][i] = lower[q][i] = hn::Zero(d);
  }
  int slot = blocks.first_slot;
  for (int b = 0; b < blocks.count; ++b) {
    for (int g = 0; g < kKeyBlock; g += 4) {
      const auto* const values = reinterpret_cast<const int32_t*>(
          cache.values + static_cast<size_t>(slot + g) * static_cast<size_t>(n));
      hn::Vec<D> v[kVectors];
      HWY_UNROLL(4)
      for (int i = 0; i < kVectors; ++i) v[i] = hn::LoadU(d, values + dim + i * lanes);
      HWY_UNROLL(4)
      for (int q = 0; q < kQueries; ++q) {
        const auto p_high = FourCodes(d, planes[q].high + b * kKeyBlock + g);
        const auto p_low = FourCodes(d, planes[q].low + b * kKeyBlock + g);
        HWY_UNROLL(4)
        for (int i = 0; i < kVectors; ++i) {
          upper[q][i] = Dot4(upper[q][i], p_high, v[i]);
          lower[q][i] = Dot4(lower[q][i], p_low, v[i]);
        }
      }
    }
    slot += kKeyBlock;
    if (slot == cache.capacity) slot = 0;
  }
  HWY_UNROLL(4)
  for (int q = 0; q < kQueries; ++q) {
    const auto scale = hn::Set(df, planes[q].scale);
    HWY_UNROLL(4)
    for (int i = 0; i < kVectors; ++i) {
      const auto sum = hn::Add(hn::ShiftLeft<kLowWeightBits>(upper[q][i]), lower[q][i]);
      hn::StoreU(hn::Mul(hn::ConvertTo(df, sum), scale), df, queries[q].out + dim + i * lanes);
    }
  }
}

// Weighs all dims, as many at once as leave the sums in registers.
template <int kQueries, class D>
HWY_INLINE void WeighAllValues(D d, const LlamaQuery* queries, const LlamaCache& cache,
                               const KeyBlocks& blocks, const WeightPlanes* planes) {
  constexpr int kVectors = kQueries > 2 ? 2 : 4;
  const int n = cache.head_size, lanes = LanesOf(d);
  int dim = 0;
  for (; dim + kVectors * lanes <= n; dim += kVectors * lanes)
    WeighValues<kQueries, kVectors>(d, queries, cache, blocks, planes, dim);
  for (; dim < n; dim += lanes) WeighValues<kQueries, 1>(d, queries, cache, blocks, planes, dim);
}

template <int kQueries>
HWY_NOINLINE void AttendTogether(const LlamaQuery* queries, const LlamaCache& cache,
                                 float value_factor, const LlamaScratch& scratch) {
  const KeyBlocks blocks({queries, kQueries}, cache);
  BlockScores<kQueries>(queries, cache, blocks, cache.capacity, scratch.scores);
  WeightPlanes planes[kQueries];
  for (int q = 0; q < kQueries; ++q) {
    float* const scores = scratch.scores + q * cache.capacity;
    auto* const high = reinterpret_cast<uint8_t*>(scratch.weights + q * cache.capacity);
    uint8_t* const low = high + blocks.positions();
    const float largest = MaskScores(queries[q], blocks, scores);
    const int32_t terms = BlockWeights(scores, largest, blocks.positions(), high, low);
    planes[q] = {high, low, value_factor / static_cast<float>(terms)};
  }
  if (Divides(KeyInts(), cache.head_size))
    return WeighAllValues<kQueries>(KeyInts(), queries, cache, blocks, planes);
  WeighAllValues<kQueries>(hn::CappedTag<int32_t, 8>(), queries, cache, blocks, planes);
}

class VectorLlamaKernels final : public LlamaKernels {
 public:
  void NormWithEpsilon(const float* x, const float* gain, float epsilon, int rows, int n,
                       float* y) const override {
    const int stride = RoundUp(n, kFloatPad);
    for (int r = 0; r < rows; ++r, x += stride, y += stride) {
      if (Divides(WideFloats(), n)) {
        NormRowWithEpsilon(WideFloats(), x, gain, epsilon, n, y);
      } else {
        NormRowWithEpsilon(NarrowFloats(), x, gain, epsilon, n, y);
      }
    }
  }

  void GateToPlanes(float* rows_of_gates, int rows, int n, int8_t* high, int8_t* low,
                    float* scales) const override {
    if (Divides(WideFloats(), n))
      return GateRows(WideFloats(), rows_of_gates, rows, n, high, low, scales);
    GateRows(NarrowFloats(), rows_of_gates, rows, n, high, low, scales);
  }

  void GeluToPlanes(float* inner, const float* bias, int rows, int n, int8_t* high, int8_t* low,
                    float* scales) const override {
    if (Divides(WideFloats(), n))
      return GeluRows(WideFloats(), inner, bias, rows, n, high, low, scales);
    GeluRows(NarrowFloats(), inner, bias, rows, n, high, low, scales);
  }

  void ToPlanes(const float* x, int rows, int n, int8_t* high, int8_t* low,
                float* scales) const override {
    for (int r = 0; r < rows; ++r, x += RoundUp(n, kFloatPad)) {
      const int at = r * RoundUp(n, kCodePad);
      scales[r] = Divides(WideFloats(), n) ? PlanesOfRow(WideFloats(), x, n, high + at, low + at)
                                           : PlanesOfRow(NarrowFloats(), x, n, high + at, low + at);
    }
  }

  void AddBias(const float* bias, int rows, int n, int stride, float* x) const override {
    const NarrowFloats d;
    for (int r = 0; r < rows; ++r, x += stride) {
      for (int i = 0; i < n; i += LanesOf(d))
        hn::StoreU(hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, bias + i)), d, x + i);
    }
  }

  void Store(const int8_t* key, const int8_t* value, const LlamaCache& cache,
             int slot) const override {
    const int n = cache.head_size;
    int8_t* const keys =
        cache.keys + static_cast<size_t>(slot / kKeyBlock * kKeyBlock) * static_cast<size_t>(n);
    int8_t* const to = keys + slot % kKeyBlock * 4;
    int8_t* const values =
        cache.values + static_cast<size_t>(slot / 4 * 4) * static_cast<size_t>(n) + slot % 4;
    for (int k = 0; k < n; ++k) {
      to[k / 4 * 4 * kKeyBlock + k % 4] = static_cast<int8_t>(key[k] ^ -128);
      values[k * 4] = value[k];
    }
  }

  void Attend(std::span<const LlamaQuery> queries, const LlamaCache& cache, float value_factor,
              const LlamaScratch& scratch) const override {
    static_assert(kLlamaQueries == 4);
    switch (queries.size()) {
      case 1:
        return AttendTogether<1>(queries.data(), cache, value_factor, scratch);
      case 2:
        return AttendTogether<2>(queries.data(), cache, value_factor, scratch);
      case 3:
        return AttendTogether<3>(queries.data(), cache, value_factor, scratch);
      default:
        return AttendTogether<4>(queries.data(), cache, value_factor, scratch);
    }
  }
};

}  // namespace OCCAM_SIMD
}  // namespace occam
HWY_AFTER_NAMESPACE();
