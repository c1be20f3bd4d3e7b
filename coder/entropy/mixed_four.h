// MixedBit<4> of bit_model.h, its four cells side by side in a vector; the numbers are the same.
#ifndef OCCAM_CODER_ENTROPY_MIXED_FOUR_H_
#define OCCAM_CODER_ENTROPY_MIXED_FOUR_H_

#include <array>
#include <cstdint>
#include <cstring>

#include "coder/entropy/bit_model.h"

namespace occam {

// Four predictions of one bit, mixed. Does not own cells and weights; no two cells are the same.
class MixedFour {
 public:
  using Cells = std::array<uint32_t*, 4>;
  using Weights = std::array<int32_t, 4>;  // out of 65536

  MixedFour(const Cells& cells, Weights* weights)
      : cells_(cells),
        weights_(*weights),
        values_{*cells[0], *cells[1], *cells[2], *cells[3]},
        inputs_{WideCell::Stretch(*cells[0]), WideCell::Stretch(*cells[1]),
                WideCell::Stretch(*cells[2]), WideCell::Stretch(*cells[3])} {
    int64_t sum = 0;
    for (int i = 0; i < 4; ++i) sum += int64_t{weights_[static_cast<size_t>(i)]} * inputs_[i];
    probability_ = Squash(sum >> 16);
  }

  int32_t probability() const { return probability_; }  // of a 1, out of 65536

  // `limit` is that of all cells, at most kCountLimit.
  void Update(bool bit, int32_t limit) {
    constexpr int32_t kMaxWeight = 1 << 24;
    constexpr int kShift = 14;
    const int32_t error = (bit ? 65536 : 0) - probability_;
    Signed weights;
    std::memcpy(&weights, weights_.data(), sizeof(weights));
    weights += (inputs_ * error + (1 << (kShift - 1))) >> kShift;
    weights = weights > kMaxWeight ? Signed{} + kMaxWeight : weights;
    weights = weights < -kMaxWeight ? Signed{} - kMaxWeight : weights;
    std::memcpy(weights_.data(), &weights, sizeof(weights));

    const Unsigned counts = values_ & WideCell::kCountMask;
    const Signed rates = {kRates.rate[counts[0]], kRates.rate[counts[1]], kRates.rate[counts[2]],
                          kRates.rate[counts[3]]};
    const auto probabilities = reinterpret_cast<Signed>(values_ >> WideCell::kCountBits);
    const Signed apart = (bit ? (1 << 22) - 1 : 0) - probabilities;
    // apart * rates >> 16, in two parts of at most 31 bits.
    const Signed moves = ((apart >> 8) * rates + ((apart & 255) * rates >> 8)) >> 8;
    // A comparison of vectors is -1 where it holds.
    const Signed counted = reinterpret_cast<Signed>(counts);
    const auto next = reinterpret_cast<Unsigned>(counted - (counted < limit));
    const Unsigned learned =
        reinterpret_cast<Unsigned>(probabilities + moves) << WideCell::kCountBits | next;
    for (int i = 0; i < 4; ++i) *cells_[static_cast<size_t>(i)] = learned[i];
  }

 private:
  // GNU C++ has these vectors for all processors, as clang has.
  using Signed = int32_t __attribute__((vector_size(16)));
  using Unsigned = uint32_t __attribute__((vector_size(16)));

  Cells cells_;
  Weights& weights_;
  Unsigned values_;
  Signed inputs_;
  int32_t probability_;
};

}  // namespace occam

#endif  // OCCAM_CODER_ENTROPY_MIXED_FOUR_H_
