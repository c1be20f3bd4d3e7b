#include "model/exact/network.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "data/base/error.h"
#include "model/exact/aligned_array.h"
#include "model/exact/float_mode.h"
#include "model/exact/kernels.h"
#include "model/exact/lane_memory.h"
#include "model/exact/prepared_network.h"
#include "model/rotary.h"

namespace occam {
namespace {

std::unique_ptr<KernelSet> ChooseKernels(Kernels choice) {
  auto kernels = choice == Kernels::kFast ? MakeFastKernels() : nullptr;
  return kernels != nullptr ? std::move(kernels) : MakePlainKernels();
}

// A token of a lane at its position: one row of a pass.
struct Row {
  int lane = 0;
  int64_t position = 0;
  int32_t input = 0;
};

// Neighbouring rows of one lane, at consecutive positions.
struct Run {
  int first = 0;
  int rows = 0;
  int history_slot = 0;  // of the first row's position
};

// The convolution and gain before attention, and those before the MLP.
constexpr int kBeforeAttention = 0;
constexpr int kBeforeMlp = 1;

}  // namespace

struct ExactNetwork::Impl {
  PreparedNetwork prepared;
};

ExactNetwork::ExactNetwork(QuantizedModel model, Kernels kernels)
    : impl_(new Impl{PreparedNetwork(std::move(model), ChooseKernels(kernels))}) {}
ExactNetwork::~ExactNetwork() = default;
const ModelConfig& ExactNetwork::config() const { return impl_->prepared.model.config; }
const QuantizedModel& ExactNetwork::model() const { return impl_->prepared.model; }
const Sha256Digest& ExactNetwork::id() const { return impl_->prepared.id; }
std::string ExactNetwork::kernels_name() const { return impl_->prepared.kernels->name(); }

struct ExactSession::Impl {
  struct Lane {
    int64_t position = 0;    // of the next input
    int32_t last = 0;        // the symbol before it
    bool last_known = true;  // not after a step: the symbol is told with the next one
  };

  Impl(const PreparedNetwork& network, int lane_count)
      : net(network),
        c(network.model.config),
        kernels(*network.kernels),
        lanes(static_cast<size_t>(lane_count)),
        memory(network, lane_count),
        sources(static_cast<size_t>(kTileRows) * static_cast<size_t>(c.conv_width)) {}

  void Score(int lane, std::span<const int32_t> symbols, std::span<SymbolInterval> intervals);
  void Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies);
  void CheckSymbol(int32_t symbol) const;

  // The network of DESIGN.md section 3 for `rows`, which are either consecutive positions of one
  // lane or one position of several lanes. Leaves the logits.
  void Pass();
  void FindRuns();
  void Embed();
  void SetAngles();
  void Attention(int l);
  void Mlp(int l);
  // x -> norm, gain, convolution -> codes and scales.
  void Prepare(int l, int which);
  void Convolve(int l, int which);
  void RememberInputs(const Run& run, int l, int which);
  // Queries and keys get their positions and become codes; keys and values go into the cache.
  void PrepareHeads(int l);
  void Attend(const Run& run, int l);

  const PreparedNetwork& net;
  const ModelConfig& c;
  const KernelSet& kernels;
  std::vector<Lane> lanes;
  LaneMemory memory;

  std::vector<Row> rows;
  std::vector<Run> runs;              // of rows
  std::vector<const float*> sources;  // of the convolution, [kTileRows][taps]
  // [kTileRows] rows each.
  RowBuffer<float> x{kTileRows, RoundUp(c.width, kFloatPad)};  // the residual
  RowBuffer<float> normed{kTileRows, RoundUp(c.width, kFloatPad)};
  RowBuffer<float> mixed{kTileRows, RoundUp(c.width, kFloatPad)};
  RowBuffer<float> qkv{kTileRows, RoundUp(c.width + 2 * c.kv_width(), kFloatPad)};
  RowBuffer<float> attended{kTileRows, RoundUp(c.width, kFloatPad)};
  RowBuffer<float> inner{kTileRows, RoundUp(c.mlp_width(), kFloatPad)};
  RowBuffer<float> logits{kTileRows, RoundUp(c.vocabulary, kFloatPad)};
  RowBuffer<int8_t> codes{kTileRows, RoundUp(c.width, kCodePad)};
  RowBuffer<int8_t> inner_codes{kTileRows, RoundUp(c.mlp_width(), kCodePad)};
  RowBuffer<float> scales{kTileRows, 1};  // of codes or inner_codes
  RowBuffer<float> cosine{kTileRows, c.head_size() / 2};
  RowBuffer<float> sine{kTileRows, c.head_size() / 2};
  RowBuffer<int8_t> queries{kTileRows, RoundUp(c.width, kCodePad)};
  RowBuffer<float> query_scales{kTileRows, c.heads};
  RowBuffer<float> factors{kTileRows, c.heads};  // F of each query
  // Of kQueryGroup queries, or one row of frequencies.
  RowBuffer<int32_t> products{kQueryGroup, memory.largest_capacity() + 2 * kCacheBlock};
  RowBuffer<uint8_t> weights{kQueryGroup, memory.largest_capacity() + 2 * kCacheBlock};
  RowBuffer<uint32_t> frequency_row{1, RoundUp(c.vocabulary, kFloatPad)};
  AlignedArray<std::byte> scratch{net.scratch_bytes()};

