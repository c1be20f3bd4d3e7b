// Codes a photograph that a JPEG file held, as the coefficients of that file.
#ifndef OCCAM_CODER_PREDICT_PHOTO_BLOCK_CODEC_H_
#define OCCAM_CODER_PREDICT_PHOTO_BLOCK_CODEC_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "coder/predict/expert/mixer_kernels.h"
#include "coder/predict/photo/block_colours.h"
#include "coder/predict/photo/block_plane.h"
#include "coder/predict/photo/block_predictor.h"
#include "coder/predict/photo/other_bytes.h"
#include "coder/predict/photo/photo_layout.h"
#include "coder/predict/photo/pixel_coder.h"

namespace occam {

// Samples that are not what the coefficients stand for. Most are next to it, and it was nearly
// halfway between both.
template <typename Coder>
class Corrections {
 public:
  Corrections(size_t across, Coder* coder)
      : wrong_(kParts * kCounts * kAround, coder),
        how_(kParts, coder),
        bits_(256, coder),
        above_(across) {}

  void StartRow() { left_ = 0; }
  void Code(const Block& transformed, const BlockGrid& grid, size_t x, size_t y, uint8_t* samples) {
    size_t count = 0;
    const size_t around = std::min<size_t>(left_ + above_[x], kAround - 1);
    for (size_t i = 0; i < kBlockSize; ++i) {
      const int sample = std::clamp(transformed[i] >> 4, 0, 255);
      if (!grid.Shows(x * kBlockSide + i % kBlockSide, y * kBlockSide + i / kBlockSide)) {
        samples[i] = static_cast<uint8_t>(sample);
        continue;
      }
      const auto part = static_cast<size_t>(transformed[i] & 15);
      const size_t context = (part * kCounts + std::min(count, kCounts - 1)) * kAround + around;
      if (!wrong_.Code(context, samples[i] != sample)) {
        samples[i] = static_cast<uint8_t>(sample);
        continue;
      }
      ++count;
      const int next = part < 8 ? sample - 1 : sample + 1;
      if (next >= 0 && next <= 255 && how_.Code(part, samples[i] == next)) {
        samples[i] = static_cast<uint8_t>(next);
        continue;
      }
      size_t node = 1;
      const auto distance = static_cast<uint8_t>(samples[i] - sample);
      for (int shift = 7; shift >= 0; --shift)
        node = node * 2 + (bits_.Code(node, (distance >> shift & 1) != 0) ? 1 : 0);
      samples[i] = static_cast<uint8_t>(sample + static_cast<int>(node));
    }
    left_ = above_[x] = static_cast<uint8_t>(std::min<size_t>(count, 3));
  }

 private:
  static constexpr size_t kParts = 16;
  static constexpr size_t kCounts = 4;
  static constexpr size_t kAround = 4;
  PlainDecisions<Coder> wrong_, how_, bits_;
  uint8_t left_ = 0;            // wrong samples of the block to the left
  std::vector<uint8_t> above_;  // [block]
};

// Codes the coefficients of a block.
template <typename Coder>
void CodeBlock(size_t x, size_t y, BlockPredictor* predictor, PixelCoder* numbers,
               BlockPlane* plane, Coder* coder) {
  predictor->StartBlock(x, y);
  for (const uint8_t k : kZigzag) {
    const int coefficient = plane->Coefficients(x, y)[k];
    const PixelContexts& contexts = predictor->Predict(k);
    predictor->Learn(numbers->Code(contexts, coefficient + kMostCoefficient, coder) -
                     kMostCoefficient);
  }
}

// Codes the planes, tables first. after_row(samples) is asked after each row of blocks, with how
// many samples it shows; false ends it. A table with a step of 0 ends it, too.
template <typename Coder, typename AfterRow>
bool CodePlanes(const MixerKernels& kernels, BlockPhoto* photo, Coder* coder, AfterRow after_row) {
  const bool has_halves = !photo->halves.empty();
  const auto coded_plane = [&](size_t p) -> BlockPlane& {
    return has_halves && p > 0 ? photo->halves[p - 1] : photo->planes[p];
  };
  {
    OtherBytes<Coder> bytes(coder);
    for (size_t p = 0; p < photo->planes.size(); ++p) bytes.Code(std::span(coded_plane(p).table));
  }
  for (size_t p = 0; p < photo->planes.size(); ++p)
    if (std::ranges::count(coded_plane(p).table, 0) > 0) return false;
  PixelCoder numbers(kernels, PixelCoder::kMostValue, BlockPredictor::kTables);
  std::vector<const BlockPlane*> before;
  for (size_t p = 0; p < photo->planes.size(); ++p) {
    BlockPlane& plane = photo->planes[p];
    BlockPlane& coded = coded_plane(p);
    if (has_halves && p == 1) before.clear();
    BlockPredictor predictor(before, p, &coded);
    if (&coded != &plane) {
      for (size_t y = 0; y < coded.down; ++y) {
        for (size_t x = 0; x < coded.across; ++x) {
          CodeBlock(x, y, &predictor, &numbers, &coded, coder);
          const Block samples = coded.Transformed(x, y);
          for (size_t i = 0; i < kBlockSize; ++i)
            coded.Samples(x, y)[i] = static_cast<uint8_t>(std::clamp(samples[i] >> 4, 0, 255));
        }
        if (!after_row(0)) return false;
      }
    }
    Corrections<Coder> corrections(plane.across, coder);
    for (size_t y = 0; y < plane.down; ++y) {
      corrections.StartRow();
      for (size_t x = 0; x < plane.across; ++x) {
        if (&coded == &plane) CodeBlock(x, y, &predictor, &numbers, &coded, coder);
        const Block exact =
            &coded == &plane ? plane.Transformed(x, y) : photo->Doubled(p - 1, x, y);
        corrections.Code(exact, photo->grid, x, y, plane.Samples(x, y));
      }
      if (!after_row(photo->grid.ShownRows(y) * photo->grid.width)) return false;
    }
    before.push_back(&coded);
  }
  return true;
}

// Codes the pixels that lie in `bytes` by planes that are known. Few are not what their colours
// become: those that were limited to 0 .. 255 otherwise.
template <typename Coder>
void CodePixelsOfPlanes(const BlockPhoto& photo, const PhotoLayout& layout,
                        std::span<uint8_t> bytes, Coder* coder) {
  PlainDecisions<Coder> wrong(4, coder);
  OtherBytes<Coder> others(coder);
  bool last = false;
  for (size_t y = 0; y < layout.rows; ++y) {
    for (size_t x = 0; x < layout.width; ++x) {
      const auto pixel =
          bytes.subspan(layout.first + y * layout.stride + x * layout.channels, layout.channels);
      if (layout.channels == 1) {
        pixel[0] = photo.Sample(0, x, y);
        continue;
      }
      Colour rgb = ToRgb({photo.Sample(0, x, y), photo.Sample(1, x, y), photo.Sample(2, x, y)});
      const bool is_limited = std::ranges::any_of(rgb, [](int n) { return n == 0 || n == 255; });
      if (photo.is_reversed) std::swap(rgb[0], rgb[2]);
      const bool differs = !std::ranges::equal(rgb, pixel);
      last = wrong.Code((last ? 2 : 0) + (is_limited ? 1 : 0), differs);
      if (last) {
        others.Code(pixel);
      } else {
        for (size_t c = 0; c < 3; ++c) pixel[c] = static_cast<uint8_t>(rgb[c]);
      }
    }
  }
}

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_BLOCK_CODEC_H_
