// Rotary positions (Su et al., 2021, "RoFormer", section 3.2.2) in integer phases, so that training
// and the exact network turn by the same angles everywhere (docs/architecture.md).
#ifndef OCCAM_MODEL_ROTARY_H_
#define OCCAM_MODEL_ROTARY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace occam {

// Positions count modulo 65536, and so do phases: phase p is p / 65536 of a circle.
constexpr int kRotaryCircle = 65536;

// Returns how many of a head's pairs turn: the first ones. There are head size / 2 pairs, of the
// elements i and pairs + i.
constexpr int TurningPairs(int pairs) { return (pairs + 1) / 2; }

// Pair i turns by m_i phases a position: m_i = round(65536 / (2 pi) * 1024^(-i / n)) for i < n =
// TurningPairs(pairs). The others do not turn: they can find what is like the present wherever it
// was. With all pairs turning, rates after 40 MB are 3 to 5 % worse (experiments/results/recipe).
// Computed in integers.
std::vector<int32_t> RotaryFrequencies(int pairs);

// cos and sin of all phases, rounded to 2^-23 and exact as floats; computed once, in integers.
// Thread-safe.
struct RotaryTable {
  std::vector<float> cosine;  // [65536]
  std::vector<float> sine;
};
const RotaryTable& Rotary();

inline int RotaryPhase(int64_t position, int32_t frequency) {
  return static_cast<int>((position * frequency) & (kRotaryCircle - 1));
}

}  // namespace occam

#endif  // OCCAM_MODEL_ROTARY_H_
