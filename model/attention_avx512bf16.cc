// The kernels of attention in bfloat16 with AVX512_BF16.
#include "model/attention_bf16.h"

#if defined(__x86_64__)

#include <hwy/base.h>

// g++ 12 sees uninitialised operands in its own intrinsics (its bug 105593).
#if !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")
namespace occam {
namespace {

constexpr int64_t kLanes = 16;
constexpr int64_t kPanel = 32;  // queries side by side, and features of a block
constexpr int64_t kRows = 8;    // of a product's result that are in registers
constexpr int64_t kKeys = 128;  // whose scores are kept at once
constexpr int64_t kPairs = kPanel / 2;
constexpr float kLog2E = 1.44269504f;

using RowIndices = std::make_index_sequence<kRows>;
using PairIndices = std::make_index_sequence<kRows / 2>;

// --- vectors -------------------------------------------------------------------------------------

// In each lane: sum + a0 b0 + a1 b1 of a pair.
HWY_INLINE __m512 Dot(__m512 sum, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}

HWY_INLINE __m512i PairToAll(const uint16_t* x) {
  int32_t pair;
  std::memcpy(&pair, x, sizeof(pair));
  return _mm512_set1_epi32(pair);
}

// To bfloat16: 16 of `low`, then 16 of `high`.
HWY_INLINE __m512i Round(__m512 low, __m512 high) {
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

// Pairs of an element of the first 16 and one of the last 16.
HWY_INLINE __m512i PairHalves(__m512i x) {
  const __m512i low = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                       23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(low, x);
}

// Pairs of an element of a and one of b: those of the first 16, or of the last.
template <bool kLast>
HWY_INLINE __m512i PairUp(__m512i a, __m512i b) {
  const __m512i first = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40,
                                         8, 39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i index = kLast ? _mm512_add_epi16(first, _mm512_set1_epi16(16)) : first;
  return _mm512_permutex2var_epi16(a, index, b);
}

// 2^x for x in [-126, 126] to a relative error of 8e-5, a twentieth of what rounding to bfloat16
// may add; not a number stays so. Adding 1.5 * 2^23 rounds to the nearest integer n, which the sum
// holds in its lowest bits; with f = x - n in [-1/2, 1/2], 2^f is the cubic of least largest
// relative error, and n is added to the exponent.
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

HWY_INLINE __mmask16 FirstLanes(int64_t count) {
  return static_cast<__mmask16>((1u << std::clamp<int64_t>(count, 0, kLanes)) - 1);
}

// --- arranging -----------------------------------------------------------------------------------

// The 32 columns of a matrix from `column` on; beyond its last, zeros.
class Columns {
 public:
  HWY_INLINE Columns(ConstTensorView x, int64_t column)
      : x_(x.Columns(column, x.columns - column)),
        low_(FirstLanes(x_.columns)),
        high_(FirstLanes(x_.columns - kLanes)) {}

  // Row r times a factor, in bfloat16; zeros beyond the last row. The rows of a head lie far apart
  // in memory, where no prefetcher of the processor finds them, so a later one is called for.
  HWY_INLINE __m512i Rounded(int64_t r, __m512 factor) const {
    if (r >= x_.rows) return _mm512_setzero_si512();
    const float* const row = x_.row(r);
    const float* const later = row + kPanel * x_.stride;
    _mm_prefetch(later, _MM_HINT_T0);
    _mm_prefetch(later + kLanes, _MM_HINT_T0);
    const __m512 low = _mm512_maskz_loadu_ps(low_, row);
    const __m512 high = _mm512_maskz_loadu_ps(high_, row + kLanes);
    return Round(_mm512_mul_ps(low, factor), _mm512_mul_ps(high, factor));
  }

 private:
  ConstTensorView x_;
  __mmask16 low_, high_;
};

// to [rounded up to panels][32] = the 32 columns of x from `column` on.
void RoundBlock(ConstTensorView x, int64_t column, uint16_t* to) {
  const Columns columns(x, column);
  const __m512 one = _mm512_set1_ps(1.0f);
  const int64_t padded = (x.rows + kPanel - 1) / kPanel * kPanel;
  for (int64_t r = 0; r < padded; ++r) {
    _mm512_storeu_si512(to + r * kPanel, columns.Rounded(r, one));
  }
}

// The stages of a transposition of 16 x 16 elements of 32 bits.
template <size_t... I>
HWY_INLINE void UnpackPairs(const __m512i* r, __m512i* t, std::index_sequence<I...>) {
  ((t[2 * I] = _mm512_unpacklo_epi32(r[2 * I], r[2 * I + 1]),
    t[2 * I + 1] = _mm512_unpackhi_epi32(r[2 * I], r[2 * I + 1])),
   ...);
}
template <size_t... I>
HWY_INLINE void UnpackFours(const __m512i* t, __m512i* r, std::index_sequence<I...>) {
  ((r[4 * I] = _mm512_unpacklo_epi64(t[4 * I], t[4 * I + 2]),
    r[4 * I + 1] = _mm512_unpackhi_epi64(t[4 * I], t[4 * I + 2]),
    r[4 * I + 2] = _mm512_unpacklo_epi64(t[4 * I + 1], t[4 * I + 3]),
    r[4 * I + 3] = _mm512_unpackhi_epi64(t[4 * I + 1], t[4 * I + 3])),
   ...);
}
HWY_INLINE void GatherColumn(const __m512i* r, size_t c, __m512i* t) {
  constexpr int kEven = 0x88, kOdd = 0xdd;
  const __m512i a = _mm512_shuffle_i32x4(r[c], r[4 + c], kEven);
  const __m512i b = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], kEven);
  const __m512i a_odd = _mm512_shuffle_i32x4(r[c], r[4 + c], kOdd);
  const __m512i b_odd = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], kOdd);
  t[c] = _mm512_shuffle_i32x4(a, b, kEven);
  t[8 + c] = _mm512_shuffle_i32x4(a, b, kOdd);
  t[4 + c] = _mm512_shuffle_i32x4(a_odd, b_odd, kEven);
  t[12 + c] = _mm512_shuffle_i32x4(a_odd, b_odd, kOdd);
}

