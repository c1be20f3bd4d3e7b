#include "memory_rate.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/base/thread_team.h"

namespace occam {
namespace {

constexpr size_t kWords = (size_t{512} << 20) / sizeof(uint64_t);
constexpr int kRounds = 5;

// Many sums side by side, so that additions do not wait for each other.
uint64_t Sum(std::span<const uint64_t> words) {
  constexpr size_t kSums = 32;
  uint64_t sums[kSums] = {};
  for (size_t i = 0; i + kSums <= words.size(); i += kSums) {
    for (size_t k = 0; k < kSums; ++k) sums[k] += words[i + k];
  }
  uint64_t sum = 0;
  for (const uint64_t s : sums) sum += s;
  return sum;
}

}  // namespace

double MemoryReadRate(int threads) {
  using Clock = std::chrono::steady_clock;
  const std::vector<uint64_t> words(kWords, 1);
  ThreadTeam team(threads);
  std::vector<uint64_t> sums(static_cast<size_t>(threads));
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = Clock::now();
    team.Run(threads, [&](int item, int) {
      const size_t part = kWords / static_cast<size_t>(threads);
      const auto i = static_cast<size_t>(item);
      sums[i] = Sum(std::span(words).subspan(i * part, part));
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    uint64_t read = 0;
    for (const uint64_t sum : sums) read += sum;  // every word is 1
    best = std::max(best, static_cast<double>(read * sizeof(uint64_t)) / seconds);
  }
  return best;
}

}  // namespace occam
