// Codes samples of sound of 16 bits, of one channel or two: docs/spec/sound.md. It computes in
// integers alone, the same on every machine.
//
// Linear filters predict a sample, as in Monkey's Audio (Ashland), OptimFROG (Ghido, 2003, "An
// asymptotically optimal predictor for stereo lossless audio compression") and the RLS-LMS mode of
// MPEG-4 ALS (Huang et al., 2006; Liebchen's overview of 2009):
//   - three least-squares predictors of different lengths and memories, which see the last samples
//     of both channels; the second channel sees the first one's sample of the same time;
//   - gradient filters of 256, 32 and 16 taps, one after the other, of what the longest of the
//     three leaves;
//   - a short least-squares predictor, which weighs all of these.
// The sample is then coded by decisions that all predictions vote on (residual_coder.h).
#ifndef OCCAM_CODER_PREDICT_SOUND_SOUND_CODER_H_
#define OCCAM_CODER_PREDICT_SOUND_SOUND_CODER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "coder/predict/sound/filters.h"
#include "coder/predict/sound/residual_coder.h"

namespace occam {

// One stream of frames, each a sample of every channel. It serves one thread at a time.
class SoundCoder {
 public:
  static constexpr int kMostChannels = 2;

  explicit SoundCoder(int channels);  // 1 or 2

  // The most memory that one takes.
  static constexpr uint64_t kMemoryBytes = ResidualCoder::kMemoryBytes + (uint64_t{1} << 17);

  // Codes the next frame: a sample of each channel, in [kLeastSample, kMostSample]. A coder either
  // encodes or decodes.
  void Encode(std::span<const int32_t> frame, RangeEncoder* encoder);
  // Throws kDamaged where no encoder can have been.
  void Decode(RangeDecoder* decoder, std::span<int32_t> frame);

 private:
  static constexpr size_t kLeastSquares = 3;
  static constexpr size_t kGradients = 3;
  static constexpr size_t kHistory = LeastSquares::kMostInputs;

  // The mean distance of a prediction from what came, in units of 2^-16 of a sample, over a few
  // samples, over some and over many.
  using Magnitudes = std::array<int64_t, 3>;

  // The filters of a channel, and how well they did.
  struct Channel {
    Channel();
    std::array<int32_t, kHistory> past{};  // samples, the last one first
    std::vector<LeastSquares> least_squares;
    std::vector<GradientFilter> gradients;
    LeastSquares weigher;
    uint64_t samples = 0;
    Magnitudes best_magnitudes;
    std::array<int64_t, kLeastSquares + 1> magnitudes;  // of the others, over some samples
  };

  // Predictions of a sample, in units of 2^-4 of one.
  struct Predictions {
    std::array<int32_t, kLeastSquares> least_squares;
    std::array<int32_t, kGradients> gradients;  // of what the first one leaves
    int32_t cascade = 0;                        // the sum of the first one and these
    int32_t best = 0;
  };

  Predictions Predict(size_t channel);
  static ResidualContext ContextOf(const Channel& channel, const Predictions& predictions);
  static void Learn(const Predictions& predictions, int32_t sample, Channel* channel);

  std::vector<Channel> channels_;
  ResidualCoder residuals_;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_SOUND_SOUND_CODER_H_
