#include "coder/archive/segment_codec.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "coder/archive/cheap_look.h"
#include "coder/archive/lost_bits.h"
#include "coder/archive/machine_code.h"
#include "coder/archive/segment_memory.h"
#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "coder/entropy/streams.h"
#include "coder/predict/adaptive_predictor.h"
#include "coder/predict/photo/photo_codec.h"
#include "coder/predict/serial_mixing.h"
#include "data/base/error.h"
#include "data/base/format.h"

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

// All but the model see a segment's bytes as one lane.
std::vector<uint32_t> Lanes(CodingMethod method, uint32_t symbols, const FileHeader& file) {
  if (method != CodingMethod::kModel) return {symbols};
  return LaneLengths(symbols, file);
}

// Scores the lanes of a segment that was started, `row_symbols` steps at a time, so that intervals
// are held for these steps only. take(known, intervals) gets the rows, lane by lane, and returns
// whether to go on. False where it did not. `deciders`, where there are any, get who decided each
// symbol.
template <typename Take>
bool ScoreLanes(Predictor& model, std::span<const int32_t> symbols,
                std::span<const uint32_t> lengths, uint32_t row_symbols, Take take,
                std::span<Decider> deciders = {}) {
  row_symbols = std::min(row_symbols, lengths.front());
  std::vector<SymbolInterval> buffer(lengths.size() * row_symbols);
  for (uint32_t begin = 0; begin < lengths.front(); begin += row_symbols) {
    std::vector<std::span<const int32_t>> known;
    std::vector<std::span<SymbolInterval>> intervals;
    std::vector<std::span<Decider>> decided;
    size_t offset = 0;
    for (const uint32_t length : lengths) {
      if (length <= begin) break;
      const size_t size = std::min(row_symbols, length - begin);
      intervals.push_back(std::span(buffer).subspan(known.size() * row_symbols, size));
      known.push_back(symbols.subspan(offset + begin, size));
      if (!deciders.empty()) decided.push_back(deciders.subspan(offset + begin, size));
      offset += length;
    }
    if (deciders.empty()) {
      model.Score(known, intervals);
    } else {
      model.ScoreWithDeciders(known, intervals, decided);
    }
    if (!take(known, intervals)) return false;
  }
  return true;
}

using RangeEncoders = std::vector<RangeEncoder>;

// The streams as one payload; the encoders go on.
Bytes PayloadOf(const RangeEncoders& encoders) {
  std::vector<Bytes> streams;
  for (RangeEncoder encoder : encoders) streams.push_back(encoder.Finish());
  return JoinStreams(streams);
}

// Returns one encoder a stream, or none as soon as more than `most_bytes` are certain.
RangeEncoders EncodeSymbols(Predictor& model, std::span<const int32_t> symbols,
                            std::span<const uint32_t> lengths, uint32_t row_symbols,
                            size_t most_bytes, SymbolCounter count) {
  RangeEncoders encoders(model.StreamsOf(lengths.size()));
  auto left = static_cast<uint32_t>(symbols.size());
  const bool done_all =
      ScoreLanes(model, symbols, lengths, row_symbols, [&](const auto&, const auto& intervals) {
        uint32_t done = 0;
        for (size_t step = 0; step < intervals.front().size(); ++step) {
          for (size_t lane = 0; lane < intervals.size() && step < intervals[lane].size();
               ++lane, ++done)
            encoders[StreamOf(lane, lengths.size(), encoders.size())].Encode(intervals[lane][step]);
        }
        count.Add(done);
        left -= done;
        const auto written = std::accumulate(
            encoders.begin(), encoders.end(), size_t{0},
            [](size_t sum, const RangeEncoder& one) { return sum + one.bytes_written(); });
        if (written > most_bytes && PayloadOf(encoders).size() > most_bytes) {
          count.Add(left);
          return false;
        }
        return true;
      });
  if (!done_all) encoders.clear();
  return encoders;
}

// Completes the header of what was coded.
void Finish(std::span<const uint8_t> original, EncodedSegment* segment) {
  segment->header.original_bytes = static_cast<uint32_t>(original.size());
  segment->header.payload_bytes = static_cast<uint32_t>(segment->payload.size());
  segment->header.payload_hash = Xxh3Of(segment->payload);
  segment->header.original_hash = Xxh3Of(original);
}

