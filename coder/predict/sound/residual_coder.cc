#include "coder/predict/sound/residual_coder.h"

#include <algorithm>

#include "coder/entropy/bit_coder.h"
#include "coder/entropy/bit_model.h"
#include "coder/predict/byte_decisions.h"
#include "coder/predict/sound/filters.h"

// Every constant here is part of the file format: another value makes other files.

namespace occam {
namespace {

// ---- Distributions -----------------------------------------------------------------------------

// 2^30 / (1 + e^-x) for x from -20 to 20 in steps of 1/64, built in integers.
struct LogisticCurve {
  static constexpr int kOneBits = 6;
  static constexpr int kMost = 20 << kOneBits;
  std::array<int32_t, 2 * kMost + 2> below{};

  constexpr LogisticCurve() {
    constexpr uint64_t kStep = 4362603189u;  // e^(1/64), out of 2^32
    uint64_t power = uint64_t{1} << 32;      // e^(i/64) / 2^shift, out of 2^32
    int shift = 0;
    for (int i = 0; i <= kMost; ++i) {
      const uint64_t one = (uint64_t{1} << 32) >> shift;
      const auto share = static_cast<int32_t>((power << 30) / (power + one));
      below[static_cast<size_t>(kMost + i)] = share;
      below[static_cast<size_t>(kMost - i)] = (1 << 30) - share;
      power = (power * (kStep >> 2)) >> 30;
      if (power >= uint64_t{1} << 33) {
        power >>= 1;
        ++shift;
      }
    }
    below[2 * kMost + 1] = below[2 * kMost];
  }
};
constexpr LogisticCurve kCurve;

constexpr int kEvenBits = 2;  // of the even part at each sample
// Places on the curve have 8 bits between its points, a distance is in units of 2^-4 of a sample,
// and a logistic distribution's scale is 1 / 1.386 of its mean distance: about 1 / 1.5.
constexpr int kPlaceBits = 8;
constexpr int kScaleBits = 12;
constexpr int64_t kScaleOfOne = int64_t{3} << 37;
constexpr int64_t kLeastMagnitude = 1 << 13;  // an eighth of a sample

// ---- Decisions ---------------------------------------------------------------------------------

// How many widths away from the center each step begins.
constexpr std::array<int64_t, 18> kSteps = {1,  2,  3,   4,   6,    8,    12,    16,    24,
                                            32, 64, 128, 256, 1024, 4096, 16384, 65536, 262144};
constexpr int kHalves = 3;

constexpr int kWeightShift = 14;
constexpr int32_t kMaxWeight = 1 << 24;
constexpr uint32_t kCellLimit = 255;
constexpr int32_t kLeastProbability = 1;

// The part of [0, 2^24) of one of `count` values of equal probability.
SymbolInterval EvenPart(uint32_t value, uint32_t count) {
  const auto start = static_cast<uint32_t>((uint64_t{value} << kFrequencyBits) / count);
  const auto end = static_cast<uint32_t>(((uint64_t{value} + 1) << kFrequencyBits) / count);
  return {start, end - start};
}

// Coders of a sample: Bit as in bit_coder.h, where `bit` is `sample >= middle`; and Even, which
// codes which of the samples [first, end) it is.
class SampleEncoder {
 public:
  explicit SampleEncoder(RangeEncoder* encoder)
      : encoder_(*encoder), bits_(encoder, kLeastProbability) {}
  bool Bit(bool bit, int32_t probability) { return bits_.Bit(bit, probability); }
  int32_t Even(int32_t first, int32_t end, int32_t sample) {
    encoder_.Encode(
        EvenPart(static_cast<uint32_t>(sample - first), static_cast<uint32_t>(end - first)));
    return sample;
  }

 private:
  RangeEncoder& encoder_;
  BitEncoder bits_;
};

class SampleDecoder {
 public:
  explicit SampleDecoder(RangeDecoder* decoder)
      : decoder_(*decoder), bits_(decoder, kLeastProbability) {}
  bool Bit(bool unknown, int32_t probability) { return bits_.Bit(unknown, probability); }
  int32_t Even(int32_t first, int32_t end, int32_t /*unknown*/) {
    const auto count = static_cast<uint32_t>(end - first);
    // The last value whose part does not begin beyond the target.
    const uint64_t value = ((uint64_t{decoder_.Target()} + 1) * count - 1) >> kFrequencyBits;
    decoder_.Advance(EvenPart(static_cast<uint32_t>(value), count));
    return first + static_cast<int32_t>(value);
  }