// x = x transposed.
HWY_INLINE void Transpose(__m512i* x) {
  __m512i t[kLanes];
  UnpackPairs(x, t, std::make_index_sequence<8>());
  UnpackFours(t, x, std::make_index_sequence<4>());
  for (size_t c = 0; c < 4; ++c) GatherColumn(x, c, t);
  std::copy_n(t, kLanes, x);
}

// to [16][16] elements of 32 bits, rows `to_stride` bfloat16 numbers apart, = from transposed.
void TransposePairs(const uint16_t* from, int64_t from_stride, uint16_t* to, int64_t to_stride) {
  __m512i x[kLanes];
  for (int64_t r = 0; r < kLanes; ++r) x[r] = _mm512_loadu_si512(from + r * from_stride);
  Transpose(x);
  for (int64_t r = 0; r < kLanes; ++r) _mm512_storeu_si512(to + r * to_stride, x[r]);
}

// to [16][32][2] = pairs of neighbouring rows of from [32][32].
void PairRows(const uint16_t* from, uint16_t* to) {
  for (int64_t r = 0; r < kPairs; ++r) {
    const __m512i a = _mm512_loadu_si512(from + 2 * r * kPanel);
    const __m512i b = _mm512_loadu_si512(from + (2 * r + 1) * kPanel);
    _mm512_storeu_si512(to + 2 * r * kPanel, PairUp<false>(a, b));
    _mm512_storeu_si512(to + (2 * r + 1) * kPanel, PairUp<true>(a, b));
  }
}

// to [32 features][32 rows] = from [32 rows][32 features].
void TransposeBlock(const uint16_t* from, uint16_t* to) {
  alignas(64) uint16_t pairs[kPairs * 2 * kPanel];
  PairRows(from, pairs);
  TransposePairs(pairs, 2 * kPanel, to, kPanel);
  TransposePairs(pairs + kPanel, 2 * kPanel, to + kLanes * kPanel, kPanel);
}

