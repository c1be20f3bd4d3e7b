#include "coder/predict/adaptive_mixer.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>

namespace occam {
namespace {

constexpr int kSlotBits = 20;  // slots of a table
constexpr int kPlaceBits = 20;
constexpr int kMatchBytes = 8;         // that must agree
constexpr int kLongestMatch = 32;      // that is told from longer ones
constexpr int kCorrectionBits = 16;    // rows
constexpr int kCorrectionPoints = 25;  // logits -12, -11, .., 12
constexpr int kCorrectionRate = 6;

// A cell is a probability in the upper 11 bits, the middle of its step, and a count below.
constexpr int kCountBits16 = 5;
constexpr uint32_t kMostCounted = 31;
constexpr uint16_t kFreshCell16 = 1u << 15;

int StretchCell(uint16_t cell) {
  return kLogistic.stretch[static_cast<size_t>(cell >> kCountBits16) * 2 + 1];
}

void LearnCell(uint16_t* cell, bool bit) {
  const uint32_t count = *cell & kMostCounted;
  const int32_t probability = ((*cell >> kCountBits16) << 11) + (1 << 10);
  const int32_t target = bit ? (1 << 22) - 1 : 0;
  const int64_t move = int64_t{target - probability} * kRates.rate[count] >> 16;
  const auto moved = static_cast<uint32_t>(probability + static_cast<int32_t>(move)) >> 11;
  *cell = static_cast<uint16_t>((moved << kCountBits16) | std::min(count + 1, kMostCounted));
}

constexpr int32_t kNetworkWeight = 50000;
constexpr int32_t kOtherWeight = 6000;
constexpr int kLearningShift = 16;
constexpr int32_t kMaxWeight = 1 << 24;

constexpr uint32_t kHash1 = 0x9e3779b1u;
constexpr uint32_t kHash2 = 0x2c1b3c6du;
constexpr uint64_t kHash64 = 0x9e3779b97f4a7c15u;

uint32_t Upper(uint64_t product) { return static_cast<uint32_t>(product >> 32); }

uint32_t Mix(uint32_t hash) {
  hash = (hash ^ hash >> 15) * kHash2;
  return (hash ^ hash >> 13) * kHash1;
}

bool IsLetter(uint8_t byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte >= 128;
}

}  // namespace

void AdaptiveMixer::Table::Free::operator()(void* memory) const { std::free(memory); }

void AdaptiveMixer::Table::Clear() {
  constexpr size_t kLine = 64;  // pairs of slots lie in one line of the cache
  memory_.reset();
  memory_.reset(std::calloc((sizeof(Slot) << kSlotBits) + kLine, 1));
  if (!memory_) throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(memory_.get());
  slots_ = reinterpret_cast<Slot*>((address + kLine - 1) / kLine * kLine);
}

void AdaptiveMixer::Table::Prefetch(uint32_t hash) const {
  __builtin_prefetch(&slots_[hash >> (32 - kSlotBits)], 1);
}

// Two places are possible for a slot; of two strangers the one that has seen less makes room.
AdaptiveMixer::Slot& AdaptiveMixer::Table::Find(uint32_t hash) {
  const size_t index = hash >> (32 - kSlotBits);
  const auto check = static_cast<uint16_t>(hash | 1);
  Slot* slot = &slots_[index];
  if (slot->cells[0] == check) return *slot;
  Slot* const other = &slots_[index ^ 1];
  if (other->cells[0] == check) return *other;
  if ((other->cells[1] & kMostCounted) < (slot->cells[1] & kMostCounted)) slot = other;
  slot->cells.fill(kFreshCell16);
  slot->cells[0] = check;
  return *slot;
}

void AdaptiveMixer::Start(int lanes) {
  for (Table& table : tables_) table.Clear();
  Weights initial;
  initial.fill(kOtherWeight);
  initial[0] = kNetworkWeight;
  by_knowledge_.assign(5 * 8 * 8, initial);
  by_node_.assign(256, initial);
  corrections_.resize((size_t{1} << kCorrectionBits) * kCorrectionPoints);
  for (size_t i = 0; i < corrections_.size(); ++i) {
    const int point = static_cast<int>(i % kCorrectionPoints) - kCorrectionPoints / 2;
    corrections_[i] = static_cast<uint16_t>(Squash(point * kLogitOne));
  }
  match_cells_.assign(kLongestMatch, kFreshCell);
  places_.assign(size_t{1} << kPlaceBits, Place());
  lanes_.assign(static_cast<size_t>(lanes), Lane());
  for (Lane& lane : lanes_) SetContexts(&lane);
}

int AdaptiveMixer::ExpectedByte() const {
  const Lane& lane = lanes_[lane_];
  if (lane.match_length == 0) return -1;
  const std::vector<uint8_t>& bytes = lanes_[lane.match_lane].bytes;
  return lane.match_step < bytes.size() ? bytes[lane.match_step] : -1;
}

void AdaptiveMixer::SetContexts(Lane* lane) {
  lane->hashes = {Upper((lane->past & 0xffffffffu) * kHash64),
                  Upper((lane->past & 0xffffffffffffu) * kHash64), lane->word * kHash2,
                  (lane->word * kHash2) ^ (lane->word_before * kHash1)};
  // By the time it is this lane's turn again, its first slots are in the cache.
  for (size_t i = 0; i < kContexts; ++i) tables_[i].Prefetch(Mix(lane->hashes[i]));
}

void AdaptiveMixer::StartByte(int lane) {
  lane_ = static_cast<size_t>(lane);
  node_ = 1;
  expected_ = ExpectedByte();
  for (size_t i = 0; i < kContexts; ++i) slots_[i] = &tables_[i].Find(Mix(lanes_[lane_].hashes[i]));
}

int32_t AdaptiveMixer::Predict(int network_logit) {
  const int depth = std::bit_width(node_) - 1;
  if (depth == 4) {
    for (size_t i = 0; i < kContexts; ++i)
      slots_[i] = &tables_[i].Find(Mix(lanes_[lane_].hashes[i] + node_ * 0x7feb352du));
  }
  const uint32_t half = 1u << (depth & 3);
  const uint32_t cell = half | (node_ & (half - 1));
  network_logit = std::clamp(network_logit, -kMaxLogit, kMaxLogit);
  inputs_[0] = network_logit;
  int known = 0;
  for (size_t i = 0; i < kContexts; ++i) {
    cells_[i] = &slots_[i]->cells[cell];
    const bool seen = (*cells_[i] & kMostCounted) != 0;
    inputs_[1 + i] = seen ? StretchCell(*cells_[i]) : 0;
    known += seen ? 1 : 0;
  }
  const bool follows =
      expected_ >= 0 && (static_cast<uint32_t>(expected_ | 256) >> (8 - depth)) == node_;
  expected_bit_ = follows ? expected_ >> (7 - depth) & 1 : -1;
  int match = 0;
  inputs_[1 + kContexts] = 0;
  if (follows) {
    const int length = lanes_[lane_].match_length;
    match = length < 16 ? 1 : length < 24 ? 2 : length < kLongestMatch ? 3 : 4;
    const int logit =
        Stretch(match_cells_[static_cast<size_t>(std::min(length, kLongestMatch) - 1)]);
    inputs_[1 + kContexts] = expected_bit_ == 1 ? logit : -logit;
  }
  inputs_[2 + kContexts] = kLogitOne;

  const int sure = std::min(7, std::abs(network_logit) / kLogitOne);
  weights_ = {&by_knowledge_[static_cast<size_t>((match * 8 + known) * 8 + sure)],
              &by_node_[node_]};
  int64_t sum = 0;
  for (size_t s = 0; s < 2; ++s) {
    int64_t product = 0;
    for (size_t i = 0; i < kInputs; ++i) product += int64_t{(*weights_[s])[i]} * inputs_[i];
    product >>= 16;
    mixed_[s] = Squash(product);
    sum += std::clamp<int64_t>(product, -kMaxLogit, kMaxLogit);
  }
  const auto logit = static_cast<int>(sum / 2);
  const int place = logit + 12 * kLogitOne;
  const int weight = place % kLogitOne;
  const uint32_t row =
      (static_cast<uint32_t>(lanes_[lane_].past & 0xffffff) * kHash1 + node_ * kHash2) >>
      (32 - kCorrectionBits);
  correction_ = &corrections_[row * kCorrectionPoints + static_cast<size_t>(place / kLogitOne)];
  const int corrected =
      (correction_[0] * (kLogitOne - weight) + correction_[1] * weight) / kLogitOne;
  return std::clamp((Squash(logit) + corrected) / 2, 1, 65535);
}

void AdaptiveMixer::Learn(bool bit) {
  for (size_t s = 0; s < 2; ++s) {
    const int64_t error = (bit ? 65536 : 0) - mixed_[s];
    for (size_t i = 0; i < kInputs; ++i) {
      int32_t& weight = (*weights_[s])[i];
      const int64_t move = (inputs_[i] * error + (1 << (kLearningShift - 1))) >> kLearningShift;
      weight = static_cast<int32_t>(std::clamp<int64_t>(weight + move, -kMaxWeight, kMaxWeight));
    }
  }
  for (uint16_t* const cell : cells_) LearnCell(cell, bit);
  if (expected_bit_ >= 0) {
    const int length = std::min(lanes_[lane_].match_length, kLongestMatch);
    occam::Learn(&match_cells_[static_cast<size_t>(length - 1)], (expected_bit_ == 1) == bit,
                 kCountLimit);
  }
  for (uint16_t* const point : {correction_, correction_ + 1}) {
    const int target = bit ? 65535 : 0;
    *point = static_cast<uint16_t>(*point + (target - *point) / (1 << kCorrectionRate));
  }
  node_ = node_ * 2 + (bit ? 1 : 0);
  if (node_ >= 256) EndByte();
}

void AdaptiveMixer::EndByte() {
  Lane& lane = lanes_[lane_];
  const auto byte = static_cast<uint8_t>(node_);
  lane.bytes.push_back(byte);
  lane.past = lane.past << 8 | byte;
  if (IsLetter(byte)) {
    const uint32_t letter = byte < 128 ? byte | 0x20u : byte;
    lane.word = (lane.word + letter + 1) * 0x2c9277b5u;
  } else if (lane.word != 0) {
    lane.word_before = lane.word;
    lane.word = 0;
  }
  if (expected_ == byte) {
    ++lane.match_length;
    ++lane.match_step;
  } else {
    lane.match_length = 0;
  }
  FindMatch(&lane);
  SetContexts(&lane);
}

// The place after this byte becomes the one that is found after the same eight bytes.
void AdaptiveMixer::FindMatch(Lane* lane) {
  const size_t size = lane->bytes.size();
  if (size < kMatchBytes) return;
  Place& place = places_[static_cast<size_t>(lane->past * kHash64 >> (64 - kPlaceBits))];
  if (lane->match_length == 0 && place.step != 0) {
    const std::vector<uint8_t>& bytes = lanes_[place.lane].bytes;
    int length = 0;
    while (length < kLongestMatch && static_cast<size_t>(length) < size &&
           static_cast<uint32_t>(length) < place.step &&
           bytes[place.step - 1 - static_cast<uint32_t>(length)] ==
               lane->bytes[size - 1 - static_cast<size_t>(length)]) {
      ++length;
    }
    if (length >= kMatchBytes) {
      lane->match_lane = place.lane;
      lane->match_step = place.step;
      lane->match_length = length;
    }
  }
  place = {static_cast<uint32_t>(lane_), static_cast<uint32_t>(size)};
}

}  // namespace occam
