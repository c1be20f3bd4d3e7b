#include "coder/predict/photo/block_finder.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "coder/predict/photo/block_colours.h"
#include "coder/predict/photo/block_predictor.h"
#include "data/base/file.h"

namespace occam {
namespace {

constexpr size_t kMostBlocks = 8192;  // that tell a table

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
  const BlockGrid& grid_;
};

// Where the grid begins: of the blocks of the true one the most high frequencies have nothing but
// what rounding left.
BlockGrid FindGrid(const SeenPlane& plane, size_t width, size_t rows) {
  constexpr size_t kSampled = 16;  // blocks across, and down
  BlockGrid best{width, rows, 0, 0};
  constexpr int32_t kNearNothing = 12;  // sixteenths
  int most = -1;
  for (size_t top = 0; top < kBlockSide; ++top) {
    for (size_t left = 0; left < kBlockSide; ++left) {
      const BlockGrid grid{width, rows, left, top};
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
      if (count > most) {
        most = count;
        best = grid;
      }
    }
  }
  return best;
}

// The step of a frequency: the largest of which nearly all coefficients are multiples.
uint8_t FindStep(const std::vector<int32_t>& sizes) {
  constexpr int32_t kSixteen = 16;
  constexpr int32_t kNoise = 20;  // more than rounding of samples makes of 0
  int64_t large = 0;
  for (const int32_t size : sizes) large += size >= kNoise ? 1 : 0;
  if (large == 0) return 255;
  // Of many blocks some are noisier.
  const auto few = std::min<int64_t>(20, 10 + static_cast<int64_t>(sizes.size()) / 100);
  struct Fit {
    int64_t far = 0;  // how many are no multiples
    int64_t distances = 0;
  };
  const int64_t most_far = (large + few) / 10;
  const auto fit_of = [&](int32_t step) {
    Fit fit;
    for (const int32_t size : sizes) {
      if (size < kNoise || fit.far > most_far) continue;
      const int32_t multiple = (size + kSixteen / 2 * step) / (kSixteen * step);
      const int32_t distance = std::abs(size - kSixteen * step * multiple);
      fit.distances += distance;
      fit.far += distance >= kNoise ? 1 : 0;
    }
    return fit;
  };
  for (int32_t step = 255; step > 2; --step) {
    Fit fit = fit_of(step);
    if (fit.far > most_far) continue;
    // The one below may fit better.
    for (int32_t less = step - 1; less > 2; --less, --step) {
      const Fit other = fit_of(less);
      if (other.far > most_far || other.distances >= fit.distances) break;
      fit = other;
    }
    return static_cast<uint8_t>(step);
  }
  // Of a step of 2 nothing is far. Where numbers are even rounding leaves a quarter in the mean,
  // otherwise a half.
  return fit_of(2).distances <= large * 6 ? 2 : 1;
}

// The tables that most encoders scale (ITU-T T.81, K.1): for brightness, and for differences.
constexpr std::array<std::array<int32_t, kBlockSize>, 2> kUsualTables = {{
    {16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
     14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
     18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
     49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99},
    {17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99,
     99, 99, 47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
     99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99},
}};

// Few coefficients say little about a step. Where most steps are those of a usual table, all are
// taken from it.
void PreferUsualTable(std::array<uint8_t, kBlockSize>* table) {
  std::array<uint8_t, kBlockSize> best{};
  int most = 0;
  for (const auto& usual : kUsualTables) {
    for (int quality = 1; quality <= 100; ++quality) {
      const int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
      std::array<uint8_t, kBlockSize> scaled;
      int equal = 0;
      for (size_t k = 0; k < kBlockSize; ++k) {
        scaled[k] = static_cast<uint8_t>(std::clamp((usual[k] * scale + 50) / 100, 1, 255));
        equal += scaled[k] == (*table)[k] && scaled[k] < 255 ? 1 : 0;
      }
      if (equal > most) {
        most = equal;
        best = scaled;
      }
    }
  }
  const auto seen = std::ranges::count_if(*table, [](int step) { return step > 2 && step < 255; });
  const auto known = std::ranges::count_if(best, [](int step) { return step <= 2; });
  constexpr int kLeast = 10;
  if (most >= kLeast && 2 * most >= seen + known) *table = best;
}

// What a coefficient of 1 adds to a sample, out of 4096.
constexpr int kUnitBits = 12;
constexpr int kUnit = 1 << kUnitBits;
int32_t Wave(size_t k, size_t i) {
  const int64_t down = kCosines[i / kBlockSide][k / kBlockSide];
  const int64_t across = kCosines[i % kBlockSide][k % kBlockSide];
  return static_cast<int32_t>((down * across) >> (29 - kUnitBits));
}
const std::vector<Block>& Waves() {
  static const std::vector<Block> waves = [] {
    std::vector<Block> all(kBlockSize);
    for (size_t k = 0; k < kBlockSize; ++k)
      for (size_t i = 0; i < kBlockSize; ++i) all[k][i] = Wave(k, i);
    return all;
  }();
  return waves;
}

// The search for the multiples of one block. Rounding to the nearest ones is wrong where steps are
// small. Then some sample is farther from what they stand for than rounding explains.
class MultipleSearch {
 public:
  MultipleSearch(const std::array<uint8_t, kBlockSize>& table, const Block& seen,
                 const std::array<bool, kBlockSize>& known)
      : table_(table), seen_(seen), known_(known) {
    const Block transformed = ForwardTransform(seen);
    for (size_t i = 0; i < kBlockSize; ++i) rest_[i] = seen[i] * kUnit;
    for (size_t k = 0; k < kBlockSize; ++k) {
      const int32_t step = 16 * int32_t{table[k]};
      const int32_t size = (std::abs(transformed[k]) + step / 2) / step;
      multiples_[k] = transformed[k] < 0 ? -size : size;
      if (multiples_[k] != 0) rest_ = Less(rest_, k, multiples_[k]);
      if (table[k] <= kSmallStep) doubtful_.push_back(k);
    }
    excess_ = ExcessOf(rest_);
  }

