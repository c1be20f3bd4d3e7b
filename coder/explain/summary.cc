#include "coder/explain/summary.h"

#include <algorithm>
#include <numeric>

namespace occam::explain {
namespace {

void Add(const Character& character, Sum* sum) {
  sum->bytes += character.size;
  sum->bits += static_cast<double>(character.bits);
  sum->beside_bits += static_cast<double>(character.beside_bits);
}

// Each stretch ends with the first character that reaches its share of the bytes.
std::vector<Sum> CurveOf(std::span<const Character> characters, uint64_t bytes) {
  const uint64_t points = std::min<uint64_t>(kCurvePoints, bytes);
  std::vector<Sum> curve;
  Sum stretch;
  for (const Character& c : characters) {
    Add(c, &stretch);
    if ((c.begin + c.size) * points < (curve.size() + 1) * bytes) continue;
    curve.push_back(stretch);
    stretch = {};
  }
  return curve;
}

// Of equals the first.
std::vector<size_t> SurprisesOf(std::span<const Character> characters) {
  std::vector<size_t> order(characters.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto dearer = [&](size_t a, size_t b) {
    return characters[a].bits != characters[b].bits ? characters[a].bits > characters[b].bits
                                                    : a < b;
  };
  // Each that is taken keeps at most so many others away.
  const size_t enough = std::min(order.size(), kSurprises * 2 * kSurpriseDistance);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(enough), order.end(),
                    dearer);
  std::vector<size_t> found;
  for (size_t i = 0; i < enough && found.size() < kSurprises; ++i) {
    const auto near = [&](size_t other) {
      return std::max(order[i], other) - std::min(order[i], other) < kSurpriseDistance;
    };
    if (std::ranges::none_of(found, near)) found.push_back(order[i]);
  }
  return found;
}

}  // namespace

Summary SummaryOf(std::span<const Character> characters) {
  Summary summary;
  for (const Character& c : characters) {
    Add(c, &summary.all);
    Add(c, &summary.classes[static_cast<size_t>(c.kind)]);
    Add(c, &summary.deciders[static_cast<size_t>(c.by)]);
  }
  summary.curve = CurveOf(characters, summary.all.bytes);
  summary.surprises = SurprisesOf(characters);
  return summary;
}

}  // namespace occam::explain
