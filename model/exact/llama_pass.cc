#include "model/exact/llama_pass.h"

#include <algorithm>

#include "model/exact/contract.h"
#include "model/rotary.h"

namespace occam {
namespace {

// 8 ln 2: a byte that has no token of its own is one of 256 that share the escape's probability.
constexpr float kEscapeCost = 0x1.62e43p+2f;

}  // namespace

LlamaPass::LlamaPass(const PreparedLlama& network, int lanes)
    : net_(network), c_(network.model.config), kernels_(*network.kernels) {
  const auto heads = static_cast<size_t>(lanes) * static_cast<size_t>(c_.kv_heads);
  size_t codes = 0, scales = 0;
  for (const PreparedLlamaLayer& layer : network.layers) {
    const auto capacity = static_cast<size_t>(layer.capacity);
    caches_.push_back({codes, scales});
    codes += heads * 2 * capacity * static_cast<size_t>(c_.head_size());
    scales += heads * capacity;
    largest_capacity_ = std::max(largest_capacity_, layer.capacity);
  }
  cached_codes_ = AlignedArray<int8_t>(codes);
  key_scales_ = AlignedArray<float>(scales);
  scores_ = AlignedArray<float>(static_cast<size_t>(largest_capacity_));
  weights_ = AlignedArray<int32_t>(static_cast<size_t>(largest_capacity_));
}

LlamaCache LlamaPass::Cache(int lane, int l, int group) const {
  const LayerCache& layer = caches_[static_cast<size_t>(l)];
  const int capacity = net_.layers[static_cast<size_t>(l)].capacity;
  const size_t half = static_cast<size_t>(capacity) * static_cast<size_t>(c_.head_size());
  const size_t head =
      static_cast<size_t>(lane) * static_cast<size_t>(c_.kv_heads) + static_cast<size_t>(group);
  int8_t* const keys = cached_codes_.data() + layer.codes + head * 2 * half;
  return {keys, keys + half,
          key_scales_.data() + layer.scales + head * static_cast<size_t>(capacity), capacity,
          c_.head_size()};
}

void LlamaPass::Run(std::span<const TileRow> rows) {
  rows_.assign(rows.begin(), rows.end());
  Embed();
  SetAngles();
  for (int l = 0; l < c_.layers; ++l) {
    Attention(l);
    Mlp(l);
  }
  Norm(net_.tensor(net_.index.final_gain).floats.data());
  net_.head->Apply(codes_.data(), scales_.data(), row_count(), false, token_logits_.data(),
                   scratch_.data());
  PutLogits();
}

void LlamaPass::Embed() {
  const QuantizedTensor& table = net_.tensor(net_.index.embedding);
  for (int r = 0; r < row_count(); ++r) {
    const bool escaped = at(r).input >= c_.embedding_rows();
    const auto token = static_cast<size_t>(escaped ? c_.llama->escape_token : at(r).input);
    const int8_t* const codes = table.codes.data() + token * static_cast<size_t>(c_.width);
    const float scale = table.floats[token];
    for (int i = 0; i < c_.width; ++i) x_.row(r)[i] = static_cast<float>(codes[i]) * scale;
  }
}

// The angles of each row's position, for all layers and heads.
void LlamaPass::SetAngles() {
  const RotaryTable& table = Rotary();
  const std::vector<uint32_t>& steps = c_.llama->rotary_steps;
  for (int r = 0; r < row_count(); ++r) {
    const auto position = static_cast<uint32_t>(at(r).position);
    for (size_t i = 0; i < steps.size(); ++i) {
      const size_t phase = (position * steps[i] + 0x8000u) >> 16;
      cosine_.row(r)[i] = table.cosine[phase];
      sine_.row(r)[i] = table.sine[phase];
    }
  }
}

void LlamaPass::Norm(const float* gain) {
  for (int r = 0; r < row_count(); ++r)
    NormWithEpsilon(x_.row(r), gain, c_.llama->epsilon, c_.width, normed_.row(r));
  kernels_.Quantise(normed_.data(), row_count(), c_.width, codes_.data(), scales_.data());
}

void LlamaPass::Attention(int l) {
  const PreparedLlamaLayer& layer = net_.layers[static_cast<size_t>(l)];
  Norm(layer.gains[0]);
  layer.wqkv->Apply(codes_.data(), scales_.data(), row_count(), false, qkv_.data(),
                    scratch_.data());
  for (int r = 0; r < row_count(); ++r) Store(l, r);
  for (int r = 0; r < row_count(); ++r) Attend(l, r);
  kernels_.Quantise(attended_.data(), row_count(), c_.query_width(), attended_codes_.data(),
                    scales_.data());
  layer.wo->Apply(attended_codes_.data(), scales_.data(), row_count(), true, x_.data(),
                  scratch_.data());
}

// The keys and values of a row go into the cache.
void LlamaPass::Store(int l, int r) {
  const PreparedLlamaLayer& layer = net_.layers[static_cast<size_t>(l)];
  const int n = c_.head_size();
  const auto slot = static_cast<size_t>(at(r).position % layer.capacity);
  for (int g = 0; g < c_.kv_heads; ++g) {
    const LlamaCache cache = Cache(at(r).lane, l, g);
    float* const key = qkv_.row(r) + c_.query_width() + g * n;
    const float* const value = key + c_.kv_width();
    TurnHead(cosine_.row(r), sine_.row(r), n, key);
    cache.key_scales[slot] = QuantiseHead(key, n, cache.keys + slot * static_cast<size_t>(n));
    QuantiseValue(value, layer.inverse_value_scales[static_cast<size_t>(g)], n,
                  cache.values + slot * static_cast<size_t>(n));
  }
}

void LlamaPass::Attend(int l, int r) {
  const PreparedLlamaLayer& layer = net_.layers[static_cast<size_t>(l)];
  const int n = c_.head_size();
  const int64_t last = at(r).position;
  const int64_t first = std::max<int64_t>(0, last - layer.window + 1);
  for (int h = 0; h < c_.heads; ++h) {
    const int g = h / (c_.heads / c_.kv_heads);
    float* const query = qkv_.row(r) + h * n;
    TurnHead(cosine_.row(r), sine_.row(r), n, query);
    const float scale = QuantiseHead(query, n, query_.data());
    const float factor = ((scale * net_.beta) * contract::kLog2E) * contract::kTermScale;
    AttendByToken(query_.data(), factor, Cache(at(r).lane, l, g), first, last,
                  layer.value_factors[static_cast<size_t>(g)], scores_.data(), weights_.data(),
                  attended_.row(r) + h * n);
  }
}

void LlamaPass::Mlp(int l) {
  const PreparedLlamaLayer& layer = net_.layers[static_cast<size_t>(l)];
  const int n = c_.mlp_width();
  Norm(layer.gains[1]);
  layer.wgu->Apply(codes_.data(), scales_.data(), row_count(), false, inner_.data(),
                   scratch_.data());
  for (int r = 0; r < row_count(); ++r) {
    float* const gates = inner_.row(r);
    Gate(gates, gates + n, n, gates);
    scales_.row(r)[0] = QuantisePlanes(gates, n, high_.row(r), low_.row(r));
    high_scales_.row(r)[0] = 128.0f * scales_.row(r)[0];
  }
  layer.wd->Apply(high_.data(), high_scales_.data(), row_count(), true, x_.data(), scratch_.data());
  layer.wd->Apply(low_.data(), scales_.data(), row_count(), true, x_.data(), scratch_.data());
}

void LlamaPass::PutLogits() {
  const int tokens = c_.embedding_rows();
  for (int r = 0; r < row_count(); ++r) {
    float* const logits = logits_.row(r);
    std::copy_n(token_logits_.row(r), tokens, logits);
    if (c_.llama->escapes == 0) continue;
    float& escape = logits[c_.llama->escape_token];
    escape = escape - kEscapeCost;
    std::fill_n(logits + tokens, c_.llama->escapes, escape);
  }
}

}  // namespace occam
