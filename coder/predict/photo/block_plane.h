// A plane of samples that were blocks of a JPEG file.
#ifndef OCCAM_CODER_PREDICT_PHOTO_BLOCK_PLANE_H_
#define OCCAM_CODER_PREDICT_PHOTO_BLOCK_PLANE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "coder/predict/photo/block_transform.h"

namespace occam {

// The blocks that cover `width` by `rows` samples. The first one begins `left` columns and `top`
// rows before them. At all four sides blocks may have samples that do not show.
struct BlockGrid {
  size_t width = 0;
  size_t rows = 0;
  size_t left = 0;  // below 8, as `top`
  size_t top = 0;
  size_t Across() const { return (left + width + kBlockSide - 1) / kBlockSide; }
  size_t Down() const { return (top + rows + kBlockSide - 1) / kBlockSide; }
  // The rows of samples of a row of blocks that show.
  size_t ShownRows(size_t y) const {
    return std::min((y + 1) * kBlockSide, top + rows) - std::max(y * kBlockSide, top);
  }
  // Returns whether the sample (x, y) of all blocks shows.
  bool Shows(size_t x, size_t y) const {
    return x >= left && x < left + width && y >= top && y < top + rows;
  }
};

struct BlockPlane {
  explicit BlockPlane(const BlockGrid& grid)
      : across(grid.Across()),
        down(grid.Down()),
        coefficients(across * down * kBlockSize),
        samples(across * down * kBlockSize) {}

  int16_t* Coefficients(size_t x, size_t y) { return &coefficients[(y * across + x) * kBlockSize]; }
  const int16_t* Coefficients(size_t x, size_t y) const {
    return &coefficients[(y * across + x) * kBlockSize];
  }
  uint8_t* Samples(size_t x, size_t y) { return &samples[(y * across + x) * kBlockSize]; }
  const uint8_t* Samples(size_t x, size_t y) const {
    return &samples[(y * across + x) * kBlockSize];
  }
  // Returns what the coefficients of a block stand for.
  Block Transformed(size_t x, size_t y) const {
    const int16_t* const numbers = Coefficients(x, y);
    Block block;
    for (size_t k = 0; k < kBlockSize; ++k) block[k] = numbers[k] * int32_t{table[k]};
    return InverseTransform(block);
  }

  size_t across;
  size_t down;
  std::array<uint8_t, kBlockSize> table{};  // the step of each frequency, at least 1
  std::vector<int16_t> coefficients;        // [block][frequency], in steps
  std::vector<uint8_t> samples;             // [block][row][column]
};

// Planes of brightness, or of brightness and two differences of colour (block_colours.h). Their
// samples are what the coefficients stand for, but where the photograph has others.
struct BlockPhoto {
  BlockGrid grid;
  bool is_reversed = false;  // blue, green and red instead of red, green and blue
  std::vector<BlockPlane> planes;

  // The sample at a pixel of the photograph.
  uint8_t& Sample(size_t plane, size_t x, size_t y) {
    return planes[plane].samples[Place(plane, x, y)];
  }
  uint8_t Sample(size_t plane, size_t x, size_t y) const {
    return planes[plane].samples[Place(plane, x, y)];
  }

 private:
  size_t Place(size_t plane, size_t x, size_t y) const {
    const size_t column = grid.left + x;
    const size_t row = grid.top + y;
    const size_t block = row / kBlockSide * planes[plane].across + column / kBlockSide;
    return block * kBlockSize + row % kBlockSide * kBlockSide + column % kBlockSide;
  }
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_BLOCK_PLANE_H_
