// The network's prediction of each byte, mixed with an adaptive model of the segment's own bytes:
// modes `adaptive` and `long` of a file.
#ifndef OCCAM_CODER_PREDICT_ADAPTIVE_PREDICTOR_H_
#define OCCAM_CODER_PREDICT_ADAPTIVE_PREDICTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "coder/container/container_format.h"
#include "coder/entropy/range_decoder.h"
#include "coder/predict/expert/step_expert.h"
#include "coder/predict/network_predictor.h"
#include "coder/predict/predictor.h"

namespace occam {

// The predictor of both modes, for a network of bytes. The network's threads mix, too: some lanes
// each, and then each some of what the step has taught. So lanes have streams of their own, two of
// them one.
class AdaptivePredictor final : public Predictor {
 public:
  // Throws kUsage where the network's symbols are no bytes.
  AdaptivePredictor(std::unique_ptr<NetworkPredictor> network, const MixerKernels& kernels,
                    const StepForm& form = kAdaptiveForm);

  int vocabulary() const override { return 256; }
  void SetKind(int kind) override { network_->SetKind(kind); }
  void StartSegment(int lanes) override;
  void StartSegmentOf(int lanes, uint64_t symbols) override;
  void StartSegmentAfter(std::span<const uint8_t> dictionary, int lanes, uint64_t symbols,
                         Lessons lessons, const KeepOnFn& keep_on) override;
  void Score(std::span<const std::span<const int32_t>> lanes,
             std::span<const std::span<SymbolInterval>> intervals) override;
  void ScoreWithDeciders(std::span<const std::span<const int32_t>> lanes,
                         std::span<const std::span<SymbolInterval>> intervals,
                         std::span<const std::span<Decider>> deciders) override;
  void Decode(RangeDecoder& decoder, std::span<int32_t> symbols) override;
  size_t StreamsOf(size_t lanes) const override { return lanes < 2 ? 1 : lanes / 2; }
  void DecodeStreams(std::span<RangeDecoder> streams, std::span<int32_t> symbols) override;

 private:
  // watch(lane, step) gives a function that is told each bit of the byte, and the probability of a
  // 1 that was predicted.
  template <typename Watch>
  void Mix(std::span<const std::span<const int32_t>> lanes,
           std::span<const std::span<SymbolInterval>> intervals, Watch watch);
  // Codes these bytes in the first lane, to learn from them.
  void Teach(std::span<const uint8_t> dictionary, const KeepOnFn& keep_on);
  // Calls code(lane) for these lanes, once the memory of the next is asked for.
  template <typename Code>
  void CodeLanes(size_t first, size_t end, Code code);

  std::unique_ptr<NetworkPredictor> network_;
  StepExpert expert_;
  const bool crowded_;                         // whether threads outnumber processors
  size_t lanes_ = 0;                           // of this segment
  std::vector<NetworkPredictor::Path> paths_;  // [lanes][steps]
  std::vector<uint32_t> frequencies_;

  // An expert that has learned a dictionary, for one lane of so many symbols: a record.
  struct Taught {
    std::vector<uint8_t> dictionary;
    uint64_t symbols;
    StepExpert expert;
  };
  std::unique_ptr<Taught> taught_;
};

// The form of the expert in a mode that has this one.
constexpr const StepForm& StepFormOf(ContextMode mode) {
  return mode == ContextMode::kLong ? kLongForm : kAdaptiveForm;
}

// The expert alone, for bytes of which a network knows nothing. A segment is one lane.
class ExpertPredictor final : public Predictor {
 public:
  explicit ExpertPredictor(const MixerKernels& kernels, const StepForm& form = kAdaptiveForm)
      : expert_(/*with_network=*/false, kernels, form) {}

  int vocabulary() const override { return 256; }
  void StartSegment(int lanes) override;
  void StartSegmentOf(int lanes, uint64_t symbols) override;
  void StartSegmentAfter(std::span<const uint8_t> dictionary, int lanes, uint64_t symbols,
                         Lessons lessons, const KeepOnFn& keep_on) override;
  void Score(std::span<const std::span<const int32_t>> lanes,
             std::span<const std::span<SymbolInterval>> intervals) override;
  void Decode(RangeDecoder& decoder, std::span<int32_t> symbols) override;

 private:
  SymbolInterval Code(size_t lane, uint32_t byte);

  StepExpert expert_;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_ADAPTIVE_PREDICTOR_H_