// to [T / 32][32 F][32] = from [F][T][32], blocks of 32 rows transposed.
void TransposeBlocks(const uint16_t* from, int64_t length, int64_t size, uint16_t* to) {
  for (int64_t r = 0; r < length; r += kPanel) {
    for (int64_t i = 0; i < size; i += kPanel, to += kPanel * kPanel) {
      TransposeBlock(from + i * length + r * kPanel, to);
    }
  }
}

// Queries `begin` to begin + 32 of x times their factors, 32 columns from `column` on: pairs of
// columns [16][32 queries][2] and pairs of queries [16][32][2].
void LoadPanel(ConstTensorView x, int64_t begin, int64_t column, const float* factors,
               uint16_t* pairs, uint16_t* by_two) {
  alignas(64) uint16_t rows[kPanel * kPanel];
  const Columns columns(x, column);
  for (int64_t r = 0; r < kPanel; ++r) {
    _mm512_storeu_si512(rows + r * kPanel, columns.Rounded(begin + r, _mm512_set1_ps(factors[r])));
  }
  TransposePairs(rows, kPanel, pairs, 2 * kPanel);
  TransposePairs(rows + kLanes * kPanel, kPanel, pairs + kPanel, 2 * kPanel);
  if (by_two != nullptr) PairRows(rows, by_two);
}

// Rows [begin, end) of to = panel [size, 32] transposed, each query times its factor.
void StorePanel(const float* panel, int64_t begin, int64_t end, const float* factors,
                TensorView to) {
  for (int64_t i = 0; i < to.columns; i += kLanes) {
    const __mmask16 columns = FirstLanes(to.columns - i);
    for (int64_t first = begin; first < end; first += kLanes) {
      __m512i x[kLanes];
      for (int64_t r = 0; r < kLanes; ++r) {
        x[r] = _mm512_loadu_si512(panel + (i + r) * kPanel + (first - begin));
      }
      Transpose(x);
      for (int64_t t = first; t < std::min(first + kLanes, end); ++t) {
        _mm512_mask_storeu_ps(
            to.row(t) + i, columns,
            _mm512_mul_ps(_mm512_castsi512_ps(x[t - first]), _mm512_set1_ps(factors[t - begin])));
      }
    }
  }
}

float Dot(const float* a, const float* b, int64_t n) {
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < n; i += kLanes) {
    const __mmask16 lanes = FirstLanes(n - i);
    sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(lanes, a + i), _mm512_maskz_loadu_ps(lanes, b + i),
                          sum);
  }
  return _mm512_reduce_add_ps(sum);
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

// Some keys of one panel of queries, of which all or the first or last 16 see any of them.
struct Scores {
  int64_t length;  // T rounded up
  int64_t size;    // of the head
  int64_t window;
  int64_t query;            // the first of the vectors'
  int64_t key, end;         // multiples of 8
  int64_t first;            // lane of the panel: 0 or 16
  const uint16_t* q_pairs;  // of the panel
  const uint16_t* k;
};

// Which of 16 queries see a key, the first of them `distance` behind it.
HWY_INLINE __mmask16 Seeing(int64_t distance, int64_t window) {
  return static_cast<__mmask16>(FirstLanes(window - distance) & ~FirstLanes(-distance));
}

template <int kVectors>
HWY_INLINE void Exponentials(int64_t distance, int64_t window, bool masked, __m512* x) {
  x[0] = Exp2(x[0]);
  if constexpr (kVectors == 2) x[1] = Exp2(x[1]);
  if (!masked) return;
  x[0] = _mm512_maskz_mov_ps(Seeing(distance, window), x[0]);
  if constexpr (kVectors == 2) {
    x[1] = _mm512_maskz_mov_ps(Seeing(distance + kLanes, window), x[1]);
  }
}

template <int kVectors>
HWY_INLINE void AddRow(const __m512* x, __m512* sums) {
  sums[0] = _mm512_add_ps(sums[0], x[0]);
  if constexpr (kVectors == 2) sums[1] = _mm512_add_ps(sums[1], x[1]);
}

