// The search for the multiples of steps that one block of a JPEG file had.
#ifndef OCCAM_CODER_PREDICT_PHOTO_BLOCK_SEARCH_H_
#define OCCAM_CODER_PREDICT_PHOTO_BLOCK_SEARCH_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "coder/predict/photo/block_steps.h"
#include "coder/predict/photo/block_transform.h"

namespace occam {

// The share of a coefficient of 1 in a sample, out of 4096.
constexpr int kUnitBits = 12;
constexpr int kUnit = 1 << kUnitBits;
inline int32_t Wave(size_t k, size_t i) {
  const int64_t down = kCosines[i / kBlockSide][k / kBlockSide];
  const int64_t across = kCosines[i % kBlockSide][k % kBlockSide];
  return static_cast<int32_t>((down * across) >> (29 - kUnitBits));
}
inline const std::vector<Block>& Waves() {
  static const std::vector<Block> waves = [] {
    std::vector<Block> all(kBlockSize);
    for (size_t k = 0; k < kBlockSize; ++k)
      for (size_t i = 0; i < kBlockSize; ++i) all[k][i] = Wave(k, i);
    return all;
  }();
  return waves;
}

// The search for the multiples of one block. Rounding to the nearest ones is wrong where steps are
// small. Then some sample is farther from what they stand for than rounding explains.
class MultipleSearch {
 public:
  MultipleSearch(const Table& table, const Block& seen, const std::array<bool, kBlockSize>& known)
      : table_(table), seen_(seen), known_(known) {
    const Block transformed = ForwardTransform(seen);
    for (size_t i = 0; i < kBlockSize; ++i) rest_[i] = seen[i] * kUnit;
    for (size_t k = 0; k < kBlockSize; ++k) {
      const int32_t step = 16 * int32_t{table[k]};
      const int32_t size = (std::abs(transformed[k]) + step / 2) / step;
      multiples_[k] = transformed[k] < 0 ? -size : size;
      if (multiples_[k] != 0) rest_ = Less(rest_, k, multiples_[k]);
      if (table[k] <= kSmallStep) doubtful_.push_back(k);
    }
    excess_ = ExcessOf(rest_);
  }

  const Block& Run() {
    constexpr int kMostMoves = 20;
    for (int i = 0; i < kMostMoves && excess_ > 0; ++i)
      if (!MoveOne() && !MoveTwo()) break;
    return multiples_;
  }

 private:
  static constexpr int32_t kSmallStep = 3;

  Block Less(const Block& rest, size_t k, int32_t count) const {
    Block less;
    const Block& wave = Waves()[k];
    const int32_t size = count * int32_t{table_[k]};
    for (size_t i = 0; i < kBlockSize; ++i) less[i] = rest[i] - size * wave[i];
    return less;
  }
  // The sum of what samples are farther away than half a step.
  int64_t ExcessOf(const Block& rest) const {
    constexpr int32_t kHalf = kUnit / 2 + kUnit / 64;  // decoders round twice
    int64_t sum = 0;
    for (size_t i = 0; i < kBlockSize; ++i) {
      int32_t distance = std::abs(rest[i]);
      if (!known_[i] || (seen_[i] <= -128 && rest[i] > 0) || (seen_[i] >= 127 && rest[i] < 0))
        distance = 0;
      sum += std::max(distance - kHalf, 0);
    }
    return sum;
  }
  bool Take(size_t k, int32_t count, const Block& rest, int64_t excess) {
    multiples_[k] += count;
    rest_ = rest;
    excess_ = excess;
    return true;
  }
  bool MoveOne() {
    size_t best = kBlockSize;
    int32_t best_count = 0;
    int64_t least = excess_;
    for (const size_t k : doubtful_) {
      for (const int32_t count : {-1, 1}) {
        const int64_t excess = ExcessOf(Less(rest_, k, count));
        if (excess < least) {
          least = excess;
          best = k;
          best_count = count;
        }
      }
    }
    return best < kBlockSize && Take(best, best_count, Less(rest_, best, best_count), least);
  }
  bool MoveTwo() {
    std::array<size_t, 2> best = {kBlockSize, kBlockSize};
    std::array<int32_t, 2> best_counts{};
    int64_t least = excess_;
    for (size_t a = 0; a < doubtful_.size(); ++a) {
      for (const int32_t count : {-1, 1}) {
        const Block rest = Less(rest_, doubtful_[a], count);
        for (size_t b = a + 1; b < doubtful_.size(); ++b) {
          for (const int32_t other : {-1, 1}) {
            const int64_t excess = ExcessOf(Less(rest, doubtful_[b], other));
            if (excess < least) {
              least = excess;
              best = {doubtful_[a], doubtful_[b]};
              best_counts = {count, other};
            }
          }
        }
      }
    }
    if (best[0] == kBlockSize) return false;
    multiples_[best[1]] += best_counts[1];
    const Block rest = Less(rest_, best[1], best_counts[1]);
    return Take(best[0], best_counts[0], Less(rest, best[0], best_counts[0]), least);
  }

  const Table& table_;
  const Block& seen_;
  const std::array<bool, kBlockSize>& known_;
  std::vector<size_t> doubtful_;
  Block multiples_{};
  Block rest_{};  // samples less what the multiples stand for, out of 4096
  int64_t excess_ = 0;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_BLOCK_SEARCH_H_
