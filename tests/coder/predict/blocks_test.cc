#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numbers>
#include <optional>
#include <vector>

#include "coder/predict/photo/block_colours.h"
#include "coder/predict/photo/block_finder.h"
#include "coder/predict/photo/block_transform.h"
#include "coder/predict/photo/photo_codec.h"
#include "data/base/digest.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/coder/block_pixels.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

const PhotoCountFn kUncounted = [](uint32_t) {};

PhotoLayout LayoutOf(const BlockGrid& grid, uint32_t channels) {
  const auto width = static_cast<uint32_t>(grid.width);
  return {0, static_cast<uint32_t>(grid.rows), width, channels, width * channels};
}

Bytes Encoded(const Bytes& original, const PhotoLayout& layout,
              const MixerKernels& kernels = FastMixerKernels()) {
  return EncodePhoto(original, layout, SIZE_MAX - 100, kernels, kUncounted).value();
}
bool IsOfBlocks(const Bytes& payload) { return (payload[16] & 16) != 0; }

std::optional<Bytes> Decoded(const Bytes& payload, size_t size) {
  return DecodePhoto(payload, size, FastMixerKernels(), kUncounted);
}

// The cosine transform of ITU-T T.81, A.3.3, in doubles.
double Wave(size_t sample, size_t frequency) {
  const double scale = frequency == 0 ? std::sqrt(0.125) : 0.5;
  return scale * std::cos((2.0 * static_cast<double>(sample) + 1) * static_cast<double>(frequency) *
                          std::numbers::pi / 16);
}

}  // namespace

TEST_CASE("Blocks: both transforms are those of their definition, up to rounding") {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    Block numbers;
    for (int32_t& number : numbers) number = static_cast<int32_t>(random.Below(511)) - 255;
    const Block samples = InverseTransform(numbers);
    const Block coefficients = ForwardTransform(numbers);
    for (size_t a = 0; a < kBlockSize; ++a) {
      double sample = 128.5;  // the rounding's half in it
      double coefficient = 0;
      for (size_t b = 0; b < kBlockSize; ++b) {
        sample += numbers[b] * Wave(a / 8, b / 8) * Wave(a % 8, b % 8);
        coefficient += numbers[b] * Wave(b / 8, a / 8) * Wave(b % 8, a % 8);
      }
      REQUIRE(std::abs(samples[a] / 16.0 - sample) < 0.35);
      REQUIRE(std::abs(coefficients[a] / 16.0 - coefficient) < 0.15);
    }
  }
}

TEST_CASE("Blocks: a block with one coefficient is that of the decoders in use") {
  // libjpeg's exact inverse of 100 at frequency 1 down and 2 across, row by row.
  Block block{};
  block[1 * 8 + 2] = 100;
  const Block samples = InverseTransform(block);
  constexpr std::array<int, 8> kFirstRow = {151, 137, 119, 105, 105, 119, 137, 151};
  constexpr std::array<int, 8> kLastRow = {105, 119, 137, 151, 151, 137, 119, 105};
  for (size_t x = 0; x < 8; ++x) {
    CHECK((samples[x] >> 4) == kFirstRow[x]);
    CHECK((samples[56 + x] >> 4) == kLastRow[x]);
  }
}

TEST_CASE("Blocks: the order of frequencies has each once, along diagonals") {
  std::array<bool, kBlockSize> seen{};
  for (const size_t k : kZigzag) seen[k] = true;
  CHECK(std::ranges::count(seen, true) == 64);
  for (size_t i = 1; i < kBlockSize; ++i) {
    const auto diagonal = [&](size_t at) { return kZigzag[at] / 8 + kZigzag[at] % 8; };
    CHECK(diagonal(i) >= diagonal(i - 1));
  }
}

TEST_CASE("Blocks: colours that a JPEG file's become are found again") {
  Random random(2);
  int limited = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto byte = [&] { return static_cast<int>(random.Below(256)); };
    const Colour ycc = {byte(), 96 + byte() / 4, 96 + byte() / 4};
    const Colour rgb = ToRgb(ycc);
    if (std::ranges::any_of(rgb, [](int n) { return n == 0 || n == 255; })) {
      ++limited;
      continue;
    }
    REQUIRE(ExactYcc(rgb) == ycc);
  }
  CHECK(limited < 10'000);
}

