// The products and exponentials of attention in bfloat16 with AVX512_BF16.
#include "model/network/attention_blocks.h"

#if defined(__x86_64__)

#include <algorithm>
#include <cstring>
#include <utility>

#include "model/network/attention_vectors-inl.h"

HWY_PUSH_ATTRIBUTES(OCCAM_AVX512BF16)
namespace occam::bf16 {
namespace {

constexpr int64_t kRows = 8;  // of a product's result that are in registers

using RowIndices = std::make_index_sequence<kRows>;

HWY_INLINE __m512 Dot(__m512 sum, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}

HWY_INLINE __m512i PairToAll(const uint16_t* x) {
  int32_t pair;
  std::memcpy(&pair, x, sizeof(pair));
  return _mm512_set1_epi32(pair);
}

// Pairs of an element of the first 16 and one of the last 16.
HWY_INLINE __m512i PairHalves(__m512i x) {
  const __m512i low = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                       23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(low, x);
}

// 2^x for x in [-126, 126] to a relative error of 8e-5, a twentieth of what rounding to bfloat16
// may add; not a number stays so. In both ways 2^f is the cubic of least largest relative error.
// With the fewest instructions, for processors with two vectors a cycle: f = x - floor(x).
HWY_INLINE __m512 ShortExp2(__m512 x) {
  const __m512 f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  __m512 y = _mm512_set1_ps(0.07802452f);
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.22606716f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.69583356f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.9999252f));
  return _mm512_scalef_ps(y, x);
}

// With the fewest where products are made, for processors that add beside them: adding 1.5 * 2^23
// rounds to the nearest integer n, which the sum holds in its lowest bits; f = x - n is in [-1/2,
// 1/2], and n is added to the exponent.
HWY_INLINE __m512 Exp2(__m512 x) {
  const __m512 shift = _mm512_set1_ps(12582912.0f);
  const __m512 sum = _mm512_add_ps(x, shift);
  const __m512 f = _mm512_sub_ps(x, _mm512_sub_ps(sum, shift));
  __m512 y = _mm512_set1_ps(0.05517167f);
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.24261113f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.69326097f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(0.99992806f));
  const __m512i power = _mm512_slli_epi32(_mm512_castps_si512(sum), 23);
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(y), power));
}

// --- products ------------------------------------------------------------------------------------

template <int kVectors>
HWY_INLINE void AddProduct(__m512i a, const __m512i* b, __m512* c) {
  c[0] = Dot(c[0], a, b[0]);
  if constexpr (kVectors == 2) c[1] = Dot(c[1], a, b[1]);
}

template <int kVectors>
HWY_INLINE void LoadPairs(const uint16_t* from, __m512i* columns) {
  columns[0] = _mm512_loadu_si512(from);
  if constexpr (kVectors == 2) columns[1] = _mm512_loadu_si512(from + kPanel);
}

// c [rows][kVectors] += a [rows][32] b [pairs][32][2], some pairs and one or two vectors of
// columns.
template <int kVectors, size_t... R>
HWY_INLINE void AddProducts(const uint16_t* a, const uint16_t* b, int64_t pairs,
                            __m512 (*c)[kVectors], std::index_sequence<R...>) {
  for (int64_t p = 0; p < pairs; ++p, a += 2, b += 2 * kPanel) {
    __m512i columns[kVectors];
    LoadPairs<kVectors>(b, columns);
    (AddProduct<kVectors>(PairToAll(a + R * kPanel), columns, c[R]), ...);
  }
}

template <int kVectors>
HWY_INLINE void LoadRow(const float* from, __m512* c) {
  c[0] = _mm512_loadu_ps(from);
  if constexpr (kVectors == 2) c[1] = _mm512_loadu_ps(from + kLanes);
}
template <int kVectors>
HWY_INLINE void StoreRow(const __m512* c, float* to) {
  _mm512_storeu_ps(to, c[0]);
  if constexpr (kVectors == 2) _mm512_storeu_ps(to + kLanes, c[1]);
}

template <int kVectors, size_t... R>
HWY_INLINE void AddBlock(const uint16_t* a, const uint16_t* b, int64_t pairs, float* c,
                         std::index_sequence<R...> rows) {
  __m512 sums[kRows][kVectors];
  (LoadRow<kVectors>(c + R * kPanel, sums[R]), ...);
  AddProducts<kVectors>(a, b, pairs, sums, rows);
  (StoreRow<kVectors>(sums[R], c + R * kPanel), ...);
}

