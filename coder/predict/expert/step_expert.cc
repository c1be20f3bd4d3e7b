#include "coder/predict/expert/step_expert.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <functional>
#include <utility>

// Every constant here is part of the file format: another value makes other files.

namespace occam {
namespace {

constexpr int kHashBits = 64;

// Of the followers. With a dictionary there may be more than 2^24 places, and most are followed.
int MostPlaceBits(uint64_t bytes, const StepForm& form) {
  return bytes > uint64_t{1} << 24 ? std::max(form.most_place_bits, 25) : form.most_place_bits;
}

// ---- Weights -----------------------------------------------------------------------------------

// Weights are out of 2^14, so that they are in [-2, 2).
constexpr int kWeightBits = 14;
constexpr int16_t kFirstWeight = 375;  // 0.023 of each input
constexpr int16_t kFirstWeightBesideNetwork = 100;
constexpr int16_t kFirstNetworkWeight = 14500;  // 0.89: the network has learned already
// A weight moves by input * error * rate / 2^25; the input is out of 256, the error out of 65536.
// The rate falls with what the set has learned.
constexpr int kRateBits = 10;
int RateAfter(uint32_t uses, bool with_network, const StepForm& form) {
  const int rest = static_cast<int>(64 + (uses >> 5));
  return with_network ? form.least_rate_beside_network + 2048 / rest
                      : form.least_rate + 8192 / rest;
}
// Smaller moves change no weight: an input is at most kMaxLogit, and 1/2 of a step rounds up.
constexpr int kLeastMove = (1 << 14) / (kMaxLogit + 1) + 1;
// Weights of the last mixers are out of 65536, and move by input * error / 2^shift.
int LastShift(bool with_network) { return with_network ? 18 : 17; }
constexpr int32_t kMaxLastWeight = 1 << 20;

constexpr size_t kStrengths = 8;    // of an expectation
constexpr size_t kSeens = 16;       // of contexts
constexpr size_t kCertainties = 8;  // of a network
// Where those of records and of bitmaps begin among the sets that each kind has for itself.
constexpr size_t kOfTexts = 1024, kOfRecords = 2048, kOfBitmaps = 4096;
constexpr size_t kLastSelections = 768;

// ---- Estimates ---------------------------------------------------------------------------------

constexpr int kOutermostPoint = 12;
constexpr int kRowBits = 16;
constexpr uint32_t kFirstCount = 6;  // bits that an estimate begins with

// ---- Planes ------------------------------------------------------------------------------------

constexpr int kMostPlaneBits = 20;
int PlaneBits(uint64_t bytes) {
  return std::clamp(static_cast<int>(std::bit_width(bytes)) + 1, 12, kMostPlaneBits);
}
// Those by whose errors a lane is taken for a bitmap.
constexpr size_t kJudgedContext = 1, kJudgedPlane = 2;

// ---- Hashes ------------------------------------------------------------------------------------

constexpr uint32_t kGolden32 = 0x9e3779b1u;    // a prime next to 2^32 / golden ratio
constexpr uint32_t kMultiplier = 0x2c1b3c6du;  // of an integer hash found by Wellons' search
constexpr uint64_t kLongGolden = 0x9e3779b97f4a7c15u;
constexpr uint64_t kLongMultiplier = 0x94d049bb133111ebu;  // of SplitMix64 (Steele et al., 2014)

// Where a context has its slot. `upper_half` is 0 for the upper half of a byte, and tells it for
// the lower one.
uint64_t SlotHash(uint64_t context_hash, uint32_t upper_half) {
  uint64_t hash = context_hash + upper_half * kLongGolden;
  hash = (hash ^ hash >> 32) * kLongMultiplier;
  return hash ^ hash >> 32;
}

// Fills a table with copies of a row.
template <typename Row, typename Rows>
void Repeat(const Row& row, Rows& rows) {
  for (auto to = rows.begin(); to != rows.end(); to += row.size()) std::ranges::copy(row, to);
}

}  // namespace

// ---- Start -------------------------------------------------------------------------------------

StepExpert::StepExpert(bool with_network, const MixerKernels& kernels, const StepForm& form)
    : with_network_(with_network),
      kernels_(kernels),
      form_(form),
      strings_{StringFollower(3), StringFollower(11)} {
  Plan(1);
}

uint64_t StepExpert::MemoryBytes(uint64_t bytes, const StepForm& form) {
  constexpr uint64_t kRest = 30 << 20;  // weights and estimates
  return HistoryTable::MemoryBytes(HistoryTable::SlotBits(bytes, form.most_slot_bits)) +
         kFollowers * StringFollower::MemoryBytes(bytes, MostPlaceBits(bytes, form)) + 2 * bytes +
         kPlanes * (sizeof(PlaneEntry) << PlaneBits(bytes)) + kRest;
}

void StepExpert::Start(int lane_count, uint64_t bytes) {
  const auto lanes = static_cast<size_t>(lane_count);
  table_.Clear(HistoryTable::SlotBits(bytes, form_.most_slot_bits), kHashBits);
  cells_.fill(HistoryCells());
  plane_cells_.fill(HistoryCells());
  plane_bits_ = PlaneBits(bytes);
  planes_ = 0;
  for (Plane& plane : plane_tables_) plane.clear();
  last_followers_ = LastFollowers();
  for (StringFollower& strings : strings_) strings.Start(lanes, bytes, MostPlaceBits(bytes, form_));

  std::array<int16_t, kInputs> first;
  first.fill(with_network_ ? kFirstWeightBesideNetwork : kFirstWeight);
  if (with_network_) first[kNetworkInput] = kFirstNetworkWeight;
  constexpr std::array<size_t, kSets> kSelections = {256,
                                                     256 * 8,
                                                     256 * 8,
                                                     1024,
                                                     kStrengths * kSeens * kCertainties,
                                                     1,
                                                     kOfTexts + kOfRecords + kOfBitmaps,
                                                     3 * 2048};
  for (size_t s = 0; s < kSets; ++s) {
    weights_[s].resize(kSelections[s] * kInputs);
    Repeat(first, weights_[s]);
    uses_[s].assign(kSelections[s], 0);
  }
  for (auto& weights : last_weights_)
    weights.assign(kLastSelections * kSets, 65536 / static_cast<int32_t>(kSets));
  std::array<uint32_t, kPoints> row;
  for (size_t i = 0; i < kPoints; ++i) {
    const int point = static_cast<int>(i) - kOutermostPoint;
    row[i] = static_cast<uint32_t>(Squash(point * kLogitOne)) << 16 | kFirstCount;
  }
  for (Estimate& table : estimates_) {
    table.resize((size_t{1} << kRowBits) * kPoints);
    Repeat(row, table);
  }
  lanes_.clear();
  for (size_t i = 0; i < lanes; ++i) lanes_.emplace_back(*this, i);
  bytes_.assign(lanes, {});
  grown_.assign(lanes, {});
  must_grow_ = true;
  EndStep();
}

// What is of a byte at work is not copied.
void StepExpert::CopyFrom(const StepExpert& other) {
  table_.CopyFrom(other.table_);
  cells_ = other.cells_;
  plane_bits_ = other.plane_bits_;
  planes_ = other.planes_;
  plane_tables_ = other.plane_tables_;
  plane_cells_ = other.plane_cells_;
  last_followers_ = other.last_followers_;
  strings_ = other.strings_;
  weights_ = other.weights_;
  uses_ = other.uses_;
  last_weights_ = other.last_weights_;
  estimates_ = other.estimates_;
  lanes_ = other.lanes_;
  for (Lane& lane : lanes_) lane.expert_ = this;
  bytes_.resize(lanes_.size());
  grown_.resize(lanes_.size());
  must_grow_ = true;
  EndStep();
}

// ---- A lane ------------------------------------------------------------------------------------

void StepExpert::Lane::Prefetch() {
  if (prefetched_) return;
  StepExpert& e = *expert_;
  for (StringFollower& strings : e.strings_) strings.StartByte(e.bytes_, number_);
  Expectation expected;
  expected.long_byte = e.strings_[0].expected(number_);
  expected.long_step = e.strings_[0].length_step(number_);
  expected.byte = e.strings_[1].expected(number_);
  expected.step = e.strings_[1].length_step(number_);
  if (sequence_.kind() != kind_) {  // other inputs are used
    kind_ = sequence_.kind();
    predicted_.inputs = {};
  }
  sequence_.Hash(e.last_followers_, expected, &contexts_);
  for (size_t i = 0; i < contexts_.count; ++i) {
    slot_hashes_[0][i] = SlotHash(contexts_.hashes[i], 0);
    e.table_.Prefetch(slot_hashes_[0][i]);
  }
  prefetched_ = true;
}

void StepExpert::Lane::StartByte(int /*lane*/) {
  Prefetch();
  prefetched_ = false;
  node_ = 1;
  FindSlots(0);
  StartBit();
}

void StepExpert::Lane::FindSlots(size_t half) {
  const HistoryTable& table = expert_->table_;
  auto& hashes = slot_hashes_[half];
  if (half == 1) {
    for (size_t i = 0; i < contexts_.count; ++i) {
      hashes[i] = SlotHash(contexts_.hashes[i], node_);
      table.Prefetch(hashes[i]);
    }
  }
  for (size_t i = 0; i < contexts_.count; ++i) slots_[i] = &table.Look(hashes[i]);
}

void StepExpert::Lane::StartBit() {
  StepExpert& e = *expert_;
  depth_ = static_cast<size_t>(std::bit_width(node_)) - 1;
  if (depth_ == 4) FindSlots(1);
  const auto depth = static_cast<int>(depth_);
  if (kind_ != LaneKind::kText) {
    std::array<uint64_t, kPlanes> hashes;
    sequence_.PlaneContexts(node_, depth, &hashes);
    templates_ = sequence_.BitsAround(node_, depth);
    for (size_t i = 0; i < sequence_.planes(); ++i) {
      const auto place = static_cast<uint32_t>(hashes[i] >> (64 - e.plane_bits_));
      predicted_.planes[i][depth_] = place;
      __builtin_prefetch(&e.plane_tables_[i][place]);
    }
  }
  for (size_t i = 0; i < kFollowers; ++i)
    expected_bits_[i] = e.strings_[i].ExpectedBit(number_, node_, depth);
  // Where the network chooses too, the place is not known yet.
  const uint64_t past = sequence_.past();
  e.PrefetchSet(0, node_);
  e.PrefetchSet(1, (past & 0xff) * 8 + depth_);
  if (!e.with_network_) e.PrefetchSet(2, (past >> 8 & 0xff) * 8 + depth_);
  const int expected = expected_bits_[0] >= 0   ? e.strings_[0].expected(number_) + 1
                       : expected_bits_[1] >= 0 ? e.strings_[1].expected(number_) + 1
                                                : 0;
  const std::array<uint32_t, kEstimates> contexts = {
      static_cast<uint32_t>(past & 0xffffff),
      static_cast<uint32_t>(expected) << 8 | static_cast<uint32_t>(past & 0xff),
      kind_ == LaneKind::kText ? 0 : templates_.around};
  for (size_t i = 0; i < EstimatesOf(kind_); ++i) {
    const uint32_t row = (contexts[i] * kGolden32 + node_ * kMultiplier) >> (32 - kRowBits);
    rows_[i] = row * kPoints;
    __builtin_prefetch(&e.estimates_[i][rows_[i]]);
    __builtin_prefetch(&e.estimates_[i][rows_[i] + kPoints - 1]);
  }
}

// ---- Predicting a bit --------------------------------------------------------------------------

int32_t StepExpert::Lane::Predict(int network_logit) {
  const StepExpert& e = *expert_;
  auto& inputs = predicted_.inputs[depth_];
  const int logit = e.with_network_ ? std::clamp(network_logit, -kMaxLogit, kMaxLogit) : 0;
  const uint32_t leading_one = 1u << (depth_ & 3);
  const size_t cell = leading_one | (node_ & (leading_one - 1));
  size_t seen = 0;
  for (size_t i = 0; i < contexts_.count; ++i) {
    const uint8_t history = slots_[i]->histories[cell];
    predicted_.histories[i][depth_] = history;
    e.cells_[contexts_.numbers[i]].Predict(history, &inputs[HistoryCells::kInputs * i]);
    seen += history != 0 ? 1 : 0;
  }
  for (size_t i = 0; i < sequence_.planes(); ++i) PredictByPlane(i);
  PredictByFollowers(&inputs[kFollowerInput]);
  inputs[kNetworkInput] = static_cast<int16_t>(logit);
  inputs[kNetworkInput + 1] = static_cast<int16_t>((Squash(logit) - 32768) >> 5);
  inputs[kConstantInput] = kLogitOne;
  ChooseWeights(seen);
  return Refine(Mix());
}

void StepExpert::Lane::PredictByPlane(size_t plane) {
  const StepExpert& e = *expert_;
  const PlaneEntry entry = e.plane_tables_[plane][predicted_.planes[plane][depth_]];
  predicted_.plane_histories[plane][depth_] = entry.history;
  int16_t* const inputs = &predicted_.inputs[depth_][kPlaneInput + kOfPlane * plane];
  e.plane_cells_[plane].Predict(entry.history, inputs);
  const bool seen = entry.history != 0;
  inputs[3] = static_cast<int16_t>(seen ? WideCell::Stretch(entry.cell) : 0);
  inputs[4] = seen ? DistanceInput(WideCell::Probability(entry.cell)) : int16_t{0};
}

void StepExpert::Lane::PredictByFollowers(int16_t* inputs) const {
  for (size_t i = 0; i < kFollowers; ++i, inputs += 2) {
    inputs[0] = inputs[1] = 0;
    if (expected_bits_[i] < 0) continue;
    const int32_t trust = expert_->strings_[i].Trust(number_);
    const int sign = expected_bits_[i] == 1 ? 1 : -1;
    inputs[0] = static_cast<int16_t>(sign * kLogistic.stretch[static_cast<size_t>(trust >> 10)]);
    inputs[1] = static_cast<int16_t>(sign * DistanceInput(trust));
  }
}

void StepExpert::Lane::ChooseWeights(size_t seen) {
  const StepExpert& e = *expert_;
  const auto depth = static_cast<uint32_t>(depth_);
  const auto byte1 = static_cast<uint32_t>(sequence_.past() & 0xff);
  const auto byte2 = static_cast<uint32_t>(sequence_.past() >> 8 & 0xff);
  // How long the longer of the strings is that let expect a bit.
  const uint32_t step = expected_bits_[0] >= 0   ? e.strings_[0].length_step(number_)
                        : expected_bits_[1] >= 0 ? e.strings_[1].length_step(number_)
                                                 : 0;
  const uint32_t strength = step == 0    ? 0
                            : step <= 8  ? 1
                            : step <= 16 ? 2
                            : step <= 20 ? 3
                            : step <= 24 ? 4
                            : step <= 28 ? 5
                            : step <= 31 ? 6
                                         : 7;
  const auto some = static_cast<uint32_t>(seen * (kSeens - 1) / contexts_.count);
  const auto certainty =
      e.with_network_
          ? std::min(static_cast<uint32_t>(kCertainties) - 1,
                     static_cast<uint32_t>(std::abs(predicted_.inputs[depth_][kNetworkInput])) /
                         static_cast<uint32_t>(kLogitOne))
          : depth;
  // Each kind of data chooses two sets in its own way, and a bitmap two more.
  std::array<uint32_t, kSets> sets = {
      node_,
      byte1 * 8 + depth,
      byte2 * 8 + certainty,
      misses_ & 1023,
      (strength * static_cast<uint32_t>(kSeens) + some) * static_cast<uint32_t>(kCertainties) +
          certainty,
      0};
  switch (kind_) {
    case LaneKind::kText:
      sets[6] = sequence_.TextState();
      sets[7] = sequence_.PlaceInLine() * 8 + depth;
      break;
    case LaneKind::kRecords: {
      const size_t cell = (1u << (depth & 3)) | (node_ & ((1u << (depth & 3)) - 1));
      uint32_t longest = 0;  // of the orders that were seen
      for (uint32_t i = 1; i < 7; ++i) longest = slots_[i]->histories[cell] != 0 ? i : longest;
      const auto place = static_cast<uint32_t>(sequence_.bytes().size() % 4);
      sets[6] =
          static_cast<uint32_t>(kOfTexts) + ((longest * 4 + place) * 8 + depth) * 8 + certainty;
      sets[7] = 2048 + static_cast<uint32_t>(sequence_.past() >> 16 & 0xff) * 8 + depth;
      break;
    }
    case LaneKind::kBitmap:
      sets[1] = templates_.row;
      sets[2] = templates_.rows;
      sets[6] = static_cast<uint32_t>(kOfTexts + kOfRecords) + templates_.near;
      sets[7] = 4096 + depth;
      break;
  }
  for (size_t s = 0; s < kSets; ++s) predicted_.sets[s][depth_] = sets[s];
  predicted_.last_sets[0][depth_] = node_ + (strength == 0 ? 0 : strength <= 3 ? 256 : 512);
  predicted_.last_sets[1][depth_] = byte1;
}

// Returns the mean of the logits that each of the last mixers makes of those by each set.
int StepExpert::Lane::Mix() {
  StepExpert& e = *expert_;
  std::array<int16_t*, kSets> sets;
  for (size_t s = 0; s < kSets; ++s) sets[s] = &e.weights_[s][predicted_.sets[s][depth_] * kInputs];
  std::array<int32_t, kSets> logits;
  e.kernels_.sum(std::span(predicted_.inputs[depth_]).first(InputsOf(kind_)), sets, logits);
  for (size_t s = 0; s < kSets; ++s) {
    logits[s] = std::clamp(logits[s] >> kWeightBits, -kMaxLogit, kMaxLogit);
    predicted_.logits[s][depth_] = logits[s];
  }
  int mean = 0;
  for (size_t m = 0; m < kLastMixers; ++m) {
    const int32_t* const weights = &e.last_weights_[m][predicted_.last_sets[m][depth_] * kSets];
    int64_t sum = 0;
    for (size_t s = 0; s < kSets; ++s) sum += int64_t{weights[s]} * logits[s];
    const auto logit = static_cast<int>(std::clamp<int64_t>(sum >> 16, -kMaxLogit, kMaxLogit));
    predicted_.last_mixed[m][depth_] = Squash(logit);
    mean += logit;
  }
  return mean / static_cast<int>(kLastMixers);
}

// Returns a mean of the probability as it was mixed and of what came where it was such: after the
// same three bytes, after the same byte with the same one expected, and of records where the bits
// around are the same. A network needs them less.
int32_t StepExpert::Lane::Refine(int logit) {
  const int place = logit + kOutermostPoint * kLogitOne;
  const int beyond_point = place % kLogitOne;
  const size_t estimates = EstimatesOf(kind_);
  const int share = expert_->with_network_ ? 1 : 2;  // of eight
  int64_t sum = int64_t{Squash(logit)} * 64 * (8 - static_cast<int>(estimates) * share);
  for (size_t i = 0; i < estimates; ++i) {
    const uint32_t nearest = rows_[i] + static_cast<uint32_t>(place / kLogitOne);
    predicted_.points[i][depth_] = nearest;
    const uint32_t* const point = &expert_->estimates_[i][nearest];
    const int64_t estimate = int64_t{WideCell::Probability(point[0])} * (kLogitOne - beyond_point) +
                             int64_t{WideCell::Probability(point[1])} * beyond_point;
    sum += share * (estimate / kLogitOne);  // out of 2^22
  }
  return static_cast<int32_t>(std::clamp<int64_t>((sum + 256) >> 9, 1, 65535));
}

void StepExpert::Lane::Learn(bool is_one) {
  node_ = node_ * 2 + (is_one ? 1 : 0);
  if (node_ < 256) return StartBit();
  byte_ = static_cast<uint8_t>(node_);
  past_before_ = sequence_.past();
  const auto& strings = expert_->strings_;
  for (const StringFollower& follower : strings) follower.Prefetch(number_, byte_);
  const bool expected =
      strings[0].expected(number_) == byte_ || strings[1].expected(number_) == byte_;
  misses_ = misses_ << 1 | (expected ? 0 : 1);
  if (kind_ != LaneKind::kText) sequence_.AddErrors(ErrorsOfByte());
  sequence_.Add(byte_);
  expert_->grown_[number_] = sequence_.bytes();
}

StepSequence::Errors StepExpert::Lane::ErrorsOfByte() const {
  StepSequence::Errors errors;
  for (size_t depth = 0; depth < 8; ++depth) {
    const int32_t one = BitAt(depth) ? 65536 : 0;
    const auto error_of = [&](int32_t probability) {
      return static_cast<uint32_t>(std::abs(one - probability));
    };
    const auto& inputs = predicted_.inputs[depth];
    errors.context += error_of(Squash(inputs[HistoryCells::kInputs * kJudgedContext]));
    errors.plane += error_of(Squash(inputs[kPlaneInput + kOfPlane * kJudgedPlane]));
    errors.mixture += error_of(predicted_.last_mixed[0][depth]);
  }
  return errors;
}

void StepExpert::Lane::AddEvidence(bool is_one, Evidence* evidence) const {
  const auto& inputs = predicted_.inputs[depth_];
  std::array<int, 4> strongest{};
  const auto add = [&](size_t speaker, size_t input) {
    const int logit = is_one ? inputs[input] : -inputs[input];
    if (std::abs(logit) > std::abs(strongest[speaker])) strongest[speaker] = logit;
  };
  add(0, kNetworkInput);
  constexpr uint32_t kLong = 16;  // bytes
  for (size_t i = 0; i < kFollowers; ++i)
    if (expert_->strings_[i].length_step(number_) > kLong) add(1, kFollowerInput + 2 * i);
  for (size_t i = 0; i < contexts_.count; ++i) {
    const size_t number = contexts_.numbers[i];
    if (!StepSequence::IsOfExpected(number))
      add(StepSequence::IsOfWords(number) ? 2 : 3, HistoryCells::kInputs * i);
  }
  for (size_t i = 0; i < sequence_.planes(); ++i) add(3, kPlaneInput + kOfPlane * i);
  // Long strings and words come first where they are about as sure: the last bytes know the same of
  // them. Beyond letters there is no word.
  strongest[1] *= 2;
  strongest[2] = sequence_.word() == 0 ? 0 : strongest[2] + strongest[2] / 2;
  for (size_t i = 0; i < strongest.size(); ++i) (*evidence)[i] += strongest[i];
}

int32_t StepExpert::Lane::NetworkAlone() const {
  return Squash(predicted_.inputs[depth_][kNetworkInput]);
}

// ---- Learning a step ---------------------------------------------------------------------------

void StepExpert::Plan(size_t workers) {
  // About how long each takes, and the longest first: each goes to who has least so far.
  std::vector<std::pair<int, Item>> items;
  const auto add = [&](int cost, Table table, size_t first, size_t end = 0) {
    items.push_back({cost, {table, static_cast<uint8_t>(first), static_cast<uint8_t>(end)}});
  };
  for (size_t i = 0; i < kSets; ++i) add(90, Table::kSet, i);
  for (size_t i = 0; i < kFollowers; ++i) add(60, Table::kStrings, i);
  for (size_t i = 0; i < workers; ++i) add(500 / static_cast<int>(workers), Table::kSlots, i);
  for (size_t i = 0; i < kNumbers; i += 3) add(40, Table::kCells, i, std::min(i + 3, kNumbers));
  for (size_t i = 0; i < kEstimates; ++i) add(30, Table::kEstimate, i);
  for (size_t i = 0; i < kPlanes; ++i) add(15, Table::kPlane, i);
  for (size_t i = 0; i < kLastMixers; ++i) add(40, Table::kLastSets, i);
  add(15, Table::kRest, 0);
  std::ranges::stable_sort(items, std::greater(), [](const auto& item) { return item.first; });
  plan_.assign(workers, {});
  std::vector<int> busy(workers, 0);
  for (const auto& [cost, item] : items) {
    const auto least = std::ranges::min_element(busy) - busy.begin();
    busy[static_cast<size_t>(least)] += cost;
    plan_[static_cast<size_t>(least)].push_back(item);
  }
}

void StepExpert::LearnPart(size_t lanes, size_t worker) {
  for (const Item& item : plan_[worker]) {
    switch (item.table) {
      case Table::kSet:
        LearnSet(lanes, item.first);
        break;
      case Table::kStrings:
        LearnStrings(lanes, item.first);
        break;
      case Table::kSlots:
        LearnSlots(lanes, item.first, plan_.size());
        break;
      case Table::kCells:
        LearnCells(lanes, item.first, item.end);
        break;
      case Table::kEstimate:
        LearnEstimate(lanes, item.first);
        break;
      case Table::kPlane:
        LearnPlane(lanes, item.first);
        break;
      case Table::kLastSets:
        LearnLastSets(lanes, item.first);
        break;
      case Table::kRest:
        LearnRest(lanes);
        break;
    }
  }
}

void StepExpert::EndStep() {
  if (!must_grow_) return;
  must_grow_ = false;
  for (size_t l = 0; l < lanes_.size(); ++l) {
    lanes_[l].sequence_.MakeRoom();
    bytes_[l] = grown_[l] = lanes_[l].sequence_.bytes();
    for (; planes_ < lanes_[l].sequence_.planes(); ++planes_)
      plane_tables_[planes_].resize(size_t{1} << plane_bits_);
  }
}

template <typename Job>
void StepExpert::ForEachBit(size_t lanes, Job job) {
  for (size_t l = 0; l < lanes; ++l)
    for (size_t depth = 0; depth < 8; ++depth) job(lanes_[l], depth, lanes_[l].BitAt(depth));
}

// Slots that another context of this step has taken are taken back in its turn.
void StepExpert::LearnSlots(size_t lanes, size_t part, size_t parts) {
  for (size_t l = 0; l < lanes; ++l) {
    const Lane& lane = lanes_[l];
    for (size_t half = 0; half < 2; ++half) {
      // The places of its bits in a slot, and the bits.
      std::array<size_t, 4> cells;
      std::array<bool, 4> bits;
      for (size_t i = 0, cell = 1; i < 4; ++i) {
        cells[i] = cell;
        bits[i] = lane.BitAt(4 * half + i);
        cell = 2 * cell + (bits[i] ? 1 : 0);
      }
      for (size_t c = 0; c < lane.contexts_.count; ++c) {
        const uint64_t hash = lane.slot_hashes_[half][c];
        if (parts > 1 && table_.PartOf(hash, parts) != part) continue;
        auto& histories = table_.Find(hash).histories;
        for (size_t i = 0; i < 4; ++i)
          histories[cells[i]] = occam::kHistories.Next(histories[cells[i]], bits[i]);
      }
    }
  }
}

// Of contexts by their numbers.
void StepExpert::LearnCells(size_t lanes, size_t first, size_t end) {
  for (size_t l = 0; l < lanes; ++l) {
    const Lane& lane = lanes_[l];
    for (size_t c = 0; c < lane.contexts_.count; ++c) {
      const size_t number = lane.contexts_.numbers[c];
      if (number < first || number >= end) continue;
      const auto& histories = lane.predicted_.histories[c];
      for (size_t depth = 0; depth < 8; ++depth)
        cells_[number].Learn(histories[depth], lane.BitAt(depth));
    }
  }
  for (size_t i = first; i < end; ++i) cells_[i].EndLearning();
}

void StepExpert::LearnPlane(size_t lanes, size_t plane) {
  ForEachBit(lanes, [&](const Lane& lane, size_t depth, bool is_one) {
    if (plane >= StepSequence::PlanesOf(lane.kind_)) return;
    const Predicted& predicted = lane.predicted_;
    plane_cells_[plane].Learn(predicted.plane_histories[plane][depth], is_one);
    PlaneEntry& entry = plane_tables_[plane][predicted.planes[plane][depth]];
    WideCell::Learn(&entry.cell, is_one, kCountLimit);
    entry.history = occam::kHistories.Next(entry.history, is_one);
  });
  plane_cells_[plane].EndLearning();
}

// Each set learns by its own error.
void StepExpert::LearnSet(size_t lanes, size_t set) {
  ForEachBit(lanes, [&](const Lane& lane, size_t depth, bool is_one) {
    const Predicted& predicted = lane.predicted_;
    const uint32_t chosen = predicted.sets[set][depth];
    uint16_t& uses = uses_[set][chosen];
    const int rate = RateAfter(uses, with_network_, form_);
    if (uses < 65535) ++uses;
    const int32_t own = ((is_one ? 65536 : 0) - Squash(predicted.logits[set][depth])) * rate;
    const int32_t move = std::clamp((own + (1 << (kRateBits - 1))) >> kRateBits, -32767, 32767);
    if (std::abs(move) < kLeastMove) return;
    int16_t* const weights = &weights_[set][chosen * kInputs];
    kernels_.learn(std::span(predicted.inputs[depth]).first(InputsOf(lane.kind_)),
                   std::span(&weights, 1), std::span(&move, 1));
  });
}

// So does each of the last mixers.
void StepExpert::LearnLastSets(size_t lanes, size_t mixer) {
  const int shift = LastShift(with_network_);
  ForEachBit(lanes, [&](const Lane& lane, size_t depth, bool is_one) {
    const Predicted& predicted = lane.predicted_;
    const int32_t error = (is_one ? 65536 : 0) - predicted.last_mixed[mixer][depth];
    for (size_t s = 0; s < kSets; ++s) {
      int32_t& weight = last_weights_[mixer][predicted.last_sets[mixer][depth] * kSets + s];
      const int64_t move =
          (int64_t{predicted.logits[s][depth]} * error + (1 << (shift - 1))) >> shift;
      weight =
          static_cast<int32_t>(std::clamp<int64_t>(weight + move, -kMaxLastWeight, kMaxLastWeight));
    }
  });
}

void StepExpert::LearnEstimate(size_t lanes, size_t estimate) {
  ForEachBit(lanes, [&](const Lane& lane, size_t depth, bool is_one) {
    if (estimate >= EstimatesOf(lane.kind_)) return;
    uint32_t* const nearest = &estimates_[estimate][lane.predicted_.points[estimate][depth]];
    for (uint32_t* const point : {nearest, nearest + 1})
      WideCell::Learn(point, is_one, kCountLimit);
  });
}

void StepExpert::LearnStrings(size_t lanes, size_t follower) {
  StringFollower& strings = strings_[follower];
  for (size_t l = 0; l < lanes; ++l) {
    uint32_t node = 1;
    for (int depth = 0; depth < 8; ++depth) {
      const bool is_one = lanes_[l].BitAt(static_cast<size_t>(depth));
      strings.Learn(l, strings.ExpectedBit(l, node, depth), is_one);
      node = node * 2 + (is_one ? 1 : 0);
    }
    strings.EndByte(grown_, l, lanes_[l].byte_);
  }
}

// What is small.
void StepExpert::LearnRest(size_t lanes) {
  for (size_t l = 0; l < lanes; ++l) {
    last_followers_.Add(lanes_[l].past_before_, lanes_[l].byte_);
    bytes_[l] = grown_[l];
    must_grow_ =
        must_grow_ || !lanes_[l].sequence_.HasRoom() || lanes_[l].sequence_.planes() > planes_;
  }
}

}  // namespace occam