// Symbols that are decoded in some hundredths of a second, so that who counts them is soon asked.
uint32_t CountEvery(CodingMethod method, const CodecModel* model) {
  constexpr uint64_t kMost = 4096;
  constexpr uint64_t kMultiplications = 1 << 27;
  if (method != CodingMethod::kModel || model->symbol_multiplications == 0) return kMost;
  const uint64_t symbols = kMultiplications / model->symbol_multiplications;
  return static_cast<uint32_t>(std::clamp<uint64_t>(symbols, 1, kMost));
}

void DecodeSymbols(Predictor& model, std::span<const uint32_t> lengths, std::span<int32_t> decoded,
                   uint32_t count_every, SymbolCounter count, std::span<RangeDecoder> streams) {
  std::vector<size_t> offsets;
  size_t offset = 0;
  for (const uint32_t length : lengths) {
    offsets.push_back(offset);
    offset += length;
  }
  std::vector<int32_t> symbols(lengths.size());
  size_t active = lengths.size();
  uint32_t done = 0;
  for (uint32_t step = 0; step < lengths.front(); ++step) {
    while (lengths[active - 1] <= step) --active;
    model.DecodeStreams(streams, std::span(symbols).first(active));
    for (size_t lane = 0; lane < active; ++lane) decoded[offsets[lane] + step] = symbols[lane];
    done += static_cast<uint32_t>(active);
    if (done >= count_every) count.Add(std::exchange(done, 0));
  }
  count.Add(done);
}

// Pieces of a segment's symbols that stand for all of it, one after the other.
struct Sample {
  std::vector<int32_t> symbols;
  uint32_t pieces = 0;
};
template <typename Symbol>
Sample SampleFrom(std::span<const Symbol> symbols, const FileHeader& file) {
  const SamplePieces where =
      SampleOf(static_cast<uint32_t>(symbols.size()), file.context, file.lanes);
  Sample sample{{}, static_cast<uint32_t>(where.begins.size())};
  for (const uint32_t begin : where.begins) {
    const auto piece = symbols.subspan(begin, where.size);
    sample.symbols.insert(sample.symbols.end(), piece.begin(), piece.end());
  }
  return sample;
}

// Returns how many bytes a started predictor makes of a sample, as lanes of equal length.
size_t CodedBytes(Predictor& predictor, std::span<const int32_t> sample, uint32_t pieces) {
  const auto count = static_cast<uint32_t>(sample.size());
  const std::vector<uint32_t> lengths(pieces, count / pieces);
  const CountFn uncounted = [](uint32_t) {};
  return PayloadOf(EncodeSymbols(predictor, sample, lengths, count,
                                 std::numeric_limits<size_t>::max(), {count, count, uncounted}))
      .size();
}

}  // namespace

Predictor& SegmentCodec::PredictorFor(CodingMethod method, int threads) {
  if (method == CodingMethod::kOrder2) {
    if (!order2_) order2_ = std::make_unique<Order2Predictor>();
    return *order2_;
  }
  if (method == CodingMethod::kExpert) {
    network_.reset();  // there is memory for one expert's tables
    if (!expert_) {
      const MixerKernels& kernels = FastMixerKernels();
      if (HasSerialExpert(file_.mode)) {
        expert_ = std::make_unique<SerialExpertPredictor>(kernels, ExpertFormOf(file_.mode));
      } else {
        expert_ = std::make_unique<ExpertPredictor>(kernels, StepFormOf(file_.mode));
      }
    }
    return *expert_;
  }
  expert_.reset();
  if (!network_ || network_threads_ != threads) {
    network_.reset();
    network_ = model_->factory(threads, file_.mode);
    network_threads_ = threads;
  }
  return *network_;
}

Predictor& SegmentCodec::Started(CodingMethod method, size_t lanes, uint64_t symbols, int threads,
                                 const CountFn& count) {
  Predictor& predictor = PredictorFor(method, threads);
  predictor.SetKind(kind_);
  predictor.StartSegmentAfter(dictionary_, static_cast<int>(lanes), symbols,
                              Predictor::Lessons::kUsed, [&] { count(0); });
  return predictor;
}

const Tokenizer* SegmentCodec::TokenizerOf(CodingMethod method) {
  if (method != CodingMethod::kModel) return nullptr;
  if (!tokenizer_ && model_->tokenizer) tokenizer_ = model_->tokenizer();
  return tokenizer_.get();
}

