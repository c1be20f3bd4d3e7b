#include "data/image.h"

#include <png.h>

#include <cmath>

#include "data/base/random.h"
#include "data/patches.h"
#include "tests/catch.h"
#include "tests/data/image_files.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

Bytes Noise(int size, uint64_t seed = 1) {
  Bytes bytes(static_cast<size_t>(size));
  Random random(seed);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
  return bytes;
}

Bytes GrayOf(const Bytes& samples, size_t channels) {
  Bytes gray;
  for (size_t i = 0; i < samples.size(); i += channels) {
    gray.push_back(static_cast<uint8_t>((samples[i] + samples[i + 1] + samples[i + 2]) / 3));
  }
  return gray;
}

void CheckImage(const Bytes& file, int rows, int columns, const Bytes& samples) {
  const GrayImage image = DecodeImage(file, "image");
  CHECK(image.rows == rows);
  CHECK(image.columns == columns);
  CHECK(image.samples == samples);
}

TEST_CASE("Image: gray is the mean of red, green and blue, rounded down") {
  Bytes gray(4);
  RgbToGray(Bytes{0, 0, 2, 255, 255, 255, 1, 1, 1, 10, 20, 31}, gray);
  CHECK(gray == Bytes{0, 255, 1, 20});
}

TEST_CASE("Image: PNG of every color type, bit depth and order of rows") {
  const Bytes gray = Noise(7 * 5);
  const Bytes rgb = Noise(7 * 5 * 3, 2);
  const Bytes rgba = Noise(7 * 5 * 4, 3);
  for (const bool interlaced : {false, true}) {
    CheckImage(PngFile({7, 5, 8, PNG_COLOR_TYPE_GRAY, interlaced}, gray), 7, 5, gray);
    CheckImage(PngFile({7, 5, 8, PNG_COLOR_TYPE_RGB, interlaced}, rgb), 7, 5, GrayOf(rgb, 3));
    CheckImage(PngFile({7, 5, 8, PNG_COLOR_TYPE_RGBA, interlaced}, rgba), 7, 5, GrayOf(rgba, 4));
  }
  // The ends of 1, 2 and 4 bits are those of 8.
  CheckImage(PngFile({1, 8, 1, PNG_COLOR_TYPE_GRAY}, {0b10100001}), 1, 8,
             {255, 0, 255, 0, 0, 0, 0, 255});
  CheckImage(PngFile({1, 4, 2, PNG_COLOR_TYPE_GRAY}, {0b00011011}), 1, 4, {0, 85, 170, 255});
  CheckImage(PngFile({1, 2, 4, PNG_COLOR_TYPE_GRAY}, {0x3f}), 1, 2, {51, 255});
  // 16 bits are rounded to the nearest of 257 n: 383 / 257 = 1.49, 1.56, 254.502, 254.498.
  CheckImage(
      PngFile({1, 4, 16, PNG_COLOR_TYPE_GRAY}, {0x01, 0x7f, 0x01, 0x90, 0xff, 0x7f, 0xff, 0x7e}), 1,
      4, {1, 2, 255, 254});
  CheckImage(PngFile({1, 3, 8, PNG_COLOR_TYPE_PALETTE}, {1, 11, 4}), 1, 3, {10, 110, 40});
  CheckImage(PngFile({1, 2, 8, PNG_COLOR_TYPE_GRAY_ALPHA}, {9, 0, 200, 255}), 1, 2, {9, 200});
}

TEST_CASE("Image: JPEG comes near to what was stored, constants are exact") {
  // Smooth, so that quality 100 keeps it: an error of a coefficient is at most a half, and a sample
  // sums 64 of them with weights of at most 1/4; in practice few matter.
  Bytes gray;
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 50; ++x) {
      gray.push_back(static_cast<uint8_t>(128 + 60 * std::sin(x / 9.0) + 50 * std::cos(y / 7.0)));
    }
  }
  const GrayImage image = DecodeImage(JpegFile(40, 50, 1, gray, 100), "image");
  REQUIRE(image.rows == 40);
  REQUIRE(image.columns == 50);
  REQUIRE(image.samples.size() == gray.size());
  for (size_t i = 0; i < gray.size(); ++i) {
    REQUIRE(std::abs(int{image.samples[i]} - int{gray[i]}) <= 2);
  }
  const Bytes constant(16 * 24, 77);
  CheckImage(JpegFile(16, 24, 1, constant, 90), 16, 24, constant);
  Bytes neutral(16 * 24 * 3, 77);
  CheckImage(JpegFile(16, 24, 3, neutral, 100), 16, 24, constant);
}

