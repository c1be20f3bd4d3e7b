// Bit histories: what bits followed in a context, in one byte.
//
// A history says which bits came, not what they mean. What comes after a history is learned
// elsewhere, from all contexts that have it. So a model knows how much to trust a context that it
// has seen once (indirect modelling; Mahoney, "Data Compression Explained", 2013, section
// 4.1.3). The rules of discounting and the bounds of counts are our own choice of their kind.
#ifndef OCCAM_CODER_PREDICT_EXPERT_BIT_HISTORY_H_
#define OCCAM_CODER_PREDICT_EXPERT_BIT_HISTORY_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace occam {

// A history is a number below kCount. 0 is that of a context which was never seen.
class BitHistories {
 public:
  static constexpr size_t kCount = 183;

  constexpr BitHistories() {
    std::array<State, kCount> states{};
    std::array<int, kCount> keys{};  // of the states
    size_t known = 1;
    for (size_t i = 0; i < known; ++i) {
      for (const int bit : {0, 1}) {
        const State next = After(states[i], bit);
        const int key = next.Key();
        size_t id = 0;
        while (id < known && keys[id] != key) ++id;
        if (id == known) {
          states[known] = next;
          keys[known++] = key;
        }
        next_[i][static_cast<size_t>(bit)] = static_cast<uint8_t>(id);
      }
      zeros_[i] = static_cast<uint8_t>(states[i].counts[0]);
      ones_[i] = static_cast<uint8_t>(states[i].counts[1]);
    }
  }

  // The history that a bit makes of a history.
  uint8_t Next(uint8_t history, bool bit) const { return next_[history][bit ? 1 : 0]; }
  // The numbers of bits of either kind that a history holds; old ones may be forgotten.
  constexpr int zeros(size_t history) const { return zeros_[history]; }
  constexpr int ones(size_t history) const { return ones_[history]; }
  // Returns whether only one kind of bit was seen.
  constexpr bool IsCertain(uint8_t history) const {
    return history != 0 && (zeros_[history] == 0 || ones_[history] == 0);
  }

 private:
  // Up to four bits are known in their order. Of more the counts and the last bit are known.
  struct State {
    int length = 0;    // 5: more than four bits
    int sequence = 0;  // of at most four bits, the last one lowest
    std::array<int, 2> counts{};
    int last = 0;
    // Another number for each state; compilers count what they do to build a table.
    constexpr int Key() const {
      return (((length * 16 + sequence) * 64 + counts[0]) * 64 + counts[1]) * 2 + last;
    }
  };

  // The greater count is bounded by the smaller one, so that a history fits into a byte.
  static constexpr bool Fits(const State& state) {
    constexpr std::array<int, 6> kMost = {40, 24, 10, 6, 5, 5};
    const int least = std::min(state.counts[0], state.counts[1]);
    return least <= 5 &&
           std::max(state.counts[0], state.counts[1]) <= kMost[static_cast<size_t>(least)];
  }

  static constexpr State After(State state, int bit) {
    auto& own = state.counts[static_cast<size_t>(bit)];
    auto& other = state.counts[static_cast<size_t>(1 - bit)];
    ++own;
    state.last = bit;
    if (state.length < 4) {
      ++state.length;
      state.sequence = state.sequence * 2 + bit;
      return state;
    }
    state.length = 5;
    state.sequence = 0;
    // Bits that were followed by the other kind are old, and count for less.
    other = other <= 2 ? other : other <= 3 ? 2 : other <= 5 ? 3 : other <= 7 ? 4 : 5;
    while (!Fits(state)) --(own > other || other <= 1 ? own : other);
    return state;
  }

  std::array<std::array<uint8_t, 2>, kCount> next_{};
  std::array<uint8_t, kCount> zeros_{};
  std::array<uint8_t, kCount> ones_{};
};
inline constexpr BitHistories kHistories;

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_EXPERT_BIT_HISTORY_H_
