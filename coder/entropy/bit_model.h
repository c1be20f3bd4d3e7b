// Bits predicted by what was seen in their contexts, and several such predictions mixed. It
// computes in integers alone, and so is the same on every machine.
#ifndef OCCAM_CODER_ENTROPY_BIT_MODEL_H_
#define OCCAM_CODER_ENTROPY_BIT_MODEL_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace occam {

// Logistic numbers: kLogitOne is 1.0, that is odds of e. Probabilities are of a 1, out of 65536.
constexpr int kLogitOne = 256;
constexpr int kMaxLogit = 12 * kLogitOne - 1;
constexpr int kProbabilityBits = 16;

// squash(x) = 65536 / (1 + e^-x) and its inverse, built in integers.
struct LogisticTables {
  std::array<uint16_t, 2 * kMaxLogit + 1> squash{};
  std::array<int16_t, 4096> stretch{};

  constexpr LogisticTables() {
    constexpr uint64_t kStep = 4311777217u;  // e^(1/256), out of 2^32
    uint64_t power = uint64_t{1} << 32;      // e^(i/256) / 2^shift, out of 2^32
    int shift = 0;
    for (int i = 0; i <= kMaxLogit; ++i) {
      // e^x / (1 + e^x), with numerator and denominator out of 2^(32 - shift).
      const uint64_t one = (uint64_t{1} << 32) >> shift;
      const uint64_t p =
          std::clamp<uint64_t>((power << kProbabilityBits) / (power + one), 1, 65535);
      squash[static_cast<size_t>(kMaxLogit + i)] = static_cast<uint16_t>(p);
      squash[static_cast<size_t>(kMaxLogit - i)] = static_cast<uint16_t>(65536 - p);
      power = (power * (kStep >> 2)) >> 30;
      if (power >= uint64_t{1} << 33) {
        power >>= 1;
        ++shift;
      }
    }
    int logit = -kMaxLogit;
    for (int i = 0; i < 4096; ++i) {
      const int p = 16 * i + 8;
      while (logit < kMaxLogit && squash[static_cast<size_t>(kMaxLogit + logit)] < p) ++logit;
      stretch[static_cast<size_t>(i)] = static_cast<int16_t>(logit);
    }
  }
};
inline constexpr LogisticTables kLogistic;

inline int32_t Squash(int64_t logit) {
  const int64_t clamped = std::clamp<int64_t>(logit, -kMaxLogit, kMaxLogit);
  return kLogistic.squash[static_cast<size_t>(clamped + kMaxLogit)];
}

// The most observations that any cell's memory holds.
constexpr int kCountLimit = 255;

// The rate of a cell that has seen n bits is 1 / (n + 1.5), out of 65536. So a probability is the
// mean of what was seen, two thirds of a bit of either kind put before it. At last the limit keeps
// the rate where it is (Mahoney's StateMap in lpaq1 and PAQ8 has the same rates).
struct RateTable {
  std::array<int32_t, kCountLimit + 1> rate{};
  constexpr RateTable() {
    for (int i = 0; i <= kCountLimit; ++i) rate[static_cast<size_t>(i)] = 2 * 65536 / (2 * i + 3);
  }
};
inline constexpr RateTable kRates;

// A cell predicts one bit in one context. Its upper bits are the probability of a 1, those below
// count what it has seen. There are two widths of one rule. Tables of millions of cells are as fast
// as the processor's cache holds them; narrow cells need half of it. A narrow probability stands
// for the middle of its step; a wide one has no step to speak of.
template <typename Word, int kKeptBits>
struct BitCell {
  static constexpr int kCountBits = 8 * static_cast<int>(sizeof(Word)) - kKeptBits;
  static constexpr uint32_t kCountMask = (1u << kCountBits) - 1;
  static constexpr Word kFresh = Word{1} << (8 * sizeof(Word) - 1);  // 1/2, nothing seen

  static uint32_t Count(Word cell) { return cell & kCountMask; }

  // The probability out of 2^22, of which kDropped bits are not kept.
  static constexpr int kDropped = 22 - kKeptBits;
  static int32_t Probability(Word cell) {
    constexpr int32_t kMiddle = (1 << kDropped) >> 1;
    return (static_cast<int32_t>(cell >> kCountBits) << kDropped) + kMiddle;
  }

  // The probability as a logistic number.
  static int Stretch(Word cell) {
    return kLogistic.stretch[static_cast<size_t>(Probability(cell) >> 10)];
  }

  // `limit`, at most kCountLimit and kCountMask, is how many observations its memory holds.
  static void Learn(Word* cell, bool bit, uint32_t limit) {
    const uint32_t count = Count(*cell);
    const int32_t probability = Probability(*cell);
    const int32_t target = bit ? (1 << 22) - 1 : 0;
    const int64_t move = int64_t{target - probability} * kRates.rate[count] >> 16;
    const auto moved = static_cast<uint32_t>(probability + static_cast<int32_t>(move)) >> kDropped;
    *cell = static_cast<Word>((moved << kCountBits) | (count < limit ? count + 1 : count));
  }
};
using WideCell = BitCell<uint32_t, 22>;    // counts to 1023
using NarrowCell = BitCell<uint16_t, 11>;  // counts to 31

// The place where a decision cuts an interval of this size that `leaves` symbols share. It is 1,
// which is the upper part, with this probability. Each side gets the room of its leaves, at least 1
// each, then its share of the rest.
inline uint32_t SplitOf(uint32_t size, uint32_t leaves, int32_t probability) {
  const uint64_t rest = size - leaves;
  return leaves / 2 +
         static_cast<uint32_t>(rest * static_cast<uint64_t>(65536 - probability) >> 16);
}

// N predictions of one bit, mixed in the logistic domain by weights that learn (Mahoney, 2005,
// "Adaptive weighing of context models for lossless data compression", section 3.2). Does not own
// cells and weights.
template <size_t N>
class MixedBit {
 public:
  using Cells = std::array<uint32_t*, N>;
  using Weights = std::array<int32_t, N>;  // out of 65536

  MixedBit(const Cells& cells, Weights* weights) : cells_(cells), weights_(*weights) {
    int64_t sum = 0;
    for (size_t i = 0; i < N; ++i) {
      inputs_[i] = WideCell::Stretch(*cells[i]);
      sum += int64_t{weights_[i]} * inputs_[i];
    }
    probability_ = Squash(sum >> 16);
  }

  int32_t probability() const { return probability_; }  // of a 1, out of 65536

  void Update(bool bit, const std::array<uint32_t, N>& limits) {
    constexpr int32_t kMaxWeight = 1 << 24;
    constexpr int kShift = 14;
    const int32_t error = (bit ? 65536 : 0) - probability_;
    for (size_t i = 0; i < N; ++i) {
      const int32_t move = (inputs_[i] * error + (1 << (kShift - 1))) >> kShift;
      weights_[i] = std::clamp(weights_[i] + move, -kMaxWeight, kMaxWeight);
      WideCell::Learn(cells_[i], bit, limits[i]);
    }
  }

 private:
  Cells cells_;
  Weights& weights_;
  std::array<int32_t, N> inputs_;
  int32_t probability_;
};

}  // namespace occam

#endif  // OCCAM_CODER_ENTROPY_BIT_MODEL_H_
