// Codes the value of a pixel by binary decisions, the most of them on how far it is from what was
// predicted.
//
// Each decision asks whether the value is at least some bound: first the prediction, then bounds
// that lie ever farther from it. Its probability is mixed of what was seen in many contexts and of
// bell-shaped curves around several predictions. Weights that learn mix them in the logistic
// domain. The result is refined by what came after results like it. The parts are those of
// coder/predict/expert; curves that are blended are those of Meyer and Tischer, 1997, "TMW",
// section 3.
#ifndef OCCAM_CODER_PREDICT_PHOTO_PIXEL_CODER_H_
#define OCCAM_CODER_PREDICT_PHOTO_PIXEL_CODER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "coder/entropy/bit_model.h"
#include "coder/predict/expert/mixer_kernels.h"
#include "coder/predict/photo/pixel_contexts.h"

namespace occam {

// Student's distribution with five degrees of freedom, as its survival function: the share of
// kWhole that lies more than u widths above the middle.
class StudentTails {
 public:
  static constexpr int32_t kWhole = 1 << 29;
  static constexpr int kUnitBits = 8;  // of a width
  constexpr StudentTails() {
    // The density is (1 + u^2 / 5)^-3 at odd 32nds of a width.
    uint64_t sum = 0;
    for (size_t k = kSteps; k-- > 0;) {
      const uint64_t n = 2 * k + 1;
      const uint64_t q = (uint64_t{5120} << 30) / (5120 + n * n);
      sum += ((q * q >> 30) * q) >> 30;
      sums_[k] = sum;
    }
    for (size_t k = 0; k < kSteps; ++k)
      tails_[k] = static_cast<int32_t>((sums_[k] << 24) / (sums_[0] >> 4));
  }
  // The share beyond u, in 256ths of a width, which may be negative.
  int32_t Beyond(int32_t u) const { return u >= 0 ? Tail(u) : kWhole - Tail(-u); }

 private:
  static constexpr size_t kSteps = 4096;  // of 16 units
  int32_t Tail(int32_t u) const {
    const auto step = static_cast<size_t>(u >> 4);
    if (step >= kSteps) return 0;
    return tails_[step] - (((tails_[step] - tails_[step + 1]) * (u & 15)) >> 4);
  }
  std::array<uint64_t, kSteps + 1> sums_{};
  std::array<int32_t, kSteps + 1> tails_{};
};

class PixelCoder {
 public:
  // Values are at most `most`, 255 or kMostValue. Of the contexts the first `tables` have a table.
  // The kernels must outlive it.
  PixelCoder(const MixerKernels& kernels, int most, size_t tables);

  static constexpr int kMostValue = 4094;
  static uint64_t MemoryBytes(int most, size_t tables);

  // Codes a value and returns it. `coder` is a BitEncoder, or a BitDecoder, for which `value` does
  // not matter.
  template <typename Coder>
  int Code(const PixelContexts& contexts, int value, Coder* coder) {
    Start(contexts);
    const int middle = (contexts.prediction + kPixelOne / 2) / kPixelOne;
    const auto decide = [&](size_t node, int bound) {
      const bool bit = coder->Bit(value >= bound, Predict(node, bound));
      Learn(bit);
      return bit;
    };
    // Distances count from 0 on either side: upwards from the middle, downwards from the one below.
    const bool up = middle == 0 || decide(0, middle);
    const int most = up ? most_ - middle : middle - 1;
    const size_t side = up ? 1 : 1 + nodes_.side;
    const auto is_beyond = [&](size_t node, int distance) {
      return decide(side + node, up ? middle + distance : middle - distance) == up;
    };
    size_t step = 0;
    while (kStarts[step + 1] <= most && is_beyond(step, kStarts[step + 1])) ++step;
    int distance = kStarts[step];
    for (int bit = kBits[step] - 1; bit >= 0; --bit) {
      if (distance + (1 << bit) > most) continue;
      const size_t node = bit == kBits[step] - 1 ? nodes_.first_bits + step
                                                 : nodes_.bits + static_cast<size_t>(bit);
      if (is_beyond(node, distance + (1 << bit))) distance += 1 << bit;
    }
    return up ? middle + distance : middle - 1 - distance;
  }

 private:
  using C = PixelContexts;
  // Distances in steps: the first of each, and the bits that tell which of a step it is.
  static constexpr std::array<int, 25> kStarts = {0,   1,   2,    3,    4,    6,    8,   12,  16,
                                                  24,  32,  48,   64,   96,   128,  192, 256, 384,
                                                  512, 768, 1024, 1536, 2048, 3072, 4096};
  static constexpr std::array<int, 24> kBits = {0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4,  4,
                                                5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10};
  // The numbers of decisions: 0, then those of either side. On a side come those about steps, then
  // those about the first bit within a step, then those about other bits by their place.
  struct Nodes {
    explicit Nodes(int most);
    size_t first_bits = 0;
    size_t bits = 0;
    size_t side = 0;
    size_t all = 0;
  };
  static constexpr size_t kInputs = 64;
  static constexpr size_t kPoints = 25;

  void Start(const PixelContexts& contexts);
  // The probability of a 1, out of 65536: that the value, in [low_, high_), is at least `bound`.
  int32_t Predict(size_t node, int bound);
  void Learn(bool bit);
  int32_t BeyondBound(size_t curve, int bound) const;

  const MixerKernels& kernels_;
  const int most_;
  const Nodes nodes_;
  const size_t tables_;
  std::vector<uint32_t> cells_;                         // [table][context][node]
  std::array<std::vector<int16_t>, C::kSets> weights_;  // [selection][input]
  std::vector<int32_t> last_weights_;                   // [node][set]
  std::vector<uint16_t> estimates_;                     // [estimate][context][node][point]
  uint32_t pixels_ = 0;                                 // so far

  // The pixel at work.
  const PixelContexts* contexts_ = nullptr;
  int low_ = 0;
  int high_ = 0;
  int32_t rate_ = 0;
  std::array<int32_t, C::kCurves> scale_{};  // 65536 / width
  std::array<int32_t, C::kCurves> beyond_low_{}, beyond_bound_{}, beyond_high_{};
  // The decision at work.
  size_t node_ = 0;
  int bound_ = 0;
  std::array<uint32_t*, C::kTables> seen_{};
  alignas(64) std::array<int16_t, kInputs> inputs_{};
  std::array<int16_t*, C::kSets> sets_{};
  std::array<int32_t, C::kSets> logits_{};
  int32_t* last_set_ = nullptr;
  int32_t mixed_ = 0;
  std::array<uint16_t*, C::kEstimates> points_{};  // these and the next are nearest
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_PIXEL_CODER_H_
