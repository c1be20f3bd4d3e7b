#include "coder/predict/sound/sound_coder.h"

#include <algorithm>
#include <cstdlib>

#include "coder/predict/byte_decisions.h"

// Every constant here is part of the file format: another value makes other files.

namespace occam {
namespace {

// Inputs, block and decay of the least-squares predictors, whose memories are block * 2^decay
// samples: 1024, 64 and 128.
constexpr std::array<LeastSquares::Shape, 3> kShapes = {
    {{32, 16, 6, kPredictionBits}, {24, 8, 3, kPredictionBits}, {16, 8, 4, kPredictionBits}}};
// Its inputs are in units of 2^-3 of a sample, as its targets.
constexpr int kWeigherBits = 3;
constexpr LeastSquares::Shape kWeigherShape = {6, 8, 4, kPredictionBits - kWeigherBits};
// Taps and rates of the gradient filters.
constexpr std::array<std::array<int, 2>, 3> kGradientShapes = {{{256, 24}, {32, 32}, {16, 32}}};
// The weigher is heard from then on.
constexpr uint64_t kWarmSamples = 64;

// Magnitudes follow distances by shares of 1/8, 1/32 and 1/256.
constexpr std::array<int64_t, 3> kPaces = {8, 32, 256};
constexpr size_t kFew = 0, kSome = 1, kMany = 2;
constexpr int kMagnitudeBits = 12;  // beyond those of a prediction
constexpr int64_t kFirstMagnitude = int64_t{64} << kMagnitudeBits;

// log2(x) in units of 1/8, rounded down; 0 for 0.
int EighthsOfLog2(int64_t x) {
  const auto bounded = static_cast<uint32_t>(std::clamp<int64_t>(x, 1, 0xffffffff));
  return static_cast<int>(TableLog2(bounded) >> 13);
}

uint32_t Within(int x, int most) { return static_cast<uint32_t>(std::clamp(x, 0, most)); }

int64_t DistanceOf(int32_t a, int32_t b) { return std::abs(int64_t{a} - b) << kMagnitudeBits; }

void Follow(int64_t distance, int64_t pace, int64_t* magnitude) {
  *magnitude += (distance - *magnitude) / pace;  // rounded towards zero
}

}  // namespace

SoundCoder::Channel::Channel()
    : least_squares(kShapes.begin(), kShapes.end()), weigher(kWeigherShape) {
  for (const auto& [taps, rate] : kGradientShapes) gradients.emplace_back(taps, rate);
  best_magnitudes.fill(kFirstMagnitude);
  magnitudes.fill(kFirstMagnitude);
}

SoundCoder::SoundCoder(int channels) : channels_(static_cast<size_t>(channels)) {}

void SoundCoder::Encode(std::span<const int32_t> frame, RangeEncoder* encoder) {
  for (size_t i = 0; i < channels_.size(); ++i) {
    const Predictions predictions = Predict(i);
    residuals_.Encode(ContextOf(channels_[i], predictions), frame[i], encoder);
    Learn(predictions, frame[i], &channels_[i]);
  }
}

void SoundCoder::Decode(RangeDecoder* decoder, std::span<int32_t> frame) {
  for (size_t i = 0; i < channels_.size(); ++i) {
    const Predictions predictions = Predict(i);
    frame[i] = residuals_.Decode(ContextOf(channels_[i], predictions), decoder);
    Learn(predictions, frame[i], &channels_[i]);
  }
}

SoundCoder::Predictions SoundCoder::Predict(size_t number) {
  Channel& channel = channels_[number];
  Predictions result;
  for (size_t i = 0; i < kLeastSquares; ++i) {
    LeastSquares& predictor = channel.least_squares[i];
    const std::span<int32_t> inputs = predictor.inputs();
    // With another channel a third of the inputs is its last samples. It may be a sample ahead.
    const size_t own = channels_.size() == 1 ? inputs.size() : (inputs.size() + 1) * 2 / 3;
    std::copy_n(channel.past.begin(), own, inputs.begin());
    if (own < inputs.size()) {
      std::copy_n(channels_[1 - number].past.begin(), inputs.size() - own,
                  inputs.begin() + static_cast<ptrdiff_t>(own));
    }
    result.least_squares[i] = predictor.Predict();
  }
  result.cascade = result.least_squares[0];
  for (size_t i = 0; i < kGradients; ++i) {
    result.gradients[i] = channel.gradients[i].Predict();
    result.cascade += result.gradients[i];
  }
  const std::array<int32_t, 6> opinions = {result.least_squares[0],
                                           result.gradients[0],
                                           result.gradients[1],
                                           result.gradients[2],
                                           result.least_squares[1] - result.least_squares[0],
                                           result.least_squares[2] - result.least_squares[0]};
  const std::span<int32_t> inputs = channel.weigher.inputs();
  for (size_t i = 0; i < opinions.size(); ++i)
    inputs[i] = opinions[i] >> (kPredictionBits - kWeigherBits);
  result.best = channel.samples < kWarmSamples ? result.cascade : channel.weigher.Predict();
  return result;
}

ResidualContext SoundCoder::ContextOf(const Channel& channel, const Predictions& predictions) {
  const Magnitudes& best = channel.best_magnitudes;
  const int32_t center = predictions.best;
  ResidualContext context;
  context.center = center;
  for (size_t i = 0; i < best.size(); ++i)
    context.distributions[i] = SampleDistribution(center, best[i]);
  for (size_t i = 0; i < kLeastSquares; ++i) {
    context.distributions[best.size() + i] =
        SampleDistribution(predictions.least_squares[i], channel.magnitudes[i]);
  }
  context.distributions.back() = SampleDistribution(predictions.cascade, channel.magnitudes.back());

  const int64_t width = (best[kFew] + 3 * best[kSome]) >> (2 + kPredictionBits + kMagnitudeBits);
  context.width = static_cast<int32_t>(std::clamp<int64_t>(width, 1, 1 << 16));

  const int64_t some = best[kSome];
  const int log_some = EighthsOfLog2(some >> 6);
  const int swelling = EighthsOfLog2(best[kFew] >> 6) - log_some;
  const int swelling_slowly = log_some - EighthsOfLog2(best[kMany] >> 6);
  int64_t disagreement = 0;
  for (const int32_t prediction : predictions.least_squares)
    disagreement += DistanceOf(prediction, center);
  const int dispute = EighthsOfLog2(disagreement) - EighthsOfLog2(some);
  context.sets = {
      0, Within((swelling >> 2) + 4, 7) * 8 + Within((swelling_slowly >> 2) + 4, 7),
      Within((dispute >> 3) + 4, 7) * 8 + static_cast<uint32_t>(std::min(context.width, 7))};
  return context;
}

void SoundCoder::Learn(const Predictions& predictions, int32_t sample, Channel* channel) {
  const int32_t value = sample * (1 << kPredictionBits);
  for (size_t i = 0; i < kPaces.size(); ++i)
    Follow(DistanceOf(value, predictions.best), kPaces[i], &channel->best_magnitudes[i]);
  for (size_t i = 0; i < kLeastSquares; ++i)
    Follow(DistanceOf(value, predictions.least_squares[i]), kPaces[kSome], &channel->magnitudes[i]);
  Follow(DistanceOf(value, predictions.cascade), kPaces[kSome], &channel->magnitudes.back());
  int32_t left = value - predictions.least_squares[0];
  for (size_t i = 0; i < kGradients; ++i) {
    const int32_t beyond = left - predictions.gradients[i];
    channel->gradients[i].Learn(left, beyond);
    left = beyond;
  }
  for (LeastSquares& predictor : channel->least_squares) predictor.Learn(sample);
  channel->weigher.Learn(sample * (1 << kWeigherBits));
  std::copy_backward(channel->past.begin(), channel->past.end() - 1, channel->past.end());
  channel->past[0] = sample;
  ++channel->samples;
}

}  // namespace occam