std::optional<SegmentCodec::Payload> SegmentCodec::EncodePayload(CodingMethod method,
                                                                 const CodedSymbols& symbols,
                                                                 uint32_t original_bytes,
                                                                 size_t most_bytes, int threads,
                                                                 const CountFn& count) {
  const auto symbol_count = static_cast<uint32_t>(symbols.tokens.size());
  const std::vector<uint32_t> lanes = Lanes(method, symbol_count, file_);
  const bool tells_kind = method == CodingMethod::kModel && has_kinds();
  if (tells_kind && most_bytes-- == 0) return std::nullopt;
  RangeEncoders encoders =
      EncodeSymbols(Started(method, lanes.size(), symbol_count, threads, count), symbols.tokens,
                    lanes, RowSymbols(file_), most_bytes, {symbol_count, original_bytes, count});
  if (encoders.empty()) return std::nullopt;
  Payload payload;
  payload.bytes = PayloadOf(encoders);
  if (!symbols.lost_bits.empty()) {
    EncodeLostBits(symbols.tokens, symbols.lost_bits, &encoders.back());
    Bytes with_lost = PayloadOf(encoders);
    payload.lost_bit_bytes = with_lost.size() - payload.bytes.size();
    payload.bytes = std::move(with_lost);
  }
  if (payload.bytes.size() > most_bytes) return std::nullopt;
  if (tells_kind) payload.bytes.insert(payload.bytes.begin(), static_cast<uint8_t>(kind_));
  return payload;
}

std::optional<Bytes> SegmentCodec::DecodePayload(CodingMethod method,
                                                 std::span<const uint8_t> payload,
                                                 uint32_t symbol_count, uint32_t original_bytes,
                                                 int threads, const CountFn& count) {
  if (method == CodingMethod::kPhoto) {
    MakeRoom();
    return DecodePhoto(payload, original_bytes, FastMixerKernels(), count);
  }
  if (method == CodingMethod::kProgram) {
    if (payload.empty() || payload[0] >= kInstructionSets) return std::nullopt;
    auto bytes = DecodePayload(CodingMethod::kExpert, payload.subspan(1), symbol_count,
                               original_bytes, threads, count);
    if (bytes) MakeAddressesRelative(static_cast<InstructionSet>(payload[0]), *bytes);
    return bytes;
  }
  if (method == CodingMethod::kModel && has_kinds()) {
    if (payload.empty() || payload[0] >= model_->kinds) return std::nullopt;
    kind_ = payload[0];
    payload = payload.subspan(1);
  }
  CodedSymbols symbols{std::vector<int32_t>(symbol_count), {}};
  const std::vector<uint32_t> lanes = Lanes(method, symbol_count, file_);
  Predictor& predictor = Started(method, lanes.size(), symbol_count, threads, count);
  const auto streams = CutStreams(payload, predictor.StreamsOf(lanes.size()));
  if (!streams) return std::nullopt;
  std::vector<RangeDecoder> decoders(streams->begin(), streams->end());
  DecodeSymbols(predictor, lanes, symbols.tokens, CountEvery(method, model_),
                {symbol_count, original_bytes, count}, decoders);
  const Tokenizer* const tokenizer = TokenizerOf(method);
  if (tokenizer && tokenizer->lost_bit())
    symbols.lost_bits = DecodeLostBits(symbols.tokens, &decoders.back());
  const uint64_t bytes = tokenizer ? tokenizer->DecodedBytes(symbols.tokens) : symbol_count;
  const bool sound = std::ranges::all_of(
      decoders, [](const RangeDecoder& decoder) { return decoder.ConsumedExactly(); });
  if (!sound || bytes != original_bytes) return std::nullopt;
  return BytesOf(symbols, tokenizer);
}

// Whether order 2 makes less of the first eighth of a segment than it has.
bool SegmentCodec::Order2IsWorthTrying(std::span<const uint8_t> original, int threads) {
  const auto part = original.first(original.size() / 8);
  return EncodePayload(CodingMethod::kOrder2, SymbolsOf(part, nullptr),
                       static_cast<uint32_t>(part.size()), part.size() - 1, threads,
                       [](uint32_t) {})
      .has_value();
}

void SegmentCodec::ChooseKind(std::span<const uint8_t> original) {
  if (!has_kinds()) return;
  MakeRoom();
  const Sample sample = SampleFrom(original, file_);  // its symbols are bytes
  const auto predictor = model_->factory(1, ContextMode::kChunked);
  size_t least = std::numeric_limits<size_t>::max();
  for (int kind = 0; kind < model_->kinds; ++kind) {
    predictor->SetKind(kind);
    predictor->StartSegment(static_cast<int>(sample.pieces));
    const size_t bytes = CodedBytes(*predictor, sample.symbols, sample.pieces);
    if (bytes >= least) continue;
    least = bytes;
    kind_ = kind;
  }
}

