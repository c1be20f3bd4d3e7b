// The steps of attention in bfloat16 (model/network/attention_bf16.h): what is done to one panel of
// 32 queries and some keys of a head. T is the head's length and F * 32 its size, both rounded up
// to multiples of 32. It needs processors with HasFastBfloat16().
#ifndef OCCAM_MODEL_NETWORK_ATTENTION_BLOCKS_H_
#define OCCAM_MODEL_NETWORK_ATTENTION_BLOCKS_H_

#include <cstdint>

#include "model/network/tensor.h"

namespace occam::bf16 {

constexpr int64_t kPanel = 32;  // queries side by side, and features of a block
constexpr int64_t kPairs = kPanel / 2;

inline int64_t RoundedUp(int64_t n) { return (n + kPanel - 1) / kPanel * kPanel; }

// --- arranging -----------------------------------------------------------------------------------

// to [T][32] = the 32 columns of x from `column` on, rounded; zeros beyond its rows and columns.
void RoundBlock(ConstTensorView x, int64_t column, uint16_t* to);

// to [T / 32][F * 32][32] = from [F][T][32], blocks of 32 rows transposed.
void TransposeBlocks(const uint16_t* from, int64_t length, int64_t size, uint16_t* to);

// Queries `begin` to begin + 32 of x times their factors [32], 32 columns from `column` on,
// rounded: pairs of columns [16][32 queries][2] and, unless null, pairs of queries [16][32][2].
void LoadPanel(ConstTensorView x, int64_t begin, int64_t column, const float* factors,
               uint16_t* pairs, uint16_t* by_two);

// Rows [begin, end) of to = panel [F * 32][32] transposed, each query times its factor [32].
void StorePanel(const float* panel, int64_t begin, int64_t end, const float* factors,
                TensorView to);

// Columns [column, column + 16) of to = from [T][32] times a factor.
void CopyColumns(const float* from, float factor, int64_t column, TensorView to);

// The sum of products of the rows t of a and b.
float DotOfRows(ConstTensorView a, ConstTensorView b, int64_t t);

// --- scores --------------------------------------------------------------------------------------

// Keys [key, end) of which some are seen by `vectors` times 16 queries of a panel, from its lane
// `first` on.
struct Scores {
  int64_t length;  // T
  int64_t size;    // of the head
  int64_t window;
  int64_t query;            // the panel's first
  int64_t first, vectors;   // 0 and 2, 0 and 1 or 16 and 1
  int64_t key, end;         // multiples of 16
  const uint16_t* q_pairs;  // [F][16][32 queries][2], of the panel, times the factor of the scores
  const uint16_t* k;        // [F][T][32]
  float* products;          // [keys][32]: q k^T, or room for it
  bool ready;               // whether products are there already, made on tiles
};

// p [keys / 2][32 queries][2] = exponentials of the scores, 0 where a query does not see a key;
// sums [32] += those of each query.
void ExponentialPairs(const Scores& s, uint16_t* p, float* sums);

// The input of the gradients of scores beside the scores; do' are the gradients of the panel's
// results over their sums of exponentials.
struct GradientInput {
  const uint16_t* dout_pairs;  // [F][16][32 queries][2]
  const uint16_t* v;           // [F][T][32]
  const float* minus_delta;    // [32]
  const float* products;       // [keys][32] = do' v^T, only where the scores' are ready
};
struct GradientOutput {
  uint16_t* p_rows;    // [keys][32 queries]
  uint16_t* ds_rows;   // [keys][32 queries]
  uint16_t* ds_pairs;  // [keys / 2][32 queries][2]
};

// Exponentials p of the scores and ds = p (do' v^T - delta). Rows are whole, with zeros for queries
// that are not of `vectors`.
void ScoreGradients(const Scores& s, const GradientInput& g, const GradientOutput& to);

// --- products ------------------------------------------------------------------------------------

// result [F * 32][32 queries] += columns [T / 32][F * 32][32 keys] times pairs [keys / 2][32][2].
void AddColumns(const Scores& s, const uint16_t* columns, const uint16_t* pairs, float* result);

// sums [F][T][32], rows of the keys, += rows [keys][32 queries] times by_two [F][16][32][2].
void AddRows(const Scores& s, const uint16_t* rows, const uint16_t* by_two, float* sums);

}  // namespace occam::bf16

#endif  // OCCAM_MODEL_NETWORK_ATTENTION_BLOCKS_H_
