#include "known_text.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "coder/predict/network_predictor.h"
#include "data/base/frequency.h"
#include "data/base/random.h"

namespace occam {
namespace {

constexpr uint32_t kSymbols = 256;
constexpr uint32_t kFavourite = kFrequencyTotal - (kSymbols - 1);  // the others have 1 each

int32_t Expected(size_t lane, uint64_t step) {
  return static_cast<int32_t>(Random(step, lane).Below(kSymbols));
}

class KnownTextCodec final : public TablePredictor {
 public:
  explicit KnownTextCodec(std::unique_ptr<Predictor> network) : network_(std::move(network)) {}
  int vocabulary() const override { return kSymbols; }
  void StartSegment(int lanes) override {
    network_->StartSegment(lanes);
    step_ = 0;
  }
  void Score(std::span<const std::span<const int32_t>> lanes,
             std::span<const std::span<SymbolInterval>> intervals) override {
    network_->Score(lanes, intervals);
    for (size_t lane = 0; lane < lanes.size(); ++lane) {
      for (size_t i = 0; i < lanes[lane].size(); ++i)
        intervals[lane][i] = IntervalOf(lanes[lane][i], Expected(lane, step_ + i));
    }
    if (!lanes.empty()) step_ += lanes.front().size();
  }
  void Step(std::span<const int32_t> previous, std::span<uint32_t> frequencies) override {
    static_cast<TablePredictor&>(*network_).Step(previous, frequencies);
    std::ranges::fill(frequencies, 1u);
    for (size_t lane = 0; lane < previous.size(); ++lane) {
      const auto expected = static_cast<size_t>(Expected(lane, step_));
      frequencies[lane * kSymbols + expected] = kFavourite;
    }
    ++step_;
  }

 private:
  static SymbolInterval IntervalOf(int32_t symbol, int32_t expected) {
    const auto start = static_cast<uint32_t>(symbol);
    if (symbol == expected) return {start, kFavourite};
    return {symbol < expected ? start : start + kFavourite - 1, 1};
  }

  std::unique_ptr<Predictor> network_;
  uint64_t step_ = 0;
};

}  // namespace

Bytes KnownText(size_t bytes, uint32_t context, ContextMode mode) {
  const FileHeader header = DefaultHeader(context, mode);
  Bytes text;
  while (text.size() < bytes) {
    const size_t size = std::min<size_t>(bytes - text.size(), header.segment_bytes());
    const std::vector<uint32_t> lengths = LaneLengths(static_cast<uint32_t>(size), header);
    for (size_t lane = 0; lane < lengths.size(); ++lane) {
      for (uint32_t step = 0; step < lengths[lane]; ++step)
        text.push_back(static_cast<uint8_t>(Expected(lane, step)));
    }
  }
  return text;
}

CodecModel KnownTextModel(const ExactNetwork& network) {
  CodecModel model = NetworkCodecModel(network);
  model.factory = [make = std::move(model.factory)](int threads, ContextMode mode) {
    return std::make_unique<KnownTextCodec>(make(threads, mode));
  };
  return model;
}

}  // namespace occam