// Whether a model could make less of a segment than `least_bytes`, by a sample of it.
bool SegmentCodec::ModelIsWorthTrying(std::span<const uint8_t> original,
                                      const CodedSymbols& symbols, size_t least_bytes,
                                      int threads) {
  const Sample sample = SampleFrom(std::span<const int32_t>(symbols.tokens), file_);
  const uint64_t coded = SampledBytes(CodingMethod::kModel, sample.symbols, sample.pieces, threads);
  const Tokenizer* const tokenizer = TokenizerOf(CodingMethod::kModel);
  const uint64_t bytes =
      tokenizer ? tokenizer->DecodedBytes(sample.symbols) : sample.symbols.size();
  const uint64_t size = original.size();
  if (least_bytes == size)
    return coded < bytes || (file_.mode == ContextMode::kAdaptive && HasLongRepetition(original));
  // What adapts gets better than a sample can show.
  if (file_.mode == ContextMode::kAdaptive) return true;
  // A sample that is worse by little may be wrong.
  return 32 * coded * size < 33 * least_bytes * bytes;
}

size_t SegmentCodec::SampledBytes(CodingMethod method, std::span<const int32_t> sample,
                                  uint32_t pieces, int threads) {
  Predictor& predictor = PredictorFor(method, threads);
  predictor.SetKind(kind_);
  predictor.StartSegmentOf(static_cast<int>(pieces), sample.size());  // without the dictionary
  return CodedBytes(predictor, sample, pieces);
}

Predictor& SegmentCodec::AroundSound(int threads) {
  const bool adaptive = HasExpert(file_.mode);
  return PredictorFor(adaptive ? CodingMethod::kExpert : CodingMethod::kOrder2, threads);
}

std::optional<SoundGeometry> SegmentCodec::PromisingSound(std::span<const uint8_t> original,
                                                          int threads) {
  if (!MethodFits(CodingMethod::kSound, file_.mode)) return std::nullopt;
  const std::optional<SoundGeometry> geometry = FindSound(original);
  if (!geometry) return std::nullopt;
  const SoundSample parts = SampleOfSound(original.size(), *geometry);
  SoundGeometry alone = *geometry;
  alone.head = alone.tail = 0;
  size_t as_sound = 0;
  Bytes sample;
  const CountFn uncounted = [](uint32_t) {};
  for (const size_t begin : parts.begins) {
    const auto part = original.subspan(begin, parts.size);
    as_sound += EncodeSound(part, alone, AroundSound(threads), std::numeric_limits<size_t>::max(),
                            uncounted)
                    ->size();
    sample.insert(sample.end(), part.begin(), part.end());
  }
  // A method that is worse by little may be no worse in all.
  const auto is_better_than = [&](size_t bytes, size_t of) {
    return as_sound * 32 * of <= bytes * 31 * sample.size();
  };
  const bool adaptive = HasExpert(file_.mode);
  const CodedSymbols symbols = SymbolsOf(sample, nullptr);
  const CodingMethod rival = adaptive ? CodingMethod::kExpert : CodingMethod::kOrder2;
  if (!is_better_than(sample.size(), sample.size()) ||
      !is_better_than(SampledBytes(rival, symbols.tokens, 1, threads), sample.size()))
    return std::nullopt;
  if (model_ == nullptr) return geometry;
  constexpr size_t kPart = 2048;
  const auto part = std::span<const uint8_t>(sample).first(std::min(kPart, sample.size()));
  const CodedSymbols tokens = SymbolsOf(part, TokenizerOf(CodingMethod::kModel));
  const size_t by_model = SampledBytes(CodingMethod::kModel, tokens.tokens, 1, threads);
  return is_better_than(by_model, part.size()) ? geometry : std::nullopt;
}

void SegmentCodec::MakeRoom() {
  network_.reset();
  expert_.reset();
}