// c [rows][32] += a [rows][32] b [pairs][32][2], for a multiple of 8 rows.
template <int kVectors>
void AddBlocks(const uint16_t* a, const uint16_t* b, int64_t pairs, int64_t rows, float* c) {
  for (int64_t r = 0; r < rows; r += kRows) {
    AddBlock<kVectors>(a + r * kPanel, b, pairs, c + r * kPanel, RowIndices());
  }
}

// --- scores --------------------------------------------------------------------------------------

HWY_INLINE __mmask16 FirstLanes(int64_t count) {
  return static_cast<__mmask16>((1u << std::clamp<int64_t>(count, 0, kLanes)) - 1);
}

// Which of 16 queries see a key, the first of them `distance` behind it.
HWY_INLINE __mmask16 Seeing(int64_t distance, int64_t window) {
  return static_cast<__mmask16>(FirstLanes(window - distance) & ~FirstLanes(-distance));
}

// Exponentials in place of the scores [kVectors] of a key; 0 where a query does not see it.
template <int kVectors, bool kReady>
HWY_INLINE void Exponentials(const Scores& s, int64_t key, bool masked, __m512* x) {
  x[0] = kReady ? ShortExp2(x[0]) : Exp2(x[0]);
  if constexpr (kVectors == 2) x[1] = kReady ? ShortExp2(x[1]) : Exp2(x[1]);
  if (!masked) return;
  const int64_t distance = s.query + s.first - key;
  x[0] = _mm512_maskz_mov_ps(Seeing(distance, s.window), x[0]);
  if constexpr (kVectors == 2) {
    x[1] = _mm512_maskz_mov_ps(Seeing(distance + kLanes, s.window), x[1]);
  }
}

// Whether some query of the vectors does not see both keys of a pair.
template <int kVectors>
HWY_INLINE bool Masked(const Scores& s, int64_t key) {
  const int64_t distance = s.query + s.first - key;
  return distance < 1 || distance + kVectors * kLanes > s.window;
}

template <int kVectors>
HWY_INLINE void StorePairs(const __m512* even, const __m512* odd, uint16_t* to) {
  _mm512_storeu_si512(to, PairHalves(Round(even[0], odd[0])));
  if constexpr (kVectors == 2) {
    _mm512_storeu_si512(to + kPanel, PairHalves(Round(even[1], odd[1])));
  }
}

// What becomes of the stored scores of two keys in the forward pass.
template <int kVectors, bool kReady>
struct ForwardPair {
  const Scores& s;
  uint16_t* p;
  __m512 sums[kVectors];

  HWY_INLINE void Run(int64_t key) {
    const bool masked = Masked<kVectors>(s, key);
    const float* const scores = s.products + (key - s.key) * kPanel + s.first;
    __m512 even[kVectors], odd[kVectors];
    LoadRow<kVectors>(scores, even);
    LoadRow<kVectors>(scores + kPanel, odd);
    Exponentials<kVectors, kReady>(s, key, masked, even);
    Exponentials<kVectors, kReady>(s, key + 1, masked, odd);
    sums[0] = _mm512_add_ps(sums[0], _mm512_add_ps(even[0], odd[0]));
    if constexpr (kVectors == 2) {
      sums[1] = _mm512_add_ps(sums[1], _mm512_add_ps(even[1], odd[1]));
    }
    StorePairs<kVectors>(even, odd, p + (key - s.key) * kPanel + 2 * s.first);
  }
};

// A whole row [32] of queries; zeros where not all are there.
template <int kVectors>
HWY_INLINE void StoreRounded(const __m512* x, int64_t first, uint16_t* to) {
  const __m512 zero = _mm512_setzero_ps();
  if constexpr (kVectors == 2) {
    _mm512_storeu_si512(to, Round(x[0], x[1]));
  } else {
    _mm512_storeu_si512(to, first == 0 ? Round(x[0], zero) : Round(zero, x[0]));
  }
}

// Of a key in the backward pass: stores the exponentials of its scores x and their products with y,
// which replace y.
template <int kVectors, bool kReady>
HWY_INLINE void GradientRow(const Scores& s, const GradientOutput& to, int64_t key, bool masked,
                            __m512* x, __m512* y) {
  Exponentials<kVectors, kReady>(s, key, masked, x);
  y[0] = _mm512_mul_ps(x[0], y[0]);
  if constexpr (kVectors == 2) y[1] = _mm512_mul_ps(x[1], y[1]);
  const int64_t row = (key - s.key) * kPanel;
  StoreRounded<kVectors>(x, s.first, to.p_rows + row);
  StoreRounded<kVectors>(y, s.first, to.ds_rows + row);
}

