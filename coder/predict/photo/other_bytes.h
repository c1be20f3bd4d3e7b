// Bytes that are no pixels.
#ifndef OCCAM_CODER_PREDICT_PHOTO_OTHER_BYTES_H_
#define OCCAM_CODER_PREDICT_PHOTO_OTHER_BYTES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coder/entropy/bit_model.h"

namespace occam {

// Codes each byte by the one before.
template <typename Coder>
class OtherBytes {
 public:
  explicit OtherBytes(Coder* coder) : coder_(*coder), cells_(size_t{1} << 16, WideCell::kFresh) {}
  void Code(std::span<uint8_t> bytes) {
    for (uint8_t& byte : bytes) {
      uint32_t node = 1;
      for (int shift = 7; shift >= 0; --shift) {
        uint32_t& cell = cells_[last_ << 8 | node];
        const int32_t probability = std::clamp(WideCell::Probability(cell) >> 6, 1, 65535);
        const bool bit = coder_.Bit((byte >> shift & 1) != 0, probability);
        WideCell::Learn(&cell, bit, kCountLimit);
        node = node * 2 + (bit ? 1 : 0);
      }
      byte = static_cast<uint8_t>(node);
      last_ = byte;
    }
  }

 private:
  Coder& coder_;
  std::vector<uint32_t> cells_;  // [last byte][node]
  size_t last_ = 0;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_OTHER_BYTES_H_
