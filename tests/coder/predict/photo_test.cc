#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <tuple>
#include <vector>

#include "coder/archive/decompress_range.h"
#include "coder/archive/segment_codec.h"
#include "coder/predict/photo/least_squares.h"
#include "coder/predict/photo/photo_codec.h"
#include "coder/predict/photo/photo_header.h"
#include "coder/predict/photo/pixel_coder.h"
#include "data/base/digest.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

const PhotoCountFn kUncounted = [](uint32_t) {};

// Pixels of hills with edges and noise; channels are alike. Rows have `padding` bytes of 0 after
// them.
Bytes Pixels(uint32_t width, uint32_t rows, uint32_t channels, uint32_t padding, uint64_t seed) {
  Random random(seed);
  Bytes bytes;
  for (uint32_t y = 0; y < rows; ++y) {
    for (uint32_t x = 0; x < width; ++x) {
      const int hill = static_cast<int>((x * x / 40 + 3 * y + x * y / 60) % 200);
      const int edge = x + 2 * y > width ? 30 : 0;
      const auto noise = static_cast<int>(random.Below(7));
      for (uint32_t c = 0; c < channels; ++c) {
        const int own = static_cast<int>(random.Below(3)) + static_cast<int>(c) * 8;
        bytes.push_back(static_cast<uint8_t>(std::clamp(hill + edge + noise + own, 0, 255)));
      }
    }
    bytes.insert(bytes.end(), padding, 0);
  }
  return bytes;
}

Bytes Joined(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}
Bytes Text(const std::string& text) { return {text.begin(), text.end()}; }
Bytes Little(uint64_t number, size_t size) {
  Bytes bytes;
  for (; bytes.size() < size; number /= 256) bytes.push_back(static_cast<uint8_t>(number % 256));
  return bytes;
}

Bytes Portable(uint32_t width, uint32_t rows, uint32_t channels) {
  return Joined({Text(std::string(channels == 3 ? "P6" : "P5") + "\n# made by a test\n" +
                      std::to_string(width) + " " + std::to_string(rows) + "\n255\n"),
                 Pixels(width, rows, channels, 0, 1)});
}

Bytes BitmapHeader(uint32_t width, int32_t rows, uint16_t bits) {
  return Joined({Text("BM"), Little(0, 8), Little(54, 4), Little(40, 4), Little(width, 4),
                 Little(static_cast<uint32_t>(rows), 4), Little(1, 2), Little(bits, 2),
                 Little(0, 24)});
}

// A TIFF file with its directory behind the pixels, in strips of four rows.
Bytes Tiff(uint32_t width, uint32_t rows, uint32_t channels, bool big_endian, uint32_t gap = 0) {
  const auto number = [&](uint64_t value, size_t size) {
    Bytes bytes = Little(value, size);
    if (big_endian) std::ranges::reverse(bytes);
    return bytes;
  };
  const Bytes pixels = Pixels(width, rows, channels, 0, 1);
  const uint32_t strips = (rows + 3) / 4;
  const auto behind = static_cast<uint32_t>(8 + pixels.size());
  Bytes offsets;
  for (uint32_t i = 0; i < strips; ++i) {
    const Bytes offset = number(8 + uint64_t{i} * 4 * width * channels + (i > 0 ? gap : 0), 4);
    offsets.insert(offsets.end(), offset.begin(), offset.end());
  }
  Bytes bits;
  for (uint32_t i = 0; i < 4; ++i) {
    const Bytes eight = number(8, 2);
    bits.insert(bits.end(), eight.begin(), eight.end());
  }
  const auto entry = [&](uint64_t tag, uint64_t type, uint64_t count, const Bytes& value) {
    Bytes padded = value;
    padded.resize(4);
    return Joined({number(tag, 2), number(type, 2), number(count, 4), padded});
  };
  const Bytes strip_places = strips == 1 ? number(8, 4) : number(behind + 8, 4);
  const Bytes bit_places = channels <= 2 ? number(8, 2) : number(behind, 4);
  return Joined({Text(big_endian ? "MM" : "II"), number(42, 2),
                 number(behind + 8 + offsets.size(), 4), pixels, bits, offsets, number(8, 2),
                 entry(256, 4, 1, number(width, 4)), entry(257, 3, 1, number(rows, 2)),
                 entry(258, 3, channels, bit_places), entry(259, 3, 1, number(1, 2)),
                 entry(273, 4, strips, strip_places), entry(277, 3, 1, number(channels, 2)),
                 entry(278, 3, 1, number(4, 2)), entry(284, 3, 1, number(1, 2)), number(0, 4)});
}