template <int kVectors>
HWY_INLINE void StorePairs(const __m512* even, const __m512* odd, uint16_t* to) {
  _mm512_storeu_si512(to, PairHalves(Round(even[0], odd[0])));
  if constexpr (kVectors == 2) {
    _mm512_storeu_si512(to + kPanel, PairHalves(Round(even[1], odd[1])));
  }
}

// Whether every query of the vectors sees all keys of a group.
template <int kVectors>
HWY_INLINE bool AllSee(const Scores& s, int64_t key, int64_t keys) {
  const int64_t distance = s.query - key;
  return distance - keys + 1 >= 0 && distance + kVectors * kLanes <= s.window;
}

template <int kVectors, size_t... R, size_t... P>
HWY_INLINE void ExponentialGroup(const Scores& s, int64_t key, uint16_t* p, __m512* sums,
                                 std::index_sequence<R...> rows, std::index_sequence<P...>) {
  __m512 x[kRows][kVectors] = {};
  for (int64_t i = 0; i < s.size; i += kPanel) {
    AddProducts<kVectors>(s.k + i * s.length + key * kPanel, s.q_pairs + i * kPanel + 2 * s.first,
                          std::min(s.size - i, kPanel) / 2, x, rows);
  }
  const bool masked = !AllSee<kVectors>(s, key, kRows);
  const int64_t distance = s.query - key;
  (Exponentials<kVectors>(distance - int64_t{R}, s.window, masked, x[R]), ...);
  (AddRow<kVectors>(x[R], sums), ...);
  (StorePairs<kVectors>(x[2 * P], x[2 * P + 1], p + 2 * P * kPanel), ...);
}

// p [keys / 2][32][2] = exponentials of the scores; sums [32] += those of each query.
template <int kVectors>
void ExponentialPairs(const Scores& s, uint16_t* p, float* sums) {
  __m512 x[kVectors];
  LoadRow<kVectors>(sums + s.first, x);
  for (int64_t key = s.key; key < s.end; key += kRows) {
    uint16_t* const to = p + (key - s.key) * kPanel + 2 * s.first;
    ExponentialGroup<kVectors>(s, key, to, x, RowIndices(), PairIndices());
  }
  StoreRow<kVectors>(x, sums + s.first);
}

// What the gradients of scores need beside the scores.
struct GradientInput {
  const uint16_t* dout_pairs;
  const uint16_t* v;
  const float* minus_delta;  // [32]
};

// In float32 for some rows of keys: exponentials x, and y = do v^T - delta.
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

template <int kVectors>
HWY_INLINE void MultiplyRow(const __m512* x, __m512* y) {
  y[0] = _mm512_mul_ps(y[0], x[0]);
  if constexpr (kVectors == 2) y[1] = _mm512_mul_ps(y[1], x[1]);
}

template <int kVectors>
HWY_INLINE void StoreRounded(const __m512* x, uint16_t* to) {
  if constexpr (kVectors == 2) {
    _mm512_storeu_si512(to, Round(x[0], x[1]));
  } else {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x[0])));
  }
}

// Where the gradients of a block of scores go.
struct GradientOutput {
  uint16_t* p_rows;    // [keys][32]
  uint16_t* ds_rows;   // [keys][32]
  uint16_t* ds_pairs;  // [keys / 2][32][2]
};

template <int kVectors, size_t... R, size_t... P>
HWY_INLINE void GradientGroup(const Scores& s, const GradientInput& g, int64_t key,
                              const GradientOutput& to, std::index_sequence<R...> rows,
                              std::index_sequence<P...>) {
  __m512 x[sizeof...(R)][kVectors] = {};
  __m512 y[sizeof...(R)][kVectors];
  (LoadRow<kVectors>(g.minus_delta + s.first, y[R]), ...);
  AddBothProducts<kVectors>(s, g, key, x, y, rows);
  const bool masked = !AllSee<kVectors>(s, key, int64_t{sizeof...(R)});
  const int64_t distance = s.query - key;
  (Exponentials<kVectors>(distance - int64_t{R}, s.window, masked, x[R]), ...);
  (MultiplyRow<kVectors>(x[R], y[R]), ...);
  const int64_t row = key - s.key;
  (StoreRounded<kVectors>(x[R], to.p_rows + (row + int64_t{R}) * kPanel + s.first), ...);
  (StoreRounded<kVectors>(y[R], to.ds_rows + (row + int64_t{R}) * kPanel + s.first), ...);
  (StorePairs<kVectors>(y[2 * P], y[2 * P + 1],
                        to.ds_pairs + (row + int64_t{2 * P}) * kPanel + 2 * s.first),
   ...);
}

