#include "coder/predict/photo/pixel_coder.h"

#include <algorithm>

// Every constant here is part of the file format: another value makes other files.

namespace occam {
namespace {

constexpr StudentTails kTails;

constexpr int kWeightBits = 14;
constexpr int16_t kFirstWeight = 1285;  // 0.08 of each input
constexpr int kRateBits = 7;
constexpr int kLastShift = 17;
constexpr int32_t kMaxLastWeight = 1 << 20;
constexpr int kOutermostPoint = 12;
constexpr int kEstimateStep = 64;
constexpr uint32_t kLimit = 255;  // of what a cell remembers

// Rates of learning fall from 26 to 6.
int32_t RateAfter(uint32_t pixels) {
  return 6 + static_cast<int32_t>((20u << 12) / ((1u << 12) + std::min(pixels, 1u << 28)));
}

constexpr size_t kPlanes = 3;
constexpr size_t kKinds = 4;  // of decisions

}  // namespace

PixelCoder::Nodes::Nodes(int most) {
  size_t steps = 0;
  while (kStarts[steps] <= most) ++steps;
  first_bits = steps - 5;  // the first step that has bits is the fifth
  bits = 2 * steps - 5;
  side = bits + static_cast<size_t>(kBits[steps - 1]) - 1;
  all = 1 + 2 * side;
}

PixelCoder::PixelCoder(const MixerKernels& kernels, int most, size_t tables)
    : kernels_(kernels), most_(most), nodes_(most), tables_(tables) {
  const size_t nodes = nodes_.all;
  cells_.assign(tables * C::kTableContexts * nodes, WideCell::kFresh);
  const size_t energy_selections = kPlanes * C::kEnergies * nodes;
  const std::array<size_t, C::kSets> selections = {kPlanes * nodes,
                                                   energy_selections,
                                                   energy_selections,
                                                   C::kPlaces * kKinds,
                                                   kPlanes * C::kNearnesses * nodes,
                                                   C::kSlopes * kKinds};
  for (size_t s = 0; s < C::kSets; ++s) weights_[s].assign(selections[s] * kInputs, kFirstWeight);
  last_weights_.assign(nodes * C::kSets, 65536 / static_cast<int32_t>(C::kSets));
  estimates_.resize(C::kEstimates * C::kEstimateContexts * nodes * kPoints);
  for (size_t i = 0; i < estimates_.size(); ++i) {
    const int point = static_cast<int>(i % kPoints) - kOutermostPoint;
    estimates_[i] = static_cast<uint16_t>(Squash(point * kLogitOne));
  }
  inputs_.fill(0);
  inputs_[2 * tables + C::kCurves] = kLogitOne;
}

uint64_t PixelCoder::MemoryBytes(int most, size_t tables) {
  const uint64_t nodes = Nodes(most).all;
  const uint64_t selections = kPlanes * (1 + 2 * C::kEnergies + C::kNearnesses) * nodes +
                              (C::kPlaces + C::kSlopes) * kKinds;
  return nodes * (sizeof(uint32_t) * tables * C::kTableContexts +
                  sizeof(uint16_t) * C::kEstimates * C::kEstimateContexts * kPoints +
                  sizeof(int32_t) * C::kSets) +
         sizeof(int16_t) * selections * kInputs;
}

void PixelCoder::Start(const PixelContexts& contexts) {
  contexts_ = &contexts;
  low_ = 0;
  high_ = most_ + 1;
  rate_ = RateAfter(pixels_);
  if (pixels_ < UINT32_MAX) ++pixels_;
  for (size_t i = 0; i < C::kCurves; ++i) {
    scale_[i] = 65536 / std::max(contexts.curves[i].width, 4);
    beyond_low_[i] = StudentTails::kWhole;
    beyond_high_[i] = 0;
  }
}

// Between two values a curve is cut in their middle.
int32_t PixelCoder::BeyondBound(size_t curve, int bound) const {
  const int32_t cut = bound * kPixelOne - kPixelOne / 2;
  return kTails.Beyond(((cut - contexts_->curves[curve].middle) * scale_[curve]) >> 8);
}

int32_t PixelCoder::Predict(size_t node, int bound) {
  const PixelContexts& c = *contexts_;
  node_ = node;
  bound_ = bound;
  for (size_t i = 0; i < tables_; ++i) {
    seen_[i] = &cells_[(i * C::kTableContexts + c.tables[i]) * nodes_.all + node];
    const uint32_t cell = *seen_[i];
    const bool is_fresh = WideCell::Count(cell) == 0;
    const int32_t probability = WideCell::Probability(cell);
    inputs_[2 * i] = static_cast<int16_t>(is_fresh ? 0 : WideCell::Stretch(cell));
    inputs_[2 * i + 1] = static_cast<int16_t>(is_fresh ? 0 : (probability - (1 << 21)) >> 11);
  }
  for (size_t i = 0; i < C::kCurves; ++i) {
    beyond_bound_[i] = BeyondBound(i, bound);
    const auto above = static_cast<uint64_t>(beyond_bound_[i] - beyond_high_[i] + 1);
    const auto below = static_cast<uint64_t>(beyond_low_[i] - beyond_bound_[i] + 1);
    const uint64_t share = (above << 12) / (above + below);
    inputs_[2 * tables_ + i] = kLogistic.stretch[std::min<uint64_t>(share, 4095)];
  }
  const uint32_t kind =
      node == 0
          ? 0
          : std::min((static_cast<uint32_t>(node) - 1) % static_cast<uint32_t>(nodes_.side) + 1,
                     3u);
  const std::array<size_t, C::kSets> selected = {
      c.plane * nodes_.all + node,
      (c.plane * C::kEnergies + c.energy) * nodes_.all + node,
      (c.plane * C::kEnergies + c.other_energy) * nodes_.all + node,
      c.place * kKinds + kind,
      (c.plane * C::kNearnesses + c.nearness) * nodes_.all + node,
      c.slopes * kKinds + kind};
  for (size_t s = 0; s < C::kSets; ++s) sets_[s] = &weights_[s][selected[s] * kInputs];
  last_set_ = &last_weights_[node * C::kSets];

  kernels_.sum(inputs_, sets_, logits_);
  int64_t sum = 0;
  for (size_t s = 0; s < C::kSets; ++s) {
    logits_[s] = std::clamp(logits_[s] >> kWeightBits, -kMaxLogit, kMaxLogit);
    sum += int64_t{last_set_[s]} * logits_[s];
  }
  const auto logit = static_cast<int>(std::clamp<int64_t>(sum >> 16, -kMaxLogit, kMaxLogit));
  mixed_ = Squash(logit);

  const int place = logit + kOutermostPoint * kLogitOne;
  const int beyond_point = place % kLogitOne;
  int32_t refined = 2 * mixed_;  // of four shares two are the mixture's
  for (size_t i = 0; i < C::kEstimates; ++i) {
    const size_t row = (i * C::kEstimateContexts + c.estimates[i]) * nodes_.all + node;
    points_[i] = &estimates_[row * kPoints + static_cast<size_t>(place / kLogitOne)];
    refined +=
        (points_[i][0] * (kLogitOne - beyond_point) + points_[i][1] * beyond_point) / kLogitOne;
  }
  return std::clamp(refined / 4, 1, 65535);
}

void PixelCoder::Learn(bool bit) {
  const int32_t one = bit ? 65536 : 0;
  std::array<int32_t, C::kSets> moves;
  for (size_t s = 0; s < C::kSets; ++s) {
    const int64_t move =
        (int64_t{logits_[s]} * (one - mixed_) + (1 << (kLastShift - 1))) >> kLastShift;
    last_set_[s] = static_cast<int32_t>(
        std::clamp<int64_t>(last_set_[s] + move, -kMaxLastWeight, kMaxLastWeight));
    const int32_t own = (one - Squash(logits_[s])) * rate_;
    moves[s] = std::clamp((own + (1 << (kRateBits - 1))) >> kRateBits, -32767, 32767);
  }
  kernels_.learn(inputs_, sets_, moves);
  for (size_t i = 0; i < tables_; ++i) WideCell::Learn(seen_[i], bit, kLimit);
  const int target = bit ? 65535 : 0;
  for (uint16_t* const nearest : points_) {
    for (uint16_t* const point : {nearest, nearest + 1})
      *point = static_cast<uint16_t>(*point + (target - *point) / kEstimateStep);
  }
  (bit ? low_ : high_) = bound_;
  (bit ? beyond_low_ : beyond_high_) = beyond_bound_;
}

}  // namespace occam
