// The network of docs/architecture.md for a tile of rows: from symbols (of signals, bytes) to
// logits, with what lanes remember in between.
#ifndef OCCAM_MODEL_EXACT_TILE_PASS_H_
#define OCCAM_MODEL_EXACT_TILE_PASS_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "data/base/aligned_array.h"
#include "model/exact/kernels.h"
#include "model/exact/lane_memory.h"
#include "model/exact/memory_pass.h"
#include "model/exact/pass.h"
#include "model/exact/prepared_network.h"
#include "model/exact/signal_pass.h"

namespace occam {

// The network of the family. Memory is allocated once; the network must outlive it.
class TilePass final : public Pass {
 public:
  TilePass(const PreparedNetwork& network, int lanes);

  void Clear(int lane) override {
    lanes_.Clear(lane);
    memory_.Clear(lane);
    signals_.Clear(lane);
  }
  void Resume(int lane, const KnownPast& past) override {
    Clear(lane);
    memory_.Resume(lane, past);
  }
  void Run(std::span<const TileRow> rows) override;
  float* logits(int r) override { return logits_.row(r); }

 private:
  // Neighbouring rows of one lane.
  struct LaneRun {
    int first = 0;
    int rows = 0;
    int history_slot = 0;  // of the first row's position
  };

  void FindRuns();
  void Embed();
  void SetAngles();
  void Attention(int l);
  void Mlp(int l);
  // x -> norm, gain, convolution -> codes and scales.
  void Prepare(int l, int which);
  void Convolve(int l, int which);
  void RememberInputs(const LaneRun& run, int l, int which);
  // Queries and keys get their positions and become codes; keys and values go into the cache.
  void PrepareHeads(int l);
  void Attend(const LaneRun& run, int l);

  int kept() const { return std::max(0, c_.conv_width - 1); }
  int row_count() const { return static_cast<int>(rows_.size()); }
  const TileRow& at(int r) const { return rows_[static_cast<size_t>(r)]; }

  const PreparedNetwork& net_;
  const ModelConfig& c_;
  const KernelSet& kernels_;
  LaneMemory lanes_;
  MemoryPass memory_;
  SignalPass signals_;
  std::vector<TileRow> rows_;
  std::vector<LaneRun> runs_;          // of rows
  std::vector<const float*> sources_;  // of the convolution, [kTileRows][taps]
  // [kTileRows] rows each.
  RowBuffer<float> x_{kTileRows, RoundUp(c_.width, kFloatPad)};  // the residual
  RowBuffer<float> normed_{kTileRows, RoundUp(c_.width, kFloatPad)};
  RowBuffer<float> mixed_{kTileRows, RoundUp(c_.width, kFloatPad)};
  RowBuffer<float> qkv_{kTileRows, RoundUp(c_.width + 2 * c_.kv_width(), kFloatPad)};
  RowBuffer<float> attended_{kTileRows, RoundUp(c_.width, kFloatPad)};
  RowBuffer<float> inner_{kTileRows, RoundUp(c_.mlp_width(), kFloatPad)};
  RowBuffer<float> logits_{kTileRows, RoundUp(c_.vocabulary, kFloatPad)};
  RowBuffer<int8_t> codes_{kTileRows, RoundUp(c_.width, kCodePad)};
  RowBuffer<int8_t> inner_codes_{kTileRows, RoundUp(c_.mlp_width(), kCodePad)};
  RowBuffer<float> scales_{kTileRows, 1};  // of codes or inner_codes
  RowBuffer<float> cosine_{kTileRows, c_.head_size() / 2};
  RowBuffer<float> sine_{kTileRows, c_.head_size() / 2};
  RowBuffer<int8_t> queries_{kTileRows, RoundUp(c_.width, kCodePad)};
  RowBuffer<float> query_scales_{kTileRows, c_.heads};
  RowBuffer<float> factors_{kTileRows, c_.heads};  // F of each query
  // Products and weights of kQueryGroup queries.
  RowBuffer<int32_t> products_{kQueryGroup, lanes_.largest_capacity() + 2 * kCacheBlock};
  RowBuffer<uint8_t> weights_{kQueryGroup, lanes_.largest_capacity() + 2 * kCacheBlock};
  AlignedArray<std::byte> scratch_{net_.scratch_bytes()};
};

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_TILE_PASS_H_
