#include "model/network/workspace.h"

#include <algorithm>
#include <utility>

namespace occam {
namespace {

// A weight's gradient is computed in pieces of some rows: as many as can be without making the
// products slow, which must pack the other operand for each (measured: pieces of 48 rows of width
// 48 run at nine tenths of the speed of the whole, quarters of the larger ones at all of it).
int64_t PieceRows(int64_t rows) {
  constexpr int64_t kLeast = 48, kStep = 16, kPieces = 4;
  const int64_t quarter = (rows + kPieces - 1) / kPieces;
  return std::max(kLeast, (quarter + kStep - 1) / kStep * kStep);
}

int PiecesOf(const WeightGradient& gradient) {
  const int64_t rows = gradient.dw.rows;
  return static_cast<int>((rows + PieceRows(rows) - 1) / PieceRows(rows));
}

}  // namespace

Workspace::ThreadScratch::ThreadScratch(const ModelConfig& c, Precision precision)
    : wide(kBlockRows, c.mlp_width()),
      activated(kBlockRows, c.mlp_width(), precision),
      mix(c.width),
      attention(precision) {
  for (int l = 0; l < c.layers; ++l) {
    attention.Reserve({1, c.context, c.heads, c.kv_heads, c.head_size(), c.window(l)});
  }
}

Workspace::Workspace(const ModelConfig& config, Precision precision, ThreadTeam* team)
    : team_(team), precision_(precision), linear_(precision, team->size()) {
  for (int i = 0; i < team->size(); ++i) {
    scratch_.emplace_back(config, precision);
    scratch_.back().thread = i;
  }
}

void Workspace::StopWith(StopFn stop) {
  stop_ = std::move(stop);
  for (ThreadScratch& scratch : scratch_) scratch.attention.stop = &stop_;
}

RowBlock Workspace::Block(int64_t number, int length) {
  const int64_t in_sequence = Blocks(1, length);
  const int64_t sequence = number / in_sequence;
  const int64_t begin = number % in_sequence * kBlockRows;
  const Positions positions{begin, std::min<int64_t>(begin + kBlockRows, length)};
  return {number, sequence, positions, sequence * length + begin};
}

int Workspace::Pieces(std::span<const WeightGradient> gradients) {
  int pieces = 0;
  for (const WeightGradient& gradient : gradients) pieces += PiecesOf(gradient);
  return pieces;
}

void Workspace::Compute(std::span<const WeightGradient> gradients, int piece, int thread) {
  size_t i = 0;
  while (piece >= PiecesOf(gradients[i])) piece -= PiecesOf(gradients[i++]);
  const WeightGradient& g = gradients[i];
  const int64_t begin = piece * PieceRows(g.dw.rows);
  const int64_t count = std::min(PieceRows(g.dw.rows), g.dw.rows - begin);
  linear_.BackwardWeights(thread, g.dy.Columns(begin, count), g.x, g.dw.Rows(begin, count));
}

}  // namespace occam
