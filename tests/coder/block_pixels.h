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

// Hills, edges and noise, made of coefficients whose steps grow with their frequency, the more the
// lower `quality` is, 1 .. 100. Returns [rows][columns][channels], 1 or 3 of these.
inline Bytes PixelsOfBlocks(const BlockGrid& grid, size_t channels, int quality) {
  Random random(grid.width + 1000 * channels);
  std::vector<BlockPlane> planes(channels, BlockPlane(grid));
  for (size_t p = 0; p < channels; ++p) {
    BlockPlane& plane = planes[p];
    for (size_t k = 0; k < kBlockSize; ++k) {
      const auto frequency = static_cast<int>(k % kBlockSide + k / kBlockSide);
      plane.table[k] =
          static_cast<uint8_t>(std::clamp((8 + 8 * frequency) * (101 - quality) / 50 + 1, 1, 255));
    }
    for (size_t y = 0; y < plane.down; ++y) {
      for (size_t x = 0; x < plane.across; ++x) {
        Block samples;
        for (size_t i = 0; i < kBlockSize; ++i) {
          const size_t column = x * kBlockSide + i % kBlockSide;
          const size_t row = y * kBlockSide + i / kBlockSide;
          const size_t hill = (column * column / 20 + 3 * row + column * row / 30) % 120;
          const size_t edge = column + 2 * row > grid.width ? 30 : 0;
          const size_t level = p == 0 ? 40 + hill + edge : 124 + hill / 16 + edge / 3;
          samples[i] = static_cast<int32_t>(level + random.Below(p == 0 ? 17 : 3)) - 128;
        }
        const Block exact = ForwardTransform(samples);
        for (size_t k = 0; k < kBlockSize; ++k)
          plane.Coefficients(x, y)[k] = static_cast<int16_t>(exact[k] / (16 * plane.table[k]));
        const Block decoded = plane.Transformed(x, y);
        for (size_t i = 0; i < kBlockSize; ++i)
          plane.Samples(x, y)[i] = static_cast<uint8_t>(std::clamp(decoded[i] >> 4, 0, 255));
      }
    }
  }
  const BlockPhoto photo{grid, false, std::move(planes)};
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