Bytes Encoded(const Bytes& original, const PhotoLayout& layout,
              const MixerKernels& kernels = FastMixerKernels()) {
  return EncodePhoto(original, layout, SIZE_MAX - 100, kernels, kUncounted).value();
}

// What Compress makes of a file without a model in mode adaptive.
Bytes Compressed(const Bytes& original, std::optional<PhotoFile> photo = std::nullopt) {
  CodecOptions options;
  options.mode = ContextMode::kAdaptive;
  options.photo = photo;
  Bytes file;
  Compress(*MemorySource(original), *MemorySink(&file), nullptr, options);
  return file;
}

uint64_t PhotoSegments(const Bytes& file) {
  Bytes restored;
  const ContainerStats stats = Decompress(
      *MemorySource(file), *MemorySink(&restored),
      [](const FileHeader&, std::span<const uint8_t>) -> const CodecModel* { return nullptr; }, {});
  return stats.method_segments[static_cast<size_t>(CodingMethod::kPhoto)];
}

}  // namespace

TEST_CASE("Photo: pixels of every shape come back, with what is around them") {
  const std::vector<std::tuple<uint32_t, uint32_t>> shapes = {{1, 1}, {1, 9}, {9, 1}, {2, 3},
                                                              {3, 2}, {5, 7}, {8, 8}, {33, 21}};
  for (const auto& [width, rows] : shapes) {
    for (uint32_t channels = 1; channels <= 4; ++channels) {
      for (const uint32_t padding : {0u, 3u}) {
        const Bytes original =
            Joined({Prose(padding * 7, 1), Pixels(width, rows, channels, padding, 2),
                    Prose(padding * 5, 2)});
        const PhotoLayout layout{padding * 7, rows, width, channels, width * channels + padding};
        const Bytes payload = Encoded(original, layout);
        CHECK(DecodePhoto(payload, original.size(), FastMixerKernels(), kUncounted) == original);
      }
    }
  }
}

TEST_CASE("Photo: noise and other bytes taken for pixels come back, too") {
  for (const Bytes& original : {RandomBytes(3000, 1), Prose(3000, 2), Bytes(3000, 0),
                                Bytes(3000, 255), ChainBytes(3000, 64, 3)}) {
    for (const uint32_t channels : {1u, 3u}) {
      const PhotoLayout layout{0, 3000 / 60, 60 / channels, channels, 60};
      const Bytes payload = Encoded(original, layout);
      CHECK(DecodePhoto(payload, original.size(), FastMixerKernels(), kUncounted) == original);
    }
  }
}

TEST_CASE("Photo: the vector kernels and their definition write the same payload") {
  const Bytes original = Pixels(50, 30, 3, 2, 3);
  const PhotoLayout layout{0, 30, 50, 3, 152};
  const Bytes payload = Encoded(original, layout, PlainMixerKernels());
  CHECK(Encoded(original, layout, FastMixerKernels()) == payload);
  CHECK(DecodePhoto(payload, original.size(), PlainMixerKernels(), kUncounted) == original);
}

TEST_CASE("Photo: payloads are those of the format, by digest") {
  const PhotoLayout layout{0, 40, 48, 3, 146};
  const Bytes payload = Encoded(Pixels(48, 40, 3, 2, 4), layout);
  CHECK(Hex(Sha256Of(payload)) ==
        "64fc64c9d796eba0894aa801195e2b4b5dcc3797a90fe0fbe2b465f333233a27");
}

TEST_CASE("Photo: true rows are smaller than those of a wrong width, and than the expert's") {
  const Bytes original = Pixels(96, 64, 3, 0, 5);
  const size_t right = Encoded(original, {0, 64, 96, 3, 288}).size();
  CHECK(right * 100 < Encoded(original, {0, 67, 91, 3, 273}).size() * 95);
  SegmentCodec codec(DefaultHeader(kDefaultContext, ContextMode::kAdaptive), nullptr);
  const auto expert = codec.Encode(original, 1, kUncounted);
  CHECK(expert.header.method == CodingMethod::kExpert);
  CHECK(right * 100 < expert.payload.size() * 90);
  // Each pixel has 7 levels of its own noise, and each channel 3.
  const double noise_bits = 96.0 * 64 * (2.81 + 3 * 1.58);
  CHECK(static_cast<double>(right) * 8 < noise_bits * 1.2);
}

