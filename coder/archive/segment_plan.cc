#include "coder/archive/segment_plan.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <vector>

namespace occam {
namespace {

// A step of n lanes takes about as long as n + 2 lanes' own work: weights are read once a step.
constexpr double kStepLanes = 2;
// How much longer a step takes when its lanes' memory is in no cache. Measured at 3.2M on Zen 5, of
// whose third level others use much: 90 ms a lane of 2048 bytes with 32 lanes, 53 with 8.
constexpr double kUncachedCost = 0.7;

// Returns the time of one segment, shared by `threads`, when all segments together read `bytes`
// again at every step.
double Time(const SegmentWork& work, uint64_t threads, double bytes, double cache_bytes) {
  const auto lanes = static_cast<double>((work.lanes + threads - 1) / threads);
  const double uncached = std::clamp(bytes / cache_bytes - 1, 0.0, 1.0);
  return static_cast<double>(work.steps) * (lanes + kStepLanes) * (1 + kUncachedCost * uncached);
}

// Returns the time of segments that are worked on at once.
double Time(std::span<const SegmentWork> segments, uint64_t threads, uint64_t cache_bytes) {
  double bytes = 0;
  for (const SegmentWork& work : segments)
    bytes += static_cast<double>(work.lanes * work.lane_bytes);
  double time = 0;
  for (const SegmentWork& work : segments) {
    time = std::max(time,
                    Time(work, threads / segments.size(), bytes, static_cast<double>(cache_bytes)));
  }
  return time;
}

}  // namespace

SegmentWork WorkOf(uint32_t symbols, CodingMethod method, const FileHeader& file) {
  if (method != CodingMethod::kModel || symbols == 0) return {};
  const std::vector<uint32_t> lanes = LaneLengths(symbols, file);
  return {lanes.front(), static_cast<uint32_t>(lanes.size()), 0};
}

int SegmentsAtOnce(std::span<const SegmentWork> waiting, int threads, uint64_t cache_bytes) {
  const auto all = static_cast<uint64_t>(threads);
  // From the last segment on: the shortest time for all segments from here, and how many of them
  // come first.
  std::vector<double> shortest(waiting.size() + 1, 0);
  size_t first = 1;
  for (size_t begin = waiting.size(); begin-- > 0;) {
    const size_t most = std::min<size_t>(waiting.size() - begin, all);
    // As many as can be if times are equal.
    for (size_t count = most; count >= 1; --count) {
      const double time =
          Time(waiting.subspan(begin, count), all, cache_bytes) + shortest[begin + count];
      if (count < most && time >= shortest[begin]) continue;
      shortest[begin] = time;
      first = count;
    }
  }
  return static_cast<int>(first);
}

// Linux says it in KiB: "32768K". (sysconf adds up all caches of a processor with several.)
uint64_t SharedCacheBytes() {
  constexpr uint64_t kGuess = uint64_t{32} << 20;
  std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index3/size");
  uint64_t size = 0;
  char unit = 0;
  return file >> size >> unit && size > 0 && unit == 'K' ? size << 10 : kGuess;
}

}  // namespace occam
