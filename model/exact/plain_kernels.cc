// The kernels as scalar loops: the definition of the numeric contract (docs/spec/contract.md), in
// its order of operations. Nothing but the standard library.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "data/base/frequency.h"
#include "model/exact/contract.h"
#include "model/exact/kernels.h"
#include "model/exact/turn_head.h"

namespace occam {
namespace {

using contract::kActivationCode;
using contract::kCacheCode;
using contract::kNormCode;
using contract::RoundToInt;

float LargestMagnitude(const float* x, int n) {
  float a = 0.0f;
  for (int i = 0; i < n; ++i) a = std::max(a, std::fabs(x[i]));
  return a;
}

template <typename Value>
float QuantiseValues(int n, int8_t* codes, Value value) {
  float a = 0.0f;
  for (int i = 0; i < n; ++i) a = std::max(a, std::fabs(value(i)));
  if (a < contract::kSmallest) {
    std::fill_n(codes, n, int8_t{0});
    return 0.0f;
  }
  const float r = kActivationCode / a;
  for (int i = 0; i < n; ++i) codes[i] = static_cast<int8_t>(RoundToInt(value(i) * r));
  return a / kActivationCode;
}

float QuantiseRow(const float* x, int n, int8_t* codes) {
  return QuantiseValues(n, codes, [x](int i) { return x[i]; });
}

void NormRow(const float* x, const float* gain, int n, float* y) {
  const float a = LargestMagnitude(x, n);
  if (a < contract::kSmallest) {
    std::fill_n(y, n, 0.0f);
    return;
  }
  const float r = kNormCode / a;
  int64_t sum = 0;
  for (int i = 0; i < n; ++i) {
    const int32_t t = RoundToInt(x[i] * r);
    sum += t * t;
  }
  const float mean = static_cast<float>(sum) / static_cast<float>(n);
  const float size = (a / kNormCode) * std::sqrt(mean);
  const float inverse = 1.0f / size;
  for (int i = 0; i < n; ++i) {
    const float normed = x[i] * inverse;
    y[i] = gain == nullptr ? normed : normed * gain[i];
  }
}

void RotateAndNorm(const float* cosine, const float* sine, int n, float* head) {
  TurnHead(cosine, sine, n, head);
  NormRow(head, nullptr, n, head);
}

int8_t CacheCode(float x, float inverse_scale) {
  constexpr float kLimit = kCacheCode;
  const float scaled = x * inverse_scale;
  return static_cast<int8_t>(RoundToInt(std::min(std::max(scaled, -kLimit), kLimit)));
}

class PlainLinear final : public LinearLayer {
 public:
  PlainLinear(std::span<const int8_t> codes, std::span<const float> scales, int outputs, int inputs)
      : codes_(codes.begin(), codes.end()),
        scales_(scales.begin(), scales.end()),
        outputs_(outputs),
        inputs_(inputs) {}

  void Apply(const int8_t* x, const float* x_scales, int rows, bool add, float* y,
             std::byte* /*scratch*/) const override {
    const int x_stride = RoundUp(inputs_, kCodePad);
    const int y_stride = RoundUp(outputs_, kFloatPad);
    for (int r = 0; r < rows; ++r, x += x_stride, y += y_stride) {
      const int8_t* w = codes_.data();
      for (int j = 0; j < outputs_; ++j, w += inputs_) {
        int32_t sum = 0;
        for (int k = 0; k < inputs_; ++k) sum += x[k] * w[k];
        const float product = static_cast<float>(sum) * scales_[static_cast<size_t>(j)];
        const float value = product * x_scales[r];
        y[j] = add ? y[j] + value : value;
      }
    }
  }

 private:
  std::vector<int8_t> codes_;
  std::vector<float> scales_;
  int outputs_;
  int inputs_;
};

// Positions first .. last of a ring, at most `capacity` of them.
struct CacheWindow {
  int64_t first;
  int64_t last;
};

// Point 6 for one query.
void AttendOne(const int8_t* query, float factor, const CacheRing& ring, const CacheWindow& window,
               float value_factor, const QueryGroupScratch& scratch, float* out) {
  const int n = ring.head_size;
  const int count = static_cast<int>(window.last - window.first + 1);
  const auto slot = [&](int i) {
    return static_cast<size_t>((window.first + i) % ring.capacity) * static_cast<size_t>(n);
  };
  int32_t largest = INT32_MIN;
  for (int i = 0; i < count; ++i) {
    const auto* key = reinterpret_cast<const int8_t*>(ring.keys) + slot(i);
    int32_t sum = 0;
    for (int k = 0; k < n; ++k) sum += query[k] * key[k];
    scratch.products[i] = sum;
    largest = std::max(largest, sum);
  }
  int32_t terms = 0;
  for (int i = 0; i < count; ++i) {
    const float t = static_cast<float>(largest - scratch.products[i]) * factor;
    constexpr float kMost = contract::kMaxTerm;
    const int32_t term = contract::AttentionTerm(RoundToInt(std::min(t, kMost)));
    terms += term;
    scratch.weights[i] = static_cast<uint8_t>(contract::AttentionWeight(term));
  }
  const float scale = value_factor / static_cast<float>(terms);
  for (int k = 0; k < n; ++k) {
    int32_t sum = 0;
    for (int i = 0; i < count; ++i) {
      sum += scratch.weights[i] *
             reinterpret_cast<const int8_t*>(ring.values)[slot(i) + static_cast<size_t>(k)];
    }
    out[k] = static_cast<float>(sum) * scale;
  }
}

class PlainKernels final : public KernelSet {
 public:
  const char* name() const override { return "plain"; }