 private:
  RangeDecoder& decoder_;
  BitDecoder bits_;
};

}  // namespace

SampleDistribution::SampleDistribution(int32_t center, int64_t magnitude)
    : center_(center), scale_(kScaleOfOne / std::max(magnitude, kLeastMagnitude)) {}

int64_t SampleDistribution::Below(int32_t x) const {
  if (x <= kLeastSample) return 0;
  if (x > kMostSample) return kAll;
  // The border between x - 1 and x.
  const int64_t distance = (int64_t{x} << kPredictionBits) - (1 << (kPredictionBits - 1)) - center_;
  constexpr int64_t kMostPlace = int64_t{LogisticCurve::kMost} << kPlaceBits;
  const int64_t place =
      std::clamp(distance * scale_ >> kScaleBits, -kMostPlace, kMostPlace) + kMostPlace;
  const auto point = static_cast<size_t>(place >> kPlaceBits);
  const int64_t beyond = place & ((1 << kPlaceBits) - 1);
  const int64_t here = kCurve.below[point];
  return here + ((kCurve.below[point + 1] - here) * beyond >> kPlaceBits) +
         (int64_t{x - kLeastSample} << kEvenBits);
}

ResidualCoder::ResidualCoder() {
  cells_.fill(WideCell::kFresh);
  for (size_t s = 0; s < kSets; ++s) {
    const size_t contexts = s == 0 ? 1 : ResidualContext::kSetContexts;
    weights_[s].resize(kDecisions * contexts * kInputs);
    for (size_t i = 0; i < weights_[s].size(); ++i) {
      weights_[s][i] =
          i % kInputs < kDistributions ? 65536 / static_cast<int32_t>(kDistributions) : 0;
    }
  }
}

template <typename Coder>
bool ResidualCoder::Decide(const ResidualContext& context, size_t decision, int32_t middle, bool up,
                           int32_t sample, Coder& coder, Rest* rest) {
  // A 1 is the side away from the center.
  std::array<int32_t, kInputs> inputs;
  std::array<int64_t, kDistributions> below;
  for (size_t i = 0; i < kDistributions; ++i) {
    below[i] = context.distributions[i].Below(middle);
    const int logit = LogitOf(static_cast<uint32_t>(below[i] - rest->below_first[i]),
                              static_cast<uint32_t>(rest->below_end[i] - below[i]));
    inputs[i] = up ? logit : -logit;
  }
  inputs[kDistributions] = WideCell::Stretch(cells_[decision]);
  inputs[kInputs - 1] = kLogitOne;

  std::array<int32_t*, kSets> weights;
  std::array<int32_t, kSets> probabilities;
  int64_t logits = 0;
  for (size_t s = 0; s < kSets; ++s) {
    const size_t set =
        s == 0 ? decision : decision * ResidualContext::kSetContexts + context.sets[s];
    weights[s] = &weights_[s][set * kInputs];
    int64_t sum = 0;
    for (size_t i = 0; i < kInputs; ++i) sum += int64_t{weights[s][i]} * inputs[i];
    const int64_t logit = std::clamp<int64_t>(sum >> 16, -kMaxLogit, kMaxLogit);
    probabilities[s] = Squash(logit);
    logits += logit;
  }
  // Rounded towards zero.
  const bool away = coder.Bit((sample >= middle) == up, Squash(logits / int64_t{kSets}));

  for (size_t s = 0; s < kSets; ++s) {
    const int32_t error = (away ? 65536 : 0) - probabilities[s];
    for (size_t i = 0; i < kInputs; ++i) {
      const int32_t move = (inputs[i] * error + (1 << (kWeightShift - 1))) >> kWeightShift;
      weights[s][i] = std::clamp(weights[s][i] + move, -kMaxWeight, kMaxWeight);
    }
  }
  WideCell::Learn(&cells_[decision], away, kCellLimit);
  if (away == up) {
    rest->first = middle;
    rest->below_first = below;
  } else {
    rest->end = middle;
    rest->below_end = below;
  }
  return away;
}

template <typename Coder>
int32_t ResidualCoder::Code(const ResidualContext& context, int32_t sample, Coder coder) {
  Rest rest;
  rest.below_end.fill(SampleDistribution::kAll);
  const int32_t center =
      std::clamp((context.center + (1 << (kPredictionBits - 1))) >> kPredictionBits, kLeastSample,
                 kMostSample);
  // No sample is below the least.
  const bool up = center == kLeastSample || Decide(context, 0, center, true, sample, coder, &rest);
  size_t step = 0;
  for (;; ++step) {
    const int64_t away = kSteps[step] * context.width;
    const int64_t middle = up ? center + away : center - away;
    if (middle <= rest.first || middle >= rest.end) break;
    if (!Decide(context, 1 + step, static_cast<int32_t>(middle), up, sample, coder, &rest)) break;
  }
  size_t half = 1;
  for (int i = 0; i < kHalves && rest.end - rest.first > 1; ++i) {
    const int32_t middle = rest.first + (rest.end - rest.first) / 2;
    const size_t decision = kFirstHalf + std::min(step, kHalvedSteps - 1) * 8 + half;
    half = 2 * half + (Decide(context, decision, middle, up, sample, coder, &rest) ? 1 : 0);
  }
  if (rest.end - rest.first == 1) return rest.first;
  return coder.Even(rest.first, rest.end, sample);
}

void ResidualCoder::Encode(const ResidualContext& context, int32_t sample, RangeEncoder* encoder) {
  Code(context, sample, SampleEncoder(encoder));
}

int32_t ResidualCoder::Decode(const ResidualContext& context, RangeDecoder* decoder) {
  return Code(context, 0, SampleDecoder(decoder));
}

}  // namespace occam
