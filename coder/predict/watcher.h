// Who decided a byte that a mixer predicts, bit by bit.
#ifndef OCCAM_CODER_PREDICT_WATCHER_H_
#define OCCAM_CODER_PREDICT_WATCHER_H_

#include <algorithm>
#include <cstdint>

#include "coder/predict/byte_decisions.h"
#include "coder/predict/predictor.h"

namespace occam {

// The function that CodeByte tells bits to where nobody asks.
constexpr auto kUnwatched = [](bool, int32_t) {};

// Costs are out of 65536 bits.
template <typename Mixer>
class Watcher {
 public:
  void Add(const Mixer& mixer, bool bit, int32_t probability) {
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

  typename Mixer::Evidence evidence_{};
  int64_t mixed_ = 0;
  int64_t alone_ = 0;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_WATCHER_H_