bool SegmentCodec::IsPhoto(std::span<const uint8_t> original, const PhotoLayout& photo,
                           int threads) {
  ChooseKind(original);
  // Rows of the middle. Few rows show nothing of what those above tell.
  constexpr uint32_t kSample = 32768;
  constexpr uint32_t kLeastRows = 4;
  PhotoLayout sample = photo;
  sample.first = 0;
  sample.rows = std::min(photo.rows, std::max(kSample / photo.stride, kLeastRows));
  const size_t begin = photo.first + size_t{(photo.rows - sample.rows) / 2} * photo.stride;
  const size_t size = size_t{sample.rows - 1} * photo.stride + size_t{photo.width} * photo.channels;
  // Other bytes are coded simply, and must be few.
  constexpr size_t kFewOthers = 1024;
  const size_t pixels = size_t{photo.rows} * photo.width * photo.channels;
  if (original.size() - pixels > original.size() / 32 + kFewOthers) return false;
  const auto bytes = original.subspan(begin, size);
  const size_t by_expert =
      SampledBytes(CodingMethod::kExpert, SymbolsOf(bytes, nullptr).tokens, 1, threads);
  MakeRoom();
  // What does not shrink is packed.
  const size_t most = std::min(by_expert, size - size / 64) + kPhotoLayoutBytes;
  const auto payload = EncodePhoto(bytes, sample, most, FastMixerKernels(), [](uint32_t) {});
  if (!payload) return false;
  if (model_ == nullptr) return true;
  // A network may know more, whatever the bytes are. Parts from all over tell: one alone may be
  // sky.
  constexpr size_t kParts = 8;
  constexpr size_t kPart = 512;
  Bytes spread;
  for (size_t i = 0; i < kParts; ++i) {
    const auto part = bytes.subspan(size * i / kParts);
    spread.insert(spread.end(), part.begin(), part.begin() + std::min(kPart, size / kParts));
  }
  if (spread.empty()) return true;
  const CodedSymbols symbols = SymbolsOf(spread, TokenizerOf(CodingMethod::kModel));
  const size_t by_model = SampledBytes(CodingMethod::kModel, symbols.tokens, 1, threads);
  MakeRoom();
  return (payload->size() - kPhotoLayoutBytes) * spread.size() <= by_model * size;
}

// In mode adaptive a segment is coded once, by what a sample promises most.
CodingMethod SegmentCodec::AdaptiveMethod(std::span<const uint8_t> original,
                                          const std::optional<PhotoLayout>& photo, int threads) {
  if (photo && IsPhoto(original, *photo, threads)) return CodingMethod::kPhoto;
  // A piece of the middle, where headers and licences are left behind.
  constexpr size_t kSample = 16384;
  const size_t size = std::min(kSample, original.size());
  const auto begin = (original.size() - size) / 2 / file_.context * file_.context;
  const CodedSymbols sample = SymbolsOf(original.subspan(begin, size), nullptr);
  const bool packed = EvennessOf(original) != Evenness::kUneven;
  if (model_ == nullptr && !packed) return CodingMethod::kExpert;
  const size_t by_expert = SampledBytes(CodingMethod::kExpert, sample.tokens, 1, threads);
  bool promising = by_expert * 64 <= size * 63 || HasLongRepetition(original);
  bool helps = false;
  if (model_ != nullptr) {
    // Photographs are as even as packed data, and a network may know them. A short part tells.
    constexpr size_t kPart = 1024;
    const size_t part = packed ? std::min(kPart, size) : size;
    const size_t by_model =
        SampledBytes(CodingMethod::kModel, std::span(sample.tokens).first(part), 1, threads);
    promising = promising || by_model * 64 <= part * 63;
    // A network that helps by little does not pay for its time, nor for lanes that learn apart. In
    // a long segment the expert learns more than a sample shows.
    constexpr size_t kLong = 1 << 17;
    const size_t most = original.size() < kLong ? 30 : 27;  // of 32 shares of the expert's bytes
    helps = by_model * size * 32 < by_expert * part * most;
  }
  if (packed && !promising) return CodingMethod::kStored;
  return helps ? CodingMethod::kModel : CodingMethod::kExpert;
}

// What is like its dictionary follows it, which a sample does not show. Beside a long one the
// network would tell little, and costs the time of all its bytes.
CodingMethod SegmentCodec::MethodAfterDictionary(std::span<const uint8_t> original, int threads) {
  constexpr size_t kLong = 1 << 17;
  constexpr size_t kRecord = 1 << 14;
  if (model_ == nullptr || dictionary_.size() > kLong) return CodingMethod::kExpert;
  if (original.size() < kRecord) return CodingMethod::kModel;
  const auto method = AdaptiveMethod(original, std::nullopt, threads);
  return method == CodingMethod::kStored ? CodingMethod::kExpert : method;
}

