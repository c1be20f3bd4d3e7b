// Pixels that are as those of a decoded JPEG file.
#ifndef OCCAM_TESTS_CODER_BLOCK_PIXELS_H_
#define OCCAM_TESTS_CODER_BLOCK_PIXELS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "coder/predict/photo/block_colours.h"
#include "coder/predict/photo/block_plane.h"
#include "coder/predict/photo/block_transform.h"
#include "data/base/file.h"
#include "data/base/random.h"

namespace occam {

// Fills a plane with hills, edges and noise. `scale` is the columns of the photograph in one of the
// plane. Steps grow with the frequency, the more the lower `quality` is, 1 .. 100.
inline void FillBlocks(bool is_colour, int quality, size_t scale, BlockPlane* plane,
                       Random* random) {
  for (size_t k = 0; k < kBlockSize; ++k) {
    const auto frequency = static_cast<int>(k % kBlockSide + k / kBlockSide);
    plane->table[k] =
        static_cast<uint8_t>(std::clamp((8 + 8 * frequency) * (101 - quality) / 50 + 1, 1, 255));
  }
  for (size_t y = 0; y < plane->down; ++y) {
    for (size_t x = 0; x < plane->across; ++x) {
      Block samples;
      for (size_t i = 0; i < kBlockSize; ++i) {
        const size_t column = scale * (x * kBlockSide + i % kBlockSide);
        const size_t row = scale * (y * kBlockSide + i / kBlockSide);
        const size_t hill = (column * column / 20 + 3 * row + column * row / 30) % 120;
        const size_t edge = column + 2 * row > 90 ? 30 : 0;
        const size_t level = is_colour ? 112 + hill / 4 + edge / 3 : 40 + hill + edge;
        samples[i] = static_cast<int32_t>(level + random->Below(is_colour ? 3 : 17)) - 128;
      }
      const Block exact = ForwardTransform(samples);
      for (size_t k = 0; k < kBlockSize; ++k)
        plane->Coefficients(x, y)[k] = static_cast<int16_t>(exact[k] / (16 * plane->table[k]));
      const Block decoded = plane->Transformed(x, y);
      for (size_t i = 0; i < kBlockSize; ++i)
        plane->Samples(x, y)[i] = static_cast<uint8_t>(std::clamp(decoded[i] >> 4, 0, 255));
    }
  }
}

// Returns [rows][columns][channels], 1 or 3 of these. With halves the differences of colour were
// held at half the size.
inline Bytes PixelsOfBlocks(const BlockGrid& grid, size_t channels, int quality,
                            bool has_halves = false) {
  Random random(grid.width + 1000 * channels);
  BlockPhoto photo;
  photo.grid = grid;
  photo.planes.assign(channels, BlockPlane(grid));
  for (size_t p = 0; p < channels; ++p) FillBlocks(p > 0, quality, 1, &photo.planes[p], &random);
  if (has_halves) {
    photo.halves.assign(2, BlockPlane(photo.HalfGrid()));
    for (size_t half = 0; half < 2; ++half) {
      FillBlocks(true, quality, 2, &photo.halves[half], &random);
      BlockPlane& plane = photo.planes[1 + half];
      for (size_t y = 0; y < plane.down; ++y) {
        for (size_t x = 0; x < plane.across; ++x) {
          const Block doubled = photo.Doubled(half, x, y);
          for (size_t i = 0; i < kBlockSize; ++i)
            plane.Samples(x, y)[i] = static_cast<uint8_t>(doubled[i] >> 4);
        }
      }
    }
  }
  Bytes pixels;
  for (size_t y = 0; y < grid.rows; ++y) {
    for (size_t x = 0; x < grid.width; ++x) {
      if (channels == 1) {
        pixels.push_back(photo.Sample(0, x, y));
        continue;
      }
      for (const int value :
           ToRgb({photo.Sample(0, x, y), photo.Sample(1, x, y), photo.Sample(2, x, y)}))
        pixels.push_back(static_cast<uint8_t>(value));
    }
  }
  return pixels;
}

}  // namespace occam

#endif  // OCCAM_TESTS_CODER_BLOCK_PIXELS_H_
