// The colours of JPEG files: brightness and two differences (JFIF 1.02, 1992), converted to red,
// green and blue as decoders do, in integers out of 65536.
#ifndef OCCAM_CODER_PREDICT_PHOTO_BLOCK_COLOURS_H_
#define OCCAM_CODER_PREDICT_PHOTO_BLOCK_COLOURS_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace occam {

using Colour = std::array<int, 3>;

// Brightness, blue and red difference, within a byte, to red, green and blue.
inline Colour ToRgb(const Colour& ycc) {
  constexpr int kHalf = 1 << 15;
  const int blue = ycc[1] - 128;
  const int red = ycc[2] - 128;
  const auto pixel = [&](int sum) { return std::clamp(ycc[0] + (sum >> 16), 0, 255); };
  return {pixel(91881 * red + kHalf), pixel(-22554 * blue - 46802 * red + kHalf),
          pixel(116130 * blue + kHalf)};
}

// The nearest brightness and differences.
inline Colour ToYcc(const Colour& rgb) {
  constexpr int kHalf = 1 << 15;
  const auto number = [&](int red, int green, int blue, int middle) {
    const int sum = red * rgb[0] + green * rgb[1] + blue * rgb[2];
    return std::clamp(middle + ((sum + kHalf) >> 16), 0, 255);
  };
  return {number(19595, 38470, 7471, 0), number(-11058, -21710, 32768, 128),
          number(32768, -27439, -5329, 128)};
}

// Those that become exactly these, where there are such.
inline std::optional<Colour> ExactYcc(const Colour& rgb) {
  constexpr std::array<int, 3> kNear = {0, 1, -1};
  const Colour nearest = ToYcc(rgb);
  for (const int y : kNear) {
    for (const int blue : kNear) {
      for (const int red : kNear) {
        const Colour ycc = {nearest[0] + y, nearest[1] + blue, nearest[2] + red};
        if (std::ranges::all_of(ycc, [](int n) { return n >= 0 && n <= 255; }) && ToRgb(ycc) == rgb)
          return ycc;
      }
    }
  }
  return std::nullopt;
}

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_PHOTO_BLOCK_COLOURS_H_
