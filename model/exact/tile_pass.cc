#include "model/exact/tile_pass.h"

#include <algorithm>

#include "model/rotary.h"

namespace occam {
namespace {

// The convolution and gain before attention, and those before the MLP.
constexpr int kBeforeAttention = 0;
constexpr int kBeforeMlp = 1;

// The still pairs of a key become those of the position before, which wait in `kept`.
void SwapStillPairs(float* key, int size, float* kept) {
  const int pairs = size / 2;
  const int turning = TurningPairs(pairs);
  kept = std::swap_ranges(key + turning, key + pairs, kept);
  std::swap_ranges(key + pairs + turning, key + size, kept);
}

}  // namespace

TilePass::TilePass(const PreparedNetwork& network, int lanes)
    : net_(network),
      c_(network.model.config),
      kernels_(*network.kernels),
      lanes_(network, lanes),
      memory_(network, lanes),
      signals_(network, lanes),
      sources_(static_cast<size_t>(kTileRows) * static_cast<size_t>(c_.conv_width)) {}

void TilePass::Run(std::span<const TileRow> rows) {
  rows_.assign(rows.begin(), rows.end());
  FindRuns();
  Embed();
  SetAngles();
  for (int l = 0; l < c_.layers; ++l) {
    if (l == c_.memory_gate) memory_.AddGated(row_count(), x_.data(), scratch_.data());
    Attention(l);
    Mlp(l);
  }
  const float* const gain = net_.gain(net_.index.final_gain);
  kernels_.Norm(x_.data(), gain, row_count(), c_.width, normed_.data());
  kernels_.Quantise(normed_.data(), row_count(), c_.width, codes_.data(), scales_.data());
  net_.head->Apply(codes_.data(), scales_.data(), row_count(), false, logits_.data(),
                   scratch_.data());
  for (int r = 0; c_.residual && r < row_count(); ++r) signals_.MakeBytes(r, logits_.row(r));
}

void TilePass::FindRuns() {
  runs_.clear();
  for (int r = 0; r < row_count(); ++r) {
    if (r > 0 && at(r).lane == at(r - 1).lane) {
      ++runs_.back().rows;
    } else {
      runs_.push_back({r, 1, kept() > 0 ? static_cast<int>(at(r).position % kept()) : 0});
    }
  }
}

void TilePass::Embed() {
  for (int r = 0; r < row_count(); ++r) {
    if (c_.has_memory()) memory_.Choose(r, at(r).lane, at(r).input);
    if (c_.has_signals()) {
      signals_.Choose(r, at(r).lane, at(r).input);
    } else {
      std::copy_n(net_.embedding.row(at(r).input), c_.width, x_.row(r));
    }
  }
  if (c_.has_signals()) signals_.Embed(row_count(), x_.data());
  if (!c_.has_memory() && !c_.has_signals()) return;
  if (c_.has_memory()) memory_.AddToInput(row_count(), x_.data(), scratch_.data());
  kernels_.Norm(x_.data(), nullptr, row_count(), c_.width, x_.data());
}

// The angles of each row's position, for all layers and heads.
void TilePass::SetAngles() {
  const RotaryTable& table = Rotary();
  const size_t pairs = net_.rotary_frequencies.size();
  for (int r = 0; r < row_count(); ++r) {
    if (r > 0 && at(r).position == at(r - 1).position) {
      std::copy_n(cosine_.row(r - 1), pairs, cosine_.row(r));
      std::copy_n(sine_.row(r - 1), pairs, sine_.row(r));
      continue;
    }
    const int64_t position = at(r).position % kRotaryCircle;
    for (size_t i = 0; i < pairs; ++i) {
      const auto phase = static_cast<size_t>(RotaryPhase(position, net_.rotary_frequencies[i]));
      cosine_.row(r)[i] = table.cosine[phase];
      sine_.row(r)[i] = table.sine[phase];
    }
  }
}

void TilePass::Attention(int l) {
  const PreparedLayer& layer = net_.layers[static_cast<size_t>(l)];
  Prepare(l, kBeforeAttention);
  layer.wqkv->Apply(codes_.data(), scales_.data(), row_count(), false, qkv_.data(),
                    scratch_.data());
  PrepareHeads(l);
  for (const LaneRun& run : runs_) Attend(run, l);
  kernels_.Quantise(attended_.data(), row_count(), c_.width, codes_.data(), scales_.data());
  layer.wo->Apply(codes_.data(), scales_.data(), row_count(), true, x_.data(), scratch_.data());
}

void TilePass::Mlp(int l) {
  const PreparedLayer& layer = net_.layers[static_cast<size_t>(l)];
  Prepare(l, kBeforeMlp);
  layer.wu->Apply(codes_.data(), scales_.data(), row_count(), false, inner_.data(),
                  scratch_.data());
  kernels_.SquareAndQuantise(inner_.data(), row_count(), c_.mlp_width(), inner_codes_.data(),
                             scales_.data());
  layer.wd->Apply(inner_codes_.data(), scales_.data(), row_count(), true, x_.data(),
                  scratch_.data());
}

void TilePass::Prepare(int l, int which) {
  const float* const gain = net_.layers[static_cast<size_t>(l)].gains[which];
  kernels_.Norm(x_.data(), gain, row_count(), c_.width, normed_.data());
  if (c_.conv_width > 0) Convolve(l, which);
  for (const LaneRun& run : runs_) RememberInputs(run, l, which);
  const float* const h = c_.conv_width > 0 ? mixed_.data() : normed_.data();
  kernels_.Quantise(h, row_count(), c_.width, codes_.data(), scales_.data());
}

void TilePass::Convolve(int l, int which) {
  const float** h = sources_.data();  // of each row, the oldest first
  for (const LaneRun& run : runs_) {
    for (int i = 0; i < run.rows; ++i) {
      for (int back = kept(); back > i; --back) {
        const int slot = (run.history_slot + i - back + kept()) % kept();
        *h++ = lanes_.History(at(run.first).lane, l, which, slot);
      }
      for (int back = std::min(i, kept()); back >= 0; --back) {
        *h++ = normed_.row(run.first + i - back);
      }
    }
  }
  const float* const taps = net_.layers[static_cast<size_t>(l)].convolutions[which].data();
  kernels_.Convolve(sources_.data(), taps, c_.conv_width, row_count(), c_.width, mixed_.data());
}

// The last taps - 1 rows of a lane, for later passes.
void TilePass::RememberInputs(const LaneRun& run, int l, int which) {
  for (int i = std::max(0, run.rows - kept()); i < run.rows; ++i) {
    const int slot = (run.history_slot + i) % kept();
    std::copy_n(normed_.row(run.first + i), c_.width,
                lanes_.History(at(run.first).lane, l, which, slot));
  }
}

void TilePass::PrepareHeads(int l) {
  const PreparedLayer& layer = net_.layers[static_cast<size_t>(l)];
  const int size = c_.head_size();
  float* const keys = qkv_.data() + c_.width;
  const float* const values = keys + c_.kv_width();
  const HeadRows heads{qkv_.data(),    keys,         qkv_.stride(),
                       cosine_.data(), sine_.data(), row_count(),
                       c_.heads,       c_.kv_heads,  size};
  kernels_.PrepareHeads(heads, queries_.data(), queries_.stride(), query_scales_.data());
  const int shared = c_.heads / c_.kv_heads;
  for (int r = 0; r < row_count(); ++r) {
    for (int h = 0; h < c_.heads; ++h) {
      factors_.row(r)[h] = net_.AttentionFactor(query_scales_.row(r)[h], layer, h / shared);
    }
    const int at_row = r * qkv_.stride();
    const auto slot = static_cast<int>(at(r).position % layer.capacity);
    for (int g = 0; g < c_.kv_heads; ++g) {
      const auto group = static_cast<size_t>(g);
      SwapStillPairs(keys + at_row + g * size, size, lanes_.StillPairs(at(r).lane, l, g));
      kernels_.Store(keys + at_row + g * size, layer.inverse_key_scales[group],
                     values + at_row + g * size, layer.inverse_value_scales[group],
                     lanes_.Ring(at(r).lane, l, g), slot);
    }
  }
}

void TilePass::Attend(const LaneRun& run, int l) {
  const PreparedLayer& layer = net_.layers[static_cast<size_t>(l)];
  const int r = run.first;
  for (int h = 0; h < c_.heads; ++h) {
    const int group = h / (c_.heads / c_.kv_heads);
    const int start = h * c_.head_size();
    const QueryRows rows_of_head{queries_.row(r) + start,
                                 queries_.stride(),
                                 factors_.row(r) + h,
                                 factors_.stride(),
                                 attended_.row(r) + start,
                                 attended_.stride(),
                                 run.rows,
                                 at(r).position,
                                 layer.window};
    kernels_.Attend(rows_of_head, lanes_.Ring(at(r).lane, l, group),
                    layer.value_factors[static_cast<size_t>(group)],
                    {products_.data(), weights_.data()});
  }
}

}  // namespace occam
