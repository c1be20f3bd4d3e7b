#include "coder/predict/photo/block_finder.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "coder/predict/photo/block_colours.h"
#include "coder/predict/photo/block_predictor.h"
#include "coder/predict/photo/block_search.h"
#include "coder/predict/photo/block_steps.h"
#include "data/base/file.h"

namespace occam {
namespace {

constexpr size_t kMostBlocks = 8192;  // that tell a table

// Coefficients that are 0 are smaller, in sixteenths: where samples were rounded, and where halves
// are found of rounded ones.
constexpr int32_t kNoise = 20;
constexpr int32_t kHalfNoise = 28;

// Samples of a plane as they are seen. Some are not known, since brighter or darker ones look the
// same.
struct SeenPlane {
  Bytes samples;  // [rows][width]
  Bytes known;    // the same: 1, or 0
};

Colour ColourOf(const uint8_t* pixel, bool is_reversed) {
  return {pixel[is_reversed ? 2 : 0], pixel[1], pixel[is_reversed ? 0 : 2]};
}

std::vector<SeenPlane> PlanesOf(std::span<const uint8_t> original, const PhotoLayout& layout,
                                bool is_reversed) {
  std::vector<SeenPlane> planes(layout.channels);
  for (SeenPlane& plane : planes) {
    plane.samples.reserve(size_t{layout.width} * layout.rows);
    plane.known.reserve(size_t{layout.width} * layout.rows);
  }
  for (size_t y = 0; y < layout.rows; ++y) {
    const uint8_t* pixel = &original[layout.first + y * layout.stride];
    for (size_t x = 0; x < layout.width; ++x, pixel += layout.channels) {
      if (layout.channels == 1) {
        planes[0].samples.push_back(*pixel);
        planes[0].known.push_back(1);
        continue;
      }
      const Colour rgb = ColourOf(pixel, is_reversed);
      const bool is_limited = std::ranges::any_of(rgb, [](int n) { return n == 0 || n == 255; });
      const std::optional<Colour> exact = ExactYcc(rgb);
      const Colour ycc = exact ? *exact : ToYcc(rgb);
      for (size_t p = 0; p < 3; ++p) {
        planes[p].samples.push_back(static_cast<uint8_t>(ycc[p]));
        planes[p].known.push_back(exact && !is_limited ? 1 : 0);
      }
    }
  }
  return planes;
}

// The samples of a block, less 128, those beyond the photograph as the nearest within.
class SeenBlocks {
 public:
  SeenBlocks(const SeenPlane& plane, const BlockGrid& grid) : plane_(plane), grid_(grid) {}

  Block At(size_t x, size_t y) const {
    Block block;
    for (size_t i = 0; i < kBlockSize; ++i)
      block[i] =
          plane_
              .samples[Nearest(x * kBlockSide + i % kBlockSide, y * kBlockSide + i / kBlockSide)] -
          128;
    return block;
  }
  bool IsKnown(size_t x, size_t y, size_t i) const {
    const size_t column = x * kBlockSide + i % kBlockSide;
    const size_t row = y * kBlockSide + i / kBlockSide;
    return grid_.Shows(column, row) && plane_.known[Nearest(column, row)] != 0;
  }
  // Whether all of its samples show, and none is as dark or as bright as can be.
  bool IsWhole(size_t x, size_t y) const {
    const Block block = At(x, y);
    for (size_t i = 0; i < kBlockSize; ++i)
      if (!IsKnown(x, y, i) || block[i] == -128 || block[i] == 127) return false;
    return true;
  }

