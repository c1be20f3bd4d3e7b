#include "coder/archive/sound_segment.h"

#include <algorithm>

#include "coder/archive/cheap_look.h"
#include "coder/archive/segment_codec.h"
#include "coder/archive/segment_memory.h"
#include "coder/predict/order2_predictor.h"
#include "coder/predict/sound/sound_coder.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/coder/archive/wav.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

constexpr int kRate = 16000;
constexpr auto kUncounted = [](uint32_t) {};

Bytes MusicBytes(size_t frames, int channels, uint64_t seed = 1) {
  return BytesOfSamples(Music(frames, channels, kRate, seed));
}

Bytes Concatenated(const std::vector<Bytes>& pieces) {
  Bytes all;
  for (const Bytes& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

Bytes CompressIn(ContextMode mode, const Bytes& original, const CodecModel* model = nullptr) {
  Bytes file;
  CodecOptions options;
  options.mode = mode;
  Compress(*MemorySource(original), *MemorySink(&file), model, options);
  return file;
}

// The methods of a file's segments, in order; the file is restored and compared.
std::vector<CodingMethod> MethodsOf(const Bytes& file, const Bytes& original,
                                    const CodecModel* model = nullptr) {
  CHECK(DecompressBytes(file, model) == original);
  std::vector<CodingMethod> methods;
  for (const SegmentHeader& segment : ReadFileInfo(*MemorySource(file)).segments)
    methods.push_back(segment.method);
  return methods;
}

constexpr ContextMode kModes[] = {ContextMode::kChunked, ContextMode::kCarried,
                                  ContextMode::kAdaptive};
const std::vector<CodingMethod> kOneOfSound = {CodingMethod::kSound};

}  // namespace

TEST_CASE("Sound: a WAV file's header tells where its samples are") {
  const Bytes samples = MusicBytes(2000, 2);
  WavHeader header;
  header.channels = 2;
  CHECK(FindSound(WavFile(header, samples)) == SoundGeometry{44, 0, 2, 0});
  header.after = Bytes(11, 'x');
  CHECK(FindSound(WavFile(header, samples)) == SoundGeometry{44, 11, 2, 0});
  header.chunk_before = Bytes(7, 'y');
  CHECK(FindSound(WavFile(header, samples)) == SoundGeometry{60, 11, 2, 0});
  header.kind = 0xfffe;
  CHECK(FindSound(WavFile(header, samples)) == SoundGeometry{84, 11, 2, 0});
  header = {};
  CHECK(FindSound(WavFile(header, samples)) == SoundGeometry{44, 0, 1, 0});

  // Half a frame at the end, and a length that lies: beyond the end, 0, and far too short.
  Bytes odd = samples;
  odd.pop_back();
  header.channels = 2;
  CHECK(FindSound(WavFile(header, odd)) == SoundGeometry{44, 3, 2, 0});
  for (const uint32_t lie : {1'000'000'000u, 0xffffffffu - 1, 0u}) {
    header.data_bytes = lie;
    CHECK(FindSound(WavFile(header, samples)) == SoundGeometry{44, 0, 2, 0});
  }
  const Bytes long_samples = MusicBytes(10'000, 2);
  header.data_bytes = 8;
  CHECK(FindSound(WavFile(header, long_samples)) == SoundGeometry{44, 0, 2, 0});
  header.data_bytes = 39'000;
  CHECK(FindSound(WavFile(header, long_samples)) == SoundGeometry{44, 1000, 2, 0});
}

TEST_CASE("Sound: what a header tells to be other than 16 bits is no sound") {
  const Bytes samples = MusicBytes(2000, 2);
  for (const int bits : {8, 24, 32}) {
    WavHeader header;
    header.bits = bits;
    CHECK(!FindSound(WavFile(header, samples)));
  }
  for (const int channels : {0, 3, 6}) {
    WavHeader header;
    header.channels = channels;
    CHECK(!FindSound(WavFile(header, samples)));
  }
  WavHeader floats;
  floats.kind = 3;
  CHECK(!FindSound(WavFile(floats, samples)));
  WavHeader far;
  far.chunk_before = Bytes(kMostOtherBytes, 'x');
  CHECK(!FindSound(WavFile(far, samples)));
  // Cut anywhere in the header, and before the first whole frame.
  const Bytes whole = WavFile({}, samples);
  for (size_t size = 0; size <= 45; ++size) CHECK(!FindSound(std::span(whole).first(size)));
  CHECK(FindSound(std::span(whole).first(46)) == SoundGeometry{44, 0, 1, 0});
}

TEST_CASE("Sound: samples without a header are recognised, and other bytes are not") {
  for (const int channels : {1, 2}) {
    const Bytes samples = MusicBytes(20'000, channels);
    const auto found = FindSound(samples);
    REQUIRE(found);
    CHECK(found->head == 0);
    CHECK((found->channels == channels || channels == 2));
    Bytes shifted = {1};
    shifted.insert(shifted.end(), samples.begin(), samples.end());
    REQUIRE(FindSound(shifted));
    CHECK(FindSound(shifted)->head == 1);
  }
  CHECK(!FindSound(Prose(50'000, 1)));
  CHECK(!FindSound(RandomBytes(50'000, 1)));
  CHECK(!FindSound(Bytes(50'000, 0)));
  CHECK(!FindSound({}));
  // Samples of 8 bits: no byte is worth more than another.
  Bytes narrow;
  for (const int32_t sample : Music(50'000, 1, kRate, 3))
    narrow.push_back(static_cast<uint8_t>((sample >> 8) + 128));
  CHECK(!FindSound(narrow));
}

TEST_CASE("Sound: WAV files of all shapes are coded as sound and come back, in all modes") {
  for (const int channels : {1, 2}) {
    for (const size_t frames : {size_t{3000}, size_t{9001}}) {
      WavHeader header;
      header.channels = channels;
      header.after = Bytes{'L', 'I', 'S', 'T', 3};
      const Bytes original = WavFile(header, MusicBytes(frames, channels, frames));
      for (const ContextMode mode : kModes) {
        const Bytes file = CompressIn(mode, original);
        CHECK(MethodsOf(file, original) == kOneOfSound);
        CHECK(file.size() < original.size() * 3 / 4);
      }
    }
  }
}

TEST_CASE("Sound: WAV files of other samples are coded by the other methods") {
  std::vector<Bytes> files;
  Bytes narrow, wide;
  for (const int32_t sample : Music(12'000, 1, kRate, 5)) {
    narrow.push_back(static_cast<uint8_t>((sample >> 8) + 128));
    for (const int shift : {0, 0, 8}) wide.push_back(static_cast<uint8_t>(sample >> shift));
  }
  WavHeader header;
  header.bits = 8;
  files.push_back(WavFile(header, narrow));
  header.bits = 24;
  files.push_back(WavFile(header, wide));
  // A header that lies: text and noise that are told to be samples.
  files.push_back(WavFile({}, Prose(40'000, 1)));
  files.push_back(WavFile({}, RandomBytes(40'000, 1)));
  for (const Bytes& original : files) {
    for (const ContextMode mode : kModes) {
      const auto methods = MethodsOf(CompressIn(mode, original), original);
      CHECK(std::ranges::count(methods, CodingMethod::kSound) == 0);
    }
  }
}

TEST_CASE("Sound: a long recording has segments without a header") {
  const Bytes original = WavFile({}, MusicBytes(400'000, 1));
  const Bytes file = CompressIn(ContextMode::kChunked, original);
  CHECK(MethodsOf(file, original) == std::vector(2, CodingMethod::kSound));
  CHECK(CompressBytes(original, nullptr, 3) == file);
}

TEST_CASE("Sound: bits that are zero in all samples cost nothing") {
  std::vector<int32_t> samples = Music(6000, 1, kRate, 6);
  for (int32_t& sample : samples) sample = sample / 16;
  const auto plain = CompressIn(ContextMode::kAdaptive, WavFile({}, BytesOfSamples(samples)));
  for (int32_t& sample : samples) sample *= 16;
  const Bytes original = WavFile({}, BytesOfSamples(samples));
  CHECK(FindSound(original)->zero_bits >= 4);
  const auto shifted = CompressIn(ContextMode::kAdaptive, original);
  CHECK(MethodsOf(shifted, original) == kOneOfSound);
  CHECK(shifted.size() <= plain.size() + 4);
}

TEST_CASE("Sound: a wrong guess costs under a hundredth") {
  // Text between samples, samples between text, and a recording that repeats itself, of which other
  // methods make more.
  const Bytes music = MusicBytes(6000, 1), prose = Prose(12'000, 2), noise = RandomBytes(6000, 3);
  const std::vector<Bytes> originals = {
      WavFile({}, Concatenated({music, prose, music})), Concatenated({prose, music, prose}),
      WavFile({}, Concatenated({music, music, music, music})), Concatenated({noise, music, noise})};
  for (const Bytes& original : originals) {
    FileHeader header = DefaultHeader(kDefaultContext, ContextMode::kAdaptive);
    SegmentCodec codec(header, nullptr);
    const EncodedSegment chosen = codec.Encode(original, 1, kUncounted);
    const size_t by_expert = codec.PayloadBytes(CodingMethod::kExpert, original, 1, kUncounted);
    CHECK(static_cast<double>(chosen.payload.size()) <= 1.01 * static_cast<double>(by_expert));
    uint64_t counted = 0;
    codec.Encode(original, 1, [&](uint32_t n) { counted += n; });
    CHECK(counted == original.size());
  }
}

TEST_CASE("Sound: a network that knows the samples better codes them") {
  constexpr uint32_t kContext = 256;
  const CodecModel model = ChainModel(kContext);
  const Bytes known = ChainBytes(20'000, kContext, 1);
  // Bytes of a chain are no samples. Told that they are, where a context begins, they are still the
  // network's.
  WavHeader header;
  header.chunk_before = Bytes(kContext - 44 - 8, 'x');
  const Bytes original = WavFile(header, known);
  const auto methods =
      MethodsOf(CompressIn(ContextMode::kChunked, original, &model), original, &model);
  CHECK(methods == std::vector{CodingMethod::kModel});
  const Bytes music = WavFile({}, MusicBytes(9000, 1));
  CHECK(MethodsOf(CompressIn(ContextMode::kChunked, music, &model), music, &model) == kOneOfSound);
}

TEST_CASE("Sound: repeated bytes are counted, silence is not") {
  const Bytes noise = RandomBytes(10'000, 4);
  CHECK(RepeatedBytes(noise) == 0);
  CHECK(RepeatedBytes(Bytes(50'000, 0)) == 0);
  const uint64_t copied = RepeatedBytes(Concatenated({noise, Bytes(100, 0), noise}));
  CHECK(copied <= noise.size());
  CHECK(copied + 64 >= noise.size());
}

TEST_CASE("Sound: a payload with another geometry or of another length is refused") {
  const Bytes original = WavFile({}, MusicBytes(3000, 1));
  const auto size = static_cast<uint32_t>(original.size());
  Order2Predictor around;
  const Bytes payload =
      *EncodeSound(original, *FindSound(original), around, original.size(), kUncounted);
  REQUIRE(DecodeSound(payload, size, around, kUncounted) == original);
  const auto refused = [&](const Bytes& changed, uint32_t bytes) {
    try {
      return !DecodeSound(changed, bytes, around, kUncounted).has_value();
    } catch (const Error& error) {
      return error.kind() == ErrorKind::kDamaged;
    }
  };
  for (size_t cut = 0; cut < 6; ++cut)
    CHECK(refused(Bytes(payload.begin(), payload.begin() + static_cast<ptrdiff_t>(cut)), size));
  const auto with = [&](size_t at, uint8_t value) {
    Bytes changed = payload;
    changed[at] = value;
    return changed;
  };
  CHECK(refused(with(0, 0), size));
  CHECK(refused(with(0, 3), size));
  CHECK(refused(with(1, 16), size));
  CHECK(refused(with(2, 45), size));    // frames of half a sample
  CHECK(refused(with(3, 0xff), size));  // a head that is too long
  CHECK(refused(with(5, 0x40), size));  // a tail that is
  CHECK(refused(payload, size + 1));
  CHECK(refused(payload, 44));
  Bytes longer = payload;
  longer.push_back(1);
  CHECK(refused(longer, size));
  CHECK(!EncodeSound(original, *FindSound(original), around, payload.size() - 1, kUncounted));
  CHECK(EncodeSound(original, *FindSound(original), around, payload.size(), kUncounted) == payload);
}

TEST_CASE("Sound: the method is refused in the first form of mode adaptive") {
  SegmentHeader segment;
  segment.method = CodingMethod::kSound;
  segment.symbols = segment.original_bytes = 100;
  segment.payload_bytes = 50;
  FileHeader file = DefaultHeader(kDefaultContext, ContextMode::kAdaptive);
  CHECK(ParseSegmentHeader(Serialise(segment), file, "x").method == CodingMethod::kSound);
  file.mode = ContextMode::kFirstAdaptive;
  CHECK_THROWS_AS(ParseSegmentHeader(Serialise(segment), file, "x"), Error);
}

TEST_CASE("Sound: memory is counted") {
  FileHeader file = DefaultHeader(kDefaultContext, ContextMode::kChunked);
  CHECK(SegmentMemory(file, nullptr, 1) >= SoundCoder::kMemoryBytes + file.segment_bytes());
}

}  // namespace occam
