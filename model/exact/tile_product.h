// Linear layers on AMX tiles of bytes.
#ifndef OCCAM_MODEL_EXACT_TILE_PRODUCT_H_
#define OCCAM_MODEL_EXACT_TILE_PRODUCT_H_

#include "model/exact/fast_linear.h"

namespace occam {

constexpr int kTileSide = 16;    // rows of a tile, and 32-bit columns
constexpr int kTileInputs = 64;  // bytes of a row; weights of tiles have a multiple of it
constexpr int kTilePanels = 3;   // panels of a group, each a tile of sums
constexpr int kTilesOfRows = 2;  // at once
constexpr size_t kTileScratchBytes =
    sizeof(int32_t) * kTilesOfRows * kTileSide * kTilePanels * kPanel;

// Multiplies on tiles, only where CanUseTiles().
void MultiplyOnTiles(const FastKernels& kernels, const PackedWeights& w, const int8_t* x,
                     const float* x_scales, int rows, bool add, float* y, std::byte* scratch);

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_TILE_PRODUCT_H_
