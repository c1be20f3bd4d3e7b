// Cells of what follows each bit history in one kind of context, and what a mixer is told of it.
#ifndef OCCAM_CODER_PREDICT_EXPERT_HISTORY_CELLS_H_
#define OCCAM_CODER_PREDICT_EXPERT_HISTORY_CELLS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "coder/entropy/bit_model.h"
#include "coder/predict/expert/bit_history.h"

namespace occam {

// The distance of a probability, out of 2^22, from one half as an input: 1/2 is 4.0.
constexpr int16_t DistanceInput(int32_t probability) {
  return static_cast<int16_t>((probability - (1 << 21)) >> 11);
}

// Ones for the histories of one kind of bit alone. Branches would often be foreseen wrongly.
struct CertainHistories {
  std::array<int16_t, BitHistories::kCount> mask{};
  constexpr CertainHistories() {
    for (size_t i = 0; i < BitHistories::kCount; ++i)
      mask[i] = kHistories.IsCertain(static_cast<uint8_t>(i)) ? -1 : 0;
  }
};
inline constexpr CertainHistories kCertainHistories;

// Whoever predicts reads the inputs alone; whoever learns keeps the cells.
class HistoryCells {
 public:
  // The inputs of a history: a logit, the distance from one half, and the logit again where only
  // one kind of bit was seen.
  static constexpr size_t kInputs = 3;

  HistoryCells() {
    for (size_t i = 1; i < BitHistories::kCount; ++i) {
      cells_[i] = FirstGuess(i);
      Tell(i);
    }
  }

  // Writes the inputs, zeros for a context that was never seen.
  void Predict(uint8_t history, int16_t* inputs) const {
    const Told told = told_[history];
    inputs[0] = told.logit;
    inputs[1] = told.distance;
    inputs[2] = static_cast<int16_t>(told.logit & kCertainHistories.mask[history]);
  }

  // Contexts that were never seen teach nothing; whoever may have told of one calls EndLearning
  // before the next Predict.
  void Learn(uint8_t history, bool bit) {
    WideCell::Learn(&cells_[history], bit, kCountLimit);
    Tell(history);
  }
  void EndLearning() { told_[0] = {}; }

 private:
  // The first guess is made of the counts: (ones + 0.4) / (all + 0.8).
  static constexpr uint32_t FirstGuess(size_t history) {
    const auto ones = static_cast<uint64_t>(kHistories.ones(history));
    const auto all = ones + static_cast<uint64_t>(kHistories.zeros(history));
    const uint64_t p = ((5 * ones + 2) * ((1 << 22) - 1)) / (5 * all + 4);
    return static_cast<uint32_t>(p) << WideCell::kCountBits;
  }

  void Tell(size_t history) {
    const uint32_t cell = cells_[history];
    told_[history] = {static_cast<int16_t>(WideCell::Stretch(cell)),
                      DistanceInput(WideCell::Probability(cell))};
  }

  struct Told {
    int16_t logit = 0;
    int16_t distance = 0;
  };
  std::array<Told, BitHistories::kCount> told_{};
  std::array<uint32_t, BitHistories::kCount> cells_{};
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_EXPERT_HISTORY_CELLS_H_
