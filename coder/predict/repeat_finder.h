// Repetitions of long strings. What followed the last place with the same bytes before it is
// expected again, and the longer the strings agree the more so. It is the match model of Mahoney's
// lpaq1 (2007), over all lanes of a segment.
#ifndef OCCAM_CODER_PREDICT_REPEAT_FINDER_H_
#define OCCAM_CODER_PREDICT_REPEAT_FINDER_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "coder/entropy/bit_model.h"

namespace occam {

class RepeatFinder {
 public:
  // Certainty() is in [0, kCertainties).
  static constexpr int kCertainties = 5;

  // Forgets everything.
  void Start(int lanes);

  // Called for each byte of a lane: StartByte, then Predict and Learn for its bits, then EndByte.
  void StartByte(size_t lane);

  // The logit of a 1 in the next decision (kLogitOne is 1.0), 0 where nothing is expected. `node`
  // is a one and then the bits of the byte so far, `depth` of them.
  int Predict(uint32_t node, int depth) {
    const bool follows =
        expected_ >= 0 && (static_cast<uint32_t>(expected_ | 256) >> (8 - depth)) == node;
    expected_bit_ = follows ? expected_ >> (7 - depth) & 1 : -1;
    if (!follows) return 0;
    const int logit = WideCell::Stretch(*HitCell());
    return expected_bit_ == 1 ? logit : -logit;
  }

  // The length of the string that agrees before the bit that Predict expected; 0: it expected none.
  int Certainty() const {
    if (expected_bit_ < 0) return 0;
    const int length = lanes_[lane_].length;
    return length < 16 ? 1 : length < 24 ? 2 : length < kLongest ? 3 : 4;
  }

  void Learn(bool bit) {
    if (expected_bit_ >= 0) WideCell::Learn(HitCell(), (expected_bit_ == 1) == bit, kCountLimit);
  }

  // `past` holds the lane's last eight bytes, this one lowest.
  void EndByte(uint8_t byte, uint64_t past);

 private:
  // Eight bytes fill the word that is hashed. Shorter strings are left to the contexts of four and
  // six bytes.
  static constexpr int kShortest = 8;
  // Longer strings than this are taken as equally certain.
  static constexpr int kLongest = 32;
  // 2^20 places take 8 MiB. Of strings that share one, the last is remembered.
  static constexpr int kPlaceBits = 20;

  struct Lane {
    std::vector<uint8_t> bytes;
    // The place of the expected byte, and how many bytes before it agree; 0: nowhere.
    uint32_t from_lane = 0;
    uint32_t from_step = 0;
    int length = 0;
  };
  struct Place {
    uint32_t lane = 0;
    uint32_t step = 0;  // 0: none
  };

  // The cell that tells how often strings of the present length go on alike.
  uint32_t* HitCell() {
    return &hit_cells_[static_cast<size_t>(std::min(lanes_[lane_].length, kLongest) - 1)];
  }
  int AgreeingBytes(const Lane& lane, Place place) const;
  void Look(Lane* lane, uint64_t past);

  std::array<uint32_t, kLongest> hit_cells_{};  // by length - 1
  std::vector<Place> places_;                   // [2^kPlaceBits], by hash of eight bytes
  std::vector<Lane> lanes_;

  // The byte and the bit at work.
  size_t lane_ = 0;
  int expected_ = -1;      // byte; -1: none
  int expected_bit_ = -1;  // -1: none
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_REPEAT_FINDER_H_
