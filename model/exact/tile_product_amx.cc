#include "model/exact/tile_product.h"

#if defined(__x86_64__) && defined(__linux__)

#include <hwy/base.h>
#include <immintrin.h>

#include "data/base/tiles.h"

HWY_PUSH_ATTRIBUTES("amx-tile,amx-int8")
#include "model/exact/tile_product-inl.h"

namespace occam {
namespace {

// The intrinsics take numbers of tiles as literals only.
struct AmxTiles {
  using Scope = TileScope;

  template <int kTile>
  static void Zero() {
    if constexpr (kTile == 0) _tile_zero(0);
    if constexpr (kTile == 1) _tile_zero(1);
    if constexpr (kTile == 2) _tile_zero(2);
    if constexpr (kTile == 3) _tile_zero(3);
    if constexpr (kTile == 4) _tile_zero(4);
    if constexpr (kTile == 5) _tile_zero(5);
  }
  template <int kTile>
  static void Load(const void* from, int64_t stride) {
    if constexpr (kTile == 6) _tile_loadd(6, from, stride);
    if constexpr (kTile == 7) _tile_loadd(7, from, stride);
  }
  template <int kTile>
  static void Store(void* to, int64_t stride) {
    if constexpr (kTile == 0) _tile_stored(0, to, stride);
    if constexpr (kTile == 1) _tile_stored(1, to, stride);
    if constexpr (kTile == 2) _tile_stored(2, to, stride);
    if constexpr (kTile == 3) _tile_stored(3, to, stride);
    if constexpr (kTile == 4) _tile_stored(4, to, stride);
    if constexpr (kTile == 5) _tile_stored(5, to, stride);
  }
  template <int kTile>
  static void Dot() {
    if constexpr (kTile == 0) _tile_dpbssd(0, 6, 7);
    if constexpr (kTile == 1) _tile_dpbssd(1, 6, 7);
    if constexpr (kTile == 2) _tile_dpbssd(2, 6, 7);
    if constexpr (kTile == 3) _tile_dpbssd(3, 6, 7);
    if constexpr (kTile == 4) _tile_dpbssd(4, 6, 7);
    if constexpr (kTile == 5) _tile_dpbssd(5, 6, 7);
  }
};

}  // namespace

void MultiplyOnTiles(const FastKernels& kernels, const PackedWeights& w, const int8_t* x,
                     const float* x_scales, int rows, bool add, float* y, std::byte* scratch) {
  MultiplyOn<AmxTiles>(kernels, w, x, x_scales, rows, add, y, scratch);
}

}  // namespace occam
HWY_POP_ATTRIBUTES

#else  // no such processor

#include "data/base/error.h"

namespace occam {
void MultiplyOnTiles(const FastKernels&, const PackedWeights&, const int8_t*, const float*, int,
                     bool, float*, std::byte*) {
  throw InternalError("this processor has no tiles");
}
}  // namespace occam

#endif