// Exponentials p of the scores and p (do v^T - delta).
template <int kVectors>
void ScoreGradients(const Scores& s, const GradientInput& g, const GradientOutput& to) {
  constexpr int64_t kGroup = kRows / 2;
  for (int64_t key = s.key; key < s.end; key += kGroup) {
    GradientGroup<kVectors>(s, g, key, to, std::make_index_sequence<kGroup>(),
                            std::make_index_sequence<kGroup / 2>());
  }
}

// --- panels --------------------------------------------------------------------------------------

// Keys [begin, end) of which some are seen by `vectors` times 16 queries of a panel, from its lane
// `first` on.
struct Segment {
  int64_t first, vectors;
  int64_t begin, end;
};

// The keys of a panel that only its first 16 queries see, both halves, or only its last 16.
std::array<Segment, 3> SegmentsOf(int64_t query, int64_t window) {
  const int64_t second = query + kLanes;
  const int64_t begin = std::max<int64_t>(0, query - window + 1) / kLanes * kLanes;
  const int64_t middle = std::max<int64_t>(0, second - window + 1) / kLanes * kLanes;
  return {{{0, 1, begin, middle}, {0, 2, middle, second}, {kLanes, 1, second, query + kPanel}}};
}

int64_t RoundedUp(int64_t n) { return (n + kPanel - 1) / kPanel * kPanel; }

// result [size, 32] += columns' product with pairs [keys / 2][32][2] of a segment's part.
void AddColumns(const Segment& part, int64_t size, const uint16_t* columns, const uint16_t* pairs,
                float* result) {
  const int64_t block_size = RoundedUp(size) * kPanel;
  for (int64_t key = part.begin; key < part.end;) {
    const int64_t end = std::min(part.end, (key / kPanel + 1) * kPanel);
    const uint16_t* a = columns + key / kPanel * block_size + key % kPanel;
    const uint16_t* b = pairs + (key - part.begin) * kPanel + 2 * part.first;
    const auto add = part.vectors == 2 ? AddBlocks<2> : AddBlocks<1>;
    add(a, b, (end - key) / 2, size, result + part.first);
    key = end;
  }
}

// sums [F][T][32], rows of the part's keys, += rows' product with by_two [F][16][32][2].
void AddRows(const Segment& part, int64_t size, int64_t length, const uint16_t* rows,
             const uint16_t* by_two, float* sums) {
  for (int64_t i = 0; i < size; i += kPanel) {
    const auto add = size - i > kLanes ? AddBlocks<2> : AddBlocks<1>;
    add(rows + part.first, by_two + (i + part.first) * kPanel, part.vectors * kLanes / 2,
        part.end - part.begin, sums + i * length + part.begin * kPanel);
  }
}

// Scores are exponents of 2.
float ScoreScale(int64_t size) { return 3.0f / std::sqrt(static_cast<float>(size)); }

Scores ScoresOf(const HeadShape& shape, int64_t query, const Segment& part, const uint16_t* q_pairs,
                const uint16_t* k) {
  return {RoundedUp(shape.length),
          shape.size,
          shape.window,
          query + part.first,
          part.begin,
          part.end,
          part.first,
          q_pairs,
          k};
}

// Calls work(part) for parts of the segments that end at multiples of kKeys.
template <class Work>
void ForEachPart(int64_t query, int64_t window, const Work& work) {
  for (const Segment& s : SegmentsOf(query, window)) {
    for (int64_t key = s.begin; key < s.end;) {
      const int64_t end = std::min(s.end, (key / kKeys + 1) * kKeys);
      work(Segment{s.first, s.vectors, key, end});
      key = end;
    }
  }
}

