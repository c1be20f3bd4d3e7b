#include "coder/segment_plan.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace occam {
namespace {

// A step of n lanes takes about as long as n + 2 lanes' own work: weights are read once a step.
constexpr uint64_t kStepLanes = 2;

uint64_t Time(const SegmentWork& work, uint64_t threads) {
  return work.steps * ((work.lanes + threads - 1) / threads + kStepLanes);
}

}  // namespace

SegmentWork WorkOf(uint32_t symbols, CodingMethod method, const FileHeader& file) {
  if (method != CodingMethod::kModel || symbols == 0) return {};
  const std::vector<uint32_t> lanes = LaneLengths(symbols, file);
  return {lanes.front(), static_cast<uint32_t>(lanes.size())};
}

int SegmentsAtOnce(std::span<const SegmentWork> waiting, int threads) {
  const auto all = static_cast<uint64_t>(threads);
  // From the last segment on: the shortest time for all segments from here, and how many of them
  // come first.
  std::vector<uint64_t> shortest(waiting.size() + 1, 0);
  size_t first = 1;
  for (size_t begin = waiting.size(); begin-- > 0;) {
    const size_t most = std::min<size_t>(waiting.size() - begin, all);
    // As many as can be if times are equal.
    for (size_t count = most; count >= 1; --count) {
      uint64_t time = 0;
      for (const SegmentWork& work : waiting.subspan(begin, count))
        time = std::max(time, Time(work, all / count));
      time += shortest[begin + count];
      if (count < most && time >= shortest[begin]) continue;
      shortest[begin] = time;
      first = count;
    }
  }
  return static_cast<int>(first);
}

}  // namespace occam
