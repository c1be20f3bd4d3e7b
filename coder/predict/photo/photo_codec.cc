#include "coder/predict/photo/photo_codec.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "coder/entropy/bit_coder.h"
#include "coder/predict/photo/block_codec.h"
#include "coder/predict/photo/block_finder.h"
#include "coder/predict/photo/other_bytes.h"
#include "coder/predict/photo/pixel_coder.h"
#include "coder/predict/photo/plane_predictor.h"

namespace occam {
namespace {

constexpr int32_t kLeast = 1;  // of a probability
// Bytes of a photograph that is coded as pixels, too: few coefficients teach less than their tables
// cost.
constexpr size_t kBothWays = size_t{1} << 16;

void Put(uint32_t number, Bytes* out) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<uint8_t>(number >> shift));
}
uint32_t Get(std::span<const uint8_t> bytes) {
  uint32_t number = 0;
  for (size_t i = 4; i-- > 0;) number = number << 8 | bytes[i];
  return number;
}

// Bits beside the number of channels.
constexpr uint8_t kOfBlocks = 16;
constexpr uint8_t kReversed = 32;
constexpr uint8_t kHalves = 64;
// Those in the byte that tells where blocks begin.
constexpr uint8_t kSecondAcross = 64;
constexpr uint8_t kSecondDown = 128;

Bytes Serialise(const PhotoLayout& layout, const std::optional<BlockPhoto>& blocks) {
  Bytes out;
  for (const uint32_t n : {layout.first, layout.rows, layout.width, layout.stride}) Put(n, &out);
  out.push_back(static_cast<uint8_t>(layout.channels));
  if (!blocks) return out;
  out.back() |= static_cast<uint8_t>(kOfBlocks | (blocks->is_reversed ? kReversed : 0) |
                                     (blocks->halves.empty() ? 0 : kHalves));
  out.push_back(static_cast<uint8_t>(blocks->grid.left + kBlockSide * blocks->grid.top +
                                     (blocks->is_second_across ? kSecondAcross : 0) +
                                     (blocks->is_second_down ? kSecondDown : 0)));
  return out;
}

PhotoLayout Parse(std::span<const uint8_t> bytes) {
  const uint32_t channels = bytes[16] & ~uint32_t{kOfBlocks | kReversed | kHalves};
  return {Get(bytes), Get(bytes.subspan(4)), Get(bytes.subspan(8)), channels,
          Get(bytes.subspan(12))};
}

// Blocks as they are told behind a layout that fits the segment, still empty.
std::optional<BlockPhoto> ParseBlocks(std::span<const uint8_t> payload, const PhotoLayout& layout) {
  if (payload.size() <= kPhotoLayoutBytes) return std::nullopt;
  const uint8_t place = payload[kPhotoLayoutBytes];
  const bool has_halves = (payload[16] & kHalves) != 0;
  BlockPhoto photo;
  photo.grid = {layout.width, layout.rows, place % kBlockSide, place / kBlockSide % kBlockSide};
  photo.is_reversed = (payload[16] & kReversed) != 0;
  photo.is_second_across = (place & kSecondAcross) != 0;
  photo.is_second_down = (place & kSecondDown) != 0;
  if (!MayBeBlocks(layout) || (layout.channels == 1 && (photo.is_reversed || has_halves)) ||
      (!has_halves && (photo.is_second_across || photo.is_second_down)))
    return std::nullopt;
  for (uint32_t p = 0; p < layout.channels; ++p) photo.planes.emplace_back(photo.grid);
  if (has_halves) photo.halves.assign(2, BlockPlane(photo.HalfGrid()));
  return photo;
}

// The channels of a pixel in the order of coding: with three or more, the second one, green, is
// first.
size_t ChannelAt(size_t plane, size_t channels) {
  if (channels < 3 || plane > 1) return plane;
  return 1 - plane;
}

// Codes the bytes that are no pixels, in place.
template <typename Coder>
void CodeOthers(std::span<uint8_t> bytes, const PhotoLayout& layout, Coder* coder) {
  const size_t row_bytes = size_t{layout.width} * layout.channels;
  OtherBytes<Coder> others(coder);
  size_t begin = 0;
  for (size_t y = 0; y < layout.rows; ++y) {
    const size_t row = layout.first + y * layout.stride;
    others.Code(bytes.subspan(begin, row - begin));
    begin = row + row_bytes;
  }
  others.Code(bytes.subspan(begin));
}

