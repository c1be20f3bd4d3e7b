#include "coder/order2_model.h"

#include <algorithm>
#include <cstddef>

namespace occam {
namespace {

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
constexpr LogisticTables kLogistic;

int32_t Squash(int64_t logit) {
  const int64_t clamped = std::clamp<int64_t>(logit, -kMaxLogit, kMaxLogit);
  return kLogistic.squash[static_cast<size_t>(clamped + kMaxLogit)];
}

// A cell is a probability of a 1 in the upper 22 bits and a count of what it has seen below: it
// moves by 1 / (count + 1.5) of the way, so that it is the mean at first and follows later.
constexpr int kCountBits = 10;
constexpr uint32_t kCountMask = (1u << kCountBits) - 1;
constexpr uint32_t kFreshCell = 1u << 31;
constexpr int kCountLimit = 255;

struct RateTable {
  std::array<int32_t, kCountLimit + 1> rate{};  // out of 65536
  constexpr RateTable() {
    for (int i = 0; i <= kCountLimit; ++i) rate[static_cast<size_t>(i)] = 2 * 65536 / (2 * i + 3);
  }
};
constexpr RateTable kRates;

void Learn(uint32_t* cell, bool bit, uint32_t limit) {
  const uint32_t count = *cell & kCountMask;
  const auto probability = static_cast<int32_t>(*cell >> kCountBits);
  const int32_t target = bit ? (1 << 22) - 1 : 0;
  const int64_t move = int64_t{target - probability} * kRates.rate[count] >> 16;
  *cell = (static_cast<uint32_t>(probability + static_cast<int32_t>(move)) << kCountBits) |
          (count < limit ? count + 1 : count);
}

int Stretch(uint32_t cell) { return kLogistic.stretch[cell >> 20]; }

// Chosen on Wikipedia text and the Canterbury corpus: few observations are enough to trust two
// bytes of the past, and data changes.
constexpr std::array<uint32_t, 3> kLimits = {255, 60, 30};
constexpr int32_t kInitialWeight = 22000;  // out of 65536; a third each
constexpr int32_t kMaxWeight = 1 << 24;
constexpr int kWeightShift = 14;

// How much a cell has seen chooses the set of weights.
int Confidence(uint32_t cell) {
  const uint32_t count = cell & kCountMask;
  return count == 0 ? 0 : count < 3 ? 1 : count < 12 ? 2 : 3;
}

}  // namespace

Order2Model::Order2Model()
    : order0_(256), order1_(256 * 256), order2_(size_t{1} << kSlotBits), weights_(4 * 256) {}

void Order2Model::StartSegment(int lanes) {
  std::fill(order0_.begin(), order0_.end(), kFreshCell);
  std::fill(order1_.begin(), order1_.end(), kFreshCell);
  std::fill(order2_.begin(), order2_.end(), Slot{});
  std::fill(weights_.begin(), weights_.end(),
            Weights{{kInitialWeight, kInitialWeight, kInitialWeight}});
  pasts_.assign(static_cast<size_t>(lanes), 0);
}

Order2Model::Slot* Order2Model::FindSlot(uint32_t context) {
  const uint32_t hash = context * 0x9e3779b1u;
  Slot* slot = &order2_[hash >> (32 - kSlotBits)];
  if (slot->cells[0] != context) {
    slot->cells.fill(kFreshCell);
    slot->cells[0] = context;
  }
  return slot;
}

template <typename Choose>
SymbolInterval Order2Model::Code(uint32_t past, Choose choose) {
  SymbolInterval interval{0, kFrequencyTotal};
  uint32_t* const cells1 = &order1_[(past & 0xff) * 256];
  Slot* slot = nullptr;
  uint32_t node = 1;  // a one, then the bits of this byte so far
  for (uint32_t leaves = 256; leaves > 1; leaves /= 2) {
    if (leaves == 256) slot = FindSlot((1u << 24) | (past & 0xffff));
    if (leaves == 16) slot = FindSlot((node << 25) | (past & 0xffff));  // node is 16 to 31
    const uint32_t half = leaves > 16 ? 1 : 16 / leaves;
    const uint32_t half_node = leaves > 16 ? node : half | (node & (half - 1));
    uint32_t* const cells[kOrders] = {&order0_[node], &cells1[node], &slot->cells[half_node]};

    std::array<int32_t, kOrders> inputs;
    int64_t sum = 0;
    Weights& weights = weights_[static_cast<size_t>(Confidence(*cells[2])) * 256 + node];
    for (size_t i = 0; i < kOrders; ++i) {
      inputs[i] = Stretch(*cells[i]);
      sum += int64_t{weights.values[i]} * inputs[i];
    }
    const int32_t probability = Squash(sum >> 16);

    // Each side gets the room of its leaves, then its share of the rest.
    const uint64_t rest = interval.size - leaves;
    const uint32_t split =
        leaves / 2 + static_cast<uint32_t>(rest * static_cast<uint64_t>(65536 - probability) >> 16);
    const bool bit = choose(interval.start + split);
    if (bit) interval.start += split;
    interval.size = bit ? interval.size - split : split;

    const int32_t error = (bit ? 65536 : 0) - probability;
    for (size_t i = 0; i < kOrders; ++i) {
      const int32_t move = (inputs[i] * error + (1 << (kWeightShift - 1))) >> kWeightShift;
      weights.values[i] = std::clamp(weights.values[i] + move, -kMaxWeight, kMaxWeight);
      Learn(cells[i], bit, kLimits[i]);
    }
    node = node * 2 + (bit ? 1 : 0);
  }
  return interval;
}

void Order2Model::Score(std::span<const std::span<const int32_t>> lanes,
                        std::span<const std::span<SymbolInterval>> intervals) {
  size_t active = lanes.size();
  for (size_t step = 0;; ++step) {
    while (active > 0 && lanes[active - 1].size() <= step) --active;
    if (active == 0) return;
    for (size_t lane = 0; lane < active; ++lane) {
      const auto symbol = static_cast<uint32_t>(lanes[lane][step]);
      int shift = 8;
      intervals[lane][step] =
          Code(pasts_[lane], [&](uint32_t) { return (symbol >> --shift & 1) != 0; });
      pasts_[lane] = (pasts_[lane] << 8) | symbol;
    }
  }
}

void Order2Model::Decode(RangeDecoder& decoder, std::span<int32_t> symbols) {
  for (size_t lane = 0; lane < symbols.size(); ++lane) {
    const uint32_t target = decoder.Target();
    uint32_t symbol = 0;
    decoder.Advance(Code(pasts_[lane], [&](uint32_t split) {
      symbol = symbol * 2 + (target >= split ? 1 : 0);
      return target >= split;
    }));
    symbols[lane] = static_cast<int32_t>(symbol);
    pasts_[lane] = (pasts_[lane] << 8) | symbol;
  }
}

}  // namespace occam