TEST_CASE("Image: JPEG of colors is the mean of its channels, not its luminance") {
  // Pure green: the mean is 85, the luminance of ITU-R BT.601 150.
  Bytes green;
  for (int i = 0; i < 32 * 32; ++i) green.insert(green.end(), {0, 255, 0});
  const GrayImage image = DecodeImage(JpegFile(32, 32, 3, green, 100), "image");
  for (const uint8_t sample : image.samples) REQUIRE(std::abs(sample - 85) <= 2);
}

TEST_CASE("Image: PNM as texts and bytes, with other largest values") {
  const Bytes gray = Noise(6 * 9);
  const Bytes rgb = Noise(6 * 9 * 3, 2);
  CheckImage(PnmFile("P2", 6, 9, gray), 6, 9, gray);
  CheckImage(PnmFile("P5", 6, 9, gray), 6, 9, gray);
  CheckImage(PnmFile("P3", 6, 9, rgb), 6, 9, GrayOf(rgb, 3));
  CheckImage(PnmFile("P6", 6, 9, rgb), 6, 9, GrayOf(rgb, 3));
  const std::string text = "P2 3#\n1 \n 3 # all\n0 2 3 ";
  CheckImage(Bytes(text.begin(), text.end()), 1, 3, {0, 170, 255});
  const std::string wide("P5 2 1 65535\n\x01\x00\xff\xff", 17);
  CheckImage(Bytes(wide.begin(), wide.end()), 1, 2, {1, 255});
}

TEST_CASE("Image: every truncation is damage, and so is what is no image") {
  const Bytes rgb = Noise(12 * 10 * 3);
  const Bytes gray = Noise(12 * 10);
  for (const Bytes& file :
       {PngFile({12, 10, 8, PNG_COLOR_TYPE_RGB, false}, rgb), JpegFile(12, 10, 3, rgb, 90),
        PnmFile("P6", 12, 10, rgb), PnmFile("P2", 12, 10, gray)}) {
    // Without its last bytes a text lacks only a digit or a line end.
    const size_t end = file[1] == '2' ? file.size() - 4 : file.size();
    for (size_t size = 0; size < end; ++size) {
      const Thrown thrown = ThrownBy([&] { DecodeImage({file.data(), size}, "photo.x"); });
      REQUIRE(thrown.kind == ErrorKind::kDamaged);
      REQUIRE(thrown.Mentions("photo.x"));
    }
  }
  for (const std::string text : {"GIF89a, a format", "P5 no numbers", "P2 1 1 70000\n1", "P8 1 1 1",
                                 "P2 2 1 9\n1 10 ", "P2 0 1 9\n", "P5 1 1 255\nab"}) {
    INFO(text);
    CHECK(ThrownBy([&] { DecodeImage(Bytes(text.begin(), text.end()), "x"); }).kind ==
          ErrorKind::kDamaged);
  }
}

