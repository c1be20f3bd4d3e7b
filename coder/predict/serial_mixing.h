// The network's prediction of each byte, mixed with an adaptive model that learns bit by bit: older
// files of modes `adaptive` and `long`.
#ifndef OCCAM_CODER_PREDICT_SERIAL_MIXING_H_
#define OCCAM_CODER_PREDICT_SERIAL_MIXING_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "coder/entropy/range_decoder.h"
#include "coder/predict/adaptive_mixer.h"
#include "coder/predict/expert/expert.h"
#include "coder/predict/network_predictor.h"
#include "coder/predict/predictor.h"

namespace occam {

// The predictor of those modes, for a network of bytes. The network's part runs in its threads;
// mixing, a few microseconds a byte, runs in one of them at a time. In scoring that one mixes a
// piece while the others score the next.
template <typename Mixer>
class MixingPredictor final : public Predictor {
 public:
  // Throws kUsage where the network's symbols are no bytes.
  MixingPredictor(std::unique_ptr<NetworkPredictor> network, Mixer mixer);

  int vocabulary() const override { return 256; }
  void SetKind(int kind) override { network_->SetKind(kind); }
  void StartSegment(int lanes) override;
  void StartSegmentOf(int lanes, uint64_t symbols) override;
  void Score(std::span<const std::span<const int32_t>> lanes,
             std::span<const std::span<SymbolInterval>> intervals) override;
  void ScoreWithDeciders(std::span<const std::span<const int32_t>> lanes,
                         std::span<const std::span<SymbolInterval>> intervals,
                         std::span<const std::span<Decider>> deciders) override;
  void Decode(RangeDecoder& decoder, std::span<int32_t> symbols) override;

 private:
  // watch(lane, step) gives a function that is told each bit of the byte, and the probability of a
  // 1 that was predicted.
  template <typename Watch>
  void Mix(std::span<const std::span<const int32_t>> lanes,
           std::span<const std::span<SymbolInterval>> intervals, Watch watch);

  std::unique_ptr<NetworkPredictor> network_;
  Mixer mixer_;
  std::vector<NetworkPredictor::Path> paths_;  // [lanes][steps]
  std::vector<uint32_t> frequencies_;
};

// The first form of mode `long`, and the second of mode `adaptive`.
using SerialAdaptivePredictor = MixingPredictor<Expert>;
// The first form of mode `adaptive`.
using FirstAdaptivePredictor = MixingPredictor<AdaptiveMixer>;

// The form of the expert in a mode that has this one.
constexpr const ExpertForm& ExpertFormOf(ContextMode mode) {
  return mode == ContextMode::kFirstLong ? kLongExpert : kUsualExpert;
}

// The expert alone, for bytes of which a network knows nothing. A segment is one lane.
class SerialExpertPredictor final : public Predictor {
 public:
  explicit SerialExpertPredictor(const MixerKernels& kernels, const ExpertForm& form = kUsualExpert)
      : expert_(/*with_network=*/false, kernels, form) {}

  int vocabulary() const override { return 256; }
  void StartSegment(int lanes) override;
  void StartSegmentOf(int lanes, uint64_t symbols) override;
  void Score(std::span<const std::span<const int32_t>> lanes,
             std::span<const std::span<SymbolInterval>> intervals) override;
  void Decode(RangeDecoder& decoder, std::span<int32_t> symbols) override;

 private:
  SymbolInterval Code(int lane, uint32_t byte);

  Expert expert_;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_SERIAL_MIXING_H_
