#include "coder/predict/expert/string_follower.h"

#include <bit>

namespace occam {
namespace {

constexpr uint32_t kMostMissed = 8;   // a place that missed so often is given up
constexpr uint32_t kLongest = 65535;  // lengths are counted up to here
constexpr uint32_t kVerified = 400;   // bytes that are compared at most
constexpr uint32_t kSound = 16;       // right bytes that make a place sound again
constexpr size_t kFewLanes = 32;      // that leave room for steps of long lanes

}  // namespace

int StringFollower::PlaceBits(uint64_t bytes, int most_bits) {
  // A place for each byte.
  return std::clamp(static_cast<int>(std::bit_width(bytes)), 10, most_bits);
}

// Lengths below 16 each have a step; then 4, 8 and 64 share one.
uint32_t StringFollower::StepOf(uint32_t length) {
  return length < 16    ? length
         : length < 32  ? 16 + (length - 16) / 4
         : length < 64  ? 20 + (length - 32) / 8
         : length < 512 ? 24 + (length - 64) / 64
                        : kSteps - 1;
}

void StringFollower::Start(size_t lanes, uint64_t bytes, int most_place_bits) {
  place_bits_ = PlaceBits(bytes, most_place_bits);
  step_bits_ = lanes <= kFewLanes ? 27 : 24;
  places_.assign(size_t{1} << place_bits_, 0);
  lanes_.assign(lanes, Lane());
  cells_.fill(uint32_t{3} << 30);  // three of four bits are right at first
}

void StringFollower::StartByte(LaneBytes all, size_t lane) {
  Lane& self = lanes_[lane];
  self.expected = -1;
  if (self.from.step == 0) return;
  // Another lane's next byte is not known yet where both are at the same step.
  const std::span<const uint8_t> there = all[self.from.lane];
  if (self.from.step >= there.size()) return;
  self.expected = there[self.from.step];
  self.step = StepOf(self.length);
  self.cell = self.step * 4 + std::min(self.missed, 3u);
}

void StringFollower::EndByte(LaneBytes all, size_t lane_number, uint8_t byte) {
  Lane& lane = lanes_[lane_number];
  const std::span<const uint8_t> bytes = all[lane_number];
  if (lane.expected >= 0) {
    ++lane.from.step;
    if (lane.expected == byte) {
      lane.length = std::min(lane.length + 1, kLongest);
      if (lane.length >= kSound) lane.missed = 0;
    } else {
      lane.length = 0;
      if (++lane.missed >= kMostMissed) lane.from.step = 0;
    }
  } else {
    lane.from.step = 0;
  }
  lane.hash = HashAfter(lane, byte);
  if (bytes.size() < shortest_) return;
  const uint32_t steps = (uint32_t{1} << step_bits_) - 1;
  uint32_t& packed = places_[lane.hash >> (64 - place_bits_)];
  const Place place{packed >> step_bits_, packed & steps};
  if ((lane.from.step == 0 || lane.length < kSound) && place.step != 0) {
    const std::span<const uint8_t> there = all[place.lane];
    const auto most = std::min({size_t{kVerified}, size_t{place.step}, bytes.size()});
    uint32_t length = 0;
    while (length < most && there[place.step - 1 - length] == bytes[bytes.size() - 1 - length])
      ++length;
    if (length >= shortest_ && length > lane.length) {
      lane.from = place;
      lane.length = length;
      lane.missed = 0;
    }
  }
  packed = static_cast<uint32_t>(lane_number) << step_bits_ |
           (static_cast<uint32_t>(bytes.size()) & steps);
}

}  // namespace occam
