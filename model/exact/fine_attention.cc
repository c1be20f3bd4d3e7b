#include "model/exact/fine_attention.h"

#include <algorithm>

#include "model/exact/contract.h"
#include "model/exact/llama_kernels.h"

namespace occam {
namespace {

// The sum of 8, 16, ... products, below 2^31. Compilers make vectors of eight.
int32_t SumOfProducts(const int16_t* a, const int16_t* b, int n) {
  int32_t sum = 0;
  for (int k = 0; k < n; k += 8) {
    for (int i = k; i < k + 8; ++i) sum += a[i] * b[i];
  }
  return sum;
}

// 256 high + low = codes, which become `high`.
void SplitCodes(int n, int16_t* codes, int16_t* low) {
  for (int k = 0; k < n; ++k) {
    const int high = (codes[k] + 128) >> 8;
    low[k] = static_cast<int16_t>(codes[k] - 256 * high);
    codes[k] = static_cast<int16_t>(high);
  }
}

}  // namespace

FineAttention::FineAttention(const PreparedLlama& network, int lanes)
    : net_(network), size_(network.model.config.head_size()) {
  const auto size = static_cast<size_t>(size_);
  const auto heads =
      static_cast<size_t>(lanes) * static_cast<size_t>(network.model.config.kv_heads);
  size_t codes = 0, scales = 0, largest = 0;
  for (const PreparedLlamaLayer& layer : network.layers) {
    const auto capacity = static_cast<size_t>(layer.capacity);
    offsets_.push_back({codes, scales});
    codes += heads * 2 * capacity * size;
    scales += heads * capacity;
    largest = std::max(largest, capacity);
  }
  codes_ = AlignedArray<int16_t>(codes);
  key_scales_ = AlignedArray<float>(scales);
  query_ = AlignedArray<int16_t>(2 * size);
  sums_ = AlignedArray<int64_t>(size);
  scores_ = AlignedArray<float>(largest);
  weights_ = AlignedArray<int32_t>(largest);
}

FineAttention::Cache FineAttention::At(const Place& place) const {
  const LayerOffsets& offsets = offsets_[static_cast<size_t>(place.layer)];
  const int capacity = layer(place).capacity;
  const auto slots = static_cast<size_t>(capacity);
  const size_t half = slots * static_cast<size_t>(size_);
  const size_t head =
      static_cast<size_t>(place.lane) * static_cast<size_t>(net_.model.config.kv_heads) +
      static_cast<size_t>(place.group);
  int16_t* const keys = codes_.data() + offsets.codes + head * 2 * half;
  return {keys, keys + half, key_scales_.data() + offsets.scales + head * slots, capacity};
}

void FineAttention::Store(const Place& place, int64_t position, const float* key,
                          const float* value) {
  const Cache cache = At(place);
  const auto slot = static_cast<size_t>(position % cache.capacity);
  const size_t at = slot * static_cast<size_t>(size_);
  cache.key_scales[slot] = QuantiseFine(key, size_, cache.keys + at);
  QuantiseFineValue(value, layer(place).inverse_value_scales[static_cast<size_t>(place.group)],
                    size_, cache.values + at);
}

void FineAttention::Attend(const Place& place, const float* query, int64_t first, int64_t last,
                           float* out) {
  const Cache cache = At(place);
  const int count = static_cast<int>(last - first + 1);
  const auto size = static_cast<size_t>(size_);
  // visit(i, slot) for the positions in their order.
  const auto visit_all = [&](const auto& visit) {
    int slot = static_cast<int>(first % cache.capacity);
    for (int i = 0; i < count; ++i) {
      visit(i, static_cast<size_t>(slot));
      if (++slot == cache.capacity) slot = 0;
    }
  };
  const float factor = (QuantiseFine(query, size_, query_.data()) * net_.beta) * contract::kLog2E;
  // A head's products with one half of its codes, 8 bits, are below 2^31 together.
  int16_t* const high = query_.data();
  int16_t* const low = high + size_;
  SplitCodes(size_, high, low);
  float* const scores = scores_.data();
  visit_all([&](int i, size_t slot) {
    const int16_t* const key = cache.keys + slot * size;
    const int64_t product =
        int64_t{256} * SumOfProducts(high, key, size_) + SumOfProducts(low, key, size_);
    const float key_factor = factor * cache.key_scales[slot];
    scores[i] = static_cast<float>(product) * key_factor;
  });
  const float largest = *std::max_element(scores, scores + count);
  int32_t* const weights = weights_.data();
  int64_t total = 0;  // 65536 positions may have 2^15 each
  for (int i = 0; i < count; ++i) {
    const float part = contract::Exp2Below(largest - scores[i]);
    weights[i] = contract::RoundToInt(part * contract::kFineWeight);
    total += weights[i];
  }
  int64_t* const sums = sums_.data();
  std::fill_n(sums, size_, int64_t{0});
  visit_all([&](int i, size_t slot) {
    if (weights[i] == 0) return;
    const int16_t* const value = cache.values + slot * size;
    for (int k = 0; k < size_; ++k) sums[k] += weights[i] * value[k];
  });
  const float scale =
      layer(place).value_factors[static_cast<size_t>(place.group)] / static_cast<float>(total);
  for (int k = 0; k < size_; ++k) out[k] = static_cast<float>(sums[k]) * scale;
}

}  // namespace occam
