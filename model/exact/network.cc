#include "model/exact/network.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "data/base/error.h"
#include "model/exact/contract.h"
#include "model/exact/float_mode.h"
#include "model/exact/kernels.h"
#include "model/parameters.h"
#include "model/rotary.h"

namespace occam {
namespace {

size_t Size(int64_t n) { return static_cast<size_t>(n); }

// Zeroed, aligned to a cache line, and not touched before it is used: a cache takes real memory
// only as far as contexts reach.
template <typename T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(size_t count)
      : memory_(std::calloc(count * sizeof(T) + kAlignment, 1), &std::free) {
    if (memory_ == nullptr) throw std::bad_alloc();
    const auto address = reinterpret_cast<uintptr_t>(memory_.get());
    data_ = reinterpret_cast<T*>((address + kAlignment - 1) / kAlignment * kAlignment);
  }
  T* data() const { return data_; }

 private:
  static constexpr size_t kAlignment = 64;
  std::unique_ptr<void, void (*)(void*)> memory_{nullptr, &std::free};
  T* data_ = nullptr;
};

std::unique_ptr<KernelSet> ChooseKernels(Kernels kernels) {
  std::unique_ptr<KernelSet> set;
  if (kernels == Kernels::kFast) set = MakeFastKernels();
  return set != nullptr ? std::move(set) : MakePlainKernels();
}

// float(code) * scale, row by row.
std::vector<float> Dequantise(const QuantizedTensor& tensor, const ParameterSpec& spec) {
  std::vector<float> values(tensor.codes.size());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(tensor.codes[i]) * tensor.floats[i / Size(spec.columns)];
  }
  return values;
}

// One query, key or value row of a pass: a token of a lane at its position.
struct Row {
  int lane = 0;
  int64_t position = 0;
  int32_t input = 0;
};

}  // namespace

// ---- The network: weights as the kernels want them ----

struct ExactNetwork::Impl {
  struct Layer {
    const float* gain1;
    const float* gain2;
    std::vector<float> conv1, conv2;    // [taps, D]
    std::unique_ptr<LinearLayer> wqkv;  // [D + 2 kv_width, D]: queries, keys, values
    std::unique_ptr<LinearLayer> wo, wu, wd;
    std::vector<float> inverse_key_scales, inverse_value_scales;  // [kv_heads]
    std::vector<float> key_factors;  // [kv_heads] what point 6 multiplies
    std::vector<float> value_factors;
    int window;
    int capacity;  // of its cache rings
  };

  Impl(QuantizedModel quantized, Kernels choice)
      : model(std::move(quantized)),
        kernels(ChooseKernels(choice)),
        table(ParameterTable(model.config)),
        index(model.config) {
    const FloatMode mode;
    CheckModel(model, "the model");
    id = ModelId(model);
    const ModelConfig& c = model.config;
    beta = 3.0f / std::sqrt(static_cast<float>(c.head_size()));
    rotary = RotaryFrequencies(c.head_size() / 2);
    for (int l = 0; l < c.layers; ++l) layers.push_back(MakeLayer(l));
    head = MakeLinear({index.head});
  }

  const QuantizedTensor& tensor(int i) const { return model.tensors[Size(i)]; }
  const float* gain(int i) const { return tensor(i).floats.data(); }

  // The matrices below each other, as one layer.
  std::unique_ptr<LinearLayer> MakeLinear(std::initializer_list<int> tensors) const {
    std::vector<int8_t> codes;
    std::vector<float> scales;
    for (const int t : tensors) {
      codes.insert(codes.end(), tensor(t).codes.begin(), tensor(t).codes.end());
      scales.insert(scales.end(), tensor(t).floats.begin(), tensor(t).floats.end());
    }
    const auto inputs = static_cast<int>(table[Size(*tensors.begin())].columns);
    return kernels->MakeLinear(codes, scales, static_cast<int>(scales.size()), inputs);
  }