  const Block& Run() {
    constexpr int kMostMoves = 20;
    for (int i = 0; i < kMostMoves && excess_ > 0; ++i)
      if (!MoveOne() && !MoveTwo()) break;
    return multiples_;
  }

 private:
  static constexpr int32_t kSmallStep = 3;

  Block Less(const Block& rest, size_t k, int32_t count) const {
    Block less;
    const Block& wave = Waves()[k];
    const int32_t size = count * int32_t{table_[k]};
    for (size_t i = 0; i < kBlockSize; ++i) less[i] = rest[i] - size * wave[i];
    return less;
  }
  // By how much samples are farther away than half a step, in sum.
  int64_t ExcessOf(const Block& rest) const {
    constexpr int32_t kHalf = kUnit / 2 + kUnit / 64;  // decoders round twice
    int64_t sum = 0;
    for (size_t i = 0; i < kBlockSize; ++i) {
      int32_t distance = std::abs(rest[i]);
      if (!known_[i] || (seen_[i] <= -128 && rest[i] > 0) || (seen_[i] >= 127 && rest[i] < 0))
        distance = 0;
      sum += std::max(distance - kHalf, 0);
    }
    return sum;
  }
  bool Take(size_t k, int32_t count, const Block& rest, int64_t excess) {
    multiples_[k] += count;
    rest_ = rest;
    excess_ = excess;
    return true;
  }
  bool MoveOne() {
    size_t best = kBlockSize;
    int32_t best_count = 0;
    int64_t least = excess_;
    for (const size_t k : doubtful_) {
      for (const int32_t count : {-1, 1}) {
        const int64_t excess = ExcessOf(Less(rest_, k, count));
        if (excess < least) {
          least = excess;
          best = k;
          best_count = count;
        }
      }
    }
    return best < kBlockSize && Take(best, best_count, Less(rest_, best, best_count), least);
  }
  bool MoveTwo() {
    std::array<size_t, 2> best = {kBlockSize, kBlockSize};
    std::array<int32_t, 2> best_counts{};
    int64_t least = excess_;
    for (size_t a = 0; a < doubtful_.size(); ++a) {
      for (const int32_t count : {-1, 1}) {
        const Block rest = Less(rest_, doubtful_[a], count);
        for (size_t b = a + 1; b < doubtful_.size(); ++b) {
          for (const int32_t other : {-1, 1}) {
            const int64_t excess = ExcessOf(Less(rest, doubtful_[b], other));
            if (excess < least) {
              least = excess;
              best = {doubtful_[a], doubtful_[b]};
              best_counts = {count, other};
            }
          }
        }
      }
    }
    if (best[0] == kBlockSize) return false;
    multiples_[best[1]] += best_counts[1];
    const Block rest = Less(rest_, best[1], best_counts[1]);
    return Take(best[0], best_counts[0], Less(rest, best[0], best_counts[0]), least);
  }

