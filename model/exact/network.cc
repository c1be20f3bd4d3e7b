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
        memory(network, lane_count) {}

  void Score(int lane, std::span<const int32_t> symbols, std::span<SymbolInterval> intervals);
  void Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies);
  void CheckSymbol(int32_t symbol) const;

  // The network of DESIGN.md section 3 for `rows`, which are either consecutive positions of one
  // lane or one position of several lanes. Leaves the logits.
  void Pass();
  void Embed();
  void Attention(int l);
  void Mlp(int l);
  // x -> norm, gain, convolution -> codes and scales.
  void Prepare(int l, int which);
  const float* Convolve(int r, int l, int which);
  void RememberInputs(int l, int which);
  // Queries and keys get their positions; keys and values go into the cache.
  void RotateAndStore(int r, int l);
  void Attend(int r, int l);

  const PreparedNetwork& net;
  const ModelConfig& c;
  const KernelSet& kernels;
  std::vector<Lane> lanes;
  LaneMemory memory;

  std::vector<Row> rows;
  // [kTileRows] rows each.
  RowBuffer<float> x{kTileRows, RoundUp(c.width, kFloatPad)};  // the residual
  RowBuffer<float> normed{kTileRows, RoundUp(c.width, kFloatPad)};
  RowBuffer<float> qkv{kTileRows, RoundUp(c.width + 2 * c.kv_width(), kFloatPad)};
  RowBuffer<float> attended{kTileRows, RoundUp(c.width, kFloatPad)};
  RowBuffer<float> inner{kTileRows, RoundUp(c.mlp_width(), kFloatPad)};
  RowBuffer<float> logits{kTileRows, RoundUp(c.vocabulary, kFloatPad)};
  RowBuffer<int8_t> codes{kTileRows, RoundUp(c.width, kCodePad)};
  RowBuffer<int8_t> inner_codes{kTileRows, RoundUp(c.mlp_width(), kCodePad)};
  RowBuffer<float> scales{kTileRows, 1};  // of codes or inner_codes
  RowBuffer<float> cosine{kTileRows, c.head_size() / 2};
  RowBuffer<float> sine{kTileRows, c.head_size() / 2};
  // Of one row.
  RowBuffer<float> mixed{1, RoundUp(c.width, kFloatPad)};
  RowBuffer<int8_t> query{1, RoundUp(c.head_size(), kCodePad)};
  RowBuffer<uint32_t> frequency_row{1, RoundUp(c.vocabulary, kFloatPad)};
  RowBuffer<int32_t> products{1, memory.largest_capacity() + 2 * kCacheBlock};
  RowBuffer<uint8_t> weights{1, memory.largest_capacity() + 2 * kCacheBlock};
  AlignedArray<std::byte> scratch{net.scratch_bytes()};

  int row_count() const { return static_cast<int>(rows.size()); }
  const Row& at(int r) const { return rows[static_cast<size_t>(r)]; }
};

void ExactSession::Impl::Pass() {
  Embed();
  for (int l = 0; l < c.layers; ++l) {
    Attention(l);
    Mlp(l);
  }
  for (int r = 0; r < row_count(); ++r) {
    kernels.Norm(x.row(r), net.gain(net.index.final_gain), c.width, normed.row(r));
    *scales.row(r) = kernels.Quantise(normed.row(r), c.width, codes.row(r));
  }
  net.head->Apply(codes.data(), scales.data(), row_count(), false, logits.data(), scratch.data());
}

void ExactSession::Impl::Embed() {
  const QuantizedTensor& embedding = net.tensor(net.index.embedding);
  const auto width = static_cast<size_t>(c.width);
  for (int r = 0; r < row_count(); ++r) {
    const auto input = static_cast<size_t>(at(r).input);
    for (size_t i = 0; i < width; ++i) {
      const auto code = static_cast<float>(embedding.codes[input * width + i]);
      x.row(r)[i] = code * embedding.floats[input];
    }
    kernels.Norm(x.row(r), nullptr, c.width, x.row(r));
    // The angles of this position, for all layers and heads.
    for (size_t i = 0; i < net.rotary_frequencies.size(); ++i) {
      const int64_t position = at(r).position % kRotaryCircle;
      const auto phase = static_cast<size_t>(RotaryPhase(position, net.rotary_frequencies[i]));
      cosine.row(r)[i] = Rotary().cosine[phase];
      sine.row(r)[i] = Rotary().sine[phase];
    }
  }
}