  Layer MakeLayer(int l) const {
    const ModelConfig& c = model.config;
    const LayerIndex& at = index.layers[Size(l)];
    Layer layer;
    layer.gain1 = gain(at.gain1);
    layer.gain2 = gain(at.gain2);
    if (c.conv_width > 0) {
      layer.conv1 = Dequantise(tensor(at.conv1), table[Size(at.conv1)]);
      layer.conv2 = Dequantise(tensor(at.conv2), table[Size(at.conv2)]);
    }
    layer.wqkv = MakeLinear({at.wq, at.wk, at.wv});
    layer.wo = MakeLinear({at.wo});
    layer.wu = MakeLinear({at.wu});
    layer.wd = MakeLinear({at.wd});
    for (int g = 0; g < c.kv_heads; ++g) {
      const float key_scale = model.key_scales[Size(l * c.kv_heads + g)];
      const float value_scale = model.value_scales[Size(l * c.kv_heads + g)];
      layer.inverse_key_scales.push_back(1.0f / key_scale);
      layer.inverse_value_scales.push_back(1.0f / value_scale);
      layer.value_factors.push_back(128.0f * value_scale);
      layer.key_factors.push_back(key_scale);
    }
    layer.window = c.window(l);
    // A tile's keys are all stored before its first query reads.
    layer.capacity = RoundUp(layer.window + kTileRows - 1, kCacheBlock);
    return layer;
  }

  QuantizedModel model;
  std::unique_ptr<KernelSet> kernels;
  std::vector<ParameterSpec> table;
  ParameterIndex index;
  Sha256Digest id;
  float beta = 0.0f;
  std::vector<int32_t> rotary;  // [head size / 2]
  std::vector<Layer> layers;
  std::unique_ptr<LinearLayer> head;
};

ExactNetwork::ExactNetwork(QuantizedModel model, Kernels kernels)
    : impl_(std::make_unique<Impl>(std::move(model), kernels)) {}
ExactNetwork::~ExactNetwork() = default;
const ModelConfig& ExactNetwork::config() const { return impl_->model.config; }
const QuantizedModel& ExactNetwork::model() const { return impl_->model; }
const Sha256Digest& ExactNetwork::id() const { return impl_->id; }
std::string ExactNetwork::kernels_name() const { return impl_->kernels->name(); }

// ---- A session: the lanes' caches, and the pass ----

struct ExactSession::Impl {
  struct Lane {
    int64_t position = 0;  // of the next input
    int32_t last = 0;      // the symbol that the next input is, if it is known
    bool last_known = true;
  };

  Impl(const ExactNetwork::Impl& network, int lane_count);

  void Reset(int lane);
  void Score(int lane, std::span<const int32_t> symbols, std::span<SymbolInterval> intervals);
  void Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies);

  // The network of DESIGN.md section 3 for rows that are either consecutive positions of one lane
  // or one position of several lanes; leaves the logits.
  void Pass(std::span<const Row> rows);
  void Embed(std::span<const Row> rows);
  void Attention(std::span<const Row> rows, int l);
  void Mlp(std::span<const Row> rows, int l);
  // norm, gain and convolution number `which` of a layer, quantised: x -> codes, scales.
  void Prepare(std::span<const Row> rows, int l, int which);
  void Rotate(std::span<const Row> rows, int l);
  void AttendRow(const Row& row, int r, int l);

  void CheckSymbol(int32_t symbol) const;
  float* History(int lane, int l, int which, int64_t position) const;
  CacheRing Ring(int lane, int l, int group) const;

  const ExactNetwork::Impl& net;
  const ModelConfig& config;
  const KernelSet& kernels;
  std::vector<Lane> lanes;

  // Rows' strides, in elements.
  int width_stride, qkv_stride, mlp_stride, logit_stride;
  int width_codes, mlp_codes, head_codes;
  // A pass's rows, [kTileRows][stride] each.
  AlignedArray<float> x, normed, mixed, qkv, attended, inner, logits, scales, cosine, sine;
  AlignedArray<int8_t> codes, inner_codes, query;
  AlignedArray<int32_t> products;
  AlignedArray<uint8_t> weights;
  AlignedArray<uint32_t> frequency_row;
  AlignedArray<std::byte> scratch;  // of the linear layers
  std::vector<Row> rows;

  // The lanes' memory: keys and values, and the last taps - 1 inputs of every convolution.
  std::vector<size_t> ring_offsets;  // of each layer within a lane
  size_t lane_cache_bytes = 0;
  AlignedArray<uint8_t> cache;
  AlignedArray<float> history;  // [lanes][layers][2][taps - 1][D]
};

