// Draws symbols from what a predictor tells, in integers throughout: the same seed draws the same
// symbols on every machine, at any temperature.
#ifndef OCCAM_CODER_PREDICT_SYMBOL_SAMPLER_H_
#define OCCAM_CODER_PREDICT_SYMBOL_SAMPLER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "data/base/random.h"

namespace occam {

struct SamplerOptions {
  // Temperature in thousandths. Probabilities are raised to the power of 1 / temperature: below 1
  // the probable becomes more so; 0 takes the most probable symbol, the first of equals.
  uint32_t temperature_thousandths = 1000;
  int32_t top_k = 0;  // only the k most probable symbols, of equals the first; 0: all
  uint64_t seed = 1;
};

constexpr uint32_t kMaxTemperatureThousandths = 100000;

// Takes one random number a symbol. It is not thread-safe.
class SymbolSampler {
 public:
  // Throws kUsage where an option is out of range.
  explicit SymbolSampler(const SamplerOptions& options);

  // Symbol i with a probability proportional to frequencies[i]^(1 / temperature); frequencies, each
  // below 2^31, are not all 0. At a temperature of 1 these are the very frequencies that a range
  // coder would use. At others they are off by a millionth at most, or by 2^-32 of the largest.
  int32_t Draw(std::span<const uint32_t> frequencies);

  // The same where probabilities are 2^-bits[i]: a code's lengths.
  int32_t DrawByBits(std::span<const uint64_t> bits);

 private:
  int32_t DrawFromWeights();
  // Empties weights_ but for the top_k with the smallest costs_.
  void KeepBest();

  SamplerOptions options_;
  Random random_;
  std::vector<uint64_t> costs_;  // how improbable symbols are: in an order, of any unit
  std::vector<uint64_t> weights_;
  std::vector<int32_t> order_;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_SYMBOL_SAMPLER_H_
