#include "coder/archive/frame_codec.h"

#include <algorithm>
#include <utility>

#include "coder/archive/lost_bits.h"
#include "coder/archive/model_header.h"
#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "coder/predict/expert/step_expert.h"
#include "data/base/digest.h"
#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

// A first byte below kTwoBytes is the length itself, one below kThreeBytes has one more byte after
// it, any other two.
constexpr size_t kTwoBytes = 192;
constexpr size_t kThreeBytes = 240;
constexpr size_t kLeastOfTwo = kTwoBytes;
constexpr size_t kLeastOfThree = kLeastOfTwo + (kThreeBytes - kTwoBytes) * 256;
static_assert(kMaxRecordBytes == kLeastOfThree + (256 - kThreeBytes) * 65536 - 1);

// A record that an adaptive predictor has tables for. Those of a dictionary are larger.
constexpr uint64_t kRecordBytes = 1 << 14;

// Symbols of a lane, so that who is told is soon asked.
constexpr uint32_t kTellEvery = 256;

void PutLength(size_t length, Bytes* frame) {
  const auto put = [frame](size_t byte) { frame->push_back(static_cast<uint8_t>(byte)); };
  if (length < kLeastOfTwo) {
    put(length);
  } else if (length < kLeastOfThree) {
    put(kTwoBytes + (length - kLeastOfTwo) / 256);
    put(length - kLeastOfTwo);
  } else {
    put(kThreeBytes + (length - kLeastOfThree) / 65536);
    put((length - kLeastOfThree) / 256);
    put(length - kLeastOfThree);
  }
}

size_t LengthBytes(uint8_t first) { return first < kTwoBytes ? 1 : first < kThreeBytes ? 2 : 3; }

// The hash of a record, as many bytes as are asked for and as there is room for.
Bytes CheckOf(std::span<const uint8_t> record, size_t check_bytes, size_t length_bytes) {
  uint64_t hash = Xxh3Of(record);
  Bytes check(std::min(check_bytes, kMaxFrameOverhead - length_bytes));
  for (uint8_t& byte : check) {
    byte = static_cast<uint8_t>(hash);
    hash >>= 8;
  }
  return check;
}

Error NoFrame(const std::string& name) {
  return DamagedError(name + " is damaged, cut, or of another model");
}

}  // namespace

size_t RecordBytesOf(std::span<const uint8_t> frame, const std::string& name) {
  if (frame.empty() || frame.size() < LengthBytes(frame[0]))
    throw DamagedError(name + " is damaged: a frame begins with its record's length");
  const size_t first = frame[0];
  if (first < kTwoBytes) return first;
  if (first < kThreeBytes) return kLeastOfTwo + (first - kTwoBytes) * 256 + frame[1];
  return kLeastOfThree + (first - kThreeBytes) * 65536 + frame[1] * size_t{256} + frame[2];
}

FrameCodec::FrameCodec(const CodecModel& model, int check_bytes, ProgressFn progress,
                       std::span<const uint8_t> dictionary)
    : model_(model),
      check_bytes_(static_cast<size_t>(check_bytes)),
      progress_(std::move(progress)),
      dictionary_(UsedOf(dictionary).begin(), UsedOf(dictionary).end()),
      predictor_(
          model.factory(1, dictionary.empty() ? ContextMode::kCarried : ContextMode::kAdaptive)),
      tokenizer_(model.tokenizer ? model.tokenizer() : nullptr) {
  if (check_bytes < 0 || check_bytes > kMaxCheckBytes)
    throw UsageError(fmt::format("a frame has 0, 1 or 2 bytes of a hash, not {}", check_bytes));
}