// Of two keys.
template <int kVectors, bool kReady>
HWY_INLINE void GradientPair(const Scores& s, const GradientOutput& to, int64_t key,
                             __m512 (*x)[kVectors], __m512 (*y)[kVectors]) {
  const bool masked = Masked<kVectors>(s, key);
  GradientRow<kVectors, kReady>(s, to, key, masked, x[0], y[0]);
  GradientRow<kVectors, kReady>(s, to, key + 1, masked, x[1], y[1]);
  StorePairs<kVectors>(y[0], y[1], to.ds_pairs + (key - s.key) * kPanel + 2 * s.first);
}

// The products of a group of keys and, between them, what becomes of the group before, so that the
// one fills the gaps of the other. Sizes are multiples of 8: pairs of features of 4.
template <int kVectors, size_t... R>
HWY_INLINE void ForwardGroup(const Scores& s, int64_t key, ForwardPair<kVectors, false>* pair,
                             std::index_sequence<R...> rows) {
  const uint16_t* k = s.k + key * kPanel;
  const uint16_t* q = s.q_pairs + 2 * s.first;
  __m512 x[kRows][kVectors] = {};
  const int64_t pairs = std::min(s.size, kPanel) / 8;
  for (int64_t part = 0; part < 4; ++part) {
    if (key != s.key) pair->Run(key - kRows + 2 * part);
    AddProducts<kVectors>(k + 2 * pairs * part, q + 2 * kPanel * pairs * part, pairs, x, rows);
  }
  for (int64_t i = kPanel; i < s.size; i += kPanel) {
    AddProducts<kVectors>(k + i * s.length, q + i * kPanel, std::min(s.size - i, kPanel) / 2, x,
                          rows);
  }
  float* const to = s.products + (key - s.key) * kPanel + s.first;
  (StoreRow<kVectors>(x[R], to + R * kPanel), ...);
}

template <int kVectors, bool kReady>
void AllExponentials(const Scores& s, uint16_t* p, float* sums) {
  ForwardPair<kVectors, kReady> pair{s, p, {}};
  LoadRow<kVectors>(sums + s.first, pair.sums);
  int64_t key = s.key;
  if constexpr (!kReady) {
    for (; key < s.end; key += kRows) ForwardGroup<kVectors>(s, key, &pair, RowIndices());
    key -= kRows;
  }
  for (; key < s.end; key += 2) pair.Run(key);
  StoreRow<kVectors>(pair.sums, sums + s.first);
}

// x and y [rows][kVectors] += q k^T and do' v^T of some keys.
template <int kVectors, size_t... R>
HWY_INLINE void AddBothProducts(const Scores& s, const GradientInput& g, int64_t key,
                                __m512 (*x)[kVectors], __m512 (*y)[kVectors],
                                std::index_sequence<R...>) {
  for (int64_t i = 0; i < s.size; i += kPanel) {
    const uint16_t* k = s.k + i * s.length + key * kPanel;
    const uint16_t* v = g.v + i * s.length + key * kPanel;
    const uint16_t* q = s.q_pairs + i * kPanel + 2 * s.first;
    const uint16_t* dout = g.dout_pairs + i * kPanel + 2 * s.first;
    const int64_t pairs = std::min(s.size - i, kPanel) / 2;
    for (int64_t p = 0; p < pairs; ++p, k += 2, v += 2, q += 2 * kPanel, dout += 2 * kPanel) {
      __m512i columns[kVectors], dcolumns[kVectors];
      LoadPairs<kVectors>(q, columns);
      LoadPairs<kVectors>(dout, dcolumns);
      (AddProduct<kVectors>(PairToAll(k + R * kPanel), columns, x[R]), ...);
      (AddProduct<kVectors>(PairToAll(v + R * kPanel), dcolumns, y[R]), ...);
    }
  }
}

template <int kVectors, size_t... R, size_t... P>
HWY_INLINE void GradientGroup(const Scores& s, const GradientInput& g, int64_t key,
                              const GradientOutput& to, std::index_sequence<R...> rows,
                              std::index_sequence<P...>) {
  __m512 x[sizeof...(R)][kVectors] = {};
  __m512 y[sizeof...(R)][kVectors];
  (LoadRow<kVectors>(g.minus_delta + s.first, y[R]), ...);
  AddBothProducts<kVectors>(s, g, key, x, y, rows);
  (GradientPair<kVectors, false>(s, to, key + int64_t{2 * P}, x + 2 * P, y + 2 * P), ...);
}

