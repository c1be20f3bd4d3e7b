// Samples that are as those of a decoded JPEG file.
#ifndef OCCAM_TESTS_MODEL_LATTICE_PIXELS_H_
#define OCCAM_TESTS_MODEL_LATTICE_PIXELS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "data/base/file.h"
#include "data/base/random.h"
#include "model/lattice_tables.h"

namespace occam::testing {

// Blocks [down][across] of a record of so many columns and rows, of random coefficients that are
// multiples of the steps and become smaller with the frequency.
inline Bytes PixelsOnLattice(size_t columns, size_t rows, const LatticeTables& lattice,
                             Random* random) {
  constexpr size_t kSide = kLatticeSide;
  Bytes pixels(columns * rows);
  const auto steps = lattice.steps();
  for (size_t block = 0; block < columns * rows / (kSide * kSide); ++block) {
    std::array<int64_t, kSide * kSide> coefficients;
    for (size_t i = 0; i < coefficients.size(); ++i) {
      const auto frequency = static_cast<int64_t>(i / kSide + i % kSide);
      const int64_t most = 400 / ((1 + frequency) * (2 + frequency)) + 12;
      const int64_t value = static_cast<int64_t>(random->Below(static_cast<uint64_t>(most))) +
                            static_cast<int64_t>(random->Below(static_cast<uint64_t>(most)));
      coefficients[i] = (value - most) / steps[i] * steps[i];
    }
    const size_t left = block * kSide % columns, top = block * kSide / columns * kSide;
    for (size_t y = 0; y < kSide; ++y) {
      for (size_t x = 0; x < kSide; ++x) {
        int64_t sum = 0;
        for (size_t i = 0; i < coefficients.size(); ++i)
          sum += coefficients[i] * kLatticeCosines[i / kSide][y] * kLatticeCosines[i % kSide][x];
        pixels[(top + y) * columns + left + x] = static_cast<uint8_t>(
            std::clamp<int64_t>(128 + ((sum + (int64_t{1} << 27)) >> 28), 0, 255));
      }
    }
  }
  return pixels;
}

}  // namespace occam::testing

#endif  // OCCAM_TESTS_MODEL_LATTICE_PIXELS_H_
