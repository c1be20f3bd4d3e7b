// The turning of heads, of both shapes (docs/spec/contract.md, section 4; docs/spec/import.md,
// section 3.4).
#ifndef OCCAM_MODEL_EXACT_TURN_HEAD_H_
#define OCCAM_MODEL_EXACT_TURN_HEAD_H_

namespace occam {

// Turns the pairs (i, n / 2 + i) of a head of n elements, in the mode of float_mode.h.
inline void TurnHead(const float* cosine, const float* sine, int n, float* head) {
  const int pairs = n / 2;
  for (int i = 0; i < pairs; ++i) {
    const float x1 = head[i];
    const float x2 = head[pairs + i];
    const float x1c = x1 * cosine[i];
    const float x2s = x2 * sine[i];
    const float x1s = x1 * sine[i];
    const float x2c = x2 * cosine[i];
    head[i] = x1c - x2s;
    head[pairs + i] = x1s + x2c;
  }
}

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_TURN_HEAD_H_
