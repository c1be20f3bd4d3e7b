#include "model/rotary.h"

namespace occam {
namespace {

__extension__ using Wide = __int128;

constexpr int kBits = 60;  // fixed point: 1.0 is 2^60
constexpr int64_t kOne = int64_t{1} << kBits;
constexpr int64_t kTwoPi60 = 7244019458077122842;  // 2 pi * 2^60, rounded
constexpr int64_t kBase = 1024;

int64_t Multiply(int64_t a, int64_t b) {
  return static_cast<int64_t>((static_cast<Wide>(a) * b) >> kBits);
}

// The largest r with r^pairs <= 1 / 1024, by bisection.
int64_t RootOfBase(int pairs) {
  int64_t low = 0;
  int64_t high = kOne;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    int64_t power = kOne;
    for (int i = 0; i < pairs; ++i) power = Multiply(power, middle);
    (power <= kOne / kBase ? low : high) = middle;
  }
  return low;
}

// Taylor series for an angle in [0, pi / 4]; terms fall below 2^-60 after at most 12 pairs.
void CosineAndSine(int64_t angle, int64_t* cosine, int64_t* sine) {
  *cosine = 0;
  *sine = 0;
  int64_t term = kOne;
  for (int n = 0; term != 0; ++n) {
    int64_t& sum = n % 2 == 0 ? *cosine : *sine;
    sum += n % 4 < 2 ? term : -term;
    term = Multiply(term, angle) / (n + 1);
  }
}

// Rounded to a multiple of 2^-23: at most 24 significant bits, so the float is exact.
float ToFloat(int64_t fixed) {
  constexpr int kDrop = kBits - 23;
  return static_cast<float>((fixed + (int64_t{1} << (kDrop - 1))) >> kDrop) * 0x1p-23f;
}

RotaryTable MakeTable() {
  constexpr int kEighth = kRotaryCircle / 8;
  constexpr int kQuarter = kRotaryCircle / 4;
  RotaryTable table;
  table.cosine.resize(kRotaryCircle);
  table.sine.resize(kRotaryCircle);
  for (int phase = 0; phase <= kEighth; ++phase) {
    const int64_t angle = static_cast<int64_t>(static_cast<Wide>(kTwoPi60) * phase / kRotaryCircle);
    int64_t cosine = 0;
    int64_t sine = 0;
    CosineAndSine(angle, &cosine, &sine);
    const float c = ToFloat(cosine);
    const float s = ToFloat(sine);
    // The eight mirror images of one angle in the first eighth of the circle.
    for (int turn = 0; turn < 4; ++turn) {
      const float cos_turned = turn == 0 ? c : turn == 1 ? -s : turn == 2 ? -c : s;
      const float sin_turned = turn == 0 ? s : turn == 1 ? c : turn == 2 ? -s : -c;
      const auto at = static_cast<size_t>(turn * kQuarter + phase);
      table.cosine[at] = cos_turned;
      table.sine[at] = sin_turned;
      const auto mirrored =
          static_cast<size_t>((turn * kQuarter - phase + kRotaryCircle) % kRotaryCircle);
      const float cos_mirrored = turn == 0 ? c : turn == 1 ? s : turn == 2 ? -c : -s;
      const float sin_mirrored = turn == 0 ? -s : turn == 1 ? c : turn == 2 ? s : -c;
      table.cosine[mirrored] = cos_mirrored;
      table.sine[mirrored] = sin_mirrored;
    }
  }
  return table;
}

}  // namespace

std::vector<int32_t> RotaryFrequencies(int pairs) {
  const int turning = TurningPairs(pairs);
  const int64_t root = RootOfBase(turning);
  std::vector<int32_t> frequencies(static_cast<size_t>(pairs));
  int64_t power = kOne;
  for (int i = 0; i < turning; ++i) {
    // 65536 * power / (2 pi), rounded to nearest; both are in units of 2^-60.
    const Wide numerator = static_cast<Wide>(power) * kRotaryCircle;
    const Wide frequency = (numerator + kTwoPi60 / 2) / kTwoPi60;
    frequencies[static_cast<size_t>(i)] = static_cast<int32_t>(frequency);
    power = Multiply(power, root);
  }
  return frequencies;
}

const RotaryTable& Rotary() {
  static const RotaryTable table = MakeTable();
  return table;
}

}  // namespace occam
