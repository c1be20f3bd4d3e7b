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

PixelCoder::PixelCoder(const MixerKernels& kernels) : kernels_(kernels) {
  cells_.assign(C::kTables * C::kTableContexts * kNodes, WideCell::kFresh);
  constexpr size_t kEnergySelections = kPlanes * C::kEnergies * kNodes;
  constexpr std::array<size_t, C::kSets> kSelections = {kPlanes * kNodes,
                                                        kEnergySelections,
                                                        kEnergySelections,
                                                        C::kPlaces * kKinds,
                                                        kPlanes * C::kNearnesses * kNodes,
                                                        C::kSlopes * kKinds};
  for (size_t s = 0; s < C::kSets; ++s) weights_[s].assign(kSelections[s] * kInputs, kFirstWeight);
  last_weights_.assign(kNodes * C::kSets, 65536 / static_cast<int32_t>(C::kSets));
  estimates_.resize(C::kEstimates * C::kEstimateContexts * kNodes * kPoints);
  for (size_t i = 0; i < estimates_.size(); ++i) {
    const int point = static_cast<int>(i % kPoints) - kOutermostPoint;
    estimates_[i] = static_cast<uint16_t>(Squash(point * kLogitOne));
  }
  inputs_.fill(0);
  inputs_[2 * C::kTables + C::kCurves] = kLogitOne;
}

uint64_t PixelCoder::MemoryBytes() {
  constexpr uint64_t kWeights = 8 << 20;
  return sizeof(uint32_t) * C::kTables * C::kTableContexts * kNodes +
         sizeof(uint16_t) * C::kEstimates * C::kEstimateContexts * kNodes * kPoints + kWeights;
}

void PixelCoder::Start(const PixelContexts& contexts) {
  contexts_ = &contexts;
  low_ = 0;
  high_ = 256;
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
  for (size_t i = 0; i < C::kTables; ++i) {
    seen_[i] = &cells_[(i * C::kTableContexts + c.tables[i]) * kNodes + node];
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
    inputs_[2 * C::kTables + i] = kLogistic.stretch[std::min<uint64_t>(share, 4095)];
  }
  const uint32_t kind = node == 0 ? 0 : std::min((static_cast<uint32_t>(node) - 1) % 32 + 1, 3u);
  const std::array<size_t, C::kSets> selected = {
      c.plane * kNodes + node,
      (c.plane * C::kEnergies + c.energy) * kNodes + node,
      (c.plane * C::kEnergies + c.other_energy) * kNodes + node,
      c.place * kKinds + kind,
      (c.plane * C::kNearnesses + c.nearness) * kNodes + node,
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
    const size_t row = (i * C::kEstimateContexts + c.estimates[i]) * kNodes + node;
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
  for (uint32_t* const cell : seen_) WideCell::Learn(cell, bit, kLimit);
  const int target = bit ? 65535 : 0;
  for (uint16_t* const nearest : points_) {
    for (uint16_t* const point : {nearest, nearest + 1})
      *point = static_cast<uint16_t>(*point + (target - *point) / kEstimateStep);
  }
  (bit ? low_ : high_) = bound_;
  (bit ? beyond_low_ : beyond_high_) = beyond_bound_;
}

}  // namespace occam
