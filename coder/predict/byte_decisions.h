// A byte as eight binary decisions, which a mixer predicts one by one: what is common to the
// predictors that mix.
#ifndef OCCAM_CODER_PREDICT_BYTE_DECISIONS_H_
#define OCCAM_CODER_PREDICT_BYTE_DECISIONS_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "coder/entropy/bit_model.h"
#include "coder/entropy/fixed_point.h"
#include "data/base/frequency.h"

namespace occam {

// log2(1 + i / 4096) out of 65536, rounded down. A table, since every byte takes 16 logarithms.
struct Log2Table {
  static constexpr int kBits = 12;
  std::array<uint16_t, 1 << kBits> fraction{};
  constexpr Log2Table() {
    for (uint32_t i = 0; i < fraction.size(); ++i)
      fraction[i] = static_cast<uint16_t>(Log2((1u << kBits) + i, 16));
  }
};
inline constexpr Log2Table kLog2;

// log2(x) out of 65536 by the upper 13 bits of x; x >= 1.
inline int64_t TableLog2(uint32_t x) {
  const int exponent = std::bit_width(x) - 1;
  const uint32_t mantissa = exponent >= Log2Table::kBits ? x >> (exponent - Log2Table::kBits)
                                                         : x << (Log2Table::kBits - exponent);
  return int64_t{exponent} * 65536 + kLog2.fraction[mantissa & ((1u << Log2Table::kBits) - 1)];
}

// The logit of the odds one : zero, kLogitOne being 1.0, within kMaxLogit.
inline int LogitOf(uint32_t zero, uint32_t one) {
  constexpr int64_t kLn2 = 45426;  // out of 65536
  const int64_t logit = (TableLog2(one) - TableLog2(zero)) * kLn2 / (65536 * (65536 / kLogitOne));
  return static_cast<int>(std::clamp<int64_t>(logit, -kMaxLogit, kMaxLogit));
}

// The frequencies of 256 bytes as sums over the ranges that binary decisions leave.
class DecisionTree {
 public:
  explicit DecisionTree(std::span<const uint32_t> frequencies) {
    for (size_t i = 0; i < 256; ++i) below_[i + 1] = below_[i] + frequencies[i];
  }
  // The logit of the next decision where those before left the bytes [first, first + leaves).
  int Logit(uint32_t first, uint32_t leaves) const {
    const uint32_t middle = below_[first + leaves / 2];
    return LogitOf(middle - below_[first], below_[first + leaves] - middle);
  }

 private:
  std::array<uint32_t, 257> below_{};
};

// Codes a byte by its eight decisions and returns its interval. logit(first, leaves) is the
// network's logit of the next decision; choose(split) tells whether it is 1, which is the part of
// the interval from `split` on. watch(bit, p) is told it before the mixer is, with the probability
// that a 1 had.
template <typename Mixer, typename Logit, typename Choose, typename Watch>
SymbolInterval CodeByte(Mixer& mixer, int lane, Logit logit, Choose choose, Watch watch) {
  SymbolInterval interval{0, kFrequencyTotal};
  uint32_t first = 0;
  mixer.StartByte(lane);
  for (uint32_t leaves = 256; leaves > 1; leaves /= 2) {
    const int32_t probability = mixer.Predict(logit(first, leaves));
    const uint32_t split = SplitOf(interval.size, leaves, probability);
    const bool bit = choose(interval.start + split);
    if (bit) {
      interval.start += split;
      first += leaves / 2;
    }
    interval.size = bit ? interval.size - split : split;
    watch(bit, probability);
    mixer.Learn(bit);
  }
  return interval;
}

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_BYTE_DECISIONS_H_
