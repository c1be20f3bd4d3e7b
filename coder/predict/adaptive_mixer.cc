#include "coder/predict/adaptive_mixer.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

// Every constant here is part of the file format: another value makes other files. "Measured" says
// how many bytes longer (+) or shorter (-) the ideal code of enwik8's first 1,000,000 bytes is
// then; beside the model wiki-800K it has 199,860.

namespace occam {
namespace {

// ---- Weights -----------------------------------------------------------------------------------

// Weights at the start, out of 65536: 0.76 and 0.09. The network has learned already; the others
// have to earn their weights. Measured: the network at 40000 -43, at 65536 +143; the others at 3000
// +78, at 12000 -117.
constexpr int32_t kNetworkWeight = 50000;
constexpr int32_t kOtherWeight = 6000;

// A weight moves by input * error / 2^16, the input being out of 256, the error and the weight out
// of 65536. That is a learning rate of 2^-8 = 0.004, in the range of 0.002 to 0.01 that is usual
// for PAQ's mixers. Measured: half of it +388, twice of it -90.
constexpr int kLearningShift = 16;
// 256 in either direction, so that sums of products fit into 64 bits.
constexpr int32_t kMaxWeight = 1 << 24;

// The network's certainty is a whole number of logits, and 7 stands for all above.
constexpr size_t kNetworkCertainties = 8;

// ---- Correction --------------------------------------------------------------------------------

// A probability is corrected between points that are 1.0 apart on the logit scale, from -12 to 12:
// the range of logits. lpaq1 has 33 points from -8 to 8 in its place.
constexpr int kOutermostPoint = 12;
constexpr size_t kPoints = 2 * kOutermostPoint + 1;
static_assert(kMaxLogit < kOutermostPoint * kLogitOne);
// Rows are chosen by a hash of three bytes and the bits so far, in 16 bits as in PAQ8: 3.3 MB in
// all. Measured: 18 bits -75.
constexpr int kRowBits = 16;
// Both points move by 1/64 of the way to what came; in PAQ8 it is 1/128. Measured: 1/128
// +488, 1/32 -385.
constexpr int kCorrectionShift = 6;

// ---- Hashes ------------------------------------------------------------------------------------
// Their multipliers are odd numbers with irregular bits that are in common use.

constexpr uint32_t kGolden32 = 0x9e3779b1u;          // a prime next to 2^32 / golden ratio
constexpr uint64_t kGolden64 = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio
constexpr uint32_t kMultiplier = 0x2c1b3c6du;        // of an integer hash found by Wellons' search
constexpr uint32_t kHalfByteSalt = 0x7feb352du;      // of lowbias32 (Wellons, 2018)
constexpr uint32_t kLetterMultiplier = 0x2c9277b5u;  // of PCG's 32-bit generator (O'Neill, 2014)

// The upper bits of a product depend on all bits of its factors.
uint32_t Upper(uint64_t product) { return static_cast<uint32_t>(product >> 32); }

// Spreads a context's hash over the slots of a table.
uint32_t Spread(uint32_t hash) {
  hash = (hash ^ hash >> 15) * kMultiplier;
  return (hash ^ hash >> 13) * kGolden32;
}

// Bytes of 128 and more are parts of letters in UTF-8.
bool IsLetter(uint8_t byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte >= 128;
}

}  // namespace

// ---- Lanes and bytes ---------------------------------------------------------------------------

void AdaptiveMixer::Start(int lanes) {
  for (SlotTable& table : tables_) table.Clear();
  repeats_.Start(lanes);
  Weights initial;
  initial.fill(kOtherWeight);
  initial[kNetworkInput] = kNetworkWeight;
  by_knowledge_.assign(RepeatFinder::kCertainties * (kContexts + 1) * kNetworkCertainties, initial);
  by_node_.assign(256, initial);
  corrections_.resize((size_t{1} << kRowBits) * kPoints);
  for (size_t i = 0; i < corrections_.size(); ++i) {
    const int point = static_cast<int>(i % kPoints) - kOutermostPoint;
    corrections_[i] = static_cast<uint16_t>(Squash(point * kLogitOne));
  }
  lanes_.assign(static_cast<size_t>(lanes), Lane());
  for (Lane& lane : lanes_) SetContexts(&lane);
}

void AdaptiveMixer::StartByte(int lane) {
  lane_ = &lanes_[static_cast<size_t>(lane)];
  node_ = 1;
  repeats_.StartByte(static_cast<size_t>(lane));
  FindSlots(0);
}

void AdaptiveMixer::EndByte() {
  const auto byte = static_cast<uint8_t>(node_);
  lane_->past = lane_->past << 8 | byte;
  ReadLetter(byte, lane_);
  repeats_.EndByte(byte, lane_->past);
  SetContexts(lane_);
}

void AdaptiveMixer::ReadLetter(uint8_t byte, Lane* lane) {
  if (IsLetter(byte)) {
    const uint32_t lower_case = byte < 128 ? byte | 0x20u : byte;
    lane->word = (lane->word + lower_case + 1) * kLetterMultiplier;
  } else if (lane->word != 0) {
    lane->word_before = lane->word;
    lane->word = 0;
  }
}

void AdaptiveMixer::SetContexts(Lane* lane) {
  constexpr uint64_t kFourBytes = 0xffffffffu;
  constexpr uint64_t kSixBytes = 0xffffffffffffu;
  lane->hashes = {Upper((lane->past & kFourBytes) * kGolden64),
                  Upper((lane->past & kSixBytes) * kGolden64), lane->word * kMultiplier,
                  (lane->word * kMultiplier) ^ (lane->word_before * kGolden32)};
  // By the time it is this lane's turn again, its first slots are in the cache.
  for (size_t i = 0; i < kContexts; ++i) tables_[i].Prefetch(Spread(lane->hashes[i]));
}

// Slots of half a byte; the salt is 0 for the upper half and tells the upper half for the lower
// one.
void AdaptiveMixer::FindSlots(uint32_t salt) {
  for (size_t i = 0; i < kContexts; ++i)
    slots_[i] = &tables_[i].Find(Spread(lane_->hashes[i] + salt));
}

// ---- Predicting a bit --------------------------------------------------------------------------

int32_t AdaptiveMixer::Predict(int network_logit) {
  const int depth = std::bit_width(node_) - 1;  // bits of this byte that are known
  if (depth == 4) FindSlots(node_ * kHalfByteSalt);
  inputs_[kNetworkInput] = std::clamp(network_logit, -kMaxLogit, kMaxLogit);
  const size_t contexts_seen = PredictByContexts(depth);
  inputs_[kRepeatInput] = repeats_.Predict(node_, depth);
  inputs_[kConstantInput] = kLogitOne;
  ChooseWeights(contexts_seen);
  return Correct(Mix());
}

// Returns how many contexts have seen this decision before; the others predict nothing.
size_t AdaptiveMixer::PredictByContexts(int depth) {
  const uint32_t leading_one = 1u << (depth & 3);
  const uint32_t cell = leading_one | (node_ & (leading_one - 1));
  size_t seen = 0;
  for (size_t i = 0; i < kContexts; ++i) {
    cells_[i] = &slots_[i]->cells[cell];
    const bool is_known = NarrowCell::Count(*cells_[i]) != 0;
    inputs_[kContextInput + i] = is_known ? NarrowCell::Stretch(*cells_[i]) : 0;
    seen += is_known ? 1 : 0;
  }
  return seen;
}

void AdaptiveMixer::ChooseWeights(size_t contexts_seen) {
  const auto repetition = static_cast<size_t>(repeats_.Certainty());
  const size_t network = std::min(
      kNetworkCertainties - 1, static_cast<size_t>(std::abs(inputs_[kNetworkInput]) / kLogitOne));
  weights_ = {&by_knowledge_[(repetition * (kContexts + 1) + contexts_seen) * kNetworkCertainties +
                             network],
              &by_node_[node_]};
}

// Returns the mean of the logits by both sets of weights.
int AdaptiveMixer::Mix() {
  int64_t sum = 0;
  for (size_t s = 0; s < kSets; ++s) {
    int64_t logit = 0;
    for (size_t i = 0; i < kInputs; ++i) logit += int64_t{(*weights_[s])[i]} * inputs_[i];
    logit >>= 16;
    mixed_[s] = Squash(logit);
    sum += std::clamp<int64_t>(logit, -kMaxLogit, kMaxLogit);
  }
  return static_cast<int>(sum / 2);
}

// Returns the mean of the probability as it was mixed and of what came after the same three bytes
// where it was such. The latter is between the two points that are nearest.
int32_t AdaptiveMixer::Correct(int logit) {
  const int place = logit + kOutermostPoint * kLogitOne;
  const int beyond_point = place % kLogitOne;
  const uint32_t three_bytes = static_cast<uint32_t>(lane_->past & 0xffffff);
  const uint32_t row = (three_bytes * kGolden32 + node_ * kMultiplier) >> (32 - kRowBits);
  correction_ = &corrections_[row * kPoints + static_cast<size_t>(place / kLogitOne)];
  const int corrected =
      (correction_[0] * (kLogitOne - beyond_point) + correction_[1] * beyond_point) / kLogitOne;
  return std::clamp((Squash(logit) + corrected) / 2, 1, 65535);
}

void AdaptiveMixer::AddEvidence(bool bit, Evidence* evidence) const {
  // By the places of the inputs; the constant speaks for nobody.
  static constexpr std::array<size_t, kInputs - 1> kSpeakers = {0, 3, 3, 2, 2, 1};
  for (size_t i = 0; i < kSpeakers.size(); ++i) {
    const int64_t weight = int64_t{(*weights_[0])[i]} + (*weights_[1])[i];
    (*evidence)[kSpeakers[i]] += (bit ? weight : -weight) * inputs_[i];
  }
}

int32_t AdaptiveMixer::NetworkAlone() const { return Squash(inputs_[kNetworkInput]); }

// ---- Learning a bit ----------------------------------------------------------------------------

void AdaptiveMixer::Learn(bool bit) {
  LearnWeights(bit);
  for (uint16_t* const cell : cells_) NarrowCell::Learn(cell, bit, NarrowCell::kCountMask);
  repeats_.Learn(bit);
  LearnCorrection(bit);
  node_ = node_ * 2 + (bit ? 1 : 0);
  if (node_ >= 256) EndByte();
}

// Each set learns by its own error.
void AdaptiveMixer::LearnWeights(bool bit) {
  constexpr int64_t kHalf = int64_t{1} << (kLearningShift - 1);  // so that moves are rounded
  for (size_t s = 0; s < kSets; ++s) {
    const int64_t error = (bit ? 65536 : 0) - mixed_[s];
    for (size_t i = 0; i < kInputs; ++i) {
      int32_t& weight = (*weights_[s])[i];
      const int64_t move = (inputs_[i] * error + kHalf) >> kLearningShift;
      weight = static_cast<int32_t>(std::clamp<int64_t>(weight + move, -kMaxWeight, kMaxWeight));
    }
  }
}

void AdaptiveMixer::LearnCorrection(bool bit) {
  const int target = bit ? 65535 : 0;
  for (uint16_t* const point : {correction_, correction_ + 1})
    *point = static_cast<uint16_t>(*point + (target - *point) / (1 << kCorrectionShift));
}

}  // namespace occam
