#include "coder/predict/expert/expert.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

// Every constant here is part of the file format: another value makes other files.

namespace occam {
namespace {

// ---- Histories ---------------------------------------------------------------------------------

// What follows a history is at first guessed from its counts: (ones + 0.4) / (all + 0.8).
constexpr uint32_t FirstGuess(size_t history) {
  const auto ones = static_cast<uint64_t>(kHistories.ones(history));
  const auto all = ones + static_cast<uint64_t>(kHistories.zeros(history));
  const uint64_t p = ((5 * ones + 2) * ((1 << 22) - 1)) / (5 * all + 4);
  return static_cast<uint32_t>(p) << WideCell::kCountBits;
}

// The distance of a probability from one half as an input: 1/2 is 4.0.
int16_t Distance(int32_t probability) {
  return static_cast<int16_t>((probability - (1 << 21)) >> 11);
}

// ---- Weights -----------------------------------------------------------------------------------

// Weights are out of 2^14, so that they are in [-2, 2).
constexpr int kWeightBits = 14;
constexpr int16_t kFirstWeight = 375;           // 0.023 of each input
constexpr int16_t kFirstNetworkWeight = 12000;  // 0.55: the network has learned already
// A weight moves by input * error * rate / 2^22; the input is out of 256, the error out of 65536.
// The rate begins 16 above the least one, which it falls to: from 28 to 12 are learning rates of
// 0.007 and 0.003.
constexpr int kRateBits = 7;
int RateAfter(size_t bytes, int least) {
  return least + static_cast<int>(1024 / (64 + (bytes >> 6)));
}
// Weights of the last mixer are out of 65536, and move by input * error / 2^kLastShift.
constexpr int kLastShift = 17;
constexpr int32_t kMaxLastWeight = 1 << 20;

constexpr size_t kStrengths = 8;    // of an expectation
constexpr size_t kSeens = 16;       // of contexts
constexpr size_t kCertainties = 8;  // of a network

// ---- Estimates ---------------------------------------------------------------------------------

constexpr int kOutermostPoint = 12;
constexpr int kRowBits = 16;
constexpr int kEstimateShift = 6;

// ---- Hashes ------------------------------------------------------------------------------------

constexpr uint32_t kGolden32 = 0x9e3779b1u;      // a prime next to 2^32 / golden ratio
constexpr uint32_t kMultiplier = 0x2c1b3c6du;    // of an integer hash found by Wellons' search
constexpr uint32_t kHalfByteSalt = 0x7feb352du;  // of lowbias32 (Wellons, 2018)
constexpr uint64_t kLongGolden = 0x9e3779b97f4a7c15u;
constexpr uint64_t kLongMultiplier = 0x94d049bb133111ebu;  // of SplitMix64 (Steele et al., 2014)

// Spreads a context's hash over the slots of the table.
uint32_t Spread(uint32_t hash) {
  hash = (hash ^ hash >> 15) * kMultiplier;
  return (hash ^ hash >> 13) * kGolden32;
}
uint64_t Spread64(uint64_t hash) {
  hash = (hash ^ hash >> 32) * kLongMultiplier;
  return hash ^ hash >> 32;
}

}  // namespace

// ---- Lanes and bytes ---------------------------------------------------------------------------

Expert::Expert(bool with_network, const MixerKernels& kernels, const ExpertForm& form)
    : with_network_(with_network),
      kernels_(kernels),
      form_(form),
      strings_{StringFollower(3), StringFollower(11)} {}

uint64_t Expert::MemoryBytes(uint64_t bytes, const ExpertForm& form) {
  constexpr uint64_t kRest = 16 << 20;  // weights, planes, estimates
  return HistoryTable::MemoryBytes(HistoryTable::SlotBits(bytes, form.most_slot_bits)) +
         kFollowers * StringFollower::MemoryBytes(bytes, form.most_place_bits) + 2 * bytes + kRest;
}

void Expert::Start(int lane_count, uint64_t bytes) {
  const auto lanes = static_cast<size_t>(lane_count);
  table_.Clear(HistoryTable::SlotBits(bytes, form_.most_slot_bits), form_.hash_bits);
  HistoryCells fresh;
  for (size_t i = 0; i < fresh.size(); ++i) fresh[i] = FirstGuess(i);
  cells_.fill(fresh);
  plane_cells_.fill(fresh);
  for (auto& plane : planes_) plane.assign(size_t{1} << Sequence::kPlaneBits, 0);
  last_followers_ = LastFollowers();
  for (StringFollower& strings : strings_) strings.Start(lanes, bytes, form_.most_place_bits);

  std::array<int16_t, kInputs> first;
  first.fill(with_network_ ? 220 : kFirstWeight);
  if (with_network_) first[kNetworkInput] = kFirstNetworkWeight;
  constexpr std::array<size_t, kSets> kSelections = {256, 256 * 8, 256 * 8, 1024,
                                                     kStrengths * kSeens * kCertainties};
  for (size_t s = 0; s < kSets; ++s) {
    weights_[s].resize(kSelections[s] * kInputs);
    for (size_t i = 0; i < weights_[s].size(); ++i) weights_[s][i] = first[i % kInputs];
  }
  last_weights_.assign(256 * 3 * kSets, 65536 / static_cast<int32_t>(kSets));
  for (auto& table : estimates_) {
    table.resize((size_t{1} << kRowBits) * kPoints);
    for (size_t i = 0; i < table.size(); ++i) {
      const int point = static_cast<int>(i % kPoints) - kOutermostPoint;
      table[i] = static_cast<uint16_t>(Squash(point * kLogitOne));
    }
  }
  lanes_.assign(lanes, Sequence());
  misses_.assign(lanes, 0);
  bytes_.assign(lanes, {});
  inputs_.fill(0);
  inputs_[kConstantInput] = kLogitOne;
}

void Expert::StartByte(int lane_number) {
  const auto lane = static_cast<size_t>(lane_number);
  lane_ = lane;
  node_ = 1;
  for (StringFollower& strings : strings_) strings.StartByte(bytes_, lane);
  Expectation expected;
  expected.long_byte = strings_[0].expected(lane_);
  expected.long_step = strings_[0].length_step(lane_);
  expected.byte = strings_[1].expected(lane_);
  expected.step = strings_[1].length_step(lane_);
  lanes_[lane].Hash(last_followers_, expected, &hashes_);
  FindSlots(0);
  StartBit();
}

// Where a context has its slot. `upper_half` is 0 for the upper half of a byte, and tells it for
// the lower one.
uint64_t Expert::SlotHash(uint64_t context_hash, uint32_t upper_half) const {
  if (form_.hash_bits == 64) return Spread64(context_hash + upper_half * kLongGolden);
  return Spread(static_cast<uint32_t>(context_hash >> 32) + upper_half * kHalfByteSalt);
}

void Expert::FindSlots(uint32_t upper_half) {
  for (const uint64_t hash : hashes_) table_.Prefetch(SlotHash(hash, upper_half));
  for (size_t i = 0; i < kContexts; ++i) slots_[i] = &table_.Find(SlotHash(hashes_[i], upper_half));
}

void Expert::StartBit() {
  depth_ = std::bit_width(node_) - 1;
  if (depth_ == 4) FindSlots(node_);
  const uint32_t leading_one = 1u << (depth_ & 3);
  cell_ = leading_one | (node_ & (leading_one - 1));
  const auto planes = lanes_[lane_].PlaneContexts(node_, depth_);
  for (size_t i = 0; i < kPlanes; ++i) {
    plane_histories_[i] = &planes_[i][planes[i]];
    __builtin_prefetch(plane_histories_[i], 1);
  }
  for (size_t i = 0; i < kFollowers; ++i)
    expected_bits_[i] = strings_[i].ExpectedBit(lane_, node_, depth_);
  const uint64_t past = lanes_[lane_].past();
  const int expected = expected_bits_[0] >= 0   ? strings_[0].expected(lane_) + 1
                       : expected_bits_[1] >= 0 ? strings_[1].expected(lane_) + 1
                                                : 0;
  const std::array<uint32_t, kEstimates> contexts = {
      static_cast<uint32_t>(past & 0xffffff),
      static_cast<uint32_t>(expected) << 8 | static_cast<uint32_t>(past & 0xff)};
  for (size_t i = 0; i < kEstimates; ++i) {
    const uint32_t row = (contexts[i] * kGolden32 + node_ * kMultiplier) >> (32 - kRowBits);
    rows_[i] = &estimates_[i][row * kPoints];
    __builtin_prefetch(rows_[i], 1);
    __builtin_prefetch(rows_[i] + kPoints - 1, 1);
  }
}

void Expert::EndByte() {
  const auto byte = static_cast<uint8_t>(node_);
  for (const StringFollower& strings : strings_) strings.Prefetch(lane_, byte);
  const bool expected = strings_[0].expected(lane_) == byte || strings_[1].expected(lane_) == byte;
  misses_[lane_] = misses_[lane_] << 1 | (expected ? 0 : 1);
  last_followers_.Add(lanes_[lane_].past(), byte);
  lanes_[lane_].Add(byte);
  bytes_[lane_] = lanes_[lane_].bytes();
  for (StringFollower& strings : strings_) strings.EndByte(bytes_, lane_, byte);
}

// ---- Predicting a bit --------------------------------------------------------------------------

int32_t Expert::Predict(int network_logit) {
  size_t seen = 0;
  for (size_t i = 0; i < kContexts; ++i) {
    const uint8_t history = slots_[i]->histories[cell_];
    PredictByHistory(history, cells_[i], &inputs_[3 * i]);
    seen += history != 0 ? 1 : 0;
  }
  for (size_t i = 0; i < kPlanes; ++i)
    PredictByHistory(*plane_histories_[i], plane_cells_[i], &inputs_[kPlaneInput + 3 * i]);
  PredictByFollowers();
  if (with_network_) PredictByNetwork(network_logit);
  ChooseWeights(seen);
  return Refine(Mix());
}

void Expert::PredictByHistory(uint8_t history, const HistoryCells& cells, int16_t* inputs) const {
  if (history == 0) {
    inputs[0] = inputs[1] = inputs[2] = 0;
    return;
  }
  const uint32_t cell = cells[history];
  inputs[0] = static_cast<int16_t>(WideCell::Stretch(cell));
  inputs[1] = Distance(WideCell::Probability(cell));
  inputs[2] = kHistories.IsCertain(history) ? inputs[0] : int16_t{0};
}

void Expert::PredictByFollowers() {
  for (size_t i = 0; i < kFollowers; ++i) {
    int16_t* const inputs = &inputs_[kFollowerInput + 2 * i];
    if (expected_bits_[i] < 0) {
      inputs[0] = inputs[1] = 0;
      continue;
    }
    const int32_t trust = strings_[i].Trust(lane_);
    const int sign = expected_bits_[i] == 1 ? 1 : -1;
    inputs[0] = static_cast<int16_t>(sign * kLogistic.stretch[static_cast<size_t>(trust >> 10)]);
    inputs[1] = static_cast<int16_t>(sign * Distance(trust));
  }
}

void Expert::PredictByNetwork(int logit) {
  const int clamped = std::clamp(logit, -kMaxLogit, kMaxLogit);
  inputs_[kNetworkInput] = static_cast<int16_t>(clamped);
  inputs_[kNetworkInput + 1] = static_cast<int16_t>((Squash(clamped) - 32768) >> 5);
}

void Expert::ChooseWeights(size_t seen) {
  const Sequence& lane = lanes_[lane_];
  const auto depth = static_cast<size_t>(depth_);
  const auto byte1 = static_cast<size_t>(lane.past() & 0xff);
  const auto byte2 = static_cast<size_t>(lane.past() >> 8 & 0xff);
  // How long the longer of the strings is that let expect a bit.
  const uint32_t step = expected_bits_[0] >= 0   ? strings_[0].length_step(lane_)
                        : expected_bits_[1] >= 0 ? strings_[1].length_step(lane_)
                                                 : 0;
  const size_t strength = step == 0    ? 0
                          : step <= 8  ? 1
                          : step <= 16 ? 2
                          : step <= 20 ? 3
                          : step <= 24 ? 4
                          : step <= 28 ? 5
                          : step <= 31 ? 6
                                       : 7;
  const size_t some = seen * (kSeens - 1) / kContexts;
  const size_t certainty =
      with_network_ ? std::min(kCertainties - 1,
                               static_cast<size_t>(std::abs(inputs_[kNetworkInput]) / kLogitOne))
                    : depth;
  const std::array<size_t, kSets> selected = {
      node_, byte1 * 8 + depth, byte2 * 8 + certainty, misses_[lane_] & 1023,
      (strength * kSeens + some) * kCertainties + certainty};
  for (size_t s = 0; s < kSets; ++s) sets_[s] = &weights_[s][selected[s] * kInputs];
  last_set_ = &last_weights_[(node_ + (strength == 0 ? 0 : strength <= 3 ? 256 : 512)) * kSets];
}

// Returns the logit that the last weights make of those by each set.
int Expert::Mix() {
  kernels_.sum(inputs_, sets_, logits_);
  int64_t sum = 0;
  for (size_t s = 0; s < kSets; ++s) {
    logits_[s] = std::clamp(logits_[s] >> kWeightBits, -kMaxLogit, kMaxLogit);
    sum += int64_t{last_set_[s]} * logits_[s];
  }
  const auto logit = static_cast<int>(std::clamp<int64_t>(sum >> 16, -kMaxLogit, kMaxLogit));
  mixed_ = Squash(logit);
  return logit;
}

// Returns a mean of the probability as it was mixed and of what came where it was such: after the
// same three bytes, and after the same byte with the same one expected.
int32_t Expert::Refine(int logit) {
  const int place = logit + kOutermostPoint * kLogitOne;
  const int beyond_point = place % kLogitOne;
  int sum = 4 * mixed_;  // of eight shares four are the mixture's
  for (size_t i = 0; i < kEstimates; ++i) {
    points_[i] = rows_[i] + place / kLogitOne;
    const int estimate =
        (points_[i][0] * (kLogitOne - beyond_point) + points_[i][1] * beyond_point) / kLogitOne;
    sum += 2 * estimate;
  }
  return std::clamp(sum / 8, 1, 65535);
}

void Expert::AddEvidence(bool bit, Evidence* evidence) const {
  std::array<int, 4> strongest{};
  const auto add = [&](size_t speaker, size_t input) {
    const int logit = bit ? inputs_[input] : -inputs_[input];
    if (std::abs(logit) > std::abs(strongest[speaker])) strongest[speaker] = logit;
  };
  add(0, kNetworkInput);
  constexpr uint32_t kLong = 16;  // bytes
  for (size_t i = 0; i < kFollowers; ++i)
    if (strings_[i].length_step(lane_) > kLong) add(1, kFollowerInput + 2 * i);
  for (size_t i = 0; i < kContexts; ++i) {
    if (!Sequence::IsOfExpected(i)) add(Sequence::IsOfWords(i) ? 2 : 3, 3 * i);
  }
  for (size_t i = 0; i < kPlanes; ++i) add(3, kPlaneInput + 3 * i);
  // Long strings and words come first where they are about as sure: the last bytes know the same of
  // them. Beyond letters there is no word.
  strongest[1] *= 2;
  strongest[2] = lanes_[lane_].word() == 0 ? 0 : strongest[2] + strongest[2] / 2;
  for (size_t i = 0; i < strongest.size(); ++i) (*evidence)[i] += strongest[i];
}

int32_t Expert::NetworkAlone() const { return Squash(inputs_[kNetworkInput]); }

// ---- Learning a bit ----------------------------------------------------------------------------

void Expert::Learn(bool bit) {
  LearnWeights(bit);
  for (size_t i = 0; i < kContexts; ++i) {
    uint8_t& history = slots_[i]->histories[cell_];
    WideCell::Learn(&cells_[i][history], bit, kCountLimit);
    history = kHistories.Next(history, bit);
  }
  for (size_t i = 0; i < kPlanes; ++i) {
    uint8_t& history = *plane_histories_[i];
    WideCell::Learn(&plane_cells_[i][history], bit, kCountLimit);
    history = kHistories.Next(history, bit);
  }
  for (size_t i = 0; i < kFollowers; ++i) strings_[i].Learn(lane_, expected_bits_[i], bit);
  LearnEstimates(bit);
  node_ = node_ * 2 + (bit ? 1 : 0);
  if (node_ < 256) {
    StartBit();
  } else {
    EndByte();
  }
}

// Each set learns by its own error, the last one by that of all.
void Expert::LearnWeights(bool bit) {
  const int32_t one = bit ? 65536 : 0;
  const int32_t error = one - mixed_;
  const int rate = RateAfter(lanes_[lane_].bytes().size(), form_.least_rate);
  std::array<int32_t, kSets> moves;
  for (size_t s = 0; s < kSets; ++s) {
    const int64_t move = (int64_t{logits_[s]} * error + (1 << (kLastShift - 1))) >> kLastShift;
    last_set_[s] = static_cast<int32_t>(
        std::clamp<int64_t>(last_set_[s] + move, -kMaxLastWeight, kMaxLastWeight));
    const int32_t own = (one - Squash(logits_[s])) * rate;
    moves[s] = std::clamp((own + (1 << (kRateBits - 1))) >> kRateBits, -32767, 32767);
  }
  kernels_.learn(inputs_, sets_, moves);
}

void Expert::LearnEstimates(bool bit) {
  const int target = bit ? 65535 : 0;
  for (uint16_t* const nearest : points_) {
    for (uint16_t* const point : {nearest, nearest + 1})
      *point = static_cast<uint16_t>(*point + (target - *point) / (1 << kEstimateShift));
  }
}

}  // namespace occam
