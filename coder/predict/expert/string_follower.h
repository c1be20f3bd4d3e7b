// Finds earlier places with the same bytes before them and follows them: what came there next is
// expected here. Differing bytes in between do not end it at once.
#ifndef OCCAM_CODER_PREDICT_EXPERT_STRING_FOLLOWER_H_
#define OCCAM_CODER_PREDICT_EXPERT_STRING_FOLLOWER_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coder/entropy/bit_model.h"
#include "data/base/large_pages.h"

namespace occam {

// All lanes share the places; each follows one of them. Lanes may start a byte and predict its bits
// side by side; whatever learns is called by one thread at a time.
class StringFollower {
 public:
  // The bytes of each lane so far.
  using LaneBytes = std::span<const std::span<const uint8_t>>;

  // Looks for strings of 64 / `shift` bytes, rounded up.
  explicit StringFollower(int shift) : shift_(shift), shortest_((63 + shift) / shift) {}

  static uint64_t MemoryBytes(uint64_t bytes, int most_place_bits) {
    return sizeof(uint32_t) << PlaceBits(bytes, most_place_bits);
  }

  // Forgets everything, for lanes that have so many bytes in all, and 2^most_place_bits places at
  // most.
  void Start(size_t lanes, uint64_t bytes, int most_place_bits);

  // Called for each byte of a lane: StartByte, then for its bits ExpectedBit and Learn, then
  // EndByte, once all[lane] has the byte.
  void StartByte(LaneBytes all, size_t lane);
  // Returns the expected bit, or -1. `node` is a one and then the `depth` bits of the byte so far.
  int ExpectedBit(size_t lane, uint32_t node, int depth) const {
    const int expected = lanes_[lane].expected;
    const bool follows =
        expected >= 0 && static_cast<uint32_t>(expected | 256) >> (8 - depth) == node;
    return follows ? expected >> (7 - depth) & 1 : -1;
  }
  // The probability that the expected bit is right, out of 2^22.
  int32_t Trust(size_t lane) const { return WideCell::Probability(cells_[lanes_[lane].cell]); }
  // Learns that an expected bit, if there was one, was followed by another one.
  void Learn(size_t lane, int expected_bit, bool bit) {
    if (expected_bit >= 0)
      WideCell::Learn(&cells_[lanes_[lane].cell], (expected_bit == 1) == bit, kCountLimit);
  }
  void EndByte(LaneBytes all, size_t lane, uint8_t byte);
  // Brings into the cache what EndByte will need for this byte.
  void Prefetch(size_t lane, uint8_t byte) const {
    __builtin_prefetch(&places_[HashAfter(lanes_[lane], byte) >> (64 - place_bits_)], 1);
  }

  int expected(size_t lane) const { return lanes_[lane].expected; }  // byte, or -1
  // The number of bytes before it that agree, in steps: 0 where nothing is expected, kSteps at
  // most.
  uint32_t length_step(size_t lane) const {
    return lanes_[lane].expected < 0 ? 0 : 1 + lanes_[lane].step;
  }
  static constexpr uint32_t kSteps = 32;

 private:
  struct Place {
    uint32_t lane = 0;
    uint32_t step = 0;  // 0: none
  };
  struct alignas(64) Lane {
    Place from;  // of the expected byte; step 0: nowhere
    uint32_t length = 0;
    uint32_t missed = 0;  // differing bytes lately
    uint64_t hash = 0;    // of the last bytes
    // The byte at work.
    int expected = -1;
    uint32_t step = 0;  // of the length
    size_t cell = 0;
  };

  static constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio
  // A byte is shifted on with each later one, and at last out of the word.
  uint64_t HashAfter(const Lane& lane, uint8_t byte) const {
    return (lane.hash + byte + 1) * (kGolden << shift_);
  }

  static int PlaceBits(uint64_t bytes, int most_bits);
  static uint32_t StepOf(uint32_t length);

  int shift_;
  size_t shortest_;
  int place_bits_ = 0;
  int step_bits_ = 0;
  // A step, and above its step_bits_ the lane.
  std::vector<uint32_t, LargePageAllocator<uint32_t>> places_;
  std::vector<Lane> lanes_;
  std::array<uint32_t, kSteps * 4> cells_{};  // [step of length][missed]
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_EXPERT_STRING_FOLLOWER_H_
