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

// The two samples of a half that are nearest to one of the whole, in a row or a column: `near` has
// three quarters. Beyond the ends of the half it is the last one again.
struct HalfPlace {
  HalfPlace(size_t place, size_t first, size_t count)
      : near(place / 2),
        far(place % 2 == 1 ? std::min(near + 1, first + count - 1)
                           : std::max(near, first + 1) - 1) {}
  size_t near;
  size_t far;
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
//
// Most JPEG files hold the differences at half the size, across and down. Then `halves` are those,
// and the planes of differences have samples alone. These are blended of four samples of a half, as
// decoders do: nine, three, three and one sixteenths.
struct BlockPhoto {
  BlockGrid grid;
  bool is_reversed = false;  // blue, green and red instead of red, green and blue
  std::vector<BlockPlane> planes;
  std::vector<BlockPlane> halves;
  // Blocks of halves have sixteen columns and rows of the photograph. They begin at the first block
  // of the grid, or one before it.
  bool is_second_across = false;
  bool is_second_down = false;

  BlockGrid HalfGrid() const {
    const size_t left = grid.left + (is_second_across ? kBlockSide : 0);
    const size_t top = grid.top + (is_second_down ? kBlockSide : 0);
    return {(left + grid.width - 1) / 2 - left / 2 + 1, (top + grid.rows - 1) / 2 - top / 2 + 1,
            left / 2, top / 2};
  }

  // Returns what a half says of a block of the grid, as InverseTransform would. Samples that do not
  // show are 0.
  Block Doubled(size_t half, size_t x, size_t y) const {
    const BlockGrid shown = HalfGrid();
    const BlockPlane& plane = halves[half];
    const auto at = [&](size_t column, size_t row) -> int32_t {
      return plane.Samples(column / kBlockSide,
                           row / kBlockSide)[row % kBlockSide * kBlockSide + column % kBlockSide];
    };
    Block block{};
    for (size_t i = 0; i < kBlockSize; ++i) {
      const size_t column = x * kBlockSide + i % kBlockSide;
      const size_t row = y * kBlockSide + i / kBlockSide;
      if (!grid.Shows(column, row)) continue;
      const HalfPlace across(column + (is_second_across ? kBlockSide : 0), shown.left, shown.width);
      const HalfPlace down(row + (is_second_down ? kBlockSide : 0), shown.top, shown.rows);
      const int32_t nearest = 3 * at(across.near, down.near) + at(across.near, down.far);
      const int32_t next = 3 * at(across.far, down.near) + at(across.far, down.far);
      block[i] = 3 * nearest + next + 8 - static_cast<int32_t>(column % 2);
    }
    return block;
  }

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
