// Bytes that are no pixels, and other decisions of few contexts.
#ifndef OCCAM_CODER_PREDICT_PHOTO_OTHER_BYTES_H_
#define OCCAM_CODER_PREDICT_PHOTO_OTHER_BYTES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coder/entropy/bit_model.h"

namespace occam {

// Decisions by one context each.
template <typename Coder>
class PlainDecisions {
 public:
  PlainDecisions(size_t contexts, Coder* coder)
      : coder_(*coder), cells_(contexts, WideCell::kFresh) {}
  bool Code(size_t context, bool bit) {
    uint32_t& cell = cells_[context];
    const bool coded = coder_.Bit(bit, std::clamp(WideCell::Probability(cell) >> 6, 1, 65535));
    WideCell::Learn(&cell, coded, kCountLimit);
    return coded;
  }

 private:
  Coder& coder_;
  std::vector<uint32_t> cells_;
};

// Codes each byte by the one before.
template <typename Coder>
class OtherBytes {
 public:
  explicit OtherBytes(Coder* coder) : bits_(size_t{1} << 16, coder) {}
  void Code(std::span<uint8_t> bytes) {
    for (uint8_t& byte : bytes) {
      size_t node = 1;
      for (int shift = 7; shift >= 0; --shift)
        node = node * 2 + (bits_.Code(last_ << 8 | node, (byte >> shift & 1) != 0) ? 1 : 0);
      byte = static_cast<uint8_t>(node);
      last_ = byte;
    }
  }

 private:
  PlainDecisions<Coder> bits_;  // [last byte][node]
  size_t last_ = 0;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_OTHER_BYTES_H_
