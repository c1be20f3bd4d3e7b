#include "model/exact/prepared_network.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/base/float_mode.h"
#include "model/exact/contract.h"
#include "model/rotary.h"
#include "model/signal_rules.h"

namespace occam {
namespace {

// float(code) * scale, row by row.
std::vector<float> Dequantise(const QuantizedTensor& tensor) {
  std::vector<float> values(tensor.codes.size());
  const size_t columns = values.size() / tensor.floats.size();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(tensor.codes[i]) * tensor.floats[i / columns];
  }
  return values;
}

}  // namespace

PreparedNetwork::PreparedNetwork(QuantizedModel quantized, std::unique_ptr<KernelSet> kernel_set)
    : model(std::move(quantized)),
      kernels(std::move(kernel_set)),
      index(model.config),
      memory{RowRules(model.config), nullptr, nullptr, nullptr} {
  const FloatMode mode;
  CheckModel(model, "the model");
  id = ModelId(model);
  beta_ = 3.0f / std::sqrt(static_cast<float>(model.config.head_size()));
  rotary_frequencies = RotaryFrequencies(model.config.head_size() / 2);
  embedding = MakeEmbedding();
  for (const int table : index.signals) signals.push_back(MakeRows(table));
  lattices = MakeLattices(model.config);
  for (int l = 0; l < model.config.layers; ++l) layers.push_back(MakeLayer(l));
  head = MakeLinear({index.head});
  if (model.config.has_memory()) memory.projection = MakeLinear({index.memory_projection});
  if (model.config.has_gate()) {
    memory.gates = MakeLinear({index.memory_gates});
    memory.gated = MakeLinear({index.memory_gated});
  }
}

// The matrices below each other, as one layer: they have their inputs in common.
std::unique_ptr<LinearLayer> PreparedNetwork::MakeLinear(std::initializer_list<int> tensors) const {
  std::vector<int8_t> codes;
  std::vector<float> scales;
  for (const int t : tensors) {
    codes.insert(codes.end(), tensor(t).codes.begin(), tensor(t).codes.end());
    scales.insert(scales.end(), tensor(t).floats.begin(), tensor(t).floats.end());
  }
  const auto outputs = static_cast<int>(scales.size());
  return kernels->MakeLinear(codes, scales, outputs, static_cast<int>(codes.size()) / outputs);
}

PreparedLayer PreparedNetwork::MakeLayer(int l) const {
  const ModelConfig& c = model.config;
  const LayerIndex& at = index.layers[static_cast<size_t>(l)];
  PreparedLayer layer;
  layer.gains[0] = gain(at.gain1);
  layer.gains[1] = gain(at.gain2);
  if (c.conv_width > 0) {
    layer.convolutions[0] = Dequantise(tensor(at.conv1));
    layer.convolutions[1] = Dequantise(tensor(at.conv2));
  }
  layer.wqkv = MakeLinear({at.wq, at.wk, at.wv});
  layer.wo = MakeLinear({at.wo});
  layer.wu = MakeLinear({at.wu});
  layer.wd = MakeLinear({at.wd});
  for (int g = 0; g < c.kv_heads; ++g) {
    const auto i = static_cast<size_t>(l * c.kv_heads + g);
    layer.key_scales.push_back(model.key_scales[i]);
    layer.inverse_key_scales.push_back(1.0f / model.key_scales[i]);
    layer.inverse_value_scales.push_back(1.0f / model.value_scales[i]);
    layer.value_factors.push_back(128.0f * model.value_scales[i]);
  }
  layer.window = c.window(l);
  // All keys of a tile are stored before its first query looks back over the window.
  layer.capacity = RoundUp(layer.window + kTileRows - 1, kCacheBlock);
  return layer;
}

RowBuffer<float> PreparedNetwork::MakeRows(int i) const {
  const QuantizedTensor& table = tensor(i);
  const auto count = static_cast<int>(table.floats.size());
  const int width = model.config.width;
  RowBuffer<float> rows(count, RoundUp(width, kFloatPad));
  const std::vector<float> values = Dequantise(table);
  for (int r = 0; r < count; ++r) {
    std::copy_n(values.data() + static_cast<ptrdiff_t>(r) * width, width, rows.row(r));
  }
  return rows;
}

// With neither a memory nor signals, what enters the first block depends on the symbol alone.
RowBuffer<float> PreparedNetwork::MakeEmbedding() const {
  const ModelConfig& c = model.config;
  RowBuffer<float> rows = MakeRows(index.embedding);
  if (!c.has_memory() && !c.has_signals())
    kernels->Norm(rows.data(), nullptr, c.vocabulary + 1, c.width, rows.data());
  return rows;
}

float PreparedNetwork::AttentionFactor(float query_scale, const PreparedLayer& layer,
                                       int group) const {
  const float scale = query_scale * layer.key_scales[static_cast<size_t>(group)];
  return ((scale * beta_) * contract::kLog2E) * contract::kTermScale;
}

size_t PreparedNetwork::scratch_bytes() const {
  size_t bytes = head->scratch_bytes();
  for (const PreparedLayer& layer : layers) {
    for (const auto* linear : {&layer.wqkv, &layer.wo, &layer.wu, &layer.wd}) {
      bytes = std::max(bytes, (*linear)->scratch_bytes());
    }
  }
  for (const auto* linear : {&memory.projection, &memory.gates, &memory.gated}) {
    if (*linear) bytes = std::max(bytes, (*linear)->scratch_bytes());
  }
  return bytes;
}

}  // namespace occam
