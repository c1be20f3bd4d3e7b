// The definition of these steps: scalar loops in the order of the page. The compiler may make
// vectors of them, since no sum of floats is among them.
#include "model/exact/llama_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "model/exact/contract.h"
#include "model/exact/kernels.h"

namespace occam {
namespace {

using contract::Exp2;
using contract::RoundToInt;

float LargestMagnitude(const float* x, int n) {
  float a = 0.0f;
  for (int i = 0; i < n; ++i) a = std::max(a, std::fabs(x[i]));
  return a;
}

float Silu(float x) { return x / (1.0f + Exp2(-(x * contract::kLog2E))); }

// The approximation by the hyperbolic tangent (Hendrycks and Gimpel, 2016), as a sigmoid. A cube
// beyond all floats is infinite, and clamped in the exponential.
float Gelu(float x) {
  const float square = x * x;
  const float cube = square * x;
  const float bent = cube * contract::kGeluCube;
  const float inner = x + bent;
  return x / (1.0f + Exp2(-(inner * contract::kGeluLog2)));
}

// put(i, code) for codes to +-most; returns their scale.
template <typename Put>
float WideCodes(const float* x, int n, float most, const Put& put) {
  const float a = LargestMagnitude(x, n);
  if (a < contract::kSmallest) {
    for (int i = 0; i < n; ++i) put(i, 0);
    return 0.0f;
  }
  const float r = most / a;
  for (int i = 0; i < n; ++i) put(i, RoundToInt(x[i] * r));
  return a / most;
}

float PlanesOf(const float* x, int n, int8_t* high, int8_t* low) {
  return WideCodes(x, n, contract::kWideCode, [&](int i, int32_t code) {
    const int32_t upper = (code + 64) >> 7;
    high[i] = static_cast<int8_t>(upper);
    low[i] = static_cast<int8_t>(code - 128 * upper);
  });
}

// Codes of a value, clamped to `most`.
template <typename Code>
void ValueCodes(const float* x, float inverse_scale, float most, int n, Code* codes) {
  for (int i = 0; i < n; ++i) {
    const float scaled = x[i] * inverse_scale;
    codes[i] = static_cast<Code>(RoundToInt(std::min(std::max(scaled, -most), most)));
  }
}

class PlainLlamaKernels final : public LlamaKernels {
 public:
  void NormWithEpsilon(const float* x, const float* gain, float epsilon, int rows, int n,
                       float* y) const override {
    const int stride = RoundUp(n, kFloatPad);
    for (int r = 0; r < rows; ++r) NormHead(x + r * stride, gain, epsilon, n, y + r * stride);
  }

  void GateToPlanes(float* rows_of_gates, int rows, int n, int8_t* high, int8_t* low,
                    float* scales) const override {
    for (int r = 0; r < rows; ++r) {
      float* const gates = rows_of_gates + r * RoundUp(2 * n, kFloatPad);
      for (int i = 0; i < n; ++i) gates[i] = Silu(gates[i]) * gates[n + i];
      const int at = r * RoundUp(n, kCodePad);
      scales[r] = PlanesOf(gates, n, high + at, low + at);
    }
  }

  void GeluToPlanes(float* inner, const float* bias, int rows, int n, int8_t* high, int8_t* low,
                    float* scales) const override {
    for (int r = 0; r < rows; ++r) {
      float* const x = inner + r * RoundUp(n, kFloatPad);
      for (int i = 0; i < n; ++i) {
        const float sum = x[i] + bias[i];
        x[i] = Gelu(sum);
      }
      const int at = r * RoundUp(n, kCodePad);
      scales[r] = PlanesOf(x, n, high + at, low + at);
    }
  }

  void ToPlanes(const float* x, int rows, int n, int8_t* high, int8_t* low,
                float* scales) const override {
    for (int r = 0; r < rows; ++r) {
      const int at = r * RoundUp(n, kCodePad);
      scales[r] = PlanesOf(x + r * RoundUp(n, kFloatPad), n, high + at, low + at);
    }
  }