TEST_CASE("Blocks: the steps, the grid and the coefficients of a JPEG file are found") {
  for (const size_t channels : {1u, 3u}) {
    for (const auto& [left, top] : {std::pair{0u, 0u}, {5u, 0u}, {3u, 6u}}) {
      const BlockGrid grid{120, 90, left, top};
      const Bytes pixels = PixelsOfBlocks(grid, channels, 85);
      const auto found = FindBlocks(pixels, LayoutOf(grid, static_cast<uint32_t>(channels)));
      REQUIRE(found);
      CHECK(found->grid.left == left);
      CHECK(found->grid.top == top);
      CHECK(found->planes.size() == channels);
      // What they stand for is nearly all of the photograph.
      size_t wrong = 0;
      for (size_t y = 1; y + 1 < found->planes[0].down; ++y) {
        for (size_t x = 1; x + 1 < found->planes[0].across; ++x) {
          const Block exact = found->planes[0].Transformed(x, y);
          for (size_t i = 0; i < kBlockSize; ++i)
            wrong += std::clamp(exact[i] >> 4, 0, 255) != found->planes[0].Samples(x, y)[i] ? 1 : 0;
        }
      }
      CHECK(wrong * 100 < pixels.size() / channels);
    }
  }
}

TEST_CASE("Blocks: photographs that were JPEG files come back, from files several times smaller") {
  for (const uint32_t channels : {1u, 3u}) {
    for (const size_t left : {0u, 7u}) {
      const BlockGrid grid{100, 75, left, 4};
      Bytes original = PixelsOfBlocks(grid, channels, 70);
      const PhotoLayout layout = LayoutOf(grid, channels);
      const Bytes payload = Encoded(original, layout);
      CHECK(IsOfBlocks(payload));
      CHECK(Decoded(payload, original.size()) == original);
      // A change of a few pixels costs little, and noise hides all blocks.
      Bytes changed = original;
      for (size_t i = 0; i < 5; ++i) changed[i * 1317] ^= static_cast<uint8_t>(1 + i);
      const Bytes of_changed = Encoded(changed, layout);
      CHECK(IsOfBlocks(of_changed));
      CHECK(Decoded(of_changed, changed.size()) == changed);
      CHECK(of_changed.size() < payload.size() + 200);
      Random random(3);
      for (uint8_t& byte : original) byte ^= static_cast<uint8_t>(random.Below(2));
      const Bytes of_noise = Encoded(original, layout);
      CHECK(!IsOfBlocks(of_noise));
      CHECK(of_noise.size() > payload.size() * 3 / 2);
    }
  }
}

TEST_CASE("Blocks: colour that was held at half the size is found, and comes back") {
  for (const auto& [left, top] : {std::pair{0u, 0u}, {3u, 6u}}) {
    const BlockGrid grid{310, 291, left, top};
    const auto found =
        FindBlocks(PixelsOfBlocks(grid, 3, 70, /*has_halves=*/true), LayoutOf(grid, 3));
    REQUIRE(found);
    CHECK(found->halves.size() == 2);
    CHECK(!found->is_second_across);
    CHECK(!found->is_second_down);
  }
  const BlockGrid grid{128, 104, 0, 0};
  const Bytes original = PixelsOfBlocks(grid, 3, 70, /*has_halves=*/true);
  const Bytes payload = Encoded(original, LayoutOf(grid, 3));
  CHECK(payload[16] == (3 | 16 | 64));
  CHECK(payload.size() * 8 < original.size());
  CHECK(Decoded(payload, original.size()) == original);
  // Rows from below begin with the second half of a block of colour.
  const size_t row_bytes = 3 * grid.width;
  Bytes upwards;
  for (size_t y = grid.rows; y-- > 0;) {
    const auto row = original.begin() + static_cast<std::ptrdiff_t>(y * row_bytes);
    upwards.insert(upwards.end(), row, row + static_cast<std::ptrdiff_t>(row_bytes));
  }
  const Bytes of_upwards = Encoded(upwards, LayoutOf(grid, 3));
  CHECK(of_upwards[16] == (3 | 16 | 64));
  CHECK(of_upwards[17] == 128);
  CHECK(Decoded(of_upwards, upwards.size()) == upwards);
}