void ExactSession::Impl::Attention(int l) {
  const PreparedLayer& layer = net.layers[static_cast<size_t>(l)];
  Prepare(l, kBeforeAttention);
  layer.wqkv->Apply(codes.data(), scales.data(), row_count(), false, qkv.data(), scratch.data());
  for (int r = 0; r < row_count(); ++r) RotateAndStore(r, l);
  for (int r = 0; r < row_count(); ++r) {
    Attend(r, l);
    *scales.row(r) = kernels.Quantise(attended.row(r), c.width, codes.row(r));
  }
  layer.wo->Apply(codes.data(), scales.data(), row_count(), true, x.data(), scratch.data());
}

void ExactSession::Impl::Mlp(int l) {
  const PreparedLayer& layer = net.layers[static_cast<size_t>(l)];
  Prepare(l, kBeforeMlp);
  layer.wu->Apply(codes.data(), scales.data(), row_count(), false, inner.data(), scratch.data());
  for (int r = 0; r < row_count(); ++r) {
    *scales.row(r) = kernels.SquareAndQuantise(inner.row(r), c.mlp_width(), inner_codes.row(r));
  }
  layer.wd->Apply(inner_codes.data(), scales.data(), row_count(), true, x.data(), scratch.data());
}

void ExactSession::Impl::Prepare(int l, int which) {
  const float* const gain = net.layers[static_cast<size_t>(l)].gains[which];
  for (int r = 0; r < row_count(); ++r) kernels.Norm(x.row(r), gain, c.width, normed.row(r));
  for (int r = 0; r < row_count(); ++r) {
    const float* const h = c.conv_width > 0 ? Convolve(r, l, which) : normed.row(r);
    *scales.row(r) = kernels.Quantise(h, c.width, codes.row(r));
  }
  if (c.conv_width > 1) RememberInputs(l, which);
}

const float* ExactSession::Impl::Convolve(int r, int l, int which) {
  const float* sources[kMaxTaps];  // the oldest first
  for (int k = 0; k < c.conv_width; ++k) {
    const int back = c.conv_width - 1 - k;
    const bool in_this_pass = back <= r && at(r - back).lane == at(r).lane;
    sources[k] = in_this_pass ? normed.row(r - back)
                              : memory.History(at(r).lane, l, which, at(r).position - back);
  }
  const auto& weights_of_taps = net.layers[static_cast<size_t>(l)].convolutions[which];
  kernels.Convolve(sources, weights_of_taps.data(), c.conv_width, c.width, mixed.data());
  return mixed.data();
}

// The last taps - 1 rows of each lane, for later passes.
void ExactSession::Impl::RememberInputs(int l, int which) {
  for (int r = 0; r < row_count(); ++r) {
    const int later = r + c.conv_width - 1;
    if (later < row_count() && at(later).lane == at(r).lane) continue;
    std::copy_n(normed.row(r), c.width, memory.History(at(r).lane, l, which, at(r).position));
  }
}

void ExactSession::Impl::RotateAndStore(int r, int l) {
  const PreparedLayer& layer = net.layers[static_cast<size_t>(l)];
  const int size = c.head_size();
  float* const queries = qkv.row(r);
  float* const keys = queries + c.width;
  const float* const values = keys + c.kv_width();
  for (int h = 0; h < c.heads; ++h) {
    kernels.RotateAndNorm(cosine.row(r), sine.row(r), size, queries + h * size);
  }
  for (int g = 0; g < c.kv_heads; ++g) {
    const auto group = static_cast<size_t>(g);
    kernels.RotateAndNorm(cosine.row(r), sine.row(r), size, keys + g * size);
    kernels.Store(keys + g * size, layer.inverse_key_scales[group], values + g * size,
                  layer.inverse_value_scales[group], memory.Ring(at(r).lane, l, g),
                  static_cast<int>(at(r).position % layer.capacity));
  }
}

void ExactSession::Impl::Attend(int r, int l) {
  const PreparedLayer& layer = net.layers[static_cast<size_t>(l)];
  const int64_t position = at(r).position;
  const CacheWindow window{std::max<int64_t>(0, position - layer.window + 1), position};
  for (int h = 0; h < c.heads; ++h) {
    const int group = h / (c.heads / c.kv_heads);
    const int start = h * c.head_size();
    const float scale = kernels.Quantise(qkv.row(r) + start, c.head_size(), query.data());
    kernels.Attend(query.data(), net.AttentionFactor(scale, layer, group),
                   memory.Ring(at(r).lane, l, group), window,
                   layer.value_factors[static_cast<size_t>(group)],
                   {products.data(), weights.data()}, attended.row(r) + start);
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
      const auto symbol = symbols[static_cast<size_t>(r)];
      const uint32_t* const f = frequency_row.data();
      kernels.Frequencies(logits.row(r), c.vocabulary, frequency_row.data());
      uint32_t start = 0;
      for (int32_t i = 0; i < symbol; ++i) start += f[i];
      intervals[static_cast<size_t>(r)] = {start, f[symbol]};
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