TEST_CASE("Image: a flipped bit in the samples of a PNG is found") {
  const Bytes file = PngFile({12, 10, 8, PNG_COLOR_TYPE_RGB, false}, Noise(12 * 10 * 3));
  for (size_t byte = 41; byte + 16 < file.size(); ++byte) {  // between the headers and IEND
    Bytes damaged = file;
    damaged[byte] = static_cast<uint8_t>(damaged[byte] ^ 4);
    REQUIRE(ThrownBy([&] { DecodeImage(damaged, "x.png"); }).kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Image: what cannot be used is refused with a word, however sound") {
  const auto refusal = [](const Bytes& file) {
    return ThrownBy([&] { DecodeImage(file, "photo"); });
  };
  const Thrown inks = refusal(JpegFile(16, 16, 4, Noise(16 * 16 * 4), 90));
  CHECK(inks.kind == ErrorKind::kUsage);
  CHECK(inks.Mentions("CMYK"));
  const std::string huge = "P5 100000 100000 255\n";
  CHECK(refusal(Bytes(huge.begin(), huge.end())).kind == ErrorKind::kUsage);
  const std::string bitmap = "P4 8 1\n\xaa";
  CHECK(refusal(Bytes(bitmap.begin(), bitmap.end())).Mentions("P4"));
}

TEST_CASE("Patches: whole ones from the top left, row by row, each row-major") {
  GrayImage image{70, 200, Bytes(70 * 200)};
  for (int y = 0; y < 70; ++y) {
    for (int x = 0; x < 200; ++x) {
      image.samples[static_cast<size_t>(y * 200 + x)] = static_cast<uint8_t>(3 * y + 5 * x);
    }
  }
  Random random(1);
  const Bytes patches = CutPatches(image, 0, &random);
  REQUIRE(patches.size() == 6 * 2048);
  for (int patch = 0; patch < 6; ++patch) {
    for (int i = 0; i < 2048; ++i) {
      const int y = patch / 3 * 32 + i / 64;
      const int x = patch % 3 * 64 + i % 64;
      REQUIRE(patches[static_cast<size_t>(patch * 2048 + i)] ==
              static_cast<uint8_t>(3 * y + 5 * x));
    }
  }
  CHECK(CutPatches({31, 64, Bytes(31 * 64)}, 0, &random).empty());
  CHECK(CutPatches({32, 63, Bytes(32 * 63)}, 0, &random).empty());
  CHECK(CutPatches({32, 64, Bytes(32 * 64)}, 0, &random).size() == 2048);
}

TEST_CASE("Patches: shifted grids start further down and right, odd ones mirrored") {
  GrayImage image{80, 200, {}};
  for (int y = 0; y < 80; ++y) {
    for (int x = 0; x < 200; ++x) image.samples.push_back(static_cast<uint8_t>(3 * y + x));
  }
  CHECK(ShiftedForGrid(image, 0, 4).samples == image.samples);
  for (const int index : {1, 2, 3}) {
    const GrayImage shifted = ShiftedForGrid(image, index, 4);
    REQUIRE(shifted.rows == 80 - 8 * index);
    REQUIRE(shifted.columns == 200 - 16 * index);
    REQUIRE(shifted.samples.size() == static_cast<size_t>(shifted.rows * shifted.columns));
    for (int y = 0; y < shifted.rows; ++y) {
      for (int x = 0; x < shifted.columns; ++x) {
        const int source = index == 2 ? x + 32 : 199 - x;
        REQUIRE(shifted.samples[static_cast<size_t>(y * shifted.columns + x)] ==
                static_cast<uint8_t>(3 * (y + 8 * index) + source));
      }
    }
  }
  CHECK(ShiftedForGrid({8, 16, Bytes(128)}, 1, 4).samples.empty());
}

TEST_CASE("Patches: a limit takes a random choice of the grid, in its order") {
  GrayImage image{32 * 4, 64 * 5, Bytes(32 * 4 * 64 * 5)};
  for (int y = 0; y < image.rows; ++y) {
    for (int x = 0; x < image.columns; ++x) {
      image.samples[static_cast<size_t>(y * image.columns + x)] =
          static_cast<uint8_t>(y / 32 * 5 + x / 64);
    }
  }
  int chosen[20] = {};
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Random random(seed);
    const Bytes patches = CutPatches(image, 5, &random);
    REQUIRE(patches.size() == 5 * 2048);
    for (size_t i = 0; i < 5; ++i) {
      ++chosen[patches[i * 2048]];
      if (i > 0) REQUIRE(patches[i * 2048] > patches[(i - 1) * 2048]);
    }
  }
  // Each has a probability of 1/4: 100 of 400 with a standard deviation of 8.7.
  for (const int times : chosen) CHECK(std::abs(times - 100) < 44);
  Random random(1);
  CHECK(CutPatches(image, 20, &random).size() == 20 * 2048);
  CHECK(CutPatches(image, 21, &random).size() == 20 * 2048);
}

}  // namespace
}  // namespace occam
