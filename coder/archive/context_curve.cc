#include "coder/archive/context_curve.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "data/tokenizer/tokenizer.h"

namespace occam {
namespace {

constexpr size_t kChunksAtOnce = 64;  // enough for any number of threads to share

// The bytes of every token.
std::vector<uint32_t> TokenLengths(const Tokenizer& tokenizer) {
  std::vector<uint32_t> lengths(static_cast<size_t>(tokenizer.vocabulary()));
  for (size_t token = 0; token < lengths.size(); ++token) {
    const auto symbol = static_cast<int32_t>(token);
    if (tokenizer.is_silent(symbol)) continue;
    lengths[token] = static_cast<uint32_t>(tokenizer.DecodedBytes(std::span(&symbol, 1)));
  }
  return lengths;
}

// Adds a chunk's bytes to the places that they have in it.
void AddChunk(std::span<const int32_t> symbols, std::span<const SymbolInterval> intervals,
              std::span<const uint32_t> lengths, std::vector<ContextCurvePoint>* curve) {
  size_t place = 0;
  for (size_t i = 0; i < symbols.size(); ++i) {
    const uint32_t length = lengths[static_cast<size_t>(symbols[i])];
    const double bits = (kFrequencyBits - std::log2(intervals[i].size)) / length;
    if (curve->size() < place + length) curve->resize(place + length);
    for (uint32_t byte = 0; byte < length; ++byte, ++place) {
      ContextCurvePoint& point = (*curve)[place];
      ++point.chunks;
      point.bits += bits;
      point.square_bits += bits * bits;
    }
  }
}

}  // namespace

double ContextCurvePoint::MeanBits() const {
  return chunks == 0 ? 0 : bits / static_cast<double>(chunks);
}

double ContextCurvePoint::DeviationBits() const {
  if (chunks < 2) return 0;
  const auto n = static_cast<double>(chunks);
  return std::sqrt(std::max(0.0, square_bits - bits * bits / n) / (n - 1));
}

std::vector<ContextCurvePoint> MeasureContextCurve(const ExactNetwork& network,
                                                   std::span<const uint8_t> bytes, int threads,
                                                   const ProgressFn& progress) {
  const CodecModel model = NetworkCodecModel(network);  // refuses a tokenizer that does not fit
  const std::unique_ptr<Tokenizer> tokenizer =
      model.tokenizer ? model.tokenizer() : std::make_unique<ByteTokenizer>();
  const std::vector<int32_t> symbols = tokenizer->Encode(bytes);
  const std::vector<uint32_t> lengths = TokenLengths(*tokenizer);
  std::vector<SymbolInterval> intervals(symbols.size());
  std::vector<ContextCurvePoint> curve;
  NetworkPredictor codec(network, model.context, threads);
  uint64_t measured_bytes = 0;
  double ideal_bits = 0;
  for (size_t begin = 0; begin < symbols.size();) {
    std::vector<std::span<const int32_t>> chunks;
    std::vector<std::span<SymbolInterval>> scored;
    for (; begin < symbols.size() && chunks.size() < kChunksAtOnce; begin += model.context) {
      const size_t size = std::min<size_t>(model.context, symbols.size() - begin);
      chunks.push_back(std::span(symbols).subspan(begin, size));
      scored.push_back(std::span(intervals).subspan(begin, size));
    }
    codec.StartSegment(static_cast<int>(chunks.size()));
    codec.Score(chunks, scored);
    for (size_t i = 0; i < chunks.size(); ++i) {
      AddChunk(chunks[i], scored[i], lengths, &curve);
      measured_bytes += tokenizer->DecodedBytes(chunks[i]);
      for (const SymbolInterval& s : scored[i]) ideal_bits += kFrequencyBits - std::log2(s.size);
    }
    if (progress) progress(measured_bytes, static_cast<uint64_t>(ideal_bits / 8));
  }
  return curve;
}

}  // namespace occam