TEST_CASE("Photo: planes that are alike, and flat ones, take next to nothing") {
  Bytes gray = Pixels(64, 64, 1, 0, 6);
  Bytes three;
  for (const uint8_t byte : gray) three.insert(three.end(), 3, byte);
  const size_t one = Encoded(gray, {0, 64, 64, 1, 64}).size();
  CHECK(Encoded(three, {0, 64, 64, 3, 192}).size() < one * 105 / 100 + 120);
  CHECK(Encoded(Bytes(30'000, 77), {0, 100, 100, 3, 300}).size() < 150);
}

TEST_CASE("Photo: encoding ends where a payload grows too large") {
  const Bytes noise = RandomBytes(4000, 7);
  CHECK(!EncodePhoto(noise, {0, 40, 100, 1, 100}, 3999, FastMixerKernels(), kUncounted));
  const Bytes pixels = Pixels(40, 40, 1, 0, 8);
  const PhotoLayout layout{0, 40, 40, 1, 40};
  const size_t size = Encoded(pixels, layout).size();
  CHECK(EncodePhoto(pixels, layout, size, FastMixerKernels(), kUncounted));
  CHECK(!EncodePhoto(pixels, layout, size - 1, FastMixerKernels(), kUncounted));
}

TEST_CASE("Photo: all bytes are counted once, both ways") {
  const Bytes original = Pixels(31, 17, 3, 4, 9);
  const PhotoLayout layout{0, 17, 31, 3, 97};
  uint64_t counted = 0;
  const PhotoCountFn count = [&](uint32_t bytes) { counted += bytes; };
  const auto payload = EncodePhoto(original, layout, 100'000, FastMixerKernels(), count);
  CHECK(counted == original.size());
  counted = 0;
  DecodePhoto(*payload, original.size(), FastMixerKernels(), count);
  CHECK(counted == original.size());
}

TEST_CASE("Photo: a payload that no encoder wrote gives nothing, an error, or other bytes") {
  const Bytes original = Pixels(24, 24, 3, 0, 10);
  const Bytes sound = Encoded(original, {0, 24, 24, 3, 72});
  const auto is_refused = [&](const Bytes& payload) {
    try {
      const auto bytes = DecodePhoto(payload, original.size(), FastMixerKernels(), kUncounted);
      return !bytes || *bytes != original;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::kDamaged;
    }
  };
  for (size_t size = 0; size < sound.size(); size += size < 40 ? 1 : 97)
    CHECK(is_refused(Bytes(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(size))));
  for (size_t i = 0; i < sound.size(); i += i < 40 ? 1 : 61) {
    for (const uint8_t change : {uint8_t{1}, uint8_t{0x80}}) {
      Bytes hurt = sound;
      hurt[i] ^= change;
      CHECK(is_refused(hurt));
    }
  }
  // A layout that promises more than there is takes no memory.
  const auto promises = [&](const PhotoLayout& layout) {
    Bytes hurt = sound;
    const Bytes fields =
        Joined({Little(layout.first, 4), Little(layout.rows, 4), Little(layout.width, 4),
                Little(layout.stride, 4), Little(layout.channels, 1)});
    std::ranges::copy(fields, hurt.begin());
    return DecodePhoto(hurt, original.size(), FastMixerKernels(), kUncounted).has_value();
  };
  CHECK(!promises({0, UINT32_MAX, UINT32_MAX, 4, UINT32_MAX}));
  CHECK(!promises({0, UINT32_MAX, 1, 1, 0}));
  CHECK(!promises({UINT32_MAX, 24, 24, 3, 72}));
  CHECK(!promises({1, 24, 24, 3, 72}));
  CHECK(!promises({0, 24, 24, 5, 72}));
  CHECK(!promises({0, 24, 0, 3, 72}));
  CHECK(!promises({0, 0, 24, 3, 72}));
  CHECK(!promises({0, 24, 24, 3, 71}));
}

TEST_CASE("Photo: least squares find the coefficients of a field that is a sum of its neighbours") {
  // Each pixel is 3/4 of the one to the left and half of the one above less a quarter of that
  // between.
  constexpr size_t kWidth = 64;
  std::vector<int32_t> above(kWidth + 1), row(kWidth + 1);
  PixelLeastSquares window(3, 5, kWidth);
  Random random(11);
  int64_t error = 0;
  int64_t noise_sum = 0;
  for (int y = 0; y < 40; ++y) {
    window.StartRow();
    std::swap(above, row);
    row[0] = static_cast<int32_t>(random.Below(200)) - 100;
    for (size_t x = 1; x <= kWidth; ++x) {
      const auto noise = static_cast<int32_t>(random.Below(9)) - 4;
      const int32_t exact = (3 * row[x - 1] + 2 * above[x] - above[x - 1]) / 4;
      row[x] = std::clamp(exact + noise, -255, 255);
      const std::array<int32_t, 3> inputs = {row[x - 1], above[x], above[x - 1]};
      const auto predicted = static_cast<int32_t>(window.Predict(x - 1, inputs) >> 16);
      window.Learn(row[x], 64);
      if (y < 10) continue;
      error += std::abs(predicted - row[x]);
      noise_sum += std::abs(row[x] - exact);
    }
  }
  CHECK(error * 100 < noise_sum * 125);  // what is left is the noise, and little more
}

TEST_CASE("Photo: least squares bear the worst that pixels can do") {
  // Extremes that are alike make matrices without an inverse; nothing overflows (sanitizers look).
  PixelLeastSquares window(25, 5, 5000);
  Random random(12);
  std::array<int32_t, 25> inputs{};
  for (int y = 0; y < 3; ++y) {
    window.StartRow();
    for (size_t x = 0; x < 5000; x += x < 100 ? 1 : 300) {
      for (size_t i = 0; i < inputs.size(); ++i)
        inputs[i] = y == 0       ? 255
                    : i % 2 == 0 ? -255
                                 : static_cast<int32_t>(random.Below(2)) * 510 - 255;
      window.Predict(x, inputs);
      window.Learn(x % 2 == 0 ? 255 : -255, 128);
    }
  }
  CHECK(window.Predict(0, inputs) == window.Predict(0, inputs));
}

TEST_CASE("Photo: the tails of the curves are shares that fall from one half to nothing") {
  constexpr StudentTails tails;
  CHECK(tails.Beyond(0) == StudentTails::kWhole / 2);
  // Student's distribution with five degrees of freedom: 0.18161 beyond 1, 0.05097 beyond 2.
  CHECK(std::abs(tails.Beyond(256) / double{StudentTails::kWhole} - 0.18161) < 2e-4);
  CHECK(std::abs(tails.Beyond(512) / double{StudentTails::kWhole} - 0.05097) < 2e-4);
  for (int32_t u = -70'000; u < 70'000; u += 7) {
    CHECK(tails.Beyond(u) >= tails.Beyond(u + 7));
    CHECK(tails.Beyond(u) + tails.Beyond(-u) == StudentTails::kWhole);
  }
}

TEST_CASE("Photo: headers tell where pixels lie") {
  const Bytes gray = Portable(30, 20, 1);
  CHECK(FindPhoto(gray) == PhotoFile{gray.size() - 600, 20, 30, 1, 30});
  CHECK(FindPhoto(Portable(30, 20, 3))->channels == 3);
  CHECK(FindPhoto(Joined({BitmapHeader(10, 7, 24), Bytes(300)})) == PhotoFile{54, 7, 10, 3, 32});
  CHECK(FindPhoto(Joined({BitmapHeader(10, -7, 32), Bytes(300)})) == PhotoFile{54, 7, 10, 4, 40});
  CHECK(FindPhoto(Joined({BitmapHeader(9, 7, 8), Bytes(300)})) == PhotoFile{54, 7, 9, 1, 12});
  for (const bool big_endian : {false, true}) {
    for (const uint32_t channels : {1u, 3u}) {
      for (const uint32_t rows : {3u, 11u}) {
        CHECK(FindPhoto(Tiff(21, rows, channels, big_endian)) ==
              PhotoFile{8, rows, 21, channels, 21 * channels});
      }
      CHECK(!FindPhoto(Tiff(21, 11, channels, big_endian, /*gap=*/2)));
    }
  }
}

TEST_CASE("Photo: headers that are none, are cut off, or tell other pixels give nothing") {
  for (const std::string text :
       {"", "P", "P5", "P5\n", "P5 30", "P5 30 20 255", "P5 30 20 65535\n", "P5 30 20 0\n",
        "P5 0 20 255\n", "P5 30 0 255\n", "P5 70000 20 255\n", "P5x30 20 255\n", "P4 30 20\n",
        "P5 99999999999 2 255\n", "BM", "II*", "MM", "Prose"})
    CHECK(!FindPhoto(Text(text)));
  CHECK(!FindPhoto(BitmapHeader(0, 7, 24)));
  CHECK(!FindPhoto(BitmapHeader(10, 0, 24)));
  CHECK(!FindPhoto(BitmapHeader(10, 7, 4)));
  CHECK(!FindPhoto(BitmapHeader(10, 7, 64)));
  const Bytes tiff = Tiff(21, 11, 3, false);
  for (size_t size = 0; size + 6 < tiff.size(); ++size)
    CHECK(!FindPhoto(std::span(tiff).first(size)));
  // Any byte may be another one.
  for (size_t i = 0; i < tiff.size(); ++i) {
    Bytes hurt = tiff;
    for (const uint8_t byte : {uint8_t{0}, uint8_t{255}, static_cast<uint8_t>(tiff[i] ^ 1)}) {
      hurt[i] = byte;
      const auto photo = FindPhoto(hurt);
      if (!photo) continue;
      const auto layout = LayoutOf(*photo, 0, hurt.size());
      CHECK((!layout || layout->Fits(hurt.size())));
    }
  }
}

TEST_CASE("Photo: a header that promises gigabytes gives the rows that are there") {
  const PhotoFile promised = FindPhoto(Text("P6 60000 4000000000 255\n")).value();
  CHECK(!LayoutOf(promised, 0, 100'000));
  CHECK(LayoutOf(promised, 0, 24 + 180'000 * 2 + 5) == PhotoLayout{24, 2, 60000, 3, 180'000});
  const Bytes file = Joined({Text("P5 50 4000000000 255\n"), Pixels(50, 40, 1, 0, 1)});
  const Bytes compressed = Compressed(file);
  CHECK(PhotoSegments(compressed) == 1);
  CHECK(DecompressBytes(compressed, nullptr) == file);
}

TEST_CASE("Photo: a segment has the rows that lie whole in it") {
  const PhotoFile photo{54, 10, 5, 3, 16};  // 15 bytes of pixels a row, and one more
  CHECK(LayoutOf(photo, 0, 1000) == PhotoLayout{54, 10, 5, 3, 16});
  CHECK(LayoutOf(photo, 0, 54 + 15) == PhotoLayout{54, 1, 5, 3, 16});
  CHECK(!LayoutOf(photo, 0, 54 + 14));
  CHECK(LayoutOf(photo, 54, 40) == PhotoLayout{0, 2, 5, 3, 16});
  CHECK(LayoutOf(photo, 55, 40) == PhotoLayout{15, 1, 5, 3, 16});
  CHECK(LayoutOf(photo, 100, 100) == PhotoLayout{2, 6, 5, 3, 16});
  CHECK(!LayoutOf(photo, 199, 1000));
  CHECK(!LayoutOf(photo, 1u << 30, 1000));
  CHECK(LayoutOf(RawPhoto(10, 2), 1'000'000'005, 50) == PhotoLayout{15, 1, 10, 2, 20});
  CHECK(!LayoutOf(RawPhoto(1, 1), 0, 5000));  // narrow, and too high
}

TEST_CASE("Photo: bands of rows are segments, and each is coded alone") {
  const Bytes original = Pixels(64, 200, 1, 0, 13);
  FileHeader header = SmallLayout(64, 1, 4096, nullptr);
  header.mode = ContextMode::kAdaptive;
  SegmentCodec codec(header, nullptr);
  const PhotoFile photo = RawPhoto(64, 1);
  for (size_t begin = 0; begin < original.size(); begin += 4096) {
    const auto part =
        std::span(original).subspan(begin, std::min<size_t>(4096, original.size() - begin));
    const auto layout = LayoutOf(photo, begin, part.size());
    EncodedSegment segment = codec.Encode(part, 1, kUncounted, layout);
    CHECK(segment.header.method == CodingMethod::kPhoto);
    CHECK(std::ranges::equal(codec.Decode(segment.header, segment.payload, 1, kUncounted, "x"),
                             part));
    segment.payload[40] ^= 1;
    CHECK(ThrownBy([&] {
            codec.Decode(segment.header, segment.payload, 1, kUncounted, "x");
          }).kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Photo: files with a header are photographs in every mode, and need no model") {
  const CodecModel model = ChainModel(64);
  const Bytes bitmap = Joined({BitmapHeader(33, 30, 24), Pixels(33, 30, 3, 1, 14)});
  for (const Bytes& original : {Portable(60, 50, 1), Portable(40, 30, 3), bitmap,
                                Tiff(60, 40, 1, false), Tiff(40, 31, 3, true)}) {
    Bytes chunked;
    Compress(*MemorySource(original), *MemorySink(&chunked), &model, {});
    CHECK(PhotoSegments(chunked) == 1);
    CHECK(DecompressBytes(chunked, nullptr) == original);
    CHECK(chunked == Compressed(original));
    // A pipe gives the same.
    Bytes piped;
    PipeSource pipe(original);
    CodecOptions three;
    three.threads = 3;
    Compress(pipe, *MemorySink(&piped), &model, three);
    CHECK(piped == chunked);
    Bytes part;
    DecompressRange(
        *MemorySource(chunked), *MemorySink(&part),
        [](const FileHeader&, std::span<const uint8_t>) -> const CodecModel* { return nullptr; },
        {100, 500}, {});
    CHECK(std::ranges::equal(part, std::span(original).subspan(100, 500)));
  }
}

TEST_CASE("Photo: raw pixels are photographs where the caller tells their width") {
  const Bytes original = Pixels(80, 60, 3, 0, 15);
  const Bytes told = Compressed(original, RawPhoto(80, 3));
  CHECK(PhotoSegments(told) == 1);
  CHECK(DecompressBytes(told, nullptr) == original);
  CHECK(told.size() < Compressed(original).size());
  CHECK(ThrownBy([] { RawPhoto(0, 1); }).kind == ErrorKind::kUsage);
  CHECK(ThrownBy([] { RawPhoto(10, 5); }).kind == ErrorKind::kUsage);
  CHECK(ThrownBy([] { RawPhoto(1u << 20, 1); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Photo: a header that lies costs less than one hundredth") {
  const std::string header = "P6\n100 80\n255\n";
  for (const Bytes& rest : {Prose(24'000, 1), Prose(40'000, 1), RandomBytes(24'000, 2),
                            RandomBytes(40'000, 3), Bytes(24'000, 0)}) {
    const Bytes lie = Joined({Text(header), rest});
    // The same bytes but for the first one, which makes no header.
    Bytes plain = lie;
    plain[0] = 'Q';
    const Bytes compressed = Compressed(lie);
    CHECK(DecompressBytes(compressed, nullptr) == lie);
    // A layout and the first decisions are some bytes, however few others there are.
    CHECK(compressed.size() * 100 <= Compressed(plain).size() * 101 + 3200);
  }
  // With a model the file stays one of the model.
  const CodecModel model = ChainModel(64);
  const Bytes lie = Joined({Text(header), ChainBytes(24'000, 64, 3)});
  const Bytes compressed = CompressBytes(lie, &model);
  CHECK(PhotoSegments(Compressed(Portable(60, 50, 3))) == 1);
  CHECK(DecompressBytes(compressed, &model) == lie);
  CHECK(ReadFileInfo(*MemorySource(compressed)).header.has_model());
}

TEST_CASE("Photo: the method is one of mode adaptive alone, and the one between is unknown") {
  SegmentHeader segment;
  segment.method = CodingMethod::kPhoto;
  segment.symbols = segment.original_bytes = 100;
  segment.payload_bytes = 50;
  FileHeader header = DefaultHeader(kDefaultContext, ContextMode::kAdaptive);
  CHECK(ParseSegmentHeader(Serialise(segment), header, "x").method == CodingMethod::kPhoto);
  header.mode = ContextMode::kCarried;
  CHECK(ThrownBy([&] { ParseSegmentHeader(Serialise(segment), header, "x"); }).kind ==
        ErrorKind::kDamaged);
}

}  // namespace occam
