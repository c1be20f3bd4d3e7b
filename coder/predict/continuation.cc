#include "coder/predict/continuation.h"

#include <algorithm>

#include "coder/entropy/fixed_point.h"
#include "data/base/error.h"

namespace occam {

Continuation::Continuation(const StreamModel& model)
    : model_(model.factory(1, ContextMode::kCarried)),
      tables_(dynamic_cast<TableModel*>(model_.get())),
      tokenizer_(model.tokenizer ? model.tokenizer() : std::make_unique<ByteTokenizer>()),
      frequencies_(static_cast<size_t>(model.vocabulary)) {
  if (tables_ == nullptr) throw UsageError("only a model that knows all frequencies can go on");
  model_->StartSegment(1);
}

double Continuation::Begin(std::span<const uint8_t> prompt, const std::atomic<bool>* stop) {
  constexpr size_t kPiece = 1 << 14;  // symbols, so that one is soon done
  const std::vector<int32_t> symbols = tokenizer_->Encode(prompt);
  std::vector<SymbolInterval> intervals(std::min(kPiece, symbols.size()));
  uint64_t fixed_bits = 0;
  for (size_t begin = 0; begin < symbols.size(); begin += kPiece) {
    if (stop != nullptr && *stop) break;
    const auto piece = std::span(symbols).subspan(begin, std::min(kPiece, symbols.size() - begin));
    const auto scored = std::span(intervals).first(piece.size());
    model_->Score(std::span(&piece, 1), std::span(&scored, 1));
    for (const SymbolInterval& interval : scored)
      fixed_bits += kFrequencyBits * kFixedOne - Log2Fixed(interval.size);
    previous_ = piece.back();
  }
  return static_cast<double>(fixed_bits) / static_cast<double>(kFixedOne);
}

Bytes Continuation::Next(SymbolSampler* sampler) {
  tables_->Step(std::span(&previous_, 1), frequencies_);
  previous_ = sampler->Draw(frequencies_);
  return tokenizer_->Decode(std::span(&previous_, 1));
}

}  // namespace occam
