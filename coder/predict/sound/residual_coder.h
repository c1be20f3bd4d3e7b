// Codes a sample by binary decisions about where it lies from what was predicted:
// docs/spec/sound.md, section 5.
//
// Several predictions tell how probable each answer is, each by a logistic distribution around it
// as wide as its errors were. A cell tells what came before. Sets of weights mix them all in the
// logistic domain, as published by Mahoney ("Adaptive weighing of context models for lossless data
// compression", 2005).
#ifndef OCCAM_CODER_PREDICT_SOUND_RESIDUAL_CODER_H_
#define OCCAM_CODER_PREDICT_SOUND_RESIDUAL_CODER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"

namespace occam {

constexpr int32_t kLeastSample = -32768;
constexpr int32_t kMostSample = 32767;

// A logistic distribution of samples, with a little of an even one so that nothing is impossible.
class SampleDistribution {
 public:
  SampleDistribution() = default;
  // Around `center`, in units of 2^-4 of a sample, within 2^24. `magnitude` is the mean distance
  // from there, in units of 2^-16 of a sample, below 2^37.
  SampleDistribution(int32_t center, int64_t magnitude);

  static constexpr int64_t kAll = (int64_t{1} << 30) + (int64_t{1} << 18);
  // Returns the share of samples below `x`, out of kAll; x is in [kLeastSample, kMostSample + 1].
  // The share grows with x, by 4 or more each time.
  int64_t Below(int32_t x) const;

 private:
  int32_t center_ = 0;
  int64_t scale_ = 0;
};

// All that a sample's decisions depend on.
struct ResidualContext {
  static constexpr size_t kDistributions = 7;
  static constexpr size_t kSets = 3;
  static constexpr uint32_t kSetContexts = 64;

  std::array<SampleDistribution, kDistributions> distributions;
  int32_t center = 0;                  // the best prediction, in units of 2^-4 of a sample
  int32_t width = 1;                   // samples of a first step away from it; 1 .. 2^16
  std::array<uint32_t, kSets> sets{};  // of weights, below kSetContexts; the first one is 0
};

class ResidualCoder {
 public:
  ResidualCoder();

  // The memory that it takes.
  static constexpr uint64_t kMemoryBytes = uint64_t{5} << 17;

  void Encode(const ResidualContext& context, int32_t sample, RangeEncoder* encoder);
  // Throws kDamaged where no encoder can have been.
  int32_t Decode(const ResidualContext& context, RangeDecoder* decoder);

 private:
  static constexpr size_t kDistributions = ResidualContext::kDistributions;
  static constexpr size_t kSets = ResidualContext::kSets;
  static constexpr size_t kInputs = kDistributions + 2;
  // The kinds of decisions: the side, steps away, then halves of the rest.
  static constexpr size_t kFirstHalf = 32;
  static constexpr size_t kHalvedSteps = 13;
  static constexpr size_t kDecisions = kFirstHalf + kHalvedSteps * 8;

  // The samples that are possible still: [first, end). Of each distribution, what lies below both.
  struct Rest {
    int32_t first = kLeastSample;
    int32_t end = kMostSample + 1;
    std::array<int64_t, kDistributions> below_first{};
    std::array<int64_t, kDistributions> below_end;
  };

  template <typename Coder>
  int32_t Code(const ResidualContext& context, int32_t sample, Coder coder);
  // Cuts what is possible at `middle` and keeps the side of the sample. Returns whether that is
  // away from the center, which is the upper side if `up`.
  template <typename Coder>
  bool Decide(const ResidualContext& context, size_t decision, int32_t middle, bool up,
              int32_t sample, Coder& coder, Rest* rest);

  std::array<uint32_t, kDecisions> cells_;
  std::array<std::vector<int32_t>, kSets> weights_;  // [decision][context][input], out of 65536
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_SOUND_RESIDUAL_CODER_H_
