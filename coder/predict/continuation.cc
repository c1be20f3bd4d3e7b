#include "coder/predict/continuation.h"

#include <algorithm>
#include <numeric>

#include "coder/entropy/fixed_point.h"
#include "data/base/error.h"

namespace occam {

Continuation::Continuation(const CodecModel& model)
    : model_(model.factory(1, ContextMode::kCarried)),
      tables_(dynamic_cast<TablePredictor*>(model_.get())),
      tokenizer_(model.tokenizer ? model.tokenizer() : std::make_unique<ByteTokenizer>()),
      frequencies_(static_cast<size_t>(model.vocabulary)) {
  if (tables_ == nullptr) throw UsageError("only a model that knows all frequencies can go on");
  for (int32_t symbol = 0; symbol < tokenizer_->vocabulary(); ++symbol) {
    if (tokenizer_->is_silent(symbol)) silent_.push_back(symbol);
  }
  model_->StartSegment(1);
}

double Continuation::Feed(std::span<const uint8_t> bytes, const GoOnFn& go_on) {
  constexpr size_t kPiece = 1 << 14;  // symbols, so that one is soon done
  const std::vector<int32_t> symbols = tokenizer_->Encode(bytes);
  std::vector<SymbolInterval> intervals(std::min(kPiece, symbols.size()));
  uint64_t fixed_bits = 0, bytes_read = 0;
  const auto add = [&](uint32_t frequency) {
    fixed_bits += kFrequencyBits * kFixedOne - Log2Fixed(frequency);
  };
  const auto bits = [&] {
    return static_cast<double>(fixed_bits) / static_cast<double>(kFixedOne);
  };
  for (size_t begin = 0; begin < symbols.size(); begin += kPiece) {
    if (go_on && !go_on(bytes_read, bits())) break;
    const auto piece = std::span(symbols).subspan(begin, std::min(kPiece, symbols.size() - begin));
    bytes_read += tokenizer_->DecodedBytes(piece);
    if (stepped_) {
      for (const int32_t symbol : piece) {
        add(CodedFrequencies()[static_cast<size_t>(symbol)]);
        Read(symbol);
      }
      continue;
    }
    const auto scored = std::span(intervals).first(piece.size());
    model_->Score(std::span(&piece, 1), std::span(&scored, 1));
    for (const SymbolInterval& interval : scored) add(interval.size);
    Read(piece.back());
  }
  return bits();
}

// Silent symbols leave their share to the others.
std::span<const uint32_t> Continuation::Frequencies() {
  const std::span<const uint32_t> coded = CodedFrequencies();
  if (silent_.empty()) return coded;
  heard_.assign(coded.begin(), coded.end());
  for (const int32_t symbol : silent_) heard_[static_cast<size_t>(symbol)] = 0;
  const auto total = std::accumulate(heard_.begin(), heard_.end(), uint64_t{0});
  uint32_t missing = kFrequencyTotal;
  for (uint32_t& frequency : heard_) {
    frequency = static_cast<uint32_t>(uint64_t{frequency} * kFrequencyTotal / total);
    missing -= frequency;
  }
  *std::ranges::max_element(heard_) += missing;
  return heard_;
}

std::span<const uint32_t> Continuation::CodedFrequencies() {
  if (!known_) tables_->Step(std::span(&previous_, 1), frequencies_);
  known_ = stepped_ = true;
  return frequencies_;
}

Bytes Continuation::Next(SymbolSampler* sampler) {
  const int32_t symbol = sampler->Draw(Frequencies());
  Read(symbol);
  return tokenizer_->Decode(std::span(&symbol, 1));
}

void Continuation::Read(int32_t symbol) {
  previous_ = symbol;
  known_ = false;
}

}  // namespace occam
