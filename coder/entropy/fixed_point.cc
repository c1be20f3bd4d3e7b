#include "coder/entropy/fixed_point.h"

#include <array>
#include <cstddef>

namespace occam {
namespace {

__extension__ using Wide = unsigned __int128;

// The largest r with r * r <= x * 2^62; x < 2^62.
constexpr uint64_t SquareRoot(uint64_t x) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << kInnerBits; bit > 0; bit >>= 1) {
    const Wide trial = root | bit;
    if (trial * trial <= static_cast<Wide>(x) << kInnerBits) root |= bit;
  }
  return root;
}

// 2^(-1/2), 2^(-1/4), ... 2^(-2^-30).
constexpr std::array<uint64_t, kFixedBits> MakeRoots() {
  std::array<uint64_t, kFixedBits> roots{};
  uint64_t last = uint64_t{1} << (kInnerBits - 1);
  for (uint64_t& root : roots) root = last = SquareRoot(last);
  return roots;
}
constexpr std::array<uint64_t, kFixedBits> kRoots = MakeRoots();

}  // namespace

uint64_t NegativeExp2Fixed(uint64_t y) {
  constexpr int kResultBits = 32;
  const uint64_t whole = y >> kFixedBits;
  if (whole > kResultBits) return 0;
  uint64_t product = uint64_t{1} << kInnerBits;
  for (int i = 0; i < kFixedBits; ++i) {
    if ((y >> (kFixedBits - 1 - i) & 1) != 0)
      product = MultiplyInner(product, kRoots[static_cast<size_t>(i)]);
  }
  const int shift = kInnerBits - kResultBits + static_cast<int>(whole);
  return (product + (uint64_t{1} << (shift - 1))) >> shift;
}

}  // namespace occam
