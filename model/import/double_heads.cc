#include "model/import/double_heads.h"

#include <numbers>

namespace occam {
namespace {

constexpr int32_t kSmallHead = 8;
constexpr int64_t kMostOfAllHeads = 65536;  // docs/spec/import.md, section 1

// [heads * n, columns] -> [heads * 2 n, columns], all times `factor`. Pairs are halves of a head.
std::vector<float> DoubledPairs(const std::vector<float>& w, int64_t n, int64_t columns,
                                double factor) {
  std::vector<float> doubled(2 * w.size());
  const auto heads = static_cast<int64_t>(w.size()) / (n * columns);
  const int64_t pairs = n / 2;
  const double turned = factor * std::numbers::sqrt2 / 2;
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t p = 0; p < pairs; ++p) {
      for (int64_t k = 0; k < columns; ++k) {
        const auto at = [&](int64_t size, int64_t row) {
          return static_cast<size_t>((h * size + row) * columns + k);
        };
        const auto a = static_cast<double>(w[at(n, p)]);
        const auto b = static_cast<double>(w[at(n, pairs + p)]);
        doubled[at(2 * n, p)] = static_cast<float>(factor * a);
        doubled[at(2 * n, pairs + p)] = static_cast<float>(turned * (a - b));
        doubled[at(2 * n, n + p)] = static_cast<float>(factor * b);
        doubled[at(2 * n, n + pairs + p)] = static_cast<float>(turned * (a + b));
      }
    }
  }
  return doubled;
}

// [count, size] -> [count, 2 size], with zeros after every `size` elements.
std::vector<float> WithZeros(const std::vector<float>& w, int64_t size) {
  std::vector<float> wide;
  wide.reserve(2 * w.size());
  for (auto from = w.begin(); from != w.end(); from += size) {
    wide.insert(wide.end(), from, from + size);
    wide.insert(wide.end(), static_cast<size_t>(size), 0.0f);
  }
  return wide;
}

}  // namespace

LlamaWeights WithDoubledHeads(LlamaWeights w) {
  const int64_t n = w.head_size;
  if (!w.is(ImportedShape::kLlama) || n != kSmallHead || 2 * n * w.heads > kMostOfAllHeads)
    return w;
  for (LlamaLayerWeights& layer : w.layers) {
    // Scores are sums over twice as many pairs, and divided by the root of twice the size.
    layer.wq = DoubledPairs(layer.wq, n, w.width, std::numbers::sqrt2 / 2);
    layer.wk = DoubledPairs(layer.wk, n, w.width, 1);
    layer.wv = WithZeros(layer.wv, n * w.width);
    layer.wo = WithZeros(layer.wo, n);
  }
  w.head_size *= 2;
  w.copies *= 2;
  return w;
}

}  // namespace occam