TEST_CASE("Blocks: a JPEG file of a JPEG file's pixels is found, though older steps hide its own") {
  // Brightness at quality 90 of usual encoders.
  constexpr std::array<uint8_t, kBlockSize> kTable = {
      3,  2,  2,  3,  5,  8,  10, 12, 2,  2,  3,  4,  5,  12, 12, 11, 3,  3,  3,  5, 8,  11,
      14, 11, 3,  3,  4,  6,  10, 17, 16, 12, 4,  4,  7,  11, 14, 22, 21, 15, 5,  7, 11, 13,
      16, 21, 23, 18, 10, 13, 16, 17, 21, 24, 24, 20, 14, 18, 19, 20, 22, 20, 21, 20};
  const BlockGrid grid{240, 160, 0, 0};
  BlockPhoto photo;
  photo.grid = grid;
  photo.planes.assign(1, BlockPlane(grid));
  BlockPlane& plane = photo.planes[0];
  Random random(6);
  FillBlocks(false, 80, 1, &plane, &random);
  plane.table = kTable;
  for (size_t y = 0; y < plane.down; ++y) {
    for (size_t x = 0; x < plane.across; ++x) {
      Block samples;
      for (size_t i = 0; i < kBlockSize; ++i) samples[i] = plane.Samples(x, y)[i] - 128;
      const Block exact = ForwardTransform(samples);
      for (size_t k = 0; k < kBlockSize; ++k) {
        const int32_t step = 16 * int32_t{kTable[k]};
        const int32_t size = (std::abs(exact[k]) + step / 2) / step;
        plane.Coefficients(x, y)[k] = static_cast<int16_t>(exact[k] < 0 ? -size : size);
      }
      const Block decoded = plane.Transformed(x, y);
      for (size_t i = 0; i < kBlockSize; ++i)
        plane.Samples(x, y)[i] = static_cast<uint8_t>(std::clamp(decoded[i] >> 4, 0, 255));
    }
  }
  Bytes pixels;
  for (size_t y = 0; y < grid.rows; ++y)
    for (size_t x = 0; x < grid.width; ++x) pixels.push_back(photo.Sample(0, x, y));
  const auto found = FindBlocks(pixels, LayoutOf(grid, 1));
  REQUIRE(found);
  CHECK(found->planes[0].table == kTable);
}

TEST_CASE("Blocks: channels from blue to red, rows from below, and limited samples come back") {
  const BlockGrid grid{72, 64, 0, 0};
  Bytes original = PixelsOfBlocks(grid, 3, 75);
  for (size_t i = 0; i < original.size(); i += 3) std::swap(original[i], original[i + 2]);
  Bytes upwards;
  for (size_t y = grid.rows; y-- > 0;) {
    const auto row = original.begin() + static_cast<std::ptrdiff_t>(y * 3 * grid.width);
    upwards.insert(upwards.end(), row, row + static_cast<std::ptrdiff_t>(3 * grid.width));
  }
  for (const Bytes& bytes : {original, upwards}) {
    const Bytes payload = Encoded(bytes, LayoutOf(grid, 3));
    CHECK((payload[16] >> 4) == 3);
    CHECK(Decoded(payload, bytes.size()) == bytes);
  }
  // All that is brighter than 120 becomes white.
  Bytes bright = PixelsOfBlocks(grid, 3, 75);
  for (uint8_t& byte : bright) byte = byte > 120 ? 255 : byte;
  CHECK(Decoded(Encoded(bright, LayoutOf(grid, 3)), bright.size()) == bright);
}

TEST_CASE("Blocks: all photographs of other origin stay with pixels") {
  for (const uint32_t channels : {1u, 3u}) {
    const BlockGrid grid{96, 64, 0, 0};
    for (const Bytes& bytes : {RandomBytes(96 * 64 * channels, 4), Bytes(96 * 64 * channels, 7),
                               PixelsOfBlocks(grid, channels, 100)})
      CHECK(Decoded(Encoded(bytes, LayoutOf(grid, channels)), bytes.size()) == bytes);
    CHECK(!FindBlocks(RandomBytes(96 * 64 * channels, 4), LayoutOf(grid, channels)));
    CHECK(!FindBlocks(Bytes(96 * 64 * channels, 7), LayoutOf(grid, channels)));
  }
  const BlockGrid small{31, 64, 0, 0};
  CHECK(!FindBlocks(PixelsOfBlocks(small, 1, 70), LayoutOf(small, 1)));
}