  void AddBias(const float* bias, int rows, int n, int stride, float* x) const override {
    for (int r = 0; r < rows; ++r, x += stride) {
      for (int i = 0; i < n; ++i) x[i] = x[i] + bias[i];
    }
  }

  // Slot by slot: [capacity][head_size].
  void Store(const int8_t* key, const int8_t* value, const LlamaCache& cache,
             int slot) const override {
    const size_t at = static_cast<size_t>(slot) * static_cast<size_t>(cache.head_size);
    std::copy_n(key, cache.head_size, cache.keys + at);
    std::copy_n(value, cache.head_size, cache.values + at);
  }

  void Attend(std::span<const LlamaQuery> queries, const LlamaCache& cache, float value_factor,
              const LlamaScratch& scratch) const override {
    for (const LlamaQuery& query : queries) AttendOne(query, cache, value_factor, scratch);
  }

 private:
  static void AttendOne(const LlamaQuery& query, const LlamaCache& cache, float value_factor,
                        const LlamaScratch& scratch) {
    const int n = cache.head_size;
    const int count = static_cast<int>(query.last - query.first + 1);
    const auto slot = [&](int i) {
      return static_cast<size_t>((query.first + i) % cache.capacity);
    };
    float largest = 0.0f;
    for (int i = 0; i < count; ++i) {
      const size_t at = slot(i);
      const int8_t* const key = cache.keys + at * static_cast<size_t>(n);
      int32_t product = 0;
      for (int k = 0; k < n; ++k) product += query.codes[k] * key[k];
      const float factor = query.factor * cache.key_scales[at];
      scratch.scores[i] = static_cast<float>(product) * factor;
      largest = i == 0 ? scratch.scores[0] : std::max(largest, scratch.scores[i]);
    }
    int32_t terms = 0;
    for (int i = 0; i < count; ++i) {
      constexpr float kMost = contract::kMaxTerm;
      const int32_t term =
          contract::AttentionTerm(RoundToInt(std::min(largest - scratch.scores[i], kMost)));
      terms += term;
      scratch.weights[i] = (term + 4) >> 3;
    }
    const float scale = value_factor / static_cast<float>(terms);
    int32_t sums[256] = {};
    for (int i = 0; i < count; ++i) {
      const int32_t weight = scratch.weights[i];
      if (weight == 0) continue;
      const int8_t* const value = cache.values + slot(i) * static_cast<size_t>(n);
      for (int k = 0; k < n; ++k) sums[k] += weight * value[k];
    }
    for (int k = 0; k < n; ++k) query.out[k] = static_cast<float>(sums[k]) * scale;
  }
};

}  // namespace

std::unique_ptr<LlamaKernels> MakePlainLlamaKernels() {
  return std::make_unique<PlainLlamaKernels>();
}

void NormHead(const float* x, const float* gain, float epsilon, int n, float* y) {
  const float a = LargestMagnitude(x, n);
  if (a < contract::kLeastNormed) {
    std::fill_n(y, n, 0.0f);
    return;
  }
  const float r = contract::kNormCode / a;
  int64_t sum = 0;
  for (int i = 0; i < n; ++i) {
    const int32_t t = RoundToInt(x[i] * r);
    sum += t * t;
  }
  const float inverse = contract::InverseSize(a, sum, n, epsilon);
  for (int i = 0; i < n; ++i) {
    const float normed = x[i] * inverse;
    y[i] = normed * gain[i];
  }
}

void QuantiseValue(const float* x, float inverse_scale, int n, int8_t* codes) {
  ValueCodes(x, inverse_scale, contract::kActivationCode, n, codes);
}

void QuantiseFineValue(const float* x, float inverse_scale, int n, int16_t* codes) {
  ValueCodes(x, inverse_scale, contract::kFineCode, n, codes);
}

float QuantiseFine(const float* x, int n, int16_t* codes) {
  return WideCodes(x, n, contract::kFineCode,
                   [&](int i, int32_t code) { codes[i] = static_cast<int16_t>(code); });
}

}  // namespace occam