Bytes FrameCodec::Encode(std::span<const uint8_t> record) {
  if (record.size() > kMaxRecordBytes) {
    throw UsageError(fmt::format("a record has at most {} bytes, not {}; compress it to a file",
                                 kMaxRecordBytes, record.size()));
  }
  Bytes frame;
  PutLength(record.size(), &frame);
  const Bytes check = CheckOf(record, check_bytes_, frame.size());
  frame.insert(frame.end(), check.begin(), check.end());
  const Bytes coded = EncodeByModel(record);
  const auto payload = coded.size() < record.size() ? std::span<const uint8_t>(coded) : record;
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

Bytes FrameCodec::Decode(std::span<const uint8_t> frame, const std::string& name) {
  const size_t size = RecordBytesOf(frame, name);
  const size_t length_bytes = LengthBytes(frame[0]);
  const size_t check_bytes = std::min(check_bytes_, kMaxFrameOverhead - length_bytes);
  if (frame.size() < length_bytes + check_bytes) throw NoFrame(name);
  const auto check = frame.subspan(length_bytes, check_bytes);
  const auto payload = frame.subspan(length_bytes + check_bytes);
  if (payload.size() > size) throw NoFrame(name);
  Bytes record(payload.begin(), payload.end());
  if (payload.size() < size) {
    try {
      record = DecodeByModel(payload, size);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kDamaged) throw NoFrame(name);
      throw;
    }
  }
  if (!std::ranges::equal(check, CheckOf(record, check_bytes_, length_bytes))) throw NoFrame(name);
  return record;
}

// The tables of what adapts are those for a short record, whatever its length, so that what a
// dictionary taught serves all.
void FrameCodec::Start() {
  if (dictionary_.empty()) return predictor_->StartSegment(1);
  predictor_->StartSegmentAfter(dictionary_, 1, kRecordBytes, Predictor::Lessons::kKept,
                                [this] { Tell(0, 0); });
}

uint64_t FrameCodec::DictionaryMemory(uint64_t bytes) {
  if (bytes == 0) return 0;
  const uint64_t used = std::min<uint64_t>(bytes, kMaxDictionaryBytes);
  return 3 * used + 2 * StepExpert::MemoryBytes(used + kRecordBytes);
}

Bytes FrameCodec::EncodeByModel(std::span<const uint8_t> record) {
  const CodedSymbols symbols = SymbolsOf(record, tokenizer_.get());
  const std::span<const int32_t> all = symbols.tokens;
  RangeEncoder encoder;
  Start();
  for (size_t begin = 0; begin < all.size(); begin += model_.context) {
    const auto known = all.subspan(begin, std::min<size_t>(model_.context, all.size() - begin));
    intervals_.resize(known.size());
    const std::span<SymbolInterval> intervals = intervals_;
    predictor_->Score(std::span(&known, 1), std::span(&intervals, 1));
    for (const SymbolInterval& interval : intervals) encoder.Encode(interval);
    Tell(record.size() * (begin + known.size()) / all.size(), encoder.bytes_written());
  }
  if (!symbols.lost_bits.empty()) EncodeLostBits(all, symbols.lost_bits, &encoder);
  return encoder.Finish();
}

// Symbols come until they stand for so many bytes.
Bytes FrameCodec::DecodeByModel(std::span<const uint8_t> payload, size_t record_bytes) {
  CodedSymbols symbols;
  RangeDecoder decoder(payload);
  int32_t symbol = 0;
  size_t done = 0;
  Start();
  while (done < record_bytes) {
    predictor_->Decode(decoder, std::span(&symbol, 1));
    symbols.tokens.push_back(symbol);
    done += tokenizer_ ? tokenizer_->DecodedBytes(std::span(&symbol, 1)) : 1;
    if (symbols.tokens.size() % std::min(model_.context, kTellEvery) == 0) Tell(done, 0);
  }
  if (tokenizer_ && tokenizer_->lost_bit())
    symbols.lost_bits = DecodeLostBits(symbols.tokens, &decoder);
  if (done != record_bytes || !decoder.ConsumedExactly())
    throw DamagedError("no encoder writes this");
  return BytesOf(symbols, tokenizer_.get());
}

void FrameCodec::Tell(uint64_t record_bytes, uint64_t frame_bytes) const {
  if (progress_) progress_(record_bytes, frame_bytes);
}

}  // namespace occam