  std::unique_ptr<LinearLayer> MakeLinear(std::span<const int8_t> codes,
                                          std::span<const float> scales, int outputs,
                                          int inputs) const override {
    return std::make_unique<PlainLinear>(codes, scales, outputs, inputs);
  }

  void Norm(const float* x, const float* gain, int rows, int n, float* y) const override {
    const int stride = RoundUp(n, kFloatPad);
    for (int r = 0; r < rows; ++r) NormRow(x + r * stride, gain, n, y + r * stride);
  }

  void Convolve(const float* const* sources, const float* w, int taps, int rows, int n,
                float* y) const override {
    for (int r = 0; r < rows; ++r, y += RoundUp(n, kFloatPad)) {
      const float* const* const h = sources + r * taps;
      for (int i = 0; i < n; ++i) {
        float sum = w[i] * h[0][i];
        for (int k = 1; k < taps; ++k) {
          const float product = w[k * n + i] * h[k][i];
          sum = sum + product;
        }
        y[i] = h[taps - 1][i] + sum;
      }
    }
  }

  void Sum(const float* const* addends, int count, int rows, int n, float* y) const override {
    for (int r = 0; r < rows; ++r, y += RoundUp(n, kFloatPad)) {
      const float* const* const a = addends + r * count;
      for (int i = 0; i < n; ++i) {
        float sum = a[0][i];
        for (int k = 1; k < count; ++k) sum = sum + a[k][i];
        y[i] = sum;
      }
    }
  }

  void Quantise(const float* x, int rows, int n, int8_t* codes, float* scales) const override {
    for (int r = 0; r < rows; ++r) {
      scales[r] = QuantiseRow(x + r * RoundUp(n, kFloatPad), n, codes + r * RoundUp(n, kCodePad));
    }
  }

  void SquareAndQuantise(const float* x, int rows, int n, int8_t* codes,
                         float* scales) const override {
    for (int r = 0; r < rows; ++r) {
      const float* const row = x + r * RoundUp(n, kFloatPad);
      scales[r] = QuantiseValues(n, codes + r * RoundUp(n, kCodePad), [row](int i) {
        const float positive = std::max(row[i], 0.0f);
        return positive * positive;
      });
    }
  }

  void PrepareHeads(const HeadRows& h, int8_t* codes, int code_stride,
                    float* scales) const override {
    const int n = h.head_size;
    for (int r = 0; r < h.rows; ++r) {
      const float* const cosine = h.cosine + r * (n / 2);
      const float* const sine = h.sine + r * (n / 2);
      for (int i = 0; i < h.heads; ++i) {
        float* const query = h.queries + r * h.stride + i * n;
        RotateAndNorm(cosine, sine, n, query);
        scales[r * h.heads + i] = QuantiseRow(query, n, codes + r * code_stride + i * n);
      }
      for (int g = 0; g < h.kv_heads; ++g) {
        RotateAndNorm(cosine, sine, n, h.keys + r * h.stride + g * n);
      }
    }
  }

  // Slot by slot: [capacity][head_size], codes as they are.
  void Store(const float* key, float inverse_key_scale, const float* value,
             float inverse_value_scale, const CacheRing& ring, int slot) const override {
    const size_t at = static_cast<size_t>(slot) * static_cast<size_t>(ring.head_size);
    auto* const keys = reinterpret_cast<int8_t*>(ring.keys) + at;
    auto* const values = reinterpret_cast<int8_t*>(ring.values) + at;
    for (int i = 0; i < ring.head_size; ++i) {
      keys[i] = CacheCode(key[i], inverse_key_scale);
      values[i] = CacheCode(value[i], inverse_value_scale);
    }
  }

  void Attend(const QueryRows& queries, const CacheRing& ring, float value_factor,
              const QueryGroupScratch& scratch) const override {
    for (int r = 0; r < queries.rows; ++r) {
      const int64_t last = queries.position + r;
      const CacheWindow window{std::max<int64_t>(0, last - queries.window + 1), last};
      AttendOne(queries.codes + r * queries.code_stride, queries.factors[r * queries.factor_stride],
                ring, window, value_factor, scratch, queries.out + r * queries.out_stride);
    }
  }

  void Frequencies(float* logits, int n, uint32_t* frequencies) const override {
    const float largest = *std::max_element(logits, logits + n);
    uint64_t sum = 0;
    for (int i = 0; i < n; ++i) {
      frequencies[i] =
          static_cast<uint32_t>(contract::OutputTerm((logits[i] - largest) * contract::kLog2E));
      sum += frequencies[i];
    }
    const int best = static_cast<int>(std::max_element(frequencies, frequencies + n) - frequencies);
    const uint64_t shared = kFrequencyTotal - static_cast<uint32_t>(n);
    uint32_t missing = kFrequencyTotal;
    for (int i = 0; i < n; ++i) {
      frequencies[i] = 1 + static_cast<uint32_t>(frequencies[i] * shared / sum);
      missing -= frequencies[i];
    }
    frequencies[best] += missing;
  }

  SymbolInterval Interval(float* logits, int n, int32_t symbol, uint32_t* scratch) const override {
    Frequencies(logits, n, scratch);
    return {std::accumulate(scratch, scratch + symbol, uint32_t{0}), scratch[symbol]};
  }
};

}  // namespace

std::unique_ptr<KernelSet> MakePlainKernels() { return std::make_unique<PlainKernels>(); }

}  // namespace occam
