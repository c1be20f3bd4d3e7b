// The top of a page: sums by class and by who decided, the curve along the data, and the most
// surprising places.
#ifndef OCCAM_CODER_EXPLAIN_SUMMARY_H_
#define OCCAM_CODER_EXPLAIN_SUMMARY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "coder/explain/characters.h"

namespace occam::explain {

struct Sum {
  uint64_t bytes = 0;
  double bits = 0;
  double beside_bits = 0;
  double bits_per_byte() const { return bytes == 0 ? 0 : bits / static_cast<double>(bytes); }
};

constexpr size_t kDeciders = 5;

struct Summary {
  Sum all;
  std::array<Sum, kClasses> classes;
  std::array<Sum, kDeciders> deciders;
  std::vector<Sum> curve;         // stretches of about as many bytes each, at most kCurvePoints
  std::vector<size_t> surprises;  // the most expensive characters, the most expensive first
};

constexpr size_t kCurvePoints = 200;
constexpr size_t kSurprises = 20;
// Characters between two surprises at least, so that one word does not take all places.
constexpr size_t kSurpriseDistance = 48;

Summary SummaryOf(std::span<const Character> characters);

}  // namespace occam::explain

#endif  // OCCAM_CODER_EXPLAIN_SUMMARY_H_
