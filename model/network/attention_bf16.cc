#include "model/network/attention_bf16.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "model/network/attention_blocks.h"
#include "model/network/attention_tiles.h"

namespace occam {

using bf16::GradientInput;
using bf16::GradientOutput;
using bf16::kPanel;
using bf16::RoundedUp;
using bf16::Scores;

namespace {

// Whose scores are kept at once, so that they and all that is made of them stay in the first level
// cache. On tiles the backward pass keeps more of them, and has less time to wait.
constexpr int64_t kKeys = 64;
constexpr int64_t kTileGradientKeys = 32;
constexpr int64_t kHalf = kPanel / 2;
constexpr float kLog2E = 1.44269504f;

float ScoreScale(int64_t size) { return 3.0f / std::sqrt(static_cast<float>(size)); }
// Of scores that are exponents of 2.
float ScoreFactor(int64_t size) { return ScoreScale(size) * kLog2E; }

std::array<float, kPanel> Filled(float value) {
  std::array<float, kPanel> all;
  all.fill(value);
  return all;
}

// Calls work(scores) for parts of the keys that a panel's queries see, in order: those that only
// its first 16 queries see, both halves, or only its last 16; no part reaches beyond the next
// multiple of `keys`.
template <class Work>
void ForEachPart(Scores s, int64_t keys, const Work& work) {
  const int64_t second = s.query + kHalf;
  const auto first_seen = [&](int64_t query) {
    return std::max<int64_t>(0, query - s.window + 1) / kHalf * kHalf;
  };
  const int64_t bounds[] = {first_seen(s.query), first_seen(second), second, s.query + kPanel};
  for (int segment = 0; segment < 3; ++segment) {
    s.first = segment == 2 ? kHalf : 0;
    s.vectors = segment == 1 ? 2 : 1;
    for (s.key = bounds[segment]; s.key < bounds[segment + 1]; s.key = s.end) {
      s.end = std::min(bounds[segment + 1], (s.key / keys + 1) * keys);
      work(s);
    }
  }
}

template <typename T>
void Grow(int64_t count, AlignedArray<T>* array) {
  *array = AlignedArray<T>(static_cast<size_t>(count));
}

// --- the same products on tiles ------------------------------------------------------------------

constexpr int64_t kTile = 16;
constexpr int64_t kBlock = kPanel * kPanel;

// products [keys][32] = rows [F][T][32] of the keys times pairs [F][16][32 queries][2].
void TileScores(const Scores& s, const uint16_t* rows, const uint16_t* pairs, float* products) {
  MultiplyTiles({.a = rows + s.key * kPanel,
                 .a_step = s.length * kPanel,
                 .b = pairs + 2 * s.first,
                 .b_step = kBlock,
                 .steps = RoundedUp(s.size) / kPanel,
                 .row_tiles = (s.end - s.key) / kTile,
                 .column_tiles = s.vectors,
                 .add = false,
                 .c = products + s.first});
}

// As AddColumns. Blocks of 32 keys that are there by half are made whole with zeros, for which
// `pairs` has room on both sides.
void TileAddColumns(const Scores& s, const uint16_t* columns, uint16_t* pairs, float* result) {
  const int64_t begin = s.key / kPanel * kPanel, end = RoundedUp(s.end);
  uint16_t* const whole = pairs - (s.key - begin) * kPanel;
  std::fill(whole, pairs, uint16_t{0});
  std::fill(pairs + (s.end - s.key) * kPanel, whole + (end - begin) * kPanel, uint16_t{0});
  const int64_t step = RoundedUp(s.size) * kPanel;
  MultiplyTiles({.a = columns + begin / kPanel * step,
                 .a_step = step,
                 .b = whole + 2 * s.first,
                 .b_step = kBlock,
                 .steps = (end - begin) / kPanel,
                 .row_tiles = (s.size + kTile - 1) / kTile,
                 .column_tiles = s.vectors,
                 .add = true,
                 .c = result + s.first});
}

// As AddRows.
void TileAddRows(const Scores& s, const uint16_t* rows, const uint16_t* by_two, float* sums) {
  for (int64_t i = 0; i < s.size; i += kPanel) {
    MultiplyTiles({.a = rows,
                   .a_step = 0,
                   .b = by_two + i * kPanel,
                   .b_step = 0,
                   .steps = 1,
                   .row_tiles = (s.end - s.key) / kTile,
                   .column_tiles = s.size - i > kTile ? 2 : 1,
                   .add = true,
                   .c = sums + i * s.length + s.key * kPanel});
  }
}

// The rows of sums that TileAddRows will add to come from the second level cache meanwhile.
void PrefetchRows(const Scores& s, const float* sums) {
  constexpr int64_t kLine = 16;
  for (int64_t i = 0; i < s.size; i += kPanel) {
    const float* const rows = sums + i * s.length;
    for (int64_t at = s.key * kPanel; at < s.end * kPanel; at += kLine) {
      __builtin_prefetch(rows + at, /*rw=*/1);
    }
  }
}

}  // namespace

void Bfloat16Heads::Reserve(int64_t length, int64_t size) {
  if (length <= length_ && size <= size_) return;
  length_ = std::max(length, length_);
  size_ = std::max(size, size_);
  tiles_ = CanUseTiles();
  const int64_t padded_size = RoundedUp(size_), elements = RoundedUp(length_) * padded_size;
  for (auto* array : {&k_, &v_, &columns_}) Grow(elements, array);
  for (auto* array : {&dk_, &dv_}) Grow(elements, array);
  for (auto* array : {&q_pairs_, &dout_pairs_, &q_by_two_, &dout_by_two_}) {
    Grow(padded_size * kPanel, array);
  }
  Grow(padded_size * kPanel, &result_);
  for (auto* array : {&p_pairs_, &p_rows_, &ds_rows_}) Grow(kKeys * kPanel, array);
  for (auto* array : {&scores_, &dscores_}) Grow(kKeys * kPanel, array);
}

void Bfloat16Heads::LoadForForward(const HeadShape& shape, ConstTensorView k, ConstTensorView v) {
  const int64_t length = RoundedUp(shape.length);
  for (int64_t i = 0; i < shape.size; i += kPanel) {
    bf16::RoundBlock(k, i, k_.data() + i * length);
    bf16::RoundBlock(v, i, v_.data() + i * length);
  }
  bf16::TransposeBlocks(v_.data(), length, shape.size, columns_.data());
}

void Bfloat16Heads::LoadForBackward(const HeadShape& shape, ConstTensorView k, ConstTensorView v) {
  const int64_t length = RoundedUp(shape.length);
  for (int64_t i = 0; i < shape.size; i += kPanel) {
    bf16::RoundBlock(k, i, k_.data() + i * length);
    bf16::RoundBlock(v, i, v_.data() + i * length);
  }
  bf16::TransposeBlocks(k_.data(), length, shape.size, columns_.data());
  std::fill_n(dk_.data(), length * RoundedUp(shape.size), 0.0f);
  std::fill_n(dv_.data(), length * RoundedUp(shape.size), 0.0f);
}

void Bfloat16Heads::Forward(const HeadShape& shape, ConstTensorView q, TensorView out,
                            float* inverse_sum) {
  std::optional<TileScope> scope;
  if (tiles_) scope.emplace();
  const auto factors = Filled(ScoreFactor(shape.size));
  for (int64_t begin = 0; begin < shape.length; begin += kPanel) {
    const int64_t end = std::min(begin + kPanel, shape.length);
    for (int64_t i = 0; i < shape.size; i += kPanel) {
      bf16::LoadPanel(q, begin, i, factors.data(), q_pairs_.data() + i * kPanel, nullptr);
    }
    std::fill_n(result_.data(), RoundedUp(shape.size) * kPanel, 0.0f);
    std::array<float, kPanel> sums = {};
    ForEachPart(ScoresOf(shape, begin), kKeys, [&](const Scores& s) { AddPart(s, sums.data()); });
    for (float& sum : sums) sum = 1.0f / sum;
    std::copy_n(sums.data(), end - begin, inverse_sum + begin);
    bf16::StorePanel(result_.data(), begin, end, sums.data(), out);
  }
}

void Bfloat16Heads::AddPart(const Scores& s, float* sums) {
  uint16_t* const p = p_pairs_.data() + s.key % kPanel * kPanel;
  if (!tiles_) {
    bf16::ExponentialPairs(s, p, sums);
    bf16::AddColumns(s, columns_.data(), p, result_.data());
    return;
  }
  TileScores(s, k_.data(), q_pairs_.data(), scores_.data());
  bf16::ExponentialPairs(s, p, sums);
  TileAddColumns(s, columns_.data(), p, result_.data());
}

// With the exponentials e = P sum of the scores, P the probabilities and do' = do / sum: dv = e^T
// do', dS = e (do' v^T - rowsum(do' o)), dq = beta dS k, dk = beta dS^T q. So q with the factor of
// scores serves dk too.
void Bfloat16Heads::Backward(const HeadShape& shape, ConstTensorView q, ConstTensorView out,
                             const float* inverse_sum, ConstTensorView dout, TensorView dq) {
  std::optional<TileScope> scope;
  if (tiles_) scope.emplace();
  const auto factors = Filled(ScoreFactor(shape.size)), betas = Filled(ScoreScale(shape.size));
  for (int64_t begin = 0; begin < shape.length; begin += kPanel) {
    const int64_t end = std::min(begin + kPanel, shape.length);
    std::array<float, kPanel> inverse = {}, minus_delta = {};
    for (int64_t t = begin; t < end; ++t) {
      const auto lane = static_cast<size_t>(t - begin);
      inverse[lane] = inverse_sum[t];
      minus_delta[lane] = -inverse_sum[t] * bf16::DotOfRows(dout, out, t);
    }
    for (int64_t i = 0; i < shape.size; i += kPanel) {
      const int64_t at = i * kPanel;
      bf16::LoadPanel(q, begin, i, factors.data(), q_pairs_.data() + at, q_by_two_.data() + at);
      bf16::LoadPanel(dout, begin, i, inverse.data(), dout_pairs_.data() + at,
                      dout_by_two_.data() + at);
    }
    std::fill_n(result_.data(), RoundedUp(shape.size) * kPanel, 0.0f);
    ForEachPart(ScoresOf(shape, begin), tiles_ ? kTileGradientKeys : kKeys,
                [&](const Scores& s) { AddGradients(s, minus_delta.data()); });
    bf16::StorePanel(result_.data(), begin, end, betas.data(), dq);
  }
}

void Bfloat16Heads::AddGradients(const Scores& s, const float* minus_delta) {
  uint16_t* const ds = p_pairs_.data() + s.key % kPanel * kPanel;
  const GradientInput input{dout_pairs_.data(), v_.data(), minus_delta, dscores_.data()};
  const GradientOutput output{p_rows_.data(), ds_rows_.data(), ds};
  if (!tiles_) {
    bf16::ScoreGradients(s, input, output);
    bf16::AddRows(s, p_rows_.data(), dout_by_two_.data(), dv_.data());
    bf16::AddRows(s, ds_rows_.data(), q_by_two_.data(), dk_.data());
    bf16::AddColumns(s, columns_.data(), ds, result_.data());
    return;
  }
  TileScores(s, k_.data(), q_pairs_.data(), scores_.data());
  TileScores(s, v_.data(), dout_pairs_.data(), dscores_.data());
  PrefetchRows(s, dk_.data());
  PrefetchRows(s, dv_.data());
  bf16::ScoreGradients(s, input, output);
  TileAddRows(s, p_rows_.data(), dout_by_two_.data(), dv_.data());
  TileAddRows(s, ds_rows_.data(), q_by_two_.data(), dk_.data());
  TileAddColumns(s, columns_.data(), ds, result_.data());
}

Scores Bfloat16Heads::ScoresOf(const HeadShape& shape, int64_t query) const {
  Scores s = {};
  s.length = RoundedUp(shape.length);
  s.size = shape.size;
  s.window = shape.window;
  s.query = query;
  s.q_pairs = q_pairs_.data();
  s.k = k_.data();
  s.products = scores_.data();
  s.ready = tiles_;
  return s;
}

void Bfloat16Heads::StoreKeyGradients(const HeadShape& shape, TensorView dk, TensorView dv) const {
  const int64_t length = RoundedUp(shape.length);
  for (int64_t i = 0; i < shape.size; i += kHalf) {
    const int64_t at = i / kPanel * length * kPanel + i % kPanel;
    bf16::CopyColumns(dk_.data() + at, 1.0f / kLog2E, i, dk);
    bf16::CopyColumns(dv_.data() + at, 1.0f, i, dv);
  }
}

}  // namespace occam