template <int kVectors>
HWY_INLINE void LoadSum(const float* a, const float* b, __m512* c) {
  c[0] = _mm512_add_ps(_mm512_loadu_ps(a), _mm512_loadu_ps(b));
  if constexpr (kVectors == 2) {
    c[1] = _mm512_add_ps(_mm512_loadu_ps(a + kLanes), _mm512_loadu_ps(b + kLanes));
  }
}

// Of two keys whose products are there.
template <int kVectors>
HWY_INLINE void StoredPair(const Scores& s, const GradientInput& g, int64_t key,
                           const GradientOutput& to) {
  const int64_t from = (key - s.key) * kPanel + s.first;
  __m512 x[2][kVectors], y[2][kVectors];
  LoadRow<kVectors>(s.products + from, x[0]);
  LoadRow<kVectors>(s.products + from + kPanel, x[1]);
  LoadSum<kVectors>(g.products + from, g.minus_delta + s.first, y[0]);
  LoadSum<kVectors>(g.products + from + kPanel, g.minus_delta + s.first, y[1]);
  GradientPair<kVectors, true>(s, to, key, x, y);
}

// Products that are not ready stay in registers here: stored, they and all else would not fit into
// the first level cache.
template <int kVectors, bool kReady>
void AllGradients(const Scores& s, const GradientInput& g, const GradientOutput& to) {
  if constexpr (kReady) {
    for (int64_t key = s.key; key < s.end; key += 2) StoredPair<kVectors>(s, g, key, to);
  } else {
    constexpr int64_t kGroup = kRows / 2;
    for (int64_t key = s.key; key < s.end; key += kGroup) {
      GradientGroup<kVectors>(s, g, key, to, std::make_index_sequence<kGroup>(),
                              std::make_index_sequence<kGroup / 2>());
    }
  }
}

}  // namespace

void ExponentialPairs(const Scores& s, uint16_t* p, float* sums) {
  const bool both = s.vectors == 2;
  if (s.ready) {
    (both ? AllExponentials<2, true> : AllExponentials<1, true>)(s, p, sums);
  } else {
    (both ? AllExponentials<2, false> : AllExponentials<1, false>)(s, p, sums);
  }
}

void ScoreGradients(const Scores& s, const GradientInput& g, const GradientOutput& to) {
  const bool both = s.vectors == 2;
  if (s.ready) {
    (both ? AllGradients<2, true> : AllGradients<1, true>)(s, g, to);
  } else {
    (both ? AllGradients<2, false> : AllGradients<1, false>)(s, g, to);
  }
}

void AddColumns(const Scores& s, const uint16_t* columns, const uint16_t* pairs, float* result) {
  const int64_t block_size = RoundedUp(s.size) * kPanel;
  for (int64_t key = s.key; key < s.end;) {
    const int64_t end = std::min(s.end, (key / kPanel + 1) * kPanel);
    const uint16_t* a = columns + key / kPanel * block_size + key % kPanel;
    const uint16_t* b = pairs + (key - s.key) * kPanel + 2 * s.first;
    const auto add = s.vectors == 2 ? AddBlocks<2> : AddBlocks<1>;
    add(a, b, (end - key) / 2, s.size, result + s.first);
    key = end;
  }
}

void AddRows(const Scores& s, const uint16_t* rows, const uint16_t* by_two, float* sums) {
  for (int64_t i = 0; i < s.size; i += kPanel) {
    const auto add = s.size - i > kLanes ? AddBlocks<2> : AddBlocks<1>;
    add(rows + s.first, by_two + (i + s.first) * kPanel, s.vectors * kLanes / 2, s.end - s.key,
        sums + i * s.length + s.key * kPanel);
  }
}

}  // namespace occam::bf16
HWY_POP_ATTRIBUTES

#else  // never called, since HasFastBfloat16() is false

namespace occam::bf16 {
void ExponentialPairs(const Scores&, uint16_t*, float*) {}
void ScoreGradients(const Scores&, const GradientInput&, const GradientOutput&) {}
void AddColumns(const Scores&, const uint16_t*, const uint16_t*, float*) {}
void AddRows(const Scores&, const uint16_t*, const uint16_t*, float*) {}
}  // namespace occam::bf16

#endif