 private:
  size_t Nearest(size_t x, size_t y) const {
    const size_t column = std::clamp(x, grid_.left, grid_.left + grid_.width - 1) - grid_.left;
    const size_t row = std::clamp(y, grid_.top, grid_.top + grid_.rows - 1) - grid_.top;
    return row * grid_.width + column;
  }
  const SeenPlane& plane_;
  const BlockGrid grid_;
};

// How many high frequencies of some blocks of a grid have nothing but what rounding left. Of the
// true grid there are the most.
int CountNothing(const SeenPlane& plane, const BlockGrid& grid) {
  constexpr size_t kSampled = 16;       // blocks across, and down
  constexpr int32_t kNearNothing = 12;  // sixteenths
  const SeenBlocks blocks(plane, grid);
  const size_t across = grid.Across() - 2;
  const size_t down = grid.Down() - 2;
  int count = 0;
  for (size_t j = 0; j < kSampled; ++j) {
    for (size_t i = 0; i < kSampled; ++i) {
      const Block seen =
          ForwardTransform(blocks.At(1 + across * i / kSampled, 1 + down * j / kSampled));
      for (size_t k = 0; k < kBlockSize; ++k)
        if (k % kBlockSide + k / kBlockSide >= kBlockSide && std::abs(seen[k]) < kNearNothing)
          ++count;
    }
  }
  return count;
}

BlockGrid FindGrid(const SeenPlane& plane, size_t width, size_t rows) {
  BlockGrid best{width, rows, 0, 0};
  int most = -1;
  for (size_t top = 0; top < kBlockSide; ++top) {
    for (size_t left = 0; left < kBlockSide; ++left) {
      const BlockGrid grid{width, rows, left, top};
      const int count = CountNothing(plane, grid);
      if (count <= most) continue;
      most = count;
      best = grid;
    }
  }
  return best;
}

Sizes SizesOf(const SeenBlocks& blocks, const BlockPlane& plane, int32_t noise) {
  Sizes sizes;
  const size_t count = plane.across * plane.down;
  const size_t stride = count / kMostBlocks + 1;
  for (size_t i = 0; i < count; i += stride) {
    const size_t x = i % plane.across;
    const size_t y = i / plane.across;
    if (!blocks.IsWhole(x, y)) continue;
    const Block seen = ForwardTransform(blocks.At(x, y));
    // Of a flat block all samples were rounded alike, so that what is left is not small.
    if (std::all_of(seen.begin() + 1, seen.end(), [&](int n) { return std::abs(n) < noise; }))
      continue;
    for (size_t k = 0; k < kBlockSize; ++k) sizes[k].push_back(std::abs(seen[k]));
  }
  return sizes;
}

// The samples of a block, less 128. What is not known becomes what the nearest multiples say of it,
// and again with those, until it stays.
Block Completed(const Block& seen, const std::array<bool, kBlockSize>& known, const Table& table) {
  constexpr int kMostRounds = 24;
  const auto is_open = [&](size_t i, int32_t sample) {
    return !known[i] || (seen[i] == 127 && sample > 127) || (seen[i] == -128 && sample < -128);
  };
  Block block = seen;
  for (int round = 0; round < kMostRounds; ++round) {
    Block multiples = ForwardTransform(block);
    for (size_t k = 0; k < kBlockSize; ++k) {
      const int32_t step = 16 * int32_t{table[k]};
      const int32_t size = (std::abs(multiples[k]) + step / 2) / step * int32_t{table[k]};
      multiples[k] = multiples[k] < 0 ? -size : size;
    }
    const Block said = InverseTransform(multiples);
    bool stays = true;
    for (size_t i = 0; i < kBlockSize; ++i) {
      const int32_t sample = (said[i] >> 4) - 128;
      if (!is_open(i, sample) || block[i] == sample) continue;
      block[i] = sample;
      stays = false;
    }
    if (stays) break;
  }
  return block;
}

// Returns whether all samples of the block that show are what the coefficients say.
bool FindMultiples(const SeenBlocks& blocks, size_t x, size_t y, BlockPlane* plane) {
  std::array<bool, kBlockSize> known;
  for (size_t i = 0; i < kBlockSize; ++i) known[i] = blocks.IsKnown(x, y, i);
  const Block seen = blocks.At(x, y);
  const Block completed = Completed(seen, known, plane->table);
  MultipleSearch search(plane->table, completed, known);
  const Block& multiples = search.Run();
  for (size_t k = 0; k < kBlockSize; ++k)
    plane->Coefficients(x, y)[k] =
        static_cast<int16_t>(std::clamp(multiples[k], -kMostCoefficient, kMostCoefficient));
  const Block transformed = plane->Transformed(x, y);
  bool is_exact = true;
  for (size_t i = 0; i < kBlockSize; ++i) {
    const int sample = std::clamp(transformed[i] >> 4, 0, 255);
    plane->Samples(x, y)[i] = static_cast<uint8_t>(sample);
    is_exact = is_exact && (!known[i] || sample == seen[i] + 128);
  }
  return is_exact;
}

// Returns whether a plane was held by a JPEG file: whole blocks from all over become exact, by
// steps that say something.
bool WasHeld(const SeenBlocks& blocks, BlockPlane* plane) {
  constexpr size_t kSampled = 12;  // across, and down
  const auto steps_from = [&](int least, int most) {
    return std::ranges::count_if(plane->table,
                                 [&](int step) { return step >= least && step <= most; });
  };
  if (steps_from(3, 255) < 16 || steps_from(3, 254) < 3) return false;
  size_t whole = 0;
  size_t exact = 0;
  for (size_t j = 0; j < kSampled; ++j) {
    for (size_t i = 0; i < kSampled; ++i) {
      const size_t x = plane->across * i / kSampled;
      const size_t y = plane->down * j / kSampled;
      if (!blocks.IsWhole(x, y)) continue;
      ++whole;
      exact += FindMultiples(blocks, x, y, plane) ? 1 : 0;
    }
  }
  return whole > 0 && exact * 2 >= whole;
}

// A half whose doubled samples are nearest to those seen, by steps towards it. Samples of it are
// known where all four are that they are nearest to.
SeenPlane Halve(const SeenPlane& seen, const BlockPhoto& photo) {
  constexpr int kSteps = 24;  // what alternates loses a quarter of its distance in each
  const BlockGrid grid = photo.HalfGrid();
  std::vector<int32_t> half(grid.width * grid.rows, 128 * 16);  // in sixteenths
  std::vector<int32_t> sums(half.size());
  std::vector<int> counts(half.size());
  for (int step = 0; step < kSteps; ++step) {
    std::ranges::fill(sums, 0);
    for (size_t y = 0; y < photo.grid.rows; ++y) {
      const size_t row = y + photo.grid.top + (photo.is_second_down ? kBlockSide : 0);
      const HalfPlace down(row, grid.top, grid.rows);
      const size_t near_row = (down.near - grid.top) * grid.width;
      const size_t far_row = (down.far - grid.top) * grid.width;
      for (size_t x = 0; x < photo.grid.width; ++x) {
        const size_t pixel = y * photo.grid.width + x;
        const size_t column = x + photo.grid.left + (photo.is_second_across ? kBlockSide : 0);
        const HalfPlace across(column, grid.left, grid.width);
        const size_t near = across.near - grid.left;
        if (seen.known[pixel] == 0) continue;
        counts[near_row + near] += step == 0 ? 1 : 0;
        const size_t far = across.far - grid.left;
        const int32_t blended = (9 * half[near_row + near] + 3 * half[near_row + far] +
                                 3 * half[far_row + near] + half[far_row + far] + 8) >>
                                4;
        sums[near_row + near] += 16 * seen.samples[pixel] - blended;
      }
    }
    for (size_t i = 0; i < half.size(); ++i) half[i] += (sums[i] + 2) >> 2;
  }
  SeenPlane result;
  for (const int32_t sample : half)
    result.samples.push_back(static_cast<uint8_t>(std::clamp((sample + 8) >> 4, 0, 255)));
  for (const int count : counts) result.known.push_back(count == 4 ? 1 : 0);
  return result;
}

// Sets a plane to what a half says. Returns whether `least` of 100 samples that are known are
// these.
bool SetByHalf(const SeenPlane& seen, size_t half, uint64_t least, BlockPhoto* photo) {
  uint64_t known = 0;
  uint64_t equal = 0;
  BlockPlane& plane = photo->planes[1 + half];
  for (size_t y = 0; y < plane.down; ++y) {
    for (size_t x = 0; x < plane.across; ++x) {
      const Block doubled = photo->Doubled(half, x, y);
      for (size_t i = 0; i < kBlockSize; ++i) {
        const auto sample = static_cast<uint8_t>(doubled[i] >> 4);
        plane.Samples(x, y)[i] = sample;
        const size_t column = x * kBlockSide + i % kBlockSide;
        const size_t row = y * kBlockSide + i / kBlockSide;
        if (!photo->grid.Shows(column, row)) continue;
        const size_t pixel =
            (row - photo->grid.top) * photo->grid.width + column - photo->grid.left;
        if (seen.known[pixel] == 0) continue;
        ++known;
        equal += sample == seen.samples[pixel] ? 1 : 0;
      }
    }
  }
  return equal * 100 >= known * least;
}

// Returns whether the differences of colour were held at half the size, so that `least` of 100
// samples are exact. If so the halves are found, and the planes have their samples.
bool FindHalves(std::span<const SeenPlane> seen, uint64_t least, BlockPhoto* photo) {
  const std::array<SeenPlane, 2> halved = {Halve(seen[1], *photo), Halve(seen[2], *photo)};
  // The halves are the same wherever their blocks begin.
  int most = -1;
  std::array<bool, 2> best{};
  for (const bool across : {false, true}) {
    for (const bool down : {false, true}) {
      photo->is_second_across = across;
      photo->is_second_down = down;
      const int count =
          CountNothing(halved[0], photo->HalfGrid()) + CountNothing(halved[1], photo->HalfGrid());
      if (count <= most) continue;
      most = count;
      best = {across, down};
    }
  }
  photo->is_second_across = best[0];
  photo->is_second_down = best[1];
  photo->halves.assign(2, BlockPlane(photo->HalfGrid()));
  bool was_held = true;
  for (size_t half = 0; half < 2 && was_held; ++half) {
    BlockPlane& plane = photo->halves[half];
    const SeenBlocks blocks(halved[half], photo->HalfGrid());
    plane.table = FindTable(SizesOf(blocks, plane, kHalfNoise), kHalfNoise);
    for (size_t y = 0; y < plane.down; ++y)
      for (size_t x = 0; x < plane.across; ++x) FindMultiples(blocks, x, y, &plane);
    was_held = SetByHalf(seen[1 + half], half, least, photo);
  }
  if (was_held) return true;
  photo->halves.clear();
  photo->is_second_across = photo->is_second_down = false;
  return false;
}

// Sets the samples of pixels that are not what the coefficients stand for. Returns how many pixels
// these are.
size_t SetSamples(std::span<const uint8_t> original, const PhotoLayout& layout, BlockPhoto* photo) {
  size_t wrong = 0;
  for (size_t y = 0; y < layout.rows; ++y) {
    const uint8_t* pixel = &original[layout.first + y * layout.stride];
    for (size_t x = 0; x < layout.width; ++x, pixel += layout.channels) {
      if (layout.channels == 1) {
        wrong += photo->Sample(0, x, y) != *pixel ? 1 : 0;
        photo->Sample(0, x, y) = *pixel;
        continue;
      }
      const Colour rgb = ColourOf(pixel, photo->is_reversed);
      const Colour ycc = {photo->Sample(0, x, y), photo->Sample(1, x, y), photo->Sample(2, x, y)};
      if (ToRgb(ycc) == rgb) continue;
      ++wrong;
      const std::optional<Colour> exact = ExactYcc(rgb);
      if (!exact) continue;
      for (size_t p = 0; p < 3; ++p) photo->Sample(p, x, y) = static_cast<uint8_t>((*exact)[p]);
    }
  }
  return wrong;
}

}  // namespace

static_assert(kBlockFinderBytes >= kMostBlocks * kBlockSize * sizeof(int32_t) * 3 / 2);

std::optional<BlockPhoto> FindBlocks(std::span<const uint8_t> original, const PhotoLayout& layout) {
  if (!MayBeBlocks(layout)) return std::nullopt;
  for (const bool is_reversed : {false, true}) {
    if (is_reversed && layout.channels == 1) break;
    const std::vector<SeenPlane> seen = PlanesOf(original, layout, is_reversed);
    BlockPhoto photo;
    photo.is_reversed = is_reversed;
    photo.grid = FindGrid(seen[0], layout.width, layout.rows);
    for (size_t p = 0; p < seen.size(); ++p) photo.planes.emplace_back(photo.grid);
    const auto was_held = [&](size_t p) {
      const SeenBlocks blocks(seen[p], photo.grid);
      const Sizes sizes = SizesOf(blocks, photo.planes[p], kNoise);
      photo.planes[p].table = FindTable(sizes, kNoise);
      if (WasHeld(blocks, &photo.planes[p])) return true;
      photo.planes[p].table = NearestUsualTable(sizes, kNoise);
      return WasHeld(blocks, &photo.planes[p]);
    };
    if (!was_held(0)) continue;
    bool has_halves = false;
    if (layout.channels == 3) {
      // Where whole planes explain the colours, too, halves have to explain nearly all.
      const bool were_whole = was_held(1) && was_held(2);
      has_halves = FindHalves(seen, were_whole ? 97 : 90, &photo);
      if (!were_whole && !has_halves) continue;
    }
    for (size_t p = 0; p < (has_halves ? 1 : seen.size()); ++p) {
      const SeenBlocks blocks(seen[p], photo.grid);
      for (size_t y = 0; y < photo.planes[p].down; ++y)
        for (size_t x = 0; x < photo.planes[p].across; ++x)
          FindMultiples(blocks, x, y, &photo.planes[p]);
    }
    // Where much of it has another origin its pixels are better coded as such.
    constexpr size_t kMostWrong = 3;  // pixels of which one may be
    const size_t wrong = SetSamples(original, layout, &photo);
    if (wrong * kMostWrong <= size_t{layout.width} * layout.rows) return photo;
  }
  return std::nullopt;
}

}  // namespace occam
