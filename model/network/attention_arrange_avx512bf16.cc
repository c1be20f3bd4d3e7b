// Blocks of attention in bfloat16 brought into their order with AVX512.
#include "model/network/attention_blocks.h"

#if defined(__x86_64__)

#include <algorithm>
#include <utility>

#include "model/network/attention_vectors-inl.h"

HWY_PUSH_ATTRIBUTES(OCCAM_AVX512BF16)
namespace occam::bf16 {
namespace {

// Pairs of an element of a and one of b: those of the first 16, or of the last.
template <bool kLast>
HWY_INLINE __m512i PairUp(__m512i a, __m512i b) {
  const __m512i first = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40,
                                         8, 39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i index = kLast ? _mm512_add_epi16(first, _mm512_set1_epi16(16)) : first;
  return _mm512_permutex2var_epi16(a, index, b);
}

// The first 16 of `count` floats, a multiple of 8; zeros beyond. No masks, which would wait for the
// cache line behind the last float too.
HWY_INLINE __m512 LoadFirst(const float* x, int64_t count) {
  if (count >= kLanes) return _mm512_loadu_ps(x);
  if (count <= 0) return _mm512_setzero_ps();
  return _mm512_zextps256_ps512(_mm256_loadu_ps(x));
}
HWY_INLINE void StoreFirst(__m512 x, int64_t count, float* to) {
  if (count >= kLanes) {
    _mm512_storeu_ps(to, x);
  } else {
    _mm256_storeu_ps(to, _mm512_castps512_ps256(x));
  }
}

// The 32 columns of a matrix from `column` on; beyond its last, zeros.
class Columns {
 public:
  HWY_INLINE Columns(ConstTensorView x, int64_t column)
      : x_(x.Columns(column, x.columns - column)) {}

  // Row r times a factor, in bfloat16; zeros beyond the last row. The rows of a head lie far apart
  // in memory, where no prefetcher of the processor finds them, so one of the next panel is called
  // for.
  HWY_INLINE __m512i Rounded(int64_t r, __m512 factor) const {
    if (r >= x_.rows) return _mm512_setzero_si512();
    const float* const row = x_.row(r);
    const float* const later = x_.row(std::min(r + kPanel, x_.rows - 1));
    _mm_prefetch(later, _MM_HINT_T0);
    _mm_prefetch(later + kLanes, _MM_HINT_T0);
    const __m512 low = LoadFirst(row, x_.columns);
    const __m512 high = LoadFirst(row + kLanes, x_.columns - kLanes);
    return Round(_mm512_mul_ps(low, factor), _mm512_mul_ps(high, factor));
  }

 private:
  ConstTensorView x_;
};

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

}  // namespace

void RoundBlock(ConstTensorView x, int64_t column, uint16_t* to) {
  const Columns columns(x, column);
  const __m512 one = _mm512_set1_ps(1.0f);
  const int64_t padded = RoundedUp(x.rows);
  for (int64_t r = 0; r < padded; ++r) {
    _mm512_storeu_si512(to + r * kPanel, columns.Rounded(r, one));
  }
}

void TransposeBlocks(const uint16_t* from, int64_t length, int64_t size, uint16_t* to) {
  for (int64_t r = 0; r < length; r += kPanel) {
    for (int64_t i = 0; i < size; i += kPanel, to += kPanel * kPanel) {
      TransposeBlock(from + i * length + r * kPanel, to);
    }
  }
}

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

void StorePanel(const float* panel, int64_t begin, int64_t end, const float* factors,
                TensorView to) {
  for (int64_t i = 0; i < to.columns; i += kLanes) {
    for (int64_t first = begin; first < end; first += kLanes) {
      __m512i x[kLanes];
      for (int64_t r = 0; r < kLanes; ++r) {
        x[r] = _mm512_loadu_si512(panel + (i + r) * kPanel + (first - begin));
      }
      Transpose(x);
      for (int64_t t = first; t < std::min(first + kLanes, end); ++t) {
        __builtin_prefetch(to.row(std::min(t + kPanel, to.rows - 1)) + i, /*rw=*/1);
        const __m512 query = _mm512_castsi512_ps(x[t - first]);
        StoreFirst(_mm512_mul_ps(query, _mm512_set1_ps(factors[t - begin])), to.columns - i,
                   to.row(t) + i);
      }
    }
  }
}

float DotOfRows(ConstTensorView a, ConstTensorView b, int64_t t) {
  const float* const x = a.row(t);
  const float* const y = b.row(t);
  const float* const later = b.row(std::min(t + kPanel, b.rows - 1));
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < a.columns; i += kLanes) {
    _mm_prefetch(later + i, _MM_HINT_T0);
    sum = _mm512_fmadd_ps(LoadFirst(x + i, a.columns - i), LoadFirst(y + i, a.columns - i), sum);
  }
  return _mm512_reduce_add_ps(sum);
}

void CopyColumns(const float* from, float factor, int64_t column, TensorView to) {
  const __m512 factors = _mm512_set1_ps(factor);
  for (int64_t t = 0; t < to.rows; ++t) {
    __builtin_prefetch(to.row(std::min(t + kPanel, to.rows - 1)) + column, /*rw=*/1);
    StoreFirst(_mm512_mul_ps(_mm512_loadu_ps(from + t * kPanel), factors), to.columns - column,
               to.row(t) + column);
  }
}

}  // namespace occam::bf16
HWY_POP_ATTRIBUTES

#else  // never called, since HasFastBfloat16() is false

namespace occam::bf16 {
void RoundBlock(ConstTensorView, int64_t, uint16_t*) {}
void TransposeBlocks(const uint16_t*, int64_t, int64_t, uint16_t*) {}
void LoadPanel(ConstTensorView, int64_t, int64_t, const float*, uint16_t*, uint16_t*) {}
void StorePanel(const float*, int64_t, int64_t, const float*, TensorView) {}
void CopyColumns(const float*, float, int64_t, TensorView) {}
float DotOfRows(ConstTensorView, ConstTensorView, int64_t) { return 0; }
}  // namespace occam::bf16

#endif