ExactSession::Impl::Impl(const ExactNetwork::Impl& network, int lane_count)
    : net(network),
      config(network.model.config),
      kernels(*network.kernels),
      lanes(Size(lane_count)) {
  const ModelConfig& c = config;
  width_stride = RoundUp(c.width, kFloatPad);
  qkv_stride = RoundUp(c.width + 2 * c.kv_width(), kFloatPad);
  mlp_stride = RoundUp(c.mlp_width(), kFloatPad);
  logit_stride = RoundUp(c.vocabulary, kFloatPad);
  width_codes = RoundUp(c.width, kCodePad);
  mlp_codes = RoundUp(c.mlp_width(), kCodePad);
  head_codes = RoundUp(c.head_size(), kCodePad);
  const auto floats = [](int stride) {
    return AlignedArray<float>(Size(kTileRows) * Size(stride));
  };
  x = floats(width_stride);
  normed = floats(width_stride);
  mixed = floats(width_stride);
  attended = floats(width_stride);
  qkv = floats(qkv_stride);
  inner = floats(mlp_stride);
  logits = floats(logit_stride);
  scales = floats(1);
  cosine = floats(c.head_size() / 2);
  sine = floats(c.head_size() / 2);
  codes = AlignedArray<int8_t>(Size(kTileRows) * Size(width_codes));
  inner_codes = AlignedArray<int8_t>(Size(kTileRows) * Size(mlp_codes));
  query = AlignedArray<int8_t>(Size(head_codes));
  frequency_row = AlignedArray<uint32_t>(Size(logit_stride));

  int largest = 0;
  size_t scratch_bytes = net.head->scratch_bytes();
  for (const auto& layer : net.layers) {
    for (const auto* linear : {&layer.wqkv, &layer.wo, &layer.wu, &layer.wd}) {
      scratch_bytes = std::max(scratch_bytes, (*linear)->scratch_bytes());
    }
    ring_offsets.push_back(lane_cache_bytes);
    lane_cache_bytes += 2 * Size(c.kv_width()) * Size(layer.capacity);
    largest = std::max(largest, layer.capacity);
  }
  scratch = AlignedArray<std::byte>(scratch_bytes);
  products = AlignedArray<int32_t>(Size(largest + 2 * kCacheBlock));
  weights = AlignedArray<uint8_t>(Size(largest + 2 * kCacheBlock));
  cache = AlignedArray<uint8_t>(lanes.size() * lane_cache_bytes);
  const int kept = std::max(c.conv_width - 1, 0);
  history = AlignedArray<float>(lanes.size() * Size(c.layers) * 2 * Size(kept) * Size(c.width));
}

void ExactSession::Impl::Reset(int lane) {
  lanes[Size(lane)] = Lane();
  const size_t kept = Size(std::max(config.conv_width - 1, 0));
  const size_t count = Size(config.layers) * 2 * kept * Size(config.width);
  std::fill_n(history.data() + Size(lane) * count, count, 0.0f);
}

void ExactSession::Impl::CheckSymbol(int32_t symbol) const {
  if (symbol < 0 || symbol >= config.vocabulary) {
    throw InternalError("a symbol outside the vocabulary was given to the network");
  }
}

float* ExactSession::Impl::History(int lane, int l, int which, int64_t position) const {
  const int kept = config.conv_width - 1;
  const size_t conv = (Size(lane) * Size(config.layers) + Size(l)) * 2 + Size(which);
  // Positions before the start are -kept .. -1.
  return history.data() + (conv * Size(kept) + Size((position + kept) % kept)) * Size(config.width);
}

CacheRing ExactSession::Impl::Ring(int lane, int l, int group) const {
  const int capacity = net.layers[Size(l)].capacity;
  const size_t half = Size(capacity) * Size(config.head_size());
  uint8_t* const base =
      cache.data() + Size(lane) * lane_cache_bytes + ring_offsets[Size(l)] + 2 * half * Size(group);
  return {base, base + half, capacity, config.head_size()};
}

void ExactSession::Impl::Embed(std::span<const Row> batch) {
  const QuantizedTensor& embedding = net.tensor(net.index.embedding);
  const size_t width = Size(config.width);
  const size_t pairs = net.rotary.size();
  for (size_t r = 0; r < batch.size(); ++r) {
    const size_t input = Size(batch[r].input);
    float* const row = x.data() + r * Size(width_stride);
    for (size_t i = 0; i < width; ++i) {
      row[i] = static_cast<float>(embedding.codes[input * width + i]) * embedding.floats[input];
    }
    kernels.Norm(row, nullptr, config.width, row);
    // The angles of this position, for all layers.
    for (size_t i = 0; i < pairs; ++i) {
      const size_t phase = Size(RotaryPhase(batch[r].position % kRotaryCircle, net.rotary[i]));
      cosine.data()[r * pairs + i] = Rotary().cosine[phase];
      sine.data()[r * pairs + i] = Rotary().sine[phase];
    }
  }
}