  const std::array<uint8_t, kBlockSize>& table_;
  const Block& seen_;
  const std::array<bool, kBlockSize>& known_;
  std::vector<size_t> doubtful_;
  Block multiples_{};
  Block rest_{};  // samples less what the multiples stand for, out of 4096
  int64_t excess_ = 0;
};

void FindTable(const SeenBlocks& blocks, BlockPlane* plane) {
  std::array<std::vector<int32_t>, kBlockSize> sizes;
  const size_t count = plane->across * plane->down;
  const size_t stride = count / kMostBlocks + 1;
  for (size_t i = 0; i < count; i += stride) {
    const size_t x = i % plane->across;
    const size_t y = i / plane->across;
    if (!blocks.IsWhole(x, y)) continue;
    const Block seen = ForwardTransform(blocks.At(x, y));
    for (size_t k = 0; k < kBlockSize; ++k) sizes[k].push_back(std::abs(seen[k]));
  }
  for (size_t k = 0; k < kBlockSize; ++k) plane->table[k] = FindStep(sizes[k]);
  PreferUsualTable(&plane->table);
}

// The samples of a block, less 128. What is not known becomes what the nearest multiples say of it,
// and again with those, until it stays.
Block Completed(const Block& seen, const std::array<bool, kBlockSize>& known,
                const std::array<uint8_t, kBlockSize>& table) {
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

// Whether a plane was held by a JPEG file: whole blocks from all over become exact, by steps that
// say something.
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

// Sets the samples of pixels that are not what the coefficients stand for.
void SetSamples(std::span<const uint8_t> original, const PhotoLayout& layout, BlockPhoto* photo) {
  for (size_t y = 0; y < layout.rows; ++y) {
    const uint8_t* pixel = &original[layout.first + y * layout.stride];
    for (size_t x = 0; x < layout.width; ++x, pixel += layout.channels) {
      if (layout.channels == 1) {
        photo->Sample(0, x, y) = *pixel;
        continue;
      }
      const Colour rgb = ColourOf(pixel, photo->is_reversed);
      const Colour ycc = {photo->Sample(0, x, y), photo->Sample(1, x, y), photo->Sample(2, x, y)};
      const std::optional<Colour> exact = ToRgb(ycc) == rgb ? ycc : ExactYcc(rgb);
      if (!exact) continue;
      for (size_t p = 0; p < 3; ++p) photo->Sample(p, x, y) = static_cast<uint8_t>((*exact)[p]);
    }
  }
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
    bool was_held = true;
    for (const SeenPlane& plane : seen) {
      photo.planes.emplace_back(photo.grid);
      const SeenBlocks blocks(plane, photo.grid);
      FindTable(blocks, &photo.planes.back());
      was_held = was_held && WasHeld(blocks, &photo.planes.back());
    }
    if (!was_held) continue;
    for (size_t p = 0; p < seen.size(); ++p) {
      const SeenBlocks blocks(seen[p], photo.grid);
      for (size_t y = 0; y < photo.planes[p].down; ++y)
        for (size_t x = 0; x < photo.planes[p].across; ++x)
          FindMultiples(blocks, x, y, &photo.planes[p]);
    }
    SetSamples(original, layout, &photo);
    return photo;
  }
  return std::nullopt;
}

}  // namespace occam
