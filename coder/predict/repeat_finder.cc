#include "coder/predict/repeat_finder.h"

namespace occam {
namespace {

// 2^64 / golden ratio: the upper bits of a product with it are a good hash (Knuth, The Art of
// Computer Programming 3, section 6.4).
constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;

}  // namespace

void RepeatFinder::Start(int lanes) {
  hit_cells_.fill(WideCell::kFresh);
  places_.assign(size_t{1} << kPlaceBits, Place());
  lanes_.assign(static_cast<size_t>(lanes), Lane());
  expected_ = expected_bit_ = -1;
}

void RepeatFinder::StartByte(size_t lane) {
  lane_ = lane;
  expected_ = -1;
  const Lane& self = lanes_[lane];
  if (self.length == 0) return;
  // Another lane's next byte is not known yet where both are at the same step.
  const std::vector<uint8_t>& bytes = lanes_[self.from_lane].bytes;
  if (self.from_step < bytes.size()) expected_ = bytes[self.from_step];
}

void RepeatFinder::EndByte(uint8_t byte, uint64_t past) {
  Lane& lane = lanes_[lane_];
  lane.bytes.push_back(byte);
  if (expected_ == byte) {
    ++lane.length;
    ++lane.from_step;
  } else {
    lane.length = 0;
  }
  if (lane.bytes.size() >= kShortest) Look(&lane, past);
}

// How many bytes before the place are those at the end of the lane, kLongest at most.
int RepeatFinder::AgreeingBytes(const Lane& lane, Place place) const {
  const std::vector<uint8_t>& there = lanes_[place.lane].bytes;
  const size_t most = std::min({size_t{kLongest}, lane.bytes.size(), size_t{place.step}});
  size_t length = 0;
  while (length < most &&
         there[place.step - 1 - length] == lane.bytes[lane.bytes.size() - 1 - length])
    ++length;
  return static_cast<int>(length);
}

// Finds the last place after the same eight bytes where no string is followed yet; the place after
// this byte then becomes the last one.
void RepeatFinder::Look(Lane* lane, uint64_t past) {
  Place& place = places_[static_cast<size_t>(past * kGolden >> (64 - kPlaceBits))];
  if (lane->length == 0 && place.step != 0) {
    const int length = AgreeingBytes(*lane, place);
    if (length >= kShortest) {
      lane->from_lane = place.lane;
      lane->from_step = place.step;
      lane->length = length;
    }
  }
  place = {static_cast<uint32_t>(lane_), static_cast<uint32_t>(lane->bytes.size())};
}

}  // namespace occam
