// Finds earlier places with the same bytes before them and follows them: what came there next is
// expected here. Differing bytes in between do not end it at once.
#ifndef OCCAM_CODER_PREDICT_EXPERT_STRING_FOLLOWER_H_
#define OCCAM_CODER_PREDICT_EXPERT_STRING_FOLLOWER_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "coder/entropy/bit_model.h"
#include "data/base/large_pages.h"

namespace occam {

// All lanes share the places; each follows one of them.
class StringFollower {
 public:
  using Bytes = std::vector<uint8_t>;

  // Looks for strings of 64 / `shift` bytes, rounded up.
  explicit StringFollower(int shift) : shift_(shift), shortest_((63 + shift) / shift) {}

  static uint64_t MemoryBytes(uint64_t bytes, int most_place_bits) {
    return sizeof(uint32_t) << PlaceBits(bytes, most_place_bits);
  }

  // Forgets everything, for lanes that have so many bytes in all, and 2^most_place_bits places at
  // most.
  void Start(size_t lanes, uint64_t bytes, int most_place_bits);

  // Called for each byte of a lane: StartByte, then for its bits Predict and Learn, then EndByte,
  // once all[lane] has the byte. `all` are the bytes of all lanes so far.
  void StartByte(const std::vector<const Bytes*>& all, size_t lane);
  // Returns the expected bit, or -1. `node` is a one and then the `depth` bits of the byte so far.
  int Predict(uint32_t node, int depth) {
    const bool follows =
        expected_ >= 0 && static_cast<uint32_t>(expected_ | 256) >> (8 - depth) == node;
    expected_bit_ = follows ? expected_ >> (7 - depth) & 1 : -1;
    return expected_bit_;
  }
  // The probability that the expected bit is right, out of 2^22.
  int32_t Trust() const { return WideCell::Probability(cells_[cell_]); }
  void Learn(bool bit) {
    if (expected_bit_ >= 0)
      WideCell::Learn(&cells_[cell_], (expected_bit_ == 1) == bit, kCountLimit);
  }
  void EndByte(const std::vector<const Bytes*>& all, uint8_t byte);

  int expected() const { return expected_; }  // byte, or -1
  // The number of bytes before it that agree, in steps: 0 where nothing is expected, kSteps at
  // most.
  uint32_t length_step() const { return expected_ < 0 ? 0 : 1 + step_; }
  static constexpr uint32_t kSteps = 32;

 private:
  struct Place {
    uint32_t lane = 0;
    uint32_t step = 0;  // 0: none
  };
  struct Lane {
    Place from;  // of the expected byte; step 0: nowhere
    uint32_t length = 0;
    uint32_t missed = 0;  // differing bytes lately
    uint64_t hash = 0;    // of the last bytes
  };

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

  // The byte and the bit at work.
  size_t lane_ = 0;
  int expected_ = -1;
  uint32_t step_ = 0;
  size_t cell_ = 0;
  int expected_bit_ = -1;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_EXPERT_STRING_FOLLOWER_H_
