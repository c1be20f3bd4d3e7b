// Steps that sizes of numbers are sorted into.
#ifndef OCCAM_CODER_PREDICT_PHOTO_LEVELS_H_
#define OCCAM_CODER_PREDICT_PHOTO_LEVELS_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>

namespace occam {

// About the logarithm of a number that is not negative: four steps an octave.
inline uint32_t Level(int number) {
  const auto n = static_cast<uint32_t>(number);
  if (n < 4) return n;
  const auto bits = static_cast<uint32_t>(std::bit_width(n)) - 1;
  return (bits - 1) * 4 + ((n >> (bits - 2)) & 3);
}
inline uint32_t Level31(int number) { return std::min(Level(number), 31u); }
inline uint32_t EnergyLevel(int number) {
  const uint32_t level = Level(number);
  return level < 4 ? 0 : std::min((level - 4) * 2 / 3, 23u);
}

// A distance of two numbers in one of 23 steps, 11 where they are one.
inline uint32_t Nearness(int apart, int shift) {
  const int a = std::abs(apart) >> shift;
  const int step = a < 6 ? a : a < 8 ? 6 : a < 12 ? 7 : a < 16 ? 8 : a < 24 ? 9 : a < 32 ? 10 : 11;
  return static_cast<uint32_t>(apart < 0 ? 11 - step : 11 + step);
}

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_LEVELS_H_
