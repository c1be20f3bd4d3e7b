// The products of attention in bfloat16 (model/network/attention_bf16.h) on AMX tiles.
#ifndef OCCAM_MODEL_NETWORK_ATTENTION_TILES_H_
#define OCCAM_MODEL_NETWORK_ATTENTION_TILES_H_

#include <cstdint>

#include "data/base/tiles.h"

namespace occam {

// c [16 row_tiles][16 column_tiles] = or += the sum over steps of a [16 row_tiles][32] times b [16
// pairs][16 column_tiles][2].
struct TileProduct {
  static constexpr int64_t kRowElements = 32;  // from a row of a, or of c, to the next
  const uint16_t* a;
  int64_t a_step;     // elements to the next left side
  const uint16_t* b;  // a pair of all columns takes 64 elements
  int64_t b_step;     // elements to the next right side
  int64_t steps;
  int64_t row_tiles;
  int64_t column_tiles;  // 1 or 2
  bool add;
  float* c;
};

// Multiplies within a TileScope.
void MultiplyTiles(const TileProduct& product);

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_ATTENTION_TILES_H_
