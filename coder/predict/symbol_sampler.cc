#include "coder/predict/symbol_sampler.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "coder/entropy/fixed_point.h"
#include "data/base/error.h"

namespace occam {

SymbolSampler::SymbolSampler(const SamplerOptions& options)
    : options_(options), random_(options.seed) {
  if (options.temperature_thousandths > kMaxTemperatureThousandths)
    throw UsageError("a temperature is 100 at most");
  if (options.top_k < 0) throw UsageError("top-k is 0, for all symbols, or a number of them");
}

int32_t SymbolSampler::Draw(std::span<const uint32_t> frequencies) {
  if (options_.temperature_thousandths == 0) {
    return static_cast<int32_t>(std::ranges::max_element(frequencies) - frequencies.begin());
  }
  const uint32_t largest = *std::ranges::max_element(frequencies);
  costs_.resize(frequencies.size());
  weights_.resize(frequencies.size());
  const uint64_t least_log = Log2Fixed(largest);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    costs_[i] = largest - frequencies[i];
    weights_[i] = frequencies[i];
    if (options_.temperature_thousandths != 1000 && frequencies[i] > 0) {
      weights_[i] = NegativeExp2Fixed((least_log - Log2Fixed(frequencies[i])) * 1000 /
                                      options_.temperature_thousandths);
    }
  }
  return DrawFromWeights();
}

int32_t SymbolSampler::DrawByBits(std::span<const uint64_t> bits) {
  if (options_.temperature_thousandths == 0)
    return static_cast<int32_t>(std::ranges::min_element(bits) - bits.begin());
  const uint64_t least = *std::ranges::min_element(bits);
  costs_.assign(bits.begin(), bits.end());
  weights_.resize(bits.size());
  // So many bits weigh nothing at the highest temperature, and a thousand times as many still fit.
  constexpr uint64_t kMost = 1 << 20;
  for (size_t i = 0; i < bits.size(); ++i) {
    weights_[i] = NegativeExp2Fixed(std::min(bits[i] - least, kMost) * kFixedOne * 1000 /
                                    options_.temperature_thousandths);
  }
  return DrawFromWeights();
}

void SymbolSampler::KeepBest() {
  const auto k = static_cast<size_t>(options_.top_k);
  if (k == 0 || k >= costs_.size()) return;
  order_.resize(costs_.size());
  std::iota(order_.begin(), order_.end(), 0);
  const auto rest = order_.begin() + static_cast<std::ptrdiff_t>(k);
  std::nth_element(order_.begin(), rest, order_.end(), [&](int32_t a, int32_t b) {
    const uint64_t cost_a = costs_[static_cast<size_t>(a)];
    const uint64_t cost_b = costs_[static_cast<size_t>(b)];
    return cost_a != cost_b ? cost_a < cost_b : a < b;
  });
  for (auto i = rest; i != order_.end(); ++i) weights_[static_cast<size_t>(*i)] = 0;
}

int32_t SymbolSampler::DrawFromWeights() {
  KeepBest();
  // 2^16 symbols of at most 2^32 each: far from what 64 bits hold.
  const uint64_t total = std::accumulate(weights_.begin(), weights_.end(), uint64_t{0});
  uint64_t left = random_.Below(total);
  size_t symbol = 0;
  while (left >= weights_[symbol]) left -= weights_[symbol++];
  return static_cast<int32_t>(symbol);
}

}  // namespace occam
