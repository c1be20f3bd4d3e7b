#include "coder/predict/photo/block_steps.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace occam {
namespace {

// The step of a frequency: the largest of which nearly all coefficients are multiples. `noise`
// parts those that are 0 from others, in sixteenths.
uint8_t FindStep(const std::vector<int32_t>& sizes, int32_t noise) {
  constexpr int32_t kSixteen = 16;
  int64_t large = 0;
  for (const int32_t size : sizes) large += size >= noise ? 1 : 0;
  if (large == 0) return 255;
  // Of many blocks some are noisier.
  const auto few = std::min<int64_t>(20, 10 + static_cast<int64_t>(sizes.size()) / 100);
  const int64_t most_far = (large + few) / 10;
  // The sum of distances to multiples; nothing where too many are far from them.
  const auto distances_of = [&](int32_t step) -> std::optional<int64_t> {
    int64_t far = 0;
    int64_t distances = 0;
    for (const int32_t size : sizes) {
      if (size < noise) continue;
      const int32_t multiple = (size + kSixteen / 2 * step) / (kSixteen * step);
      const int32_t distance = std::abs(size - kSixteen * step * multiple);
      distances += distance;
      far += distance >= noise ? 1 : 0;
      if (far > most_far) return std::nullopt;
    }
    // Anything is a quarter of a step away in the mean, which tells where nothing can be far.
    if (distances > large * 3 * step) return std::nullopt;
    return distances;
  };
  for (int32_t step = 255; step > 1; --step) {
    std::optional<int64_t> least = distances_of(step);
    if (!least) continue;
    // The ones below may fit better.
    for (int32_t less = step - 1; less > 1; --less, --step) {
      const std::optional<int64_t> distances = distances_of(less);
      if (!distances || *distances >= *least) break;
      least = distances;
    }
    return static_cast<uint8_t>(step);
  }
  return 1;
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

// Takes each usual table of each quality.
template <typename Take>
void ForUsualTables(Take take) {
  for (const auto& usual : kUsualTables) {
    for (int quality = 1; quality <= 100; ++quality) {
      const int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
      Table table;
      for (size_t k = 0; k < kBlockSize; ++k)
        table[k] = static_cast<uint8_t>(std::clamp((usual[k] * scale + 50) / 100, 1, 255));
      take(table);
    }
  }
}

// Few coefficients say little about a step. Where most steps are those of a usual table, all are
// taken from it.
void PreferUsualTable(Table* table) {
  Table best{};
  int most = 0;
  ForUsualTables([&](const Table& usual) {
    int equal = 0;
    for (size_t k = 0; k < kBlockSize; ++k)
      equal += usual[k] == (*table)[k] && usual[k] < 255 ? 1 : 0;
    if (equal <= most) return;
    most = equal;
    best = usual;
  });
  const auto seen = std::ranges::count_if(*table, [](int step) { return step > 2 && step < 255; });
  const auto known = std::ranges::count_if(best, [](int step) { return step <= 2; });
  constexpr int kLeast = 6;
  if (most >= kLeast && 2 * most >= seen + known) *table = best;
}

}  // namespace

Table FindTable(const Sizes& sizes, int32_t noise) {
  Table table;
  for (size_t k = 0; k < kBlockSize; ++k) table[k] = FindStep(sizes[k], noise);
  PreferUsualTable(&table);
  return table;
}

Table NearestUsualTable(const Sizes& sizes, int32_t noise) {
  constexpr int32_t kTelling = 4;
  Table best{};
  int64_t least = INT64_MAX;
  ForUsualTables([&](const Table& usual) {
    int64_t distances = 0;
    int64_t steps = 1;
    for (size_t k = 0; k < kBlockSize; ++k) {
      const int32_t step = 16 * int32_t{usual[k]};
      if (usual[k] < kTelling) continue;
      for (const int32_t size : sizes[k]) {
        if (size < noise) continue;
        distances += std::abs(size - (size + step / 2) / step * step);
        steps += step;
      }
    }
    const int64_t share = (distances << 16) / steps;
    if (steps == 1 || share >= least) return;
    least = share;
    best = usual;
  });
  return best;
}

}  // namespace occam
