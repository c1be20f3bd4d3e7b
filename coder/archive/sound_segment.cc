#include "coder/archive/sound_segment.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "coder/predict/sound/sound_coder.h"
#include "data/base/byte_order.h"

namespace occam {
namespace {

constexpr int kSampleBits = 16;
constexpr size_t kGeometryBytes = 6;

int32_t SampleAt(const uint8_t* bytes) {
  return static_cast<int16_t>(static_cast<uint16_t>(bytes[0] | bytes[1] << 8));
}

uint32_t NumberAt(std::span<const uint8_t> bytes, size_t at, int width) {
  uint32_t number = 0;
  for (int i = 0; i < width; ++i) number |= uint32_t{bytes[at + static_cast<size_t>(i)]} << (8 * i);
  return number;
}

bool HasTag(std::span<const uint8_t> bytes, size_t at, const char* tag) {
  return bytes.size() >= at + 4 && std::memcmp(bytes.data() + at, tag, 4) == 0;
}

// ---- Recognising -------------------------------------------------------------------------------

bool IsWav(std::span<const uint8_t> bytes) {
  return HasTag(bytes, 0, "RIFF") && HasTag(bytes, 8, "WAVE");
}

// The channels of a format chunk's body, or 0 where samples are not of 16 bits, PCM.
int ChannelsOf(std::span<const uint8_t> format) {
  constexpr uint32_t kPcm = 1, kExtensible = 0xfffe;
  if (format.size() < 16) return 0;
  uint32_t kind = NumberAt(format, 0, 2);
  if (kind == kExtensible && format.size() >= 26) kind = NumberAt(format, 24, 2);
  if (kind != kPcm || NumberAt(format, 14, 2) != kSampleBits) return 0;
  const uint32_t channels = NumberAt(format, 2, 2);
  return channels <= SoundCoder::kMostChannels ? static_cast<int>(channels) : 0;
}

// What a WAV file's chunks tell. A length that reaches beyond the segment is that of what is there,
// and so are 0 and one that leaves more other bytes than may be.
std::optional<SoundGeometry> ReadWavHeader(std::span<const uint8_t> bytes) {
  constexpr size_t kChunkHeader = 8;
  SoundGeometry geometry;
  geometry.channels = 0;
  uint64_t at = 12;
  while (at + kChunkHeader <= bytes.size()) {
    const uint64_t size = NumberAt(bytes, at + 4, 4);
    const uint64_t body = at + kChunkHeader;
    const uint64_t there = std::min<uint64_t>(size, bytes.size() - body);
    if (HasTag(bytes, at, "fmt ")) {
      geometry.channels = ChannelsOf(bytes.subspan(body, there));
      if (geometry.channels == 0) return std::nullopt;
    }
    if (HasTag(bytes, at, "data")) {
      if (geometry.channels == 0 || body > kMostOtherBytes) return std::nullopt;
      const uint64_t all = bytes.size() - body;
      const uint64_t frame = geometry.frame_bytes();
      uint64_t tail = all - there + there % frame;
      if (size == 0 || body + tail > kMostOtherBytes) tail = all % frame;
      if (tail >= all || body + tail > kMostOtherBytes) return std::nullopt;
      geometry.head = static_cast<uint32_t>(body);
      geometry.tail = static_cast<uint32_t>(tail);
      return geometry;
    }
    at = body + size + size % 2;
  }
  return std::nullopt;
}

// The mean width of what is left of samples by the better of the first two differences, out of 256.
uint64_t MeanWidth(std::span<const uint8_t> bytes, size_t phase, size_t frame_bytes) {
  constexpr size_t kPieces = 16;
  constexpr size_t kPiece = 512;
  uint64_t first = 0, second = 0, count = 0;
  for (size_t piece = 0; piece < kPieces; ++piece) {
    // At multiples of the largest frame, so that a phase is one everywhere.
    const size_t begin = (bytes.size() - kPiece) * piece / (kPieces - 1) / 4 * 4;
    const uint8_t* const from = bytes.data() + begin;
    for (size_t at = phase + 2 * frame_bytes; at + 2 <= kPiece; at += 2, ++count) {
      const int32_t x0 = SampleAt(from + at), x1 = SampleAt(from + at - frame_bytes);
      const int32_t x2 = SampleAt(from + at - 2 * frame_bytes);
      first += static_cast<uint64_t>(std::bit_width(static_cast<uint32_t>(std::abs(x0 - x1))));
      second +=
          static_cast<uint64_t>(std::bit_width(static_cast<uint32_t>(std::abs(x0 - 2 * x1 + x2))));
    }
  }
  return std::min(first, second) * 256 / count;
}

// Samples have neighbours like them, and bytes of different worth: one byte on they look otherwise.
std::optional<SoundGeometry> LookForSamples(std::span<const uint8_t> bytes) {
  constexpr size_t kLeastBytes = 4096;
  constexpr uint64_t kMostWidth = 12 * 256;
  if (bytes.size() < kLeastBytes) return std::nullopt;
  // Whether samples are at even places or at odd ones, and how near those of one channel are.
  uint64_t least = ~uint64_t{0};
  SoundGeometry best;
  for (int channels = 1; channels <= SoundCoder::kMostChannels; ++channels) {
    const size_t frame = 2 * static_cast<size_t>(channels);
    const uint64_t even = MeanWidth(bytes, 0, frame), odd = MeanWidth(bytes, 1, frame);
    if (std::min(even, odd) >= least || std::max(even, odd) < std::min(even, odd) + 256) continue;
    least = std::min(even, odd);
    best.channels = channels;
    best.head = even < odd ? 0 : 1;
  }
  if (least > kMostWidth) return std::nullopt;
  best.tail = static_cast<uint32_t>((bytes.size() - best.head) % best.frame_bytes());
  return best;
}

std::span<const uint8_t> FramesOf(std::span<const uint8_t> bytes, const SoundGeometry& geometry) {
  return bytes.subspan(geometry.head, bytes.size() - geometry.head - geometry.tail);
}

int ZeroBits(std::span<const uint8_t> frames) {
  uint32_t some = 0;
  for (size_t i = 0; i + 2 <= frames.size(); i += 2) some |= NumberAt(frames, i, 2);
  return some == 0 ? 0 : std::countr_zero(some);
}

// ---- Coding ------------------------------------------------------------------------------------

// Bytes done so far, told every few thousand.
class Teller {
 public:
  explicit Teller(const SoundCountFn& count) : count_(count) {}
  void Add(size_t bytes) {
    constexpr size_t kEvery = 8192;
    done_ += bytes;
    if (done_ >= kEvery) Tell();
  }
  void Tell() {
    count_(static_cast<uint32_t>(done_));
    done_ = 0;
  }

