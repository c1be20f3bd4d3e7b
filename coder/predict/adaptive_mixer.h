// An adaptive model of bytes beside a network. It mixes what the segment's past says of the next
// bit with what the network says. The network knows the language, this one the names and phrases of
// the text at hand. It computes in integers alone, the same on every machine.
//
// A byte is eight binary decisions, most significant bit first. Each has seven predictions, which
// are numbers on the logistic scale:
//   - the network's;
//   - four by contexts: the four and the six bytes before, the word so far, and this with the word
//     before (slot_table.h);
//   - one by the last place with the same eight bytes before it (repeat_finder.h);
//   - a constant.
// Two sets of weights mix them and learn (Mahoney, 2005, "Adaptive weighing of context models for
// lossless data compression", section 3.2). One set is chosen by how much is known, the other by
// the bits so far. Half of the result is corrected by how such results fared after the same three
// bytes (secondary symbol estimation, as in Mahoney's PAQ7, 2005, and lpaq1, 2007). All lanes share
// tables and weights, in the order of coding.
#ifndef OCCAM_CODER_PREDICT_ADAPTIVE_MIXER_H_
#define OCCAM_CODER_PREDICT_ADAPTIVE_MIXER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "coder/entropy/bit_model.h"
#include "coder/predict/repeat_finder.h"
#include "coder/predict/slot_table.h"

namespace occam {

// The most that a mixer takes beside the bytes of the segment; a short one touches little of it.
constexpr uint64_t kAdaptiveMixerBytes = 150'000'000;

class AdaptiveMixer {
 public:
  // Forgets everything.
  void Start(int lanes);

  // Called for each byte of a lane: StartByte, then Predict and Learn for each of its eight bits.
  void StartByte(int lane);
  // The probability of a 1, out of 65536, in [1, 65535]. `network_logit` (kLogitOne is 1.0) is
  // clamped to kMaxLogit.
  int32_t Predict(int network_logit);
  void Learn(bool bit);

  // Evidence for a byte by Decider, kNone apart. It is what each adds to the mixture's logits for
  // the bits that came. Its 1.0 is 2 * 65536 * kLogitOne.
  using Evidence = std::array<int64_t, 4>;
  // Adds what the bit `bit` would be worth; to be called between Predict and Learn.
  void AddEvidence(bool bit, Evidence* evidence) const;
  // The probability of a 1 by the network alone, as Predict tells the mixture's.
  int32_t NetworkAlone() const;

 private:
  static constexpr size_t kContexts = 4;
  // The places of the predictions among the inputs of the mixer.
  static constexpr size_t kNetworkInput = 0;
  static constexpr size_t kContextInput = 1;  // the first of kContexts
  static constexpr size_t kRepeatInput = kContextInput + kContexts;
  static constexpr size_t kConstantInput = kRepeatInput + 1;
  static constexpr size_t kInputs = kConstantInput + 1;
  static constexpr size_t kSets = 2;             // of weights that are at work for a bit
  using Weights = std::array<int32_t, kInputs>;  // out of 65536

  struct Lane {
    uint64_t past = 0;  // the last eight bytes, the last one lowest
    uint32_t word = 0;  // hash of the letters since the last other byte; 0: there are none
    uint32_t word_before = 0;
    std::array<uint32_t, kContexts> hashes{};  // of the contexts of the next byte
  };

  static void ReadLetter(uint8_t byte, Lane* lane);
  void SetContexts(Lane* lane);

  // The steps of Predict, in their order.
  void FindSlots(uint32_t salt);
  size_t PredictByContexts(int depth);
  void ChooseWeights(size_t contexts_seen);
  int Mix();
  int32_t Correct(int logit);
  // The steps of Learn.
  void LearnWeights(bool bit);
  void LearnCorrection(bool bit);
  void EndByte();

  std::array<SlotTable, kContexts> tables_;
  RepeatFinder repeats_;
  std::vector<Weights>
      by_knowledge_;              // [certainty of the repetition][contexts seen][of the network]
  std::vector<Weights> by_node_;  // [256]
  std::vector<uint16_t> corrections_;  // [hash of 3 bytes and node][point on the logit scale]
  std::vector<Lane> lanes_;

  // The byte at work.
  Lane* lane_ = nullptr;
  uint32_t node_ = 1;  // a one, then its bits so far
  std::array<SlotTable::Slot*, kContexts> slots_{};
  // The bit at work.
  std::array<uint16_t*, kContexts> cells_{};
  std::array<int32_t, kInputs> inputs_{};
  std::array<Weights*, kSets> weights_{};
  std::array<int32_t, kSets> mixed_{};  // probabilities by each set of weights
  uint16_t* correction_ = nullptr;      // this point and the next are nearest
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_ADAPTIVE_MIXER_H_
