// Products of attention's blocks in bfloat16 with AMX.
#include "model/network/attention_tiles.h"

#if defined(__x86_64__) && defined(__linux__)

#include <hwy/base.h>
#include <immintrin.h>

HWY_PUSH_ATTRIBUTES("amx-tile,amx-bf16")
namespace occam {
namespace {

constexpr int64_t kTile = 16;  // rows, and columns of float32
constexpr int64_t kRowBytes = 64;
constexpr int64_t kPairBytes = 128;

// One or two tiles of rows times one or two of columns: sums in tiles 0 to 3, left sides in 4 and
// 5, right sides in 6 and 7.
template <int kRows, int kColumns>
void MultiplyBlock(const TileProduct& p, const uint16_t* a, float* c) {
  float* const below = c + kTile * p.kRowElements;
  if (p.add) {
    _tile_loadd(0, c, kPairBytes);
    if constexpr (kColumns == 2) _tile_loadd(1, c + kTile, kPairBytes);
    if constexpr (kRows == 2) _tile_loadd(2, below, kPairBytes);
    if constexpr (kRows == 2 && kColumns == 2) _tile_loadd(3, below + kTile, kPairBytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const uint16_t* b = p.b;
  for (int64_t step = 0; step < p.steps; ++step, a += p.a_step, b += p.b_step) {
    _tile_loadd(4, a, kRowBytes);
    _tile_loadd(6, b, kPairBytes);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (kColumns == 2) {
      _tile_loadd(7, b + 2 * kTile, kPairBytes);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (kRows == 2) {
      _tile_loadd(5, a + kTile * p.kRowElements, kRowBytes);
      _tile_dpbf16ps(2, 5, 6);
    }
    if constexpr (kRows == 2 && kColumns == 2) _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, kPairBytes);
  if constexpr (kColumns == 2) _tile_stored(1, c + kTile, kPairBytes);
  if constexpr (kRows == 2) _tile_stored(2, below, kPairBytes);
  if constexpr (kRows == 2 && kColumns == 2) _tile_stored(3, below + kTile, kPairBytes);
}

template <int kColumns>
void MultiplyAll(const TileProduct& p) {
  const uint16_t* a = p.a;
  float* c = p.c;
  int64_t row = 0;
  for (; row + 2 <= p.row_tiles; row += 2) {
    MultiplyBlock<2, kColumns>(p, a, c);
    a += 2 * kTile * p.kRowElements;
    c += 2 * kTile * p.kRowElements;
  }
  if (row < p.row_tiles) MultiplyBlock<1, kColumns>(p, a, c);
}

}  // namespace

void MultiplyTiles(const TileProduct& p) {
  if (p.column_tiles == 2) {
    MultiplyAll<2>(p);
  } else {
    MultiplyAll<1>(p);
  }
}

}  // namespace occam
HWY_POP_ATTRIBUTES

#else  // no such processor

namespace occam {
void MultiplyTiles(const TileProduct&) {}
}  // namespace occam

#endif
