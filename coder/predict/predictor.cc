#include "coder/predict/predictor.h"

#include <algorithm>
#include <cstddef>

#include "data/base/error.h"

namespace occam {

void Predictor::StartSegmentAfter(std::span<const uint8_t> dictionary, int lanes, uint64_t symbols,
                                  Lessons /*lessons*/, const KeepOnFn& /*keep_on*/) {
  if (!dictionary.empty()) throw InternalError("this predictor learns from no dictionary");
  StartSegmentOf(lanes, symbols);
}

void Predictor::ScoreWithDeciders(std::span<const std::span<const int32_t>> lanes,
                                  std::span<const std::span<SymbolInterval>> intervals,
                                  std::span<const std::span<Decider>> deciders) {
  Score(lanes, intervals);
  for (const std::span<Decider> lane : deciders) std::ranges::fill(lane, Decider::kNetwork);
}

void TablePredictor::Decode(RangeDecoder& decoder, std::span<int32_t> symbols) {
  const auto size = static_cast<size_t>(vocabulary());
  frequencies_.resize(symbols.size() * size);
  Step(symbols, frequencies_);
  for (size_t i = 0; i < symbols.size(); ++i)
    symbols[i] = decoder.DecodeSymbol(std::span(frequencies_).subspan(i * size, size));
}

}  // namespace occam