TEST_CASE("Blocks: a small photograph is coded in the way that is smaller") {
  const BlockGrid small{32, 32, 0, 0};
  const Bytes original = PixelsOfBlocks(small, 1, 90);
  REQUIRE(FindBlocks(original, LayoutOf(small, 1)));
  const Bytes payload = Encoded(original, LayoutOf(small, 1));
  CHECK(!IsOfBlocks(payload));
  CHECK(Decoded(payload, original.size()) == original);
  // No more than the better way is allowed here.
  CHECK(EncodePhoto(original, LayoutOf(small, 1), payload.size(), FastMixerKernels(), kUncounted) ==
        payload);
  CHECK(!EncodePhoto(original, LayoutOf(small, 1), payload.size() - 1, FastMixerKernels(),
                     kUncounted));
}

TEST_CASE("Blocks: the vector kernels and their definition write the same payload, by digest") {
  const BlockGrid grid{72, 64, 2, 1};
  const Bytes original = PixelsOfBlocks(grid, 3, 80);
  const PhotoLayout layout = LayoutOf(grid, 3);
  const Bytes payload = Encoded(original, layout);
  CHECK(IsOfBlocks(payload));
  CHECK(Encoded(original, layout, PlainMixerKernels()) == payload);
  CHECK(DecodePhoto(payload, original.size(), PlainMixerKernels(), kUncounted) == original);
  CHECK(Hex(Sha256Of(payload)) ==
        "a36434631d988c373004011530ed5f7cb9e6d42557bbdf289a8351d1a9f49b0c");
}

TEST_CASE("Blocks: all bytes are counted once, both ways") {
  const BlockGrid grid{50, 43, 2, 1};
  for (const uint32_t channels : {1u, 3u}) {
    Bytes original = PixelsOfBlocks(grid, channels, 80);
    const PhotoLayout layout = LayoutOf(grid, channels);
    uint64_t counted = 0;
    const PhotoCountFn count = [&](uint32_t bytes) { counted += bytes; };
    const auto payload = EncodePhoto(original, layout, 100'000, FastMixerKernels(), count);
    CHECK(counted == original.size());
    counted = 0;
    DecodePhoto(*payload, original.size(), FastMixerKernels(), count);
    CHECK(counted == original.size());
  }
}

TEST_CASE("Blocks: a payload that no encoder wrote gives nothing, an error, or other bytes") {
  const bool has_halves = GENERATE(false, true);
  const BlockGrid grid{has_halves ? 96u : 64u, has_halves ? 80u : 50u, has_halves ? 0u : 3u, 0};
  const Bytes original = PixelsOfBlocks(grid, 3, 60, has_halves);
  const Bytes sound = Encoded(original, LayoutOf(grid, 3));
  REQUIRE((sound[16] >> 4) == (has_halves ? 5 : 1));
  const auto is_refused = [&](const Bytes& payload) {
    try {
      const auto bytes = Decoded(payload, original.size());
      return !bytes || *bytes != original;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::kDamaged;
    }
  };
  for (size_t size = 0; size < sound.size(); size += size < 40 ? 5 : 347)
    CHECK(is_refused(Bytes(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(size))));
  for (size_t i = 0; i < sound.size(); i += i < 60 ? 1 : 311) {
    for (const uint8_t change : {uint8_t{1}, uint8_t{0x10}, uint8_t{0x80}}) {
      Bytes hurt = sound;
      hurt[i] ^= change;
      CHECK(is_refused(hurt));
    }
  }
  // Any stream is within the bounds of all numbers (sanitizers look).
  Random random(5);
  for (int round = 0; round < 4; ++round) {
    Bytes noise(sound.begin(), sound.begin() + 18);
    for (int i = 0; i < 3000; ++i) noise.push_back(static_cast<uint8_t>(random.Below(256)));
    CHECK(is_refused(noise));
  }
}

}  // namespace occam