// Columns [column, column + 16) of to = from [T][32] times a factor.
void CopyColumns(const float* from, float factor, int64_t column, TensorView to) {
  const __mmask16 columns = FirstLanes(to.columns - column);
  const __m512 factors = _mm512_set1_ps(factor);
  for (int64_t t = 0; t < to.rows; ++t) {
    _mm512_mask_storeu_ps(to.row(t) + column, columns,
                          _mm512_mul_ps(_mm512_loadu_ps(from + t * kPanel), factors));
  }
}

template <typename T>
void Grow(int64_t count, AlignedArray<T>* array) {
  *array = AlignedArray<T>(static_cast<size_t>(count));
}

}  // namespace

void Bfloat16Heads::Reserve(int64_t length, int64_t size) {
  if (length <= length_ && size <= size_) return;
  length_ = std::max(length, length_);
  size_ = std::max(size, size_);
  const int64_t padded_size = RoundedUp(size_), elements = RoundedUp(length_) * padded_size;
  for (auto* array : {&k_, &v_, &columns_}) Grow(elements, array);
  for (auto* array : {&dk_, &dv_}) Grow(elements, array);
  for (auto* array : {&q_pairs_, &dout_pairs_, &q_by_two_, &dout_by_two_}) {
    Grow(padded_size * kPanel, array);
  }
  Grow(padded_size * kPanel, &result_);
  for (auto* array : {&p_pairs_, &p_rows_, &ds_rows_}) Grow(kKeys * kPanel, array);
}

void Bfloat16Heads::LoadForForward(const HeadShape& shape, ConstTensorView k, ConstTensorView v) {
  const int64_t length = RoundedUp(shape.length);
  for (int64_t i = 0; i < shape.size; i += kPanel) {
    RoundBlock(k, i, k_.data() + i * length);
    RoundBlock(v, i, v_.data() + i * length);
  }
  TransposeBlocks(v_.data(), length, shape.size, columns_.data());
}

void Bfloat16Heads::LoadForBackward(const HeadShape& shape, ConstTensorView k, ConstTensorView v) {
  const int64_t length = RoundedUp(shape.length);
  for (int64_t i = 0; i < shape.size; i += kPanel) {
    RoundBlock(k, i, k_.data() + i * length);
    RoundBlock(v, i, v_.data() + i * length);
  }
  TransposeBlocks(k_.data(), length, shape.size, columns_.data());
  std::fill_n(dk_.data(), length * RoundedUp(shape.size), 0.0f);
  std::fill_n(dv_.data(), length * RoundedUp(shape.size), 0.0f);
}

void Bfloat16Heads::Forward(const HeadShape& shape, ConstTensorView q, TensorView out,
                            float* inverse_sum) {
  float factors[kPanel];
  std::fill_n(factors, kPanel, ScoreScale(shape.size) * kLog2E);
  for (int64_t begin = 0; begin < shape.length; begin += kPanel) {
    const int64_t end = std::min(begin + kPanel, shape.length);
    for (int64_t i = 0; i < shape.size; i += kPanel) {
      LoadPanel(q, begin, i, factors, q_pairs_.data() + i * kPanel, nullptr);
    }
    std::fill_n(result_.data(), shape.size * kPanel, 0.0f);
    float sums[kPanel] = {};
    ForEachPart(begin, shape.window, [&](const Segment& part) {
      const Scores scores = ScoresOf(shape, begin, part, q_pairs_.data(), k_.data());
      (part.vectors == 2 ? ExponentialPairs<2> : ExponentialPairs<1>)(scores, p_pairs_.data(),
                                                                      sums);
      AddColumns(part, shape.size, columns_.data(), p_pairs_.data(), result_.data());
    });
    for (float& sum : sums) sum = 1.0f / sum;
    std::copy_n(sums, end - begin, inverse_sum + begin);
    StorePanel(result_.data(), begin, end, sums, out);
  }
}

