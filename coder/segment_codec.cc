#include "coder/segment_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "coder/range_decoder.h"
#include "coder/range_encoder.h"
#include "data/base/error.h"

namespace occam {
namespace {

// Counts symbols as the bytes that they stand for on average, in all exactly as many as there are.
class SymbolCounter {
 public:
  SymbolCounter(uint64_t symbols, uint64_t bytes, const CountFn& count)
      : symbols_(symbols), bytes_(bytes), count_(count) {}
  void Add(uint64_t symbols) {
    const uint64_t before = done_ * bytes_ / symbols_;
    done_ += symbols;
    count_(static_cast<uint32_t>(done_ * bytes_ / symbols_ - before));
  }

 private:
  uint64_t symbols_;
  uint64_t bytes_;
  uint64_t done_ = 0;
  const CountFn& count_;
};

// Order 2 sees a segment's bytes as one lane.
std::vector<uint32_t> Lanes(CodingMethod method, uint32_t symbols, const FileHeader& file) {
  if (method == CodingMethod::kOrder2) return {symbols};
  return LaneLengths(symbols, file);
}

// Rows of the lanes of one segment, `row_symbols` steps at a time, so that intervals are held for
// these steps only. Nothing as soon as more than `most_bytes` are certain.
std::optional<Bytes> EncodeSymbols(SymbolModel& model, std::span<const int32_t> symbols,
                                   std::span<const uint32_t> lengths, uint32_t row_symbols,
                                   size_t most_bytes, SymbolCounter count) {
  RangeEncoder encoder;
  auto left = static_cast<uint32_t>(symbols.size());
  row_symbols = std::min(row_symbols, lengths.front());
  std::vector<SymbolInterval> buffer(lengths.size() * row_symbols);
  model.StartSegment(static_cast<int>(lengths.size()));
  for (uint32_t begin = 0; begin < lengths.front(); begin += row_symbols) {
    std::vector<std::span<const int32_t>> known;
    std::vector<std::span<SymbolInterval>> intervals;
    size_t offset = 0;
    for (const uint32_t length : lengths) {
      if (length <= begin) break;
      const size_t size = std::min(row_symbols, length - begin);
      intervals.push_back(std::span(buffer).subspan(known.size() * row_symbols, size));
      known.push_back(symbols.subspan(offset + begin, size));
      offset += length;
    }
    model.Score(known, intervals);
    uint32_t done = 0;
    for (size_t step = 0; step < intervals.front().size(); ++step) {
      for (size_t lane = 0; lane < intervals.size() && step < intervals[lane].size();
           ++lane, ++done)
        encoder.Encode(intervals[lane][step]);
    }
    count.Add(done);
    left -= done;
    if (encoder.written() > most_bytes && RangeEncoder(encoder).Finish().size() > most_bytes) {
      count.Add(left);
      return std::nullopt;
    }
  }
  Bytes payload = encoder.Finish();
  if (payload.size() > most_bytes) return std::nullopt;
  return payload;
}

// False if the payload was not consumed exactly.
bool DecodeSymbols(SymbolModel& model, std::span<const uint8_t> payload,
                   std::span<const uint32_t> lengths, std::span<int32_t> decoded,
                   SymbolCounter count) {
  constexpr uint32_t kCountEvery = 4096;
  RangeDecoder decoder(payload);
  std::vector<size_t> offsets;
  size_t offset = 0;
  for (const uint32_t length : lengths) {
    offsets.push_back(offset);
    offset += length;
  }
  std::vector<int32_t> symbols(lengths.size());
  size_t active = lengths.size();
  uint32_t done = 0;
  model.StartSegment(static_cast<int>(lengths.size()));
  for (uint32_t step = 0; step < lengths.front(); ++step) {
    while (lengths[active - 1] <= step) --active;
    model.Decode(decoder, std::span(symbols).first(active));
    for (size_t lane = 0; lane < active; ++lane) decoded[offsets[lane] + step] = symbols[lane];
    done += static_cast<uint32_t>(active);
    if (done >= kCountEvery) count.Add(std::exchange(done, 0));
  }
  count.Add(done);
  return decoder.ConsumedExactly();
}

}  // namespace

SymbolModel& SegmentCodec::Predictor(CodingMethod method, int threads) {
  if (method == CodingMethod::kOrder2) {
    if (!order2_) order2_ = std::make_unique<Order2Model>();
    return *order2_;
  }
  if (!network_ || network_threads_ != threads) {
    network_.reset();
    network_ = model_->factory(threads, file_.mode);
    network_threads_ = threads;
  }
  return *network_;
}

const Tokenizer* SegmentCodec::TokenizerOf(CodingMethod method) {
  if (method != CodingMethod::kModel) return nullptr;
  if (!tokenizer_ && model_->tokenizer) tokenizer_ = model_->tokenizer();
  return tokenizer_.get();
}

std::vector<int32_t> SegmentCodec::SymbolsOf(CodingMethod method, std::span<const uint8_t> bytes) {
  if (const Tokenizer* const tokenizer = TokenizerOf(method)) return tokenizer->Encode(bytes);
  return {bytes.begin(), bytes.end()};
}

Bytes SegmentCodec::BytesOf(CodingMethod method, std::span<const int32_t> symbols) {
  if (const Tokenizer* const tokenizer = TokenizerOf(method)) return tokenizer->Decode(symbols);
  return {symbols.begin(), symbols.end()};
}

EncodedSegment SegmentCodec::Encode(std::span<const uint8_t> original, int threads,
                                    const CountFn& count) {
  const auto size = static_cast<uint32_t>(original.size());
  EncodedSegment best;
  best.header.method = CodingMethod::kStored;
  best.header.symbols = size;
  best.payload.assign(original.begin(), original.end());
  const auto attempt = [&](CodingMethod method, size_t most_bytes, const CountFn& done) {
    const std::vector<int32_t> symbols = SymbolsOf(method, original);
    const auto symbol_count = static_cast<uint32_t>(symbols.size());
    std::optional<Bytes> payload =
        EncodeSymbols(Predictor(method, threads), symbols, Lanes(method, symbol_count, file_),
                      file_.context, most_bytes, {symbol_count, size, done});
    if (!payload) return;
    best.header.method = method;
    best.header.symbols = symbol_count;
    best.payload = std::move(*payload);
  };
  // The network first, so that order 2 can be given up as soon as it is behind: most of the time.
  // What counts as progress is the slower one.
  const size_t less = best.payload.size() - 1;
  const CountFn uncounted = [](uint32_t) {};
  if (model_ != nullptr) attempt(CodingMethod::kModel, less, count);
  const bool beaten = best.header.method == CodingMethod::kModel;
  attempt(CodingMethod::kOrder2, beaten ? best.payload.size() : less,
          model_ != nullptr ? uncounted : count);
  best.header.original_bytes = size;
  best.header.payload_bytes = static_cast<uint32_t>(best.payload.size());
  best.header.payload_hash = Xxh3Of(best.payload);
  best.header.original_hash = Xxh3Of(original);
  return best;
}

size_t SegmentCodec::PayloadBytes(CodingMethod method, std::span<const uint8_t> original,
                                  int threads, const CountFn& count) {
  if (method == CodingMethod::kStored) return original.size();
  const std::vector<int32_t> symbols = SymbolsOf(method, original);
  const auto lanes = Lanes(method, static_cast<uint32_t>(symbols.size()), file_);
  SymbolModel& predictor = Predictor(method, threads);
  const CountFn uncounted = [](uint32_t) {};
  const Bytes payload =
      *EncodeSymbols(predictor, symbols, lanes, file_.context, std::numeric_limits<size_t>::max(),
                     {symbols.size(), original.size(), uncounted});
  std::vector<int32_t> restored(symbols.size());
  if (!DecodeSymbols(predictor, payload, lanes, restored,
                     {symbols.size(), original.size(), count}) ||
      !std::ranges::equal(BytesOf(method, restored), original)) {
    throw InternalError("a segment is restored to something else than was coded");
  }
  return payload.size();
}

Bytes SegmentCodec::Decode(const SegmentHeader& header, std::span<const uint8_t> payload,
                           int threads, const CountFn& count, const std::string& name) {
  Bytes original(payload.begin(), payload.end());
  if (header.method == CodingMethod::kStored) {
    count(header.original_bytes);
  } else {
    std::vector<int32_t> symbols(header.symbols);
    const bool consumed = DecodeSymbols(Predictor(header.method, threads), payload,
                                        Lanes(header.method, header.symbols, file_), symbols,
                                        {header.symbols, header.original_bytes, count});
    const Tokenizer* const tokenizer = TokenizerOf(header.method);
    const uint64_t bytes = tokenizer ? tokenizer->DecodedBytes(symbols) : symbols.size();
    if (!consumed || bytes != header.original_bytes) {
      throw DamagedError(fmt::format("{} is damaged: segment {} is not what an encoder writes",
                                     name, header.number));
    }
    original = BytesOf(header.method, symbols);
  }
  if (Xxh3Of(original) != header.original_hash) {
    throw DamagedError(fmt::format(
        "{} is damaged: segment {} does not decode to what was compressed", name, header.number));
  }
  return original;
}

}  // namespace occam
