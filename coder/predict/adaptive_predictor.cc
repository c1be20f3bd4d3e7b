#include "coder/predict/adaptive_predictor.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>

#include "coder/entropy/bit_model.h"
#include "coder/entropy/fixed_point.h"
#include "data/base/error.h"

namespace occam {
namespace {

// log2(1 + i / 4096) out of 65536, rounded down. A table, since every byte takes 16 logarithms.
struct Log2Table {
  static constexpr int kBits = 12;
  std::array<uint16_t, 1 << kBits> fraction{};
  constexpr Log2Table() {
    for (uint32_t i = 0; i < fraction.size(); ++i)
      fraction[i] = static_cast<uint16_t>(Log2((1u << kBits) + i, 16));
  }
};
constexpr Log2Table kLog2;

// log2(x) out of 65536 by the upper 13 bits of x; x >= 1.
int64_t TableLog2(uint32_t x) {
  const int exponent = std::bit_width(x) - 1;
  const uint32_t mantissa = exponent >= Log2Table::kBits ? x >> (exponent - Log2Table::kBits)
                                                         : x << (Log2Table::kBits - exponent);
  return int64_t{exponent} * 65536 + kLog2.fraction[mantissa & ((1u << Log2Table::kBits) - 1)];
}

// The logit of the odds one : zero, kLogitOne being 1.0, within kMaxLogit.
int LogitOf(uint32_t zero, uint32_t one) {
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
template <typename Logit, typename Choose, typename Watch>
SymbolInterval Code(AdaptiveMixer& mixer, int lane, Logit logit, Choose choose, Watch watch) {
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

constexpr auto kUnwatched = [](bool, int32_t) {};

// Gathers who decided a byte, bit by bit. Costs are out of 65536 bits.
class Watcher {
 public:
  void Add(const AdaptiveMixer& mixer, bool bit, int32_t probability) {
    mixer.AddEvidence(bit, &evidence_);
    mixed_ += CostOf(bit, probability);
    alone_ += CostOf(bit, mixer.NetworkAlone());
  }
  // The network, unless the others saved half a bit. Of them it is the one with the most evidence.
  Decider decider() const {
    constexpr int64_t kBit = 65536;
    if (mixed_ >= 8 * kBit) return Decider::kNone;
    if (2 * (alone_ - mixed_) < kBit) return Decider::kNetwork;
    const auto most = std::max_element(evidence_.begin() + 1, evidence_.end());
    return static_cast<Decider>(most - evidence_.begin());
  }

 private:
  static int64_t CostOf(bool bit, int32_t probability) {
    constexpr int64_t kWhole = 16 * 65536;
    return kWhole - TableLog2(static_cast<uint32_t>(bit ? probability : 65536 - probability));
  }

  AdaptiveMixer::Evidence evidence_{};
  int64_t mixed_ = 0;
  int64_t alone_ = 0;
};

}  // namespace

AdaptivePredictor::AdaptivePredictor(std::unique_ptr<NetworkPredictor> network)
    : network_(std::move(network)) {
  if (network_->vocabulary() != 256)
    throw UsageError("adaptive contexts are for models of bytes; this one's symbols are others");
}

void AdaptivePredictor::StartSegment(int lanes) {
  network_->StartSegment(lanes);
  mixer_.Start(lanes);
}

void AdaptivePredictor::Score(std::span<const std::span<const int32_t>> lanes,
                              std::span<const std::span<SymbolInterval>> intervals) {
  Mix(lanes, intervals, [](size_t, size_t) { return kUnwatched; });
}

void AdaptivePredictor::ScoreWithDeciders(std::span<const std::span<const int32_t>> lanes,
                                          std::span<const std::span<SymbolInterval>> intervals,
                                          std::span<const std::span<Decider>> deciders) {
  Mix(lanes, intervals, [&](size_t lane, size_t step) {
    return [&mixer = mixer_, watcher = Watcher(), &decider = deciders[lane][step]](
               bool bit, int32_t probability) mutable {
      watcher.Add(mixer, bit, probability);
      decider = watcher.decider();  // after the last bit of what it is
    };
  });
}

template <typename Watch>
void AdaptivePredictor::Mix(std::span<const std::span<const int32_t>> lanes,
                            std::span<const std::span<SymbolInterval>> intervals, Watch watch) {
  if (lanes.empty()) return;
  const size_t steps = lanes.front().size();
  paths_.resize(lanes.size() * steps);
  network_->ScoreTables(lanes, [&](size_t lane, size_t i, std::span<const uint32_t> frequencies) {
    const DecisionTree tree(frequencies);
    const auto byte = static_cast<uint32_t>(lanes[lane][i]);
    Path& path = paths_[lane * steps + i];
    for (uint32_t d = 0, leaves = 256; leaves > 1; leaves /= 2, ++d)
      path[d] = static_cast<int16_t>(tree.Logit(byte & ~(leaves - 1), leaves));
  });
  for (size_t step = 0; step < steps; ++step) {
    for (size_t lane = 0; lane < lanes.size() && step < lanes[lane].size(); ++lane) {
      const auto byte = static_cast<uint32_t>(lanes[lane][step]);
      const int16_t* logit = paths_[lane * steps + step].data();
      int shift = 8;
      intervals[lane][step] = Code(
          mixer_, static_cast<int>(lane), [&](uint32_t, uint32_t) { return *logit++; },
          [&](uint32_t) { return (byte >> --shift & 1) != 0; }, watch(lane, step));
    }
  }
}

void AdaptivePredictor::Decode(RangeDecoder& decoder, std::span<int32_t> symbols) {
  frequencies_.resize(symbols.size() * 256);
  network_->Step(symbols, frequencies_);
  for (size_t lane = 0; lane < symbols.size(); ++lane) {
    const DecisionTree tree{std::span(frequencies_).subspan(lane * 256, 256)};
    const uint32_t target = decoder.Target();
    int32_t byte = 0;
    decoder.Advance(Code(
        mixer_, static_cast<int>(lane),
        [&](uint32_t first, uint32_t leaves) { return tree.Logit(first, leaves); },
        [&](uint32_t split) {
          byte = byte * 2 + (target >= split ? 1 : 0);
          return target >= split;
        },
        kUnwatched));
    symbols[lane] = byte;
  }
}

}  // namespace occam
