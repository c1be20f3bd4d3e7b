#include "coder/predict/photo/photo_codec.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "coder/entropy/bit_coder.h"
#include "coder/predict/photo/pixel_coder.h"
#include "coder/predict/photo/plane_predictor.h"

namespace occam {
namespace {

constexpr int32_t kLeast = 1;  // of a probability

void Put(uint32_t number, Bytes* out) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<uint8_t>(number >> shift));
}
uint32_t Get(std::span<const uint8_t> bytes) {
  uint32_t number = 0;
  for (size_t i = 4; i-- > 0;) number = number << 8 | bytes[i];
  return number;
}

Bytes Serialise(const PhotoLayout& layout) {
  Bytes out;
  for (const uint32_t n : {layout.first, layout.rows, layout.width, layout.stride}) Put(n, &out);
  out.push_back(static_cast<uint8_t>(layout.channels));
  return out;
}

PhotoLayout Parse(std::span<const uint8_t> bytes) {
  return {Get(bytes), Get(bytes.subspan(4)), Get(bytes.subspan(8)), bytes[16],
          Get(bytes.subspan(12))};
}

// The channels of a pixel in the order of coding: with three or more, the second one, green, is
// first.
size_t ChannelAt(size_t plane, size_t channels) {
  if (channels < 3 || plane > 1) return plane;
  return 1 - plane;
}

// What is no pixel: each byte by the one before.
template <typename Coder>
class OtherBytes {
 public:
  explicit OtherBytes(Coder* coder) : coder_(*coder), cells_(size_t{1} << 16, WideCell::kFresh) {}
  void Code(std::span<uint8_t> bytes) {
    for (uint8_t& byte : bytes) {
      uint32_t node = 1;
      for (int shift = 7; shift >= 0; --shift) {
        uint32_t& cell = cells_[last_ << 8 | node];
        const int32_t probability = std::clamp(WideCell::Probability(cell) >> 6, 1, 65535);
        const bool bit = coder_.Bit((byte >> shift & 1) != 0, probability);
        WideCell::Learn(&cell, bit, kCountLimit);
        node = node * 2 + (bit ? 1 : 0);
      }
      byte = static_cast<uint8_t>(node);
      last_ = byte;
    }
  }

 private:
  Coder& coder_;
  std::vector<uint32_t> cells_;  // [last byte][node]
  size_t last_ = 0;
};

// Codes all bytes in place. go_on() is asked after each row, and what it ends is undone by nobody.
template <typename Coder, typename GoOn>
bool CodeBytes(std::span<uint8_t> bytes, const PhotoLayout& layout, const MixerKernels& kernels,
               const PhotoCountFn& count, Coder* coder, GoOn go_on) {
  const size_t row_bytes = size_t{layout.width} * layout.channels;
  {
    OtherBytes<Coder> others(coder);
    size_t begin = 0;
    for (size_t y = 0; y < layout.rows; ++y) {
      const size_t row = layout.first + y * layout.stride;
      others.Code(bytes.subspan(begin, row - begin));
      begin = row + row_bytes;
    }
    others.Code(bytes.subspan(begin));
  }
  count(static_cast<uint32_t>(bytes.size() - layout.rows * row_bytes));
  if (!go_on()) return false;

  PixelCoder pixels(kernels);
  std::vector<std::unique_ptr<PhotoPlane>> planes;
  std::vector<const PhotoPlane*> before;
  for (size_t p = 0; p < layout.channels; ++p) {
    planes.push_back(std::make_unique<PhotoPlane>(layout.width, layout.rows));
    PlanePredictor predictor(before, planes.back().get(), layout.width);
    uint8_t* const channel = bytes.data() + layout.first + ChannelAt(p, layout.channels);
    for (size_t y = 0; y < layout.rows; ++y) {
      uint8_t* byte = channel + y * layout.stride;
      predictor.StartRow(y);
      for (size_t x = 0; x < layout.width; ++x, byte += layout.channels) {
        const int value = pixels.Code(predictor.Predict(x), *byte, coder);
        *byte = static_cast<uint8_t>(value);
        predictor.Learn(value);
      }
      predictor.EndRow();
      count(layout.width);
      if (!go_on()) return false;
    }
    planes.back()->Finish(layout.width, layout.rows);
    before.push_back(planes.back().get());
  }
  return true;
}

}  // namespace

uint64_t PhotoMemoryBytes(uint64_t bytes) {
  constexpr uint64_t kRest = 4 << 20;
  // Pixels and misses of all planes, with what surrounds them: as much again, since only rows of
  // kNarrowWidth pixels and more can be many.
  static_assert(2 * kPad <= kNarrowWidth);
  const uint64_t width = std::clamp<uint64_t>(bytes, 1, kMostPhotoWidth);
  return 2 * 2 * bytes + PixelCoder::MemoryBytes() + PlanePredictor::MemoryBytes(width) + bytes +
         kRest;
}

std::optional<Bytes> EncodePhoto(std::span<const uint8_t> original, const PhotoLayout& layout,
                                 size_t most_bytes, const MixerKernels& kernels,
                                 const PhotoCountFn& count) {
  RangeEncoder encoder;
  BitEncoder coder(&encoder, kLeast);
  Bytes bytes(original.begin(), original.end());
  const bool all = CodeBytes(std::span(bytes), layout, kernels, count, &coder,
                             [&] { return encoder.bytes_written() <= most_bytes + 8; });
  if (!all) return std::nullopt;
  Bytes payload = Serialise(layout);
  const Bytes stream = encoder.Finish();
  payload.insert(payload.end(), stream.begin(), stream.end());
  if (payload.size() > most_bytes) return std::nullopt;
  return payload;
}

std::optional<Bytes> DecodePhoto(std::span<const uint8_t> payload, size_t original_bytes,
                                 const MixerKernels& kernels, const PhotoCountFn& count) {
  if (payload.size() < kPhotoLayoutBytes) return std::nullopt;
  const PhotoLayout layout = Parse(payload);
  if (!layout.Fits(original_bytes)) return std::nullopt;
  RangeDecoder decoder(payload.subspan(kPhotoLayoutBytes));
  BitDecoder coder(&decoder, kLeast);
  Bytes bytes(original_bytes);
  CodeBytes(std::span(bytes), layout, kernels, count, &coder, [] { return true; });
  if (!decoder.ConsumedExactly()) return std::nullopt;
  return bytes;
}

}  // namespace occam