// Codes the pixels in place. go_on() is asked after each row, and what it ends is undone by nobody.
template <typename Coder, typename GoOn>
bool CodePixels(std::span<uint8_t> bytes, const PhotoLayout& layout, const MixerKernels& kernels,
                const PhotoCountFn& count, Coder* coder, GoOn go_on) {
  PixelCoder pixels(kernels, 255, PixelContexts::kTables);
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

// Codes all bytes in place, pixels by blocks where there are such. go_on() is as above.
template <typename Coder, typename GoOn>
bool CodeBytes(std::span<uint8_t> bytes, const PhotoLayout& layout,
               std::optional<BlockPhoto>* blocks, const MixerKernels& kernels,
               const PhotoCountFn& count, Coder* coder, GoOn go_on) {
  CodeOthers(bytes, layout, coder);
  count(static_cast<uint32_t>(bytes.size() - size_t{layout.rows} * layout.width * layout.channels));
  if (!go_on()) return false;
  if (!*blocks) return CodePixels(bytes, layout, kernels, count, coder, go_on);
  const bool all = CodePlanes(kernels, &**blocks, coder, [&](size_t samples) {
    count(static_cast<uint32_t>(samples));
    return go_on();
  });
  if (all) CodePixelsOfPlanes(**blocks, layout, bytes, coder);
  return all;
}

// The payload of at most `most_bytes` bytes, by blocks where there are some.
std::optional<Bytes> Encode(std::span<const uint8_t> original, const PhotoLayout& layout,
                            std::optional<BlockPhoto> blocks, size_t most_bytes,
                            const MixerKernels& kernels, const PhotoCountFn& count) {
  RangeEncoder encoder;
  BitEncoder coder(&encoder, kLeast);
  Bytes bytes(original.begin(), original.end());
  const bool all = CodeBytes(std::span(bytes), layout, &blocks, kernels, count, &coder,
                             [&] { return encoder.bytes_written() <= most_bytes + 8; });
  if (!all) return std::nullopt;
  Bytes payload = Serialise(layout, blocks);
  const Bytes stream = encoder.Finish();
  payload.insert(payload.end(), stream.begin(), stream.end());
  if (payload.size() > most_bytes) return std::nullopt;
  return payload;
}

}  // namespace

uint64_t PhotoMemoryBytes(uint64_t bytes) {
  constexpr uint64_t kRest = 4 << 20;
  // Pixels and misses of all planes, with what surrounds them: as much again, since only rows of
  // kNarrowWidth pixels and more can be many.
  static_assert(2 * kPad <= kNarrowWidth);
  const uint64_t width = std::clamp<uint64_t>(bytes, 1, kMostPhotoWidth);
  const uint64_t by_pixels = 2 * 2 * bytes + PixelCoder::MemoryBytes(255, PixelContexts::kTables) +
                             PlanePredictor::MemoryBytes(width);
  // A coefficient and a sample of each pixel, with those that do not show: as much again at most,
  // since both sides have kLeastBlockSide pixels. What finds them has three bytes a pixel.
  static_assert(kLeastBlockSide >= 4 * kBlockSide);
  const uint64_t by_blocks =
      (2 * 3 + 3) * bytes +
      PixelCoder::MemoryBytes(PixelCoder::kMostValue, BlockPredictor::kTables) +
      BlockPredictor::MemoryBytes(width / kBlockSide + 2) + kBlockFinderBytes;
  return std::max(by_pixels, by_blocks) + bytes + kRest;
}

std::optional<Bytes> EncodePhoto(std::span<const uint8_t> original, const PhotoLayout& layout,
                                 size_t most_bytes, const MixerKernels& kernels,
                                 const PhotoCountFn& count) {
  std::optional<BlockPhoto> blocks = FindBlocks(original, layout);
  const bool in_both_ways = blocks && original.size() <= kBothWays;
  auto payload = Encode(original, layout, std::move(blocks), most_bytes, kernels, count);
  if (in_both_ways) {
    const size_t less = payload ? payload->size() - 1 : most_bytes;
    if (auto pixels = Encode(original, layout, std::nullopt, less, kernels, [](uint32_t) {}))
      return pixels;
  }
  return payload;
}

std::optional<Bytes> DecodePhoto(std::span<const uint8_t> payload, size_t original_bytes,
                                 const MixerKernels& kernels, const PhotoCountFn& count) {
  if (payload.size() < kPhotoLayoutBytes) return std::nullopt;
  const PhotoLayout layout = Parse(payload);
  const bool is_of_blocks = (payload[16] & kOfBlocks) != 0;
  if (!layout.Fits(original_bytes)) return std::nullopt;
  std::optional<BlockPhoto> blocks;
  if (is_of_blocks) {
    blocks = ParseBlocks(payload, layout);
    if (!blocks) return std::nullopt;
  } else if ((payload[16] & (kReversed | kHalves)) != 0) {
    return std::nullopt;
  }
  RangeDecoder decoder(payload.subspan(kPhotoLayoutBytes + (is_of_blocks ? 1 : 0)));
  BitDecoder coder(&decoder, kLeast);
  Bytes bytes(original_bytes);
  const bool all =
      CodeBytes(std::span(bytes), layout, &blocks, kernels, count, &coder, [] { return true; });
  if (!all || !decoder.ConsumedExactly()) return std::nullopt;
  return bytes;
}

}  // namespace occam