void ExactSession::Impl::Prepare(std::span<const Row> batch, int l, int which) {
  const auto& layer = net.layers[Size(l)];
  const float* const gain = which == 0 ? layer.gain1 : layer.gain2;
  const std::vector<float>& conv = which == 0 ? layer.conv1 : layer.conv2;
  const int taps = config.conv_width;
  const int n = static_cast<int>(batch.size());
  const auto normed_row = [&](int r) { return normed.data() + Size(r) * Size(width_stride); };
  for (int r = 0; r < n; ++r)
    kernels.Norm(x.data() + Size(r) * Size(width_stride), gain, config.width, normed_row(r));
  for (int r = 0; r < n; ++r) {
    const float* h = normed_row(r);
    if (taps > 0) {
      // The row `back` positions before this one is in this pass if the pass has that position of
      // this lane.
      const float* sources[kMaxTaps];
      for (int k = 0; k < taps; ++k) {
        const int back = taps - 1 - k;
        const bool here = back <= r && batch[Size(r - back)].lane == batch[Size(r)].lane;
        sources[k] = here ? normed_row(r - back)
                          : History(batch[Size(r)].lane, l, which, batch[Size(r)].position - back);
      }
      float* const out = mixed.data() + Size(r) * Size(width_stride);
      kernels.Convolve(sources, conv.data(), taps, config.width, out);
      h = out;
    }
    scales.data()[r] =
        kernels.Quantise(h, config.width, codes.data() + Size(r) * Size(width_codes));
  }
  if (taps < 2) return;
  // What later passes need: the last taps - 1 rows of each lane.
  for (int r = 0; r < n; ++r) {
    const int later = r + taps - 1;
    if (later < n && batch[Size(later)].lane == batch[Size(r)].lane) continue;
    std::copy_n(normed_row(r), config.width,
                History(batch[Size(r)].lane, l, which, batch[Size(r)].position));
  }
}

// Queries and keys get their positions; keys and values go into the cache.
void ExactSession::Impl::Rotate(std::span<const Row> batch, int l) {
  const auto& layer = net.layers[Size(l)];
  const int size = config.head_size();
  for (size_t r = 0; r < batch.size(); ++r) {
    float* const q = qkv.data() + r * Size(qkv_stride);
    float* const k = q + config.width;
    const float* const v = k + config.kv_width();
    const float* const c = cosine.data() + r * net.rotary.size();
    const float* const s = sine.data() + r * net.rotary.size();
    for (int h = 0; h < config.heads; ++h) kernels.RotateAndNorm(c, s, size, q + h * size);
    for (int g = 0; g < config.kv_heads; ++g) {
      kernels.RotateAndNorm(c, s, size, k + g * size);
      kernels.Store(k + g * size, layer.inverse_key_scales[Size(g)], v + g * size,
                    layer.inverse_value_scales[Size(g)], Ring(batch[r].lane, l, g),
                    static_cast<int>(batch[r].position % layer.capacity));
    }
  }
}

void ExactSession::Impl::AttendRow(const Row& row, int r, int l) {
  const auto& layer = net.layers[Size(l)];
  const int size = config.head_size();
  const int group_heads = config.heads / config.kv_heads;
  const CacheWindow window{std::max<int64_t>(0, row.position - layer.window + 1), row.position};
  const float* const q = qkv.data() + Size(r) * Size(qkv_stride);
  float* const out = attended.data() + Size(r) * Size(width_stride);
  for (int h = 0; h < config.heads; ++h) {
    const int g = h / group_heads;
    const float scale = kernels.Quantise(q + h * size, size, query.data());
    // F of point 6, from left to right.
    const float factor = (((scale * layer.key_factors[Size(g)]) * net.beta) * contract::kLog2E) *
                         contract::kTermScale;
    kernels.Attend(query.data(), factor, Ring(row.lane, l, g), window, layer.value_factors[Size(g)],
                   {products.data(), weights.data()}, out + h * size);
  }
}