EncodedSegment SegmentCodec::Encode(std::span<const uint8_t> original, int threads,
                                    const CountFn& count, const std::optional<PhotoLayout>& photo) {
  ChooseKind(original);
  if (photo || !dictionary_.empty()) return EncodeAsBytes(original, threads, count, photo);
  const std::optional<SoundGeometry> sound = PromisingSound(original, threads);
  if (!sound) return EncodeAsBytes(original, threads, count, photo);
  auto payload = EncodeSound(original, *sound, AroundSound(threads), original.size() - 1, count);
  EncodedSegment as_sound;
  as_sound.header.method = CodingMethod::kSound;
  as_sound.header.symbols = static_cast<uint32_t>(original.size());
  if (payload) {
    as_sound.payload = std::move(*payload);
    Finish(original, &as_sound);
    // Copies are nothing to a predictor of samples, and a sample does not show them.
    if (16 * RepeatedBytes(original) < original.size()) return as_sound;
  }
  EncodedSegment as_bytes = EncodeAsBytes(
      original, threads, [](uint32_t) {}, photo);
  return payload && as_sound.payload.size() < as_bytes.payload.size() ? as_sound : as_bytes;
}

EncodedSegment SegmentCodec::EncodeAsBytes(std::span<const uint8_t> original, int threads,
                                           const CountFn& count,
                                           const std::optional<PhotoLayout>& photo) {
  const auto size = static_cast<uint32_t>(original.size());
  EncodedSegment best;
  best.header.method = CodingMethod::kStored;
  best.header.symbols = size;
  best.payload.assign(original.begin(), original.end());
  const auto attempt = [&](CodingMethod method, const CodedSymbols& symbols, size_t most_bytes,
                           const CountFn& done) {
    auto payload = EncodePayload(method, symbols, size, most_bytes, threads, done);
    if (!payload) return;
    best.header.method = method;
    best.header.symbols = static_cast<uint32_t>(symbols.tokens.size());
    best.payload = std::move(payload->bytes);
    best.lost_bit_bytes = payload->lost_bit_bytes;
  };
  const size_t less = best.payload.size() - 1;
  const CountFn uncounted = [](uint32_t) {};
  // Machine code with its addresses made absolute, where it is that.
  const auto by_expert = [&] {
    // Addresses of a dictionary stay as they are, and are found again as such.
    const bool may_be_program =
        MethodFits(CodingMethod::kProgram, file_.mode) && dictionary_.empty();
    const auto set = may_be_program ? FindInstructionSet(original) : std::nullopt;
    if (!set || less == 0)
      return attempt(CodingMethod::kExpert, SymbolsOf(original, nullptr), less, count);
    Bytes changed(original.begin(), original.end());
    MakeAddressesAbsolute(*set, changed);
    attempt(CodingMethod::kExpert, SymbolsOf(changed, nullptr), less - 1, count);
    if (best.header.method != CodingMethod::kExpert) return;
    best.header.method = CodingMethod::kProgram;
    best.payload.insert(best.payload.begin(), static_cast<uint8_t>(*set));
  };
  if (HasExpert(file_.mode)) {
    const auto method = dictionary_.empty() ? AdaptiveMethod(original, photo, threads)
                                            : MethodAfterDictionary(original, threads);
    if (method == CodingMethod::kStored) {
      count(size);
    } else if (method == CodingMethod::kPhoto) {
      MakeRoom();
      if (auto payload = EncodePhoto(original, *photo, less, FastMixerKernels(), count)) {
        best.header.method = method;
        best.payload = std::move(*payload);
      }
    } else if (method == CodingMethod::kExpert) {
      by_expert();
    } else {
      attempt(method, SymbolsOf(original, nullptr), less, count);
    }
    Finish(original, &best);
    return best;
  }
  const auto by_order2 = [&](size_t most_bytes, const CountFn& done) {
    attempt(CodingMethod::kOrder2, SymbolsOf(original, nullptr), most_bytes, done);
  };
  // What counts as progress is the slower one: the model.
  const Evenness evenness = EvennessOf(original);
  if (model_ == nullptr) {
    by_order2(less, count);
  } else if (evenness != Evenness::kUneven) {
    // Packed data, most of the time, which costs the model dearly and gains nothing.
    if (evenness != Evenness::kEven || Order2IsWorthTrying(original, threads))
      by_order2(less, uncounted);
    const CodedSymbols symbols = SymbolsOf(original, TokenizerOf(CodingMethod::kModel));
    if (ModelIsWorthTrying(original, symbols, best.payload.size(), threads)) {
      // Less than what there is: of equals the lowest method is taken.
      attempt(CodingMethod::kModel, symbols, best.payload.size() - 1, count);
    } else {
      count(size);
    }
  } else {
    // The model first, so that order 2 can be given up as soon as it is behind.
    attempt(CodingMethod::kModel, SymbolsOf(original, TokenizerOf(CodingMethod::kModel)), less,
            count);
    const bool beaten = best.header.method == CodingMethod::kModel;
    by_order2(beaten ? best.payload.size() : less, uncounted);
  }
  Finish(original, &best);
  return best;
}

