#include "coder/predict/expert/period_finder.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace occam {
namespace {

constexpr size_t kLongest = 2048;   // distances
constexpr size_t kCompared = 2048;  // bytes that a look compares
constexpr size_t kEvery = 4096;     // bytes from look to look; before that at powers of two

// How many bytes at `at` are equal to those `distance` before them, where `edge` is 1.
uint32_t CountEqual(const uint8_t* at, const uint8_t* before, const uint8_t* edge, size_t size) {
  uint32_t sum = 0;
  for (size_t begin = 0; begin < size; begin += 128) {
    uint8_t part = 0;  // at most 128, in a byte, so that many are counted at once
    const size_t end = std::min(size, begin + 128);
    for (size_t i = begin; i < end; ++i)
      part = static_cast<uint8_t>(part + ((at[i] == before[i] ? 1 : 0) & edge[i]));
    sum += part;
  }
  return sum;
}

}  // namespace

void PeriodFinder::Look(std::span<const uint8_t> bytes) {
  const size_t size = bytes.size();
  next_look_ = size < kEvery ? size * 2 : size + kEvery;
  const size_t longest = std::min(kLongest, size / 3);
  const size_t compared = std::min(kCompared, size - longest);
  const uint8_t* const at = bytes.data() + (size - compared);
  std::array<uint8_t, kCompared> edge;
  for (size_t i = 0; i < compared; ++i)
    edge[i] = at[i] != at[static_cast<ptrdiff_t>(i) - 1] ? 1 : 0;

  scores_.assign(longest + 1, 0);
  for (size_t d = 2; d <= longest; ++d) scores_[d] = CountEqual(at, at - d, edge.data(), compared);
  const uint32_t best = *std::ranges::max_element(scores_);
  const auto changes =
      static_cast<uint32_t>(std::accumulate(edge.begin(), edge.begin() + compared, size_t{0}));
  const size_t old = width_;
  width_ = second_ = 0;
  // Letters come again by chance; of records, at least an eighth is like the record before.
  if (best == 0 || best * 8 < changes) return;
  // The shortest distance that is about as good as the best one, which may be a multiple of it.
  width_ = 2;
  while (scores_[width_] * 16 < best * 15) ++width_;
  // A width that has served goes on unless another one is clearly better.
  if (size > kEvery && old != 0 && scores_[old] * 8 >= best * 7) width_ = old;
  for (size_t d = 2; d <= longest; ++d)
    if (d % width_ != 0 && scores_[d] > scores_[second_]) second_ = d;
}

}  // namespace occam