void ExactSession::Impl::Attention(std::span<const Row> batch, int l) {
  const auto& layer = net.layers[Size(l)];
  const int n = static_cast<int>(batch.size());
  Prepare(batch, l, 0);
  layer.wqkv->Apply(codes.data(), scales.data(), n, false, qkv.data(), scratch.data());
  Rotate(batch, l);
  for (int r = 0; r < n; ++r) {
    AttendRow(batch[Size(r)], r, l);
    scales.data()[r] = kernels.Quantise(attended.data() + Size(r) * Size(width_stride),
                                        config.width, codes.data() + Size(r) * Size(width_codes));
  }
  layer.wo->Apply(codes.data(), scales.data(), n, true, x.data(), scratch.data());
}

void ExactSession::Impl::Mlp(std::span<const Row> batch, int l) {
  const auto& layer = net.layers[Size(l)];
  const int n = static_cast<int>(batch.size());
  Prepare(batch, l, 1);
  layer.wu->Apply(codes.data(), scales.data(), n, false, inner.data(), scratch.data());
  for (int r = 0; r < n; ++r) {
    scales.data()[r] =
        kernels.SquareAndQuantise(inner.data() + Size(r) * Size(mlp_stride), config.mlp_width(),
                                  inner_codes.data() + Size(r) * Size(mlp_codes));
  }
  layer.wd->Apply(inner_codes.data(), scales.data(), n, true, x.data(), scratch.data());
}

void ExactSession::Impl::Pass(std::span<const Row> batch) {
  const int n = static_cast<int>(batch.size());
  Embed(batch);
  for (int l = 0; l < config.layers; ++l) {
    Attention(batch, l);
    Mlp(batch, l);
  }
  for (int r = 0; r < n; ++r) {
    float* const row = x.data() + Size(r) * Size(width_stride);
    kernels.Norm(row, net.gain(net.index.final_gain), config.width, row);
    scales.data()[r] =
        kernels.Quantise(row, config.width, codes.data() + Size(r) * Size(width_codes));
  }
  net.head->Apply(codes.data(), scales.data(), n, false, logits.data(), scratch.data());
}

void ExactSession::Impl::Score(int lane, std::span<const int32_t> symbols,
                               std::span<SymbolInterval> intervals) {
  Lane& state = lanes[Size(lane)];
  if (!state.last_known) {
    throw InternalError(
        "a context that was stepped cannot be scored: its last symbol is not known");
  }
  for (const int32_t symbol : symbols) CheckSymbol(symbol);
  for (size_t start = 0; start < symbols.size(); start += kTileRows) {
    const size_t count = std::min<size_t>(kTileRows, symbols.size() - start);
    rows.clear();
    for (size_t r = 0; r < count; ++r) {
      rows.push_back(
          {lane, state.position, state.position == 0 ? config.begin_symbol() : state.last});
      ++state.position;
      state.last = symbols[start + r];
    }
    Pass(rows);
    for (size_t r = 0; r < count; ++r) {
      const auto symbol = Size(symbols[start + r]);
      uint32_t* const f = frequency_row.data();
      kernels.Frequencies(logits.data() + r * Size(logit_stride), config.vocabulary, f);
      uint32_t below = 0;
      for (size_t i = 0; i < symbol; ++i) below += f[i];
      intervals[start + r] = {below, f[symbol]};
    }
  }
}

void ExactSession::Impl::Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies) {
  const size_t vocabulary = Size(config.vocabulary);
  for (size_t i = 0; i < previous.size(); ++i) {
    if (lanes[i].position > 0) CheckSymbol(previous[i]);
  }
  for (size_t start = 0; start < previous.size(); start += kTileRows) {
    const size_t count = std::min<size_t>(kTileRows, previous.size() - start);
    rows.clear();
    for (size_t i = start; i < start + count; ++i) {
      Lane& state = lanes[i];
      rows.push_back({static_cast<int>(i), state.position,
                      state.position == 0 ? config.begin_symbol() : previous[i]});
      ++state.position;
      state.last_known = false;
    }
    Pass(rows);
    for (size_t r = 0; r < count; ++r) {
      kernels.Frequencies(logits.data() + r * Size(logit_stride), config.vocabulary,
                          frequency_row.data());
      std::copy_n(frequency_row.data(), vocabulary, frequencies.data() + (start + r) * vocabulary);
    }
  }
}

ExactSession::ExactSession(const ExactNetwork& network, int lanes)
    : impl_(std::make_unique<Impl>(*network.impl_, lanes)) {}
ExactSession::~ExactSession() = default;

void ExactSession::Reset(int lane) { impl_->Reset(lane); }

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
