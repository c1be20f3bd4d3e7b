// An adaptive model of bytes that sits beside a network: what the segment's own past says of the
// next bit, mixed with what the network says. The network knows the language, this one the names
// and phrases of the text at hand. Integers only, so the same on every machine.
//
// A byte is eight binary decisions, most significant bit first. Besides the network's logit there
// are predictions by the four and by the six bytes before, by the word so far, by it and the word
// before, each from a table by hash; and by what followed the last place with the same eight bytes
// before it. Two sets of weights, one chosen by how much is known, one by the bits so far, mix them
// in the logistic domain and learn (Mahoney, 2005, "Adaptive weighing of context models for
// lossless data compression", section 3.2); half of the result is corrected by how such results
// fared after these three bytes (secondary estimation, as in Mahoney's PAQ7). All lanes share
// tables and weights, in the order of coding.
#ifndef OCCAM_CODER_PREDICT_ADAPTIVE_MIXER_H_
#define OCCAM_CODER_PREDICT_ADAPTIVE_MIXER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "coder/entropy/bit_model.h"

namespace occam {

// Takes some 140 MB, of which a short segment touches little.
class AdaptiveMixer {
 public:
  // Forgets everything.
  void Start(int lanes);

  // For each byte of a lane: StartByte, then Predict and Learn for each of its eight bits.
  void StartByte(int lane);
  // The probability of a 1, out of 65536, in [1, 65535]. `network_logit` (kLogitOne is 1.0) is
  // clamped to kMaxLogit.
  int32_t Predict(int network_logit);
  void Learn(bool bit);

 private:
  static constexpr size_t kContexts = 4;
  static constexpr size_t kInputs = kContexts + 3;  // network, contexts, match, constant
  using Weights = std::array<int32_t, kInputs>;     // out of 65536

  // Of half a byte after one context: which it is, then the cells of its 15 decisions [1, 16).
  struct alignas(32) Slot {
    std::array<uint16_t, 16> cells;
  };
  // Slots of zeros, on which time and memory are spent only where they are touched.
  class Table {
   public:
    void Clear();
    Slot& Find(uint32_t hash);
    void Prefetch(uint32_t hash) const;

   private:
    struct Free {
      void operator()(void* memory) const;
    };
    std::unique_ptr<void, Free> memory_;
    Slot* slots_ = nullptr;
  };
  using Hashes = std::array<uint32_t, kContexts>;
  struct Lane {
    uint64_t past = 0;  // bytes, the last one lowest
    uint32_t word = 0;  // hash of the letters since the last other byte
    uint32_t word_before = 0;
    std::vector<uint8_t> bytes;
    Hashes hashes{};  // of what the next byte is predicted by
    // Where the predicted byte stands, and how many bytes before it agree; 0: nowhere.
    uint32_t match_lane = 0;
    uint32_t match_step = 0;
    int match_length = 0;
  };
  struct Place {
    uint32_t lane = 0;
    uint32_t step = 0;  // 0: none
  };

  void SetContexts(Lane* lane);
  int ExpectedByte() const;  // -1: none
  void FindMatch(Lane* lane);
  void EndByte();

  std::array<Table, kContexts> tables_;
  std::vector<Weights> by_knowledge_;
  std::vector<Weights> by_node_;
  std::vector<uint16_t> corrections_;  // [hash of 3 bytes and node][place on the logit scale]
  std::vector<uint32_t> match_cells_;  // by length: that the bit is as expected
  std::vector<Place> places_;          // by hash of eight bytes
  std::vector<Lane> lanes_;

  // Of the byte at work.
  size_t lane_ = 0;
  uint32_t node_ = 1;  // a one, then its bits so far
  int expected_ = -1;
  std::array<Slot*, kContexts> slots_{};
  // Of the bit at work.
  std::array<uint16_t*, kContexts> cells_{};
  std::array<int32_t, kInputs> inputs_{};
  std::array<Weights*, 2> weights_{};
  std::array<int32_t, 2> mixed_{};  // probabilities by each set of weights
  uint16_t* correction_ = nullptr;  // this one and the next are nearest
  int expected_bit_ = -1;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_ADAPTIVE_MIXER_H_