 private:
  const SoundCountFn& count_;
  size_t done_ = 0;
};

// Codes the bytes before and after the frames, as one lane.
void EncodeOthers(std::span<const uint8_t> original, const SoundGeometry& geometry,
                  Predictor& around, RangeEncoder* encoder) {
  const auto head = original.first(geometry.head), tail = original.last(geometry.tail);
  std::vector<int32_t> symbols(head.begin(), head.end());
  symbols.insert(symbols.end(), tail.begin(), tail.end());
  if (symbols.empty()) return;
  std::vector<SymbolInterval> intervals(symbols.size());
  around.StartSegmentOf(1, symbols.size());
  const std::span<const int32_t> lane = symbols;
  const std::span<SymbolInterval> scored = intervals;
  around.Score({&lane, 1}, {&scored, 1});
  for (const SymbolInterval& interval : intervals) encoder->Encode(interval);
}

Bytes DecodeOthers(size_t count, Predictor& around, RangeDecoder* decoder) {
  Bytes bytes(count);
  if (bytes.empty()) return bytes;
  around.StartSegmentOf(1, count);
  int32_t symbol = 0;
  for (uint8_t& byte : bytes) {
    around.Decode(*decoder, {&symbol, 1});
    byte = static_cast<uint8_t>(symbol);
  }
  return bytes;
}

// Nothing where no encoder writes this.
std::optional<SoundGeometry> ParseGeometry(std::span<const uint8_t> payload, uint32_t bytes) {
  if (payload.size() < kGeometryBytes) return std::nullopt;
  SoundGeometry geometry;
  geometry.channels = payload[0];
  geometry.zero_bits = payload[1];
  geometry.head = NumberAt(payload, 2, 2);
  geometry.tail = NumberAt(payload, 4, 2);
  const uint32_t others = geometry.head + geometry.tail;
  if (geometry.channels < 1 || geometry.channels > SoundCoder::kMostChannels ||
      geometry.zero_bits >= kSampleBits || others > kMostOtherBytes || others >= bytes ||
      (bytes - others) % geometry.frame_bytes() != 0)
    return std::nullopt;
  return geometry;
}

}  // namespace

std::optional<SoundGeometry> FindSound(std::span<const uint8_t> bytes) {
  auto geometry = IsWav(bytes) ? ReadWavHeader(bytes) : LookForSamples(bytes);
  if (geometry) geometry->zero_bits = ZeroBits(FramesOf(bytes, *geometry));
  return geometry;
}

SoundSample SampleOfSound(size_t bytes, const SoundGeometry& geometry) {
  constexpr size_t kPart = 8192;
  constexpr size_t kMostParts = 4;
  constexpr size_t kBytesOfPart = 1 << 16;  // that a part stands for
  const size_t frames = bytes - geometry.head - geometry.tail;
  const size_t count = std::clamp<size_t>(frames / kBytesOfPart, 1, kMostParts);
  SoundSample sample;
  sample.size = std::min(frames, count == 1 ? 2 * kPart : kPart);
  for (size_t i = 0; i < count; ++i) {
    const size_t middle = (frames - sample.size) * (2 * i + 1) / (2 * count);
    sample.begins.push_back(geometry.head +
                            middle / geometry.frame_bytes() * geometry.frame_bytes());
  }
  return sample;
}

std::optional<Bytes> EncodeSound(std::span<const uint8_t> original, const SoundGeometry& geometry,
                                 Predictor& around, size_t most_bytes, const SoundCountFn& count) {
  ByteWriter out;
  out.Put(static_cast<uint8_t>(geometry.channels));
  out.Put(static_cast<uint8_t>(geometry.zero_bits));
  out.Put(static_cast<uint16_t>(geometry.head));
  out.Put(static_cast<uint16_t>(geometry.tail));

  RangeEncoder encoder;
  EncodeOthers(original, geometry, around, &encoder);
  Teller teller(count);
  teller.Add(geometry.head + geometry.tail);
  SoundCoder coder(geometry.channels);
  const std::span<const uint8_t> frames = FramesOf(original, geometry);
  std::vector<int32_t> frame(static_cast<size_t>(geometry.channels));
  for (size_t at = 0; at < frames.size(); at += geometry.frame_bytes()) {
    for (size_t i = 0; i < frame.size(); ++i)
      frame[i] = SampleAt(&frames[at + 2 * i]) >> geometry.zero_bits;
    coder.Encode(frame, &encoder);
    teller.Add(geometry.frame_bytes());
    // What is out already is more than there may be.
    if (encoder.bytes_written() > most_bytes) {
      teller.Add(frames.size() - at - geometry.frame_bytes());
      teller.Tell();
      return std::nullopt;
    }
  }
  teller.Tell();
  out.PutBytes(encoder.Finish());
  if (out.bytes().size() > most_bytes) return std::nullopt;
  return out.Take();
}

std::optional<Bytes> DecodeSound(std::span<const uint8_t> payload, uint32_t original_bytes,
                                 Predictor& around, const SoundCountFn& count) {
  const auto geometry = ParseGeometry(payload, original_bytes);
  if (!geometry) return std::nullopt;
  RangeDecoder decoder(payload.subspan(kGeometryBytes));
  const Bytes others = DecodeOthers(geometry->head + geometry->tail, around, &decoder);
  const auto frames_begin = others.begin() + static_cast<ptrdiff_t>(geometry->head);
  Bytes original(others.begin(), frames_begin);
  original.reserve(original_bytes);
  Teller teller(count);
  teller.Add(others.size());
  SoundCoder coder(geometry->channels);
  std::vector<int32_t> frame(static_cast<size_t>(geometry->channels));
  for (size_t left = original_bytes - others.size(); left > 0; left -= geometry->frame_bytes()) {
    coder.Decode(&decoder, frame);
    for (const int32_t sample : frame) {
      const auto value = static_cast<uint32_t>(sample) << geometry->zero_bits;
      original.push_back(static_cast<uint8_t>(value));
      original.push_back(static_cast<uint8_t>(value >> 8));
    }
    teller.Add(geometry->frame_bytes());
  }
  teller.Tell();
  original.insert(original.end(), frames_begin, others.end());
  if (!decoder.ConsumedExactly()) return std::nullopt;
  return original;
}

}  // namespace occam
