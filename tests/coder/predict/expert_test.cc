#include "coder/predict/expert/expert.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "coder/archive/segment_codec.h"
#include "coder/predict/expert/step_expert.h"
#include "data/base/digest.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

// Rows of 24 bytes: a number that counts, a few kinds, zeros, and noise.
Bytes Records(size_t size, uint64_t seed) {
  Random random(seed);
  Bytes bytes;
  for (uint32_t row = 0; bytes.size() < size; ++row) {
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<uint8_t>(row >> shift));
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(random.Below(3) * 40 + 1));
    bytes.insert(bytes.end(), 12, 0);
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(random.Next()));
  }
  bytes.resize(size);
  return bytes;
}

std::vector<int32_t> Predictions(const Bytes& bytes, int lanes, const MixerKernels& kernels,
                                 bool with_network, const ExpertForm& form = kUsualExpert) {
  Expert expert(with_network, kernels, form);
  expert.Start(lanes, bytes.size());
  std::vector<int32_t> predictions;
  for (size_t i = 0; i < bytes.size(); ++i) {
    expert.StartByte(static_cast<int>(i) % lanes);
    for (int shift = 8; shift-- > 0;) {
      const auto logit = static_cast<int>((37 * i + 100 * static_cast<size_t>(shift)) % 601) - 300;
      predictions.push_back(expert.Predict(logit));
      expert.Learn((bytes[i] >> shift & 1) != 0);
    }
  }
  return predictions;
}

Bytes Concatenated(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

SegmentCodec AloneCodec() {
  return SegmentCodec(DefaultHeader(kDefaultContext, ContextMode::kAdaptive), nullptr);
}

EncodedSegment Coded(const Bytes& original) {
  return AloneCodec().Encode(original, 1, [](uint32_t) {});
}

Bytes Restored(const EncodedSegment& segment) {
  return AloneCodec().Decode(
      segment.header, segment.payload, 1, [](uint32_t) {}, "x");
}

}  // namespace

TEST_CASE("Expert: the vector kernels do as the definition, up to the widest numbers") {
  Random random(1);
  for (const size_t size : {kMixerStep, 4 * kMixerStep, 9 * kMixerStep}) {
    for (const int32_t most : {300, 32767}) {
      const auto draw = [&] {
        return static_cast<int16_t>(
            static_cast<int>(random.Below(2 * static_cast<uint64_t>(most) + 1)) - most);
      };
      std::vector<int16_t> inputs(size);
      for (int16_t& input : inputs) input = draw();
      std::vector<std::vector<int16_t>> plain(5, std::vector<int16_t>(size));
      for (auto& set : plain)
        for (int16_t& weight : set) weight = draw();
      plain[0].assign(size, -32768);
      auto fast = plain;
      std::vector<int16_t*> plain_sets, fast_sets;
      for (size_t s = 0; s < plain.size(); ++s) {
        plain_sets.push_back(plain[s].data());
        fast_sets.push_back(fast[s].data());
      }
      std::vector<int32_t> sums(5), fast_sums(5);
      PlainMixerKernels().sum(inputs, plain_sets, sums);
      FastMixerKernels().sum(inputs, fast_sets, fast_sums);
      CHECK(sums == fast_sums);
      const std::vector<int32_t> moves = {-32767, 32767, 0, 1, -12345};
      PlainMixerKernels().learn(inputs, plain_sets, moves);
      FastMixerKernels().learn(inputs, fast_sets, moves);
      CHECK(plain == fast);
    }
  }
}

TEST_CASE("Expert: a history knows up to four bits in their order, and more by their counts") {
  const auto after = [](const std::string& bits) {
    uint8_t history = 0;
    for (const char bit : bits) history = kHistories.Next(history, bit == '1');
    return history;
  };
  std::vector<uint8_t> all;
  for (int length = 0; length <= 4; ++length) {
    for (int bits = 0; bits < 1 << length; ++bits) {
      std::string text;
      for (int i = length; i-- > 0;) text += (bits >> i & 1) != 0 ? '1' : '0';
      all.push_back(after(text));
      CHECK(kHistories.ones(all.back()) == std::ranges::count(text, '1'));
      CHECK(kHistories.zeros(all.back()) == std::ranges::count(text, '0'));
    }
  }
  std::ranges::sort(all);
  CHECK(std::ranges::adjacent_find(all) == all.end());
  CHECK(after("00000") != after("10000"));
  CHECK(after(std::string(100, '1')) == after(std::string(40, '1')));
  CHECK(kHistories.IsCertain(after("111")));
  CHECK(!kHistories.IsCertain(after("110")));
  CHECK(!kHistories.IsCertain(0));
  // What is old counts for less.
  CHECK(kHistories.ones(after("11111111"
                              "0")) == 5);
  CHECK(BitHistories::kCount - 1 == [] {
    size_t most = 0;
    for (size_t h = 0; h < BitHistories::kCount; ++h)
      for (const bool bit : {false, true})
        most = std::max<size_t>(most, kHistories.Next(static_cast<uint8_t>(h), bit));
    return most;
  }());
}

TEST_CASE("Expert: the width of records is found, and none in noise, prose or zeros") {
  const auto width_of = [](const Bytes& bytes) {
    PeriodFinder finder;
    for (size_t i = 1; i <= bytes.size(); ++i) finder.Add(std::span(bytes).first(i));
    return finder.width();
  };
  CHECK(width_of(Records(6000, 1)) == 24);
  CHECK(width_of(RandomBytes(6000, 1)) == 0);
  CHECK(width_of(Bytes(6000, 0)) == 0);
  CHECK(width_of({}) == 0);
}