  int kept() const { return std::max(0, c.conv_width - 1); }
  int row_count() const { return static_cast<int>(rows.size()); }
  const Row& at(int r) const { return rows[static_cast<size_t>(r)]; }
};

void ExactSession::Impl::Pass() {
  FindRuns();
  Embed();
  SetAngles();
  for (int l = 0; l < c.layers; ++l) {
    Attention(l);
    Mlp(l);
  }
  const float* const gain = net.gain(net.index.final_gain);
  kernels.Norm(x.data(), gain, row_count(), c.width, normed.data());
  kernels.Quantise(normed.data(), row_count(), c.width, codes.data(), scales.data());
  net.head->Apply(codes.data(), scales.data(), row_count(), false, logits.data(), scratch.data());
}

void ExactSession::Impl::FindRuns() {
  runs.clear();
  for (int r = 0; r < row_count(); ++r) {
    if (r > 0 && at(r).lane == at(r - 1).lane) {
      ++runs.back().rows;
    } else {
      runs.push_back({r, 1, kept() > 0 ? static_cast<int>(at(r).position % kept()) : 0});
    }
  }
}

void ExactSession::Impl::Embed() {
  for (int r = 0; r < row_count(); ++r) {
    std::copy_n(net.embedding.row(at(r).input), c.width, x.row(r));
  }
}

// The angles of each row's position, for all layers and heads.
void ExactSession::Impl::SetAngles() {
  const RotaryTable& table = Rotary();
  const size_t pairs = net.rotary_frequencies.size();
  for (int r = 0; r < row_count(); ++r) {
    if (r > 0 && at(r).position == at(r - 1).position) {
      std::copy_n(cosine.row(r - 1), pairs, cosine.row(r));
      std::copy_n(sine.row(r - 1), pairs, sine.row(r));
      continue;
    }
    const int64_t position = at(r).position % kRotaryCircle;
    for (size_t i = 0; i < pairs; ++i) {
      const auto phase = static_cast<size_t>(RotaryPhase(position, net.rotary_frequencies[i]));
      cosine.row(r)[i] = table.cosine[phase];
      sine.row(r)[i] = table.sine[phase];
    }
  }
}

void ExactSession::Impl::Attention(int l) {
  const PreparedLayer& layer = net.layers[static_cast<size_t>(l)];
  Prepare(l, kBeforeAttention);
  layer.wqkv->Apply(codes.data(), scales.data(), row_count(), false, qkv.data(), scratch.data());
  PrepareHeads(l);
  for (const Run& run : runs) Attend(run, l);
  kernels.Quantise(attended.data(), row_count(), c.width, codes.data(), scales.data());
  layer.wo->Apply(codes.data(), scales.data(), row_count(), true, x.data(), scratch.data());
}

void ExactSession::Impl::Mlp(int l) {
  const PreparedLayer& layer = net.layers[static_cast<size_t>(l)];
  Prepare(l, kBeforeMlp);
  layer.wu->Apply(codes.data(), scales.data(), row_count(), false, inner.data(), scratch.data());
  kernels.SquareAndQuantise(inner.data(), row_count(), c.mlp_width(), inner_codes.data(),
                            scales.data());
  layer.wd->Apply(inner_codes.data(), scales.data(), row_count(), true, x.data(), scratch.data());
}

void ExactSession::Impl::Prepare(int l, int which) {
  const float* const gain = net.layers[static_cast<size_t>(l)].gains[which];
  kernels.Norm(x.data(), gain, row_count(), c.width, normed.data());
  if (c.conv_width > 0) Convolve(l, which);
  for (const Run& run : runs) RememberInputs(run, l, which);
  const float* const h = c.conv_width > 0 ? mixed.data() : normed.data();
  kernels.Quantise(h, row_count(), c.width, codes.data(), scales.data());
}

void ExactSession::Impl::Convolve(int l, int which) {
  const float** h = sources.data();  // of each row, the oldest first
  for (const Run& run : runs) {
    for (int i = 0; i < run.rows; ++i) {
      for (int back = kept(); back > i; --back) {
        const int slot = (run.history_slot + i - back + kept()) % kept();
        *h++ = memory.History(at(run.first).lane, l, which, slot);
      }
      for (int back = std::min(i, kept()); back >= 0; --back) {
        *h++ = normed.row(run.first + i - back);
      }
    }
  }
  const float* const taps = net.layers[static_cast<size_t>(l)].convolutions[which].data();
  kernels.Convolve(sources.data(), taps, c.conv_width, row_count(), c.width, mixed.data());
}

// The last taps - 1 rows of a lane, for later passes.
void ExactSession::Impl::RememberInputs(const Run& run, int l, int which) {
  for (int i = std::max(0, run.rows - kept()); i < run.rows; ++i) {
    const int slot = (run.history_slot + i) % kept();
    std::copy_n(normed.row(run.first + i), c.width,
                memory.History(at(run.first).lane, l, which, slot));
  }
}

