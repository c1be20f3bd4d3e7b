#include "model/exact/llama_pass.h"

#include <algorithm>

#include "data/base/error.h"
#include "model/exact/contract.h"
#include "model/exact/turn_head.h"
#include "model/rotary.h"

namespace occam {
namespace {

// 8 ln 2: a byte that has no token of its own is one of 256 that share the escape's probability.
constexpr float kEscapeCost = 0x1.62e43p+2f;

}  // namespace

LlamaPass::LlamaPass(const PreparedLlama& network, int lanes)
    : net_(network),
      c_(network.model.config),
      shape_(*network.model.config.llama),
      kernels_(*network.kernels),
      steps_(*network.steps) {
  if (shape_.fine) {
    fine_.emplace(network, lanes);
    return;
  }
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
  const auto scratch = static_cast<size_t>(kLlamaQueries * largest_capacity_);
  scores_ = AlignedArray<float>(scratch);
  weights_ = AlignedArray<int32_t>(scratch);
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

void LlamaPass::Resume(int /*lane*/, const KnownPast& /*past*/) {
  throw InternalError("an imported network was to go on from the middle of a context");
}

void LlamaPass::Run(std::span<const TileRow> rows) {
  rows_.assign(rows.begin(), rows.end());
  Embed();
  if (shape_.has_positions()) AddPositions();
  if (shape_.turns()) SetAngles();
  for (int l = 0; l < c_.layers; ++l) {
    Attention(l);
    Mlp(l);
  }
  Norm(net_.tensor(net_.index.final_gain).floats.data());
  Multiply(net_.head, normed_codes_, false, logits_);
  FinishLogits();
}

void LlamaPass::Embed() {
  const QuantizedTensor& table = net_.tensor(net_.index.embedding);
  for (int r = 0; r < row_count(); ++r) {
    const bool escaped = at(r).input >= c_.embedding_rows();
    const auto token = static_cast<size_t>(escaped ? shape_.escape_token : at(r).input);
    const int8_t* const codes = table.codes.data() + token * static_cast<size_t>(c_.width);
    const float scale = table.floats[token];
    for (int i = 0; i < c_.width; ++i) x_.row(r)[i] = static_cast<float>(codes[i]) * scale;
    if (shape_.fine) AddRow(net_.index.embedding + 1, token, x_.row(r));
  }
}

// Adds a row of codes times its scale.
void LlamaPass::AddRow(int tensor, size_t row, float* x) const {
  const QuantizedTensor& table = net_.tensor(tensor);
  const int8_t* const codes = table.codes.data() + row * static_cast<size_t>(c_.width);
  const float scale = table.floats[row];
  for (int i = 0; i < c_.width; ++i) x[i] = x[i] + static_cast<float>(codes[i]) * scale;
}

// What the embedding's rows had in common is taken off, and the row of the position added.
void LlamaPass::AddPositions() {
  const float* const means = net_.floats(net_.index.embedding_means);
  for (int r = 0; r < row_count(); ++r) {
    const bool escaped = at(r).input >= c_.embedding_rows();
    const float mean = means[escaped ? shape_.escape_token : at(r).input];
    const auto row = static_cast<size_t>(at(r).position % c_.context);
    float* const x = x_.row(r);
    for (int i = 0; i < c_.width; ++i) x[i] = x[i] - mean;
    AddRow(net_.index.positions, row, x);
    if (shape_.fine) AddRow(net_.index.positions + 1, row, x);
  }
}

// The angles of each row's position, for all layers and heads.
void LlamaPass::SetAngles() {
  const RotaryTable& table = Rotary();
  const std::vector<uint32_t>& steps = shape_.rotary_steps;
  for (int r = 0; r < row_count(); ++r) {
    const auto position = static_cast<uint32_t>(at(r).position);
    for (size_t i = 0; i < steps.size(); ++i) {
      const uint32_t phase = position * steps[i] + 0x8000u;
      const float c = table.cosine[phase >> 16], s = table.sine[phase >> 16];
      float& cosine = cosine_.row(r)[i];
      float& sine = sine_.row(r)[i];
      cosine = c, sine = s;
      if (!shape_.fine) continue;
      // The angle beyond that of the table is so small that it is its sine, and its cosine 1.
      const float beyond =
          static_cast<float>(static_cast<int32_t>(phase & 0xffffu) - 0x8000) * contract::kPhaseUnit;
      const float of_sine = s * beyond, of_cosine = c * beyond;
      cosine = c - of_sine;
      sine = s + of_cosine;
    }
  }
}

void LlamaPass::Norm(const float* gain) {
  steps_.NormWithEpsilon(x_.data(), gain, shape_.epsilon, row_count(), c_.width, normed_.data());
  Quantise(normed_, c_.width, normed_codes_);
}

void LlamaPass::Quantise(const RowBuffer<float>& x, int n, const Planes& planes) {
  if (!planes.two) {
    kernels_.Quantise(x.data(), row_count(), n, planes.high.data(), high_scales_.data());
    return;
  }
  steps_.ToPlanes(x.data(), row_count(), n, planes.high.data(), planes.low.data(),
                  low_scales_.data());
  ScaleHigh();
}

void LlamaPass::ScaleHigh() {
  for (int r = 0; r < row_count(); ++r) high_scales_.row(r)[0] = 128.0f * low_scales_.row(r)[0];
}

void LlamaPass::Multiply(const PreparedMatrix& matrix, const Planes& x, bool add,
                         const RowBuffer<float>& y) {
  const auto apply = [&](const LinearLayer& layer, const RowBuffer<int8_t>& codes,
                         const RowBuffer<float>& scales, bool more) {
    layer.Apply(codes.data(), scales.data(), row_count(), more, y.data(), scratch_.data());
  };
  apply(*matrix.codes, x.high, high_scales_, add);
  if (x.two) apply(*matrix.codes, x.low, low_scales_, true);
  if (matrix.rest == nullptr) return;
  apply(*matrix.rest, x.high, high_scales_, true);
  apply(*matrix.rest, x.low, low_scales_, true);
}

void LlamaPass::Attention(int l) {
  const PreparedLlamaLayer& layer = net_.layers[static_cast<size_t>(l)];
  Norm(layer.gains[0]);
  Multiply(layer.wqkv, normed_codes_, false, qkv_);
  if (layer.bq != nullptr)
    steps_.AddBias(layer.bq, row_count(), c_.query_width(), qkv_.stride(), qkv_.data());
  for (int r = 0; r < row_count(); ++r) Store(l, r);
  for (int g = 0; g < c_.kv_heads; ++g) shape_.fine ? AttendFinely(l, g) : AttendTo(l, g);
  Quantise(attended_, c_.query_width(), attended_codes_);
  Multiply(layer.wo, attended_codes_, true, x_);
  if (layer.bo != nullptr) steps_.AddBias(layer.bo, row_count(), c_.width, x_.stride(), x_.data());
}

// Norms and turns the head of a query or a key, as the shape has it.
void LlamaPass::PrepareHead(int r, const float* gain, float* head) const {
  const int n = c_.head_size();
  if (gain != nullptr) NormHead(head, gain, shape_.epsilon, n, head);
  if (shape_.turns()) TurnHead(cosine_.row(r), sine_.row(r), n, head);
}

// The keys and values of a row go into the cache.
void LlamaPass::Store(int l, int r) {
  const PreparedLlamaLayer& layer = net_.layers[static_cast<size_t>(l)];
  const int n = c_.head_size();
  const auto slot = static_cast<int>(at(r).position % layer.capacity);
  for (int g = 0; g < c_.kv_heads; ++g) {
    float* const key = qkv_.row(r) + c_.query_width() + g * n;
    const float* const value = key + c_.kv_width();
    PrepareHead(r, layer.k_gain, key);
    if (shape_.fine) {
      fine_->Store({at(r).lane, l, g}, at(r).position, key, value);
      continue;
    }
    const LlamaCache cache = Cache(at(r).lane, l, g);
    kernels_.Quantise(key, 1, n, query_.data(), &cache.key_scales[slot]);
    QuantiseValue(value, layer.inverse_value_scales[static_cast<size_t>(g)], n, value_.data());
    steps_.Store(query_.data(), value_.data(), cache, slot);
  }
}

// The first position that a query sees. Learned positions begin again after the last one, and so
// does what is seen.
int64_t LlamaPass::FirstSeen(const PreparedLlamaLayer& layer, int64_t position) const {
  const int64_t begin = shape_.has_positions() ? position - position % c_.context : 0;
  return std::max(begin, position - layer.window + 1);
}

// The queries of a group's heads, those of neighbouring rows of a lane together.
void LlamaPass::AttendTo(int l, int group) {
  const PreparedLlamaLayer& layer = net_.layers[static_cast<size_t>(l)];
  const int n = c_.head_size(), heads = c_.heads / c_.kv_heads;
  LlamaQuery queries[kLlamaQueries];
  int count = 0;
  for (int r = 0; r < row_count(); ++r) {
    for (int h = group * heads; h < (group + 1) * heads; ++h) {
      float* const head = qkv_.row(r) + h * n;
      int8_t* const codes = query_.data() + count * n;
      PrepareHead(r, layer.q_gain, head);
      float scale = 0;
      kernels_.Quantise(head, 1, n, codes, &scale);
      queries[count++] = {codes, ((scale * net_.beta) * contract::kLog2E) * contract::kTermScale,
                          FirstSeen(layer, at(r).position), at(r).position,
                          attended_.row(r) + h * n};
      const bool lane_ends = r + 1 == row_count() || at(r + 1).lane != at(r).lane;
      if (count < kLlamaQueries && !(lane_ends && h + 1 == (group + 1) * heads)) continue;
      steps_.Attend(std::span(queries, static_cast<size_t>(count)), Cache(at(r).lane, l, group),
                    layer.value_factors[static_cast<size_t>(group)],
                    {scores_.data(), weights_.data()});
      count = 0;
    }
  }
}

// The queries of a group's heads, one after the other.
void LlamaPass::AttendFinely(int l, int group) {
  const PreparedLlamaLayer& layer = net_.layers[static_cast<size_t>(l)];
  const int n = c_.head_size(), heads = c_.heads / c_.kv_heads;
  for (int r = 0; r < row_count(); ++r) {
    const int64_t first = FirstSeen(layer, at(r).position);
    for (int h = group * heads; h < (group + 1) * heads; ++h) {
      float* const head = qkv_.row(r) + h * n;
      PrepareHead(r, layer.q_gain, head);
      fine_->Attend({at(r).lane, l, group}, head, first, at(r).position, attended_.row(r) + h * n);
    }
  }
}

void LlamaPass::Mlp(int l) {
  const PreparedLlamaLayer& layer = net_.layers[static_cast<size_t>(l)];
  const int n = c_.mlp_width();
  Norm(layer.gains[1]);
  Multiply(layer.wgu, normed_codes_, false, inner_);
  int8_t* const high = inner_codes_.high.data();
  int8_t* const low = inner_codes_.low.data();
  if (shape_.has_gate()) {
    steps_.GateToPlanes(inner_.data(), row_count(), n, high, low, low_scales_.data());
  } else {
    steps_.GeluToPlanes(inner_.data(), layer.bu, row_count(), n, high, low, low_scales_.data());
  }
  ScaleHigh();
  Multiply(layer.wd, inner_codes_, true, x_);
  if (layer.bd != nullptr) steps_.AddBias(layer.bd, row_count(), c_.width, x_.stride(), x_.data());
}

// Adds the biases, and shares the escape token's probability among the escapes.
void LlamaPass::FinishLogits() {
  const int tokens = c_.embedding_rows();
  const float* const bias = net_.floats(net_.index.head_bias);
  for (int r = 0; r < row_count(); ++r) {
    float* const logits = logits_.row(r);
    for (int i = 0; bias != nullptr && i < tokens; ++i) logits[i] = logits[i] + bias[i];
    if (shape_.escapes == 0) continue;
    float& escape = logits[shape_.escape_token];
    escape = escape - kEscapeCost;
    std::fill_n(logits + tokens, shape_.escapes, escape);
  }
}

}  // namespace occam