TEST_CASE("Expert: predictions are probabilities, and the same by all kernels") {
  const Bytes bytes = Concatenated(
      {Prose(3000, 1), RandomBytes(500, 2), Bytes(3000, 0), Records(3000, 3), Prose(3000, 1)});
  for (const bool with_network : {false, true}) {
    for (const int lanes : {1, 3}) {
      const auto predictions = Predictions(bytes, lanes, FastMixerKernels(), with_network);
      CHECK(std::ranges::all_of(predictions, [](int32_t p) { return p >= 1 && p <= 65535; }));
      CHECK(predictions == Predictions(bytes, lanes, PlainMixerKernels(), with_network));
      const auto of_long = Predictions(bytes, lanes, FastMixerKernels(), with_network, kLongExpert);
      CHECK(std::ranges::all_of(of_long, [](int32_t p) { return p >= 1 && p <= 65535; }));
      CHECK(of_long == Predictions(bytes, lanes, PlainMixerKernels(), with_network, kLongExpert));
      CHECK(of_long != predictions);
    }
  }
}

TEST_CASE("Expert: a network that is sure of the wrong leaves every byte possible") {
  Expert expert(/*with_network=*/true, FastMixerKernels());
  expert.Start(1, 256);
  for (int byte = 0; byte < 256; ++byte) {
    expert.StartByte(0);
    for (int shift = 8; shift-- > 0;) {
      const bool bit = (byte >> shift & 1) != 0;
      const int32_t p = expert.Predict(bit ? -1000000 : 1000000);
      REQUIRE(p >= 1);
      REQUIRE(p <= 65535);
      expert.Learn(bit);
    }
  }
}

TEST_CASE("Expert: without a model every kind of bytes comes back") {
  const Bytes noise = RandomBytes(20'000, 4);
  const std::vector<std::pair<Bytes, CodingMethod>> cases = {
      {Bytes{7}, CodingMethod::kStored},
      {Bytes(5, 0), CodingMethod::kExpert},
      {Bytes(100'000, 0), CodingMethod::kExpert},
      {Prose(20'000, 1), CodingMethod::kExpert},
      {Records(50'000, 2), CodingMethod::kExpert},
      {noise, CodingMethod::kStored},
      {Concatenated({noise, noise}), CodingMethod::kExpert}};
  for (const auto& [original, method] : cases) {
    const EncodedSegment segment = Coded(original);
    CHECK(segment.header.method == method);
    CHECK(Restored(segment) == original);
  }
}

TEST_CASE("Expert: what it learns of records, zeros and repetitions makes them small") {
  CHECK(Coded(Bytes(100'000, 0)).payload.size() < 40);
  // Four of 24 bytes are noise, and four are one of three.
  CHECK(Coded(Records(48'000, 1)).payload.size() < 2000 * (4 + 0.8) * 1.1);
  const Bytes noise = RandomBytes(20'000, 5);
  CHECK(Coded(Concatenated({noise, noise})).payload.size() < 20'000 * 1.02);
}

TEST_CASE("Expert: a payload that no encoder wrote is damage") {
  const Bytes original = Prose(3000, 6);
  const EncodedSegment sound = Coded(original);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EncodedSegment hurt = sound;
    Random random(seed);
    if (seed % 2 == 0) {
      hurt.payload[random.Below(hurt.payload.size())] ^= 1 << random.Below(8);
    } else {
      hurt.payload = RandomBytes(random.Below(sound.payload.size()), seed);
    }
    CHECK(ThrownBy([&] { Restored(hurt); }).kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Expert: files without a model are the same from any number of threads") {
  const Bytes original = Concatenated({Prose(20'000, 7), Records(20'000, 8)});
  std::vector<Bytes> files(2);
  for (size_t i = 0; i < files.size(); ++i) {
    Compress(*MemorySource(original), *MemorySink(&files[i]), nullptr,
             {static_cast<int>(1 + 2 * i), {}, ContextMode::kAdaptive});
  }
  CHECK(files[0] == files[1]);
  CHECK(DecompressBytes(files[0], nullptr) == original);
  // Files of other modes know no such method.
  FileHeader header = DefaultHeader(kDefaultContext, ContextMode::kCarried);
  SegmentHeader segment = Coded(original).header;
  CHECK(ThrownBy([&] { ParseSegmentHeader(Serialise(segment), header, "x"); }).kind ==
        ErrorKind::kDamaged);
  header.mode = ContextMode::kAdaptive;
  CHECK(ParseSegmentHeader(Serialise(segment), header, "x").method == CodingMethod::kExpert);
}

TEST_CASE("Expert: predictions are those of the format, by digest") {
  const auto digest_of = [](const ExpertForm& form) {
    Bytes bytes;
    for (const int32_t p : Predictions(Concatenated({Prose(9000, 3), Records(9000, 4)}), 2,
                                       FastMixerKernels(), /*with_network=*/true, form)) {
      bytes.push_back(static_cast<uint8_t>(p));
      bytes.push_back(static_cast<uint8_t>(p >> 8));
    }
    return Hex(Sha256Of(bytes));
  };
  CHECK(digest_of(kUsualExpert) ==
        "0dded089a827bb7add8094e4f0856044c648b00f318641051987d24f7aae4f21");
  CHECK(digest_of(kLongExpert) ==
        "86acd911e5230b8498e0f9ddfae1079490a06e09995bb25ca0d2959e850ec83b");
}

}  // namespace occam