void ExactSession::Impl::PrepareHeads(int l) {
  const PreparedLayer& layer = net.layers[static_cast<size_t>(l)];
  const int size = c.head_size();
  float* const keys = qkv.data() + c.width;
  const float* const values = keys + c.kv_width();
  const HeadRows heads{qkv.data(),  keys,    qkv.stride(), cosine.data(), sine.data(),
                       row_count(), c.heads, c.kv_heads,   size};
  kernels.PrepareHeads(heads, queries.data(), queries.stride(), query_scales.data());
  const int shared = c.heads / c.kv_heads;
  for (int r = 0; r < row_count(); ++r) {
    for (int h = 0; h < c.heads; ++h) {
      factors.row(r)[h] = net.AttentionFactor(query_scales.row(r)[h], layer, h / shared);
    }
    const int at_row = r * qkv.stride();
    const auto slot = static_cast<int>(at(r).position % layer.capacity);
    for (int g = 0; g < c.kv_heads; ++g) {
      const auto group = static_cast<size_t>(g);
      kernels.Store(keys + at_row + g * size, layer.inverse_key_scales[group],
                    values + at_row + g * size, layer.inverse_value_scales[group],
                    memory.Ring(at(r).lane, l, g), slot);
    }
  }
}

void ExactSession::Impl::Attend(const Run& run, int l) {
  const PreparedLayer& layer = net.layers[static_cast<size_t>(l)];
  const int r = run.first;
  for (int h = 0; h < c.heads; ++h) {
    const int group = h / (c.heads / c.kv_heads);
    const int start = h * c.head_size();
    const QueryRows rows_of_head{queries.row(r) + start,
                                 queries.stride(),
                                 factors.row(r) + h,
                                 factors.stride(),
                                 attended.row(r) + start,
                                 attended.stride(),
                                 run.rows,
                                 at(r).position,
                                 layer.window};
    kernels.Attend(rows_of_head, memory.Ring(at(r).lane, l, group),
                   layer.value_factors[static_cast<size_t>(group)],
                   {products.data(), weights.data()});
  }
}

void ExactSession::Impl::CheckSymbol(int32_t symbol) const {
  if (symbol < 0 || symbol >= c.vocabulary) {
    throw InternalError("the network was given a symbol outside its vocabulary");
  }
}

void ExactSession::Impl::Score(int lane, std::span<const int32_t> symbols,
                               std::span<SymbolInterval> intervals) {
  Lane& state = lanes[static_cast<size_t>(lane)];
  if (!state.last_known) {
    throw InternalError(
        "a context that was stepped was to be scored: its last symbol is not known");
  }
  for (const int32_t symbol : symbols) CheckSymbol(symbol);
  while (!symbols.empty()) {
    const size_t count = std::min<size_t>(kTileRows, symbols.size());
    rows.clear();
    for (const int32_t symbol : symbols.first(count)) {
      rows.push_back({lane, state.position, state.position == 0 ? c.begin_symbol() : state.last});
      ++state.position;
      state.last = symbol;
    }
    Pass();
    for (int r = 0; r < row_count(); ++r) {
      const auto i = static_cast<size_t>(r);
      intervals[i] =
          kernels.Interval(logits.row(r), c.vocabulary, symbols[i], frequency_row.data());
    }
    symbols = symbols.subspan(count);
    intervals = intervals.subspan(count);
  }
}

void ExactSession::Impl::Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies) {
  for (size_t i = 0; i < previous.size(); ++i) {
    if (lanes[i].position > 0) CheckSymbol(previous[i]);
  }
  uint32_t* out = frequencies.data();
  for (size_t start = 0; start < previous.size(); start += kTileRows) {
    rows.clear();
    for (size_t i = start; i < std::min(previous.size(), start + kTileRows); ++i) {
      Lane& state = lanes[i];
      rows.push_back({static_cast<int>(i), state.position,
                      state.position == 0 ? c.begin_symbol() : previous[i]});
      ++state.position;
      state.last_known = false;
    }
    Pass();
    for (int r = 0; r < row_count(); ++r) {
      kernels.Frequencies(logits.row(r), c.vocabulary, frequency_row.data());
      out = std::copy_n(frequency_row.data(), c.vocabulary, out);
    }
  }
}

ExactSession::ExactSession(const ExactNetwork& network, int lanes)
    : impl_(std::make_unique<Impl>(network.impl_->prepared, lanes)) {}
ExactSession::~ExactSession() = default;

void ExactSession::Reset(int lane) {
  impl_->lanes[static_cast<size_t>(lane)] = Impl::Lane();
  impl_->memory.Clear(lane);
}

void ExactSession::Score(int lane, std::span<const int32_t> symbols,
                         std::span<SymbolInterval> intervals) {
  const FloatMode mode;
  impl_->Score(lane, symbols, intervals);
}

void ExactSession::Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies) {
  const FloatMode mode;
  impl_->Step(previous, frequencies);
}

}  // namespace occam