// With the exponentials e = P sum of the scores, P the probabilities and do' = do / sum: dv = e^T
// do', dS = e (do' v^T - rowsum(do' o)), dq = beta dS k, dk = beta dS^T q. So q with the factor of
// scores serves dk too.
void Bfloat16Heads::Backward(const HeadShape& shape, ConstTensorView q, ConstTensorView out,
                             const float* inverse_sum, ConstTensorView dout, TensorView dq) {
  const int64_t length = RoundedUp(shape.length);
  float factors[kPanel], betas[kPanel];
  std::fill_n(factors, kPanel, ScoreScale(shape.size) * kLog2E);
  std::fill_n(betas, kPanel, ScoreScale(shape.size));
  for (int64_t begin = 0; begin < shape.length; begin += kPanel) {
    const int64_t end = std::min(begin + kPanel, shape.length);
    float inverse[kPanel] = {}, minus_delta[kPanel] = {};
    for (int64_t t = begin; t < end; ++t) {
      inverse[t - begin] = inverse_sum[t];
      minus_delta[t - begin] = -inverse_sum[t] * Dot(dout.row(t), out.row(t), shape.size);
    }
    for (int64_t i = 0; i < shape.size; i += kPanel) {
      const int64_t at = i * kPanel;
      LoadPanel(q, begin, i, factors, q_pairs_.data() + at, q_by_two_.data() + at);
      LoadPanel(dout, begin, i, inverse, dout_pairs_.data() + at, dout_by_two_.data() + at);
    }
    std::fill_n(result_.data(), shape.size * kPanel, 0.0f);
    const GradientInput input{dout_pairs_.data(), v_.data(), minus_delta};
    const GradientOutput output{p_rows_.data(), ds_rows_.data(), p_pairs_.data()};
    ForEachPart(begin, shape.window, [&](const Segment& part) {
      const Scores scores = ScoresOf(shape, begin, part, q_pairs_.data(), k_.data());
      (part.vectors == 2 ? ScoreGradients<2> : ScoreGradients<1>)(scores, input, output);
      AddRows(part, shape.size, length, p_rows_.data(), dout_by_two_.data(), dv_.data());
      AddRows(part, shape.size, length, ds_rows_.data(), q_by_two_.data(), dk_.data());
      AddColumns(part, shape.size, columns_.data(), p_pairs_.data(), result_.data());
    });
    StorePanel(result_.data(), begin, end, betas, dq);
  }
}

void Bfloat16Heads::StoreKeyGradients(const HeadShape& shape, TensorView dk, TensorView dv) const {
  const int64_t length = RoundedUp(shape.length);
  for (int64_t i = 0; i < shape.size; i += kLanes) {
    const int64_t at = i / kPanel * length * kPanel + i % kPanel;
    CopyColumns(dk_.data() + at, 1.0f / kLog2E, i, dk);
    CopyColumns(dv_.data() + at, 1.0f, i, dv);
  }
}

}  // namespace occam
HWY_POP_ATTRIBUTES

#else  // no such processor: HasFastBfloat16() is false, and nothing here is called

#include "data/base/error.h"

namespace occam {
namespace {
[[noreturn]] void Refuse() { throw InternalError("this processor has no AVX512_BF16"); }
}  // namespace
void Bfloat16Heads::Reserve(int64_t, int64_t) { Refuse(); }
void Bfloat16Heads::LoadForForward(const HeadShape&, ConstTensorView, ConstTensorView) { Refuse(); }
void Bfloat16Heads::LoadForBackward(const HeadShape&, ConstTensorView, ConstTensorView) {
  Refuse();
}
void Bfloat16Heads::Forward(const HeadShape&, ConstTensorView, TensorView, float*) { Refuse(); }
void Bfloat16Heads::Backward(const HeadShape&, ConstTensorView, ConstTensorView, const float*,
                             ConstTensorView, TensorView) {
  Refuse();
}
void Bfloat16Heads::StoreKeyGradients(const HeadShape&, TensorView, TensorView) const { Refuse(); }
}  // namespace occam

#endif