size_t SegmentCodec::PayloadBytes(CodingMethod method, std::span<const uint8_t> original,
                                  int threads, const CountFn& count) {
  if (method == CodingMethod::kStored) return original.size();
  ChooseKind(original);
  const auto size = static_cast<uint32_t>(original.size());
  const CodedSymbols symbols = SymbolsOf(original, TokenizerOf(method));
  const CountFn uncounted = [](uint32_t) {};
  const Bytes payload =
      EncodePayload(method, symbols, size, std::numeric_limits<size_t>::max(), threads, uncounted)
          ->bytes;
  const auto restored = DecodePayload(method, payload, static_cast<uint32_t>(symbols.tokens.size()),
                                      size, threads, count);
  if (!restored || !std::ranges::equal(*restored, original))
    throw InternalError("a segment is restored to something else than was coded");
  return payload.size();
}

std::vector<SymbolFrequency> SegmentCodec::ModelFrequencies(std::span<const uint8_t> original,
                                                            int threads, const CountFn& count) {
  ChooseKind(original);
  const Tokenizer* const tokenizer = TokenizerOf(CodingMethod::kModel);
  const CodedSymbols symbols = SymbolsOf(original, tokenizer);
  const auto symbol_count = static_cast<uint32_t>(symbols.tokens.size());
  std::vector<SymbolFrequency> result(symbol_count);
  std::vector<Decider> deciders(symbol_count);
  SymbolCounter counter(symbol_count, original.size(), count);
  const std::vector<uint32_t> lanes = Lanes(CodingMethod::kModel, symbol_count, file_);
  ScoreLanes(
      Started(CodingMethod::kModel, lanes.size(), symbol_count, threads, count), symbols.tokens,
      lanes, RowSymbols(file_),
      [&](const auto& known, const auto& intervals) {
        uint32_t done = 0;
        for (size_t lane = 0; lane < known.size(); ++lane) {
          auto to = result.begin() + (known[lane].data() - symbols.tokens.data());
          for (const SymbolInterval& interval : intervals[lane]) (to++)->frequency = interval.size;
          done += static_cast<uint32_t>(known[lane].size());
        }
        counter.Add(done);
        return true;
      },
      deciders);
  for (uint32_t i = 0; i < symbol_count; ++i) {
    result[i].decider = deciders[i];
    if (tokenizer == nullptr) continue;
    result[i].bytes =
        static_cast<uint32_t>(tokenizer->DecodedBytes(std::span(symbols.tokens).subspan(i, 1)));
  }
  return result;
}

Bytes SegmentCodec::Decode(const SegmentHeader& header, std::span<const uint8_t> payload,
                           int threads, const CountFn& count, const std::string& name) {
  Bytes original;
  if (header.method == CodingMethod::kStored) {
    original.assign(payload.begin(), payload.end());
    count(header.original_bytes);
  } else {
    auto decoded = header.method == CodingMethod::kSound
                       ? DecodeSound(payload, header.original_bytes, AroundSound(threads), count)
                       : DecodePayload(header.method, payload, header.symbols,
                                       header.original_bytes, threads, count);
    if (!decoded) {
      throw DamagedError(fmt::format("{} is damaged: segment {} is not what an encoder writes",
                                     name, header.number));
    }
    original = std::move(*decoded);
  }
  if (!header.IsOriginal(Xxh3Of(original))) {
    throw DamagedError(fmt::format(
        "{} is damaged: segment {} does not decode to what was compressed", name, header.number));
  }
  return original;
}

}  // namespace occam
