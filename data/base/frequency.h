// The frequencies that a predictor hands to a range coder: whole numbers that sum to 2^24
// (docs/spec/contract.md, section 7).
#ifndef OCCAM_DATA_BASE_FREQUENCY_H_
#define OCCAM_DATA_BASE_FREQUENCY_H_

#include <cstdint>

namespace occam {

constexpr int kFrequencyBits = 24;
constexpr uint32_t kFrequencyTotal = 1u << kFrequencyBits;

// A symbol's share of [0, kFrequencyTotal): `start` is the sum of the frequencies of all smaller
// symbols.
struct SymbolInterval {
  uint32_t start = 0;
  uint32_t size = 0;  // at least 1
};

}  // namespace occam

#endif  // OCCAM_DATA_BASE_FREQUENCY_H_
