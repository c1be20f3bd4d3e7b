#include "coder/predict/expert/step_expert.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/base/digest.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"

namespace occam {
namespace {

// Rows of 12 bytes: a number that grows, and two words of which each has a few values, the second
// by the first.
Bytes Records(size_t size, uint64_t seed) {
  Random random(seed);
  Bytes bytes;
  for (uint64_t number = 0; bytes.size() < size; number += random.Below(3000)) {
    const uint64_t kind = random.Below(6);
    for (const uint64_t word : {number, 0x01020305 * kind, 0x1a0b0c07 * (kind * kind % 5)})
      for (int shift = 24; shift >= 0; shift -= 8)
        bytes.push_back(static_cast<uint8_t>(word >> shift));
  }
  bytes.resize(size);
  return bytes;
}

// Strokes that wander, in rows of 64 bytes, a bit for a pixel.
Bytes Bitmap(size_t rows) {
  constexpr size_t kPixels = 512;
  Random random(9);
  std::vector<size_t> strokes;
  for (size_t x = 20; x < kPixels - 20; x += 100) strokes.push_back(x);
  Bytes bytes;
  for (size_t y = 0; y < rows; ++y) {
    std::vector<bool> row(kPixels, false);
    for (size_t& x : strokes) {
      if (random.Below(5) == 0) x = std::clamp<size_t>(x + random.Below(3) - 1, 1, kPixels - 20);
      for (size_t i = 0; i < 5; ++i) row[x + i] = true;
    }
    for (size_t x = 0; x < kPixels; x += 8) {
      uint8_t byte = 0;
      for (size_t i = 0; i < 8; ++i) byte = static_cast<uint8_t>(byte << 1 | (row[x + i] ? 1 : 0));
      bytes.push_back(byte);
    }
  }
  return bytes;
}

Bytes Concatenated(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// The probabilities of all bits. Lanes take bytes in turn; `workers` learn, the last one first.
std::vector<int32_t> Predictions(const Bytes& bytes, size_t lanes, const MixerKernels& kernels,
                                 bool with_network, size_t workers = 1,
                                 const StepForm& form = kAdaptiveForm) {
  StepExpert expert(with_network, kernels, form);
  expert.Start(static_cast<int>(lanes), bytes.size());
  expert.SetWorkers(workers);
  std::vector<int32_t> predictions;
  for (size_t begin = 0; begin < bytes.size(); begin += lanes) {
    const size_t count = std::min(lanes, bytes.size() - begin);
    for (size_t l = 0; l < count; ++l) {
      StepExpert::Lane& lane = expert.lane(l);
      lane.StartByte();
      for (int shift = 8; shift-- > 0;) {
        const auto logit =
            static_cast<int>((37 * (begin + l) + 100 * static_cast<size_t>(shift)) % 601) - 300;
        predictions.push_back(lane.Predict(logit));
        lane.Learn((bytes[begin + l] >> shift & 1) != 0);
      }
    }
    for (size_t worker = workers; worker-- > 0;) expert.LearnPart(count, worker);
    if (expert.MustEndStep()) expert.EndStep();
  }
  return predictions;
}

Bytes OfAllKinds() {
  return Concatenated(
      {Bitmap(120), Prose(1200, 1), RandomBytes(200, 2), Records(2000, 3), Prose(1200, 1)});
}

std::vector<LaneKind> KindsOf(const Bytes& bytes) {
  StepExpert expert(/*with_network=*/false, FastMixerKernels());
  expert.Start(1, bytes.size());
  std::vector<LaneKind> kinds;
  for (const uint8_t byte : bytes) {
    kinds.push_back(expert.lane(0).kind());
    expert.lane(0).StartByte();
    for (int shift = 8; shift-- > 0;) {
      expert.lane(0).Predict();
      expert.lane(0).Learn((byte >> shift & 1) != 0);
    }
    expert.LearnStep(1);
  }
  return kinds;
}

}  // namespace

TEST_CASE("Step expert: predictions are probabilities, and the same by all kernels and workers") {
  const Bytes bytes = OfAllKinds();
  for (const bool with_network : {false, true}) {
    for (const size_t lanes : {size_t{1}, size_t{3}}) {
      const auto predictions = Predictions(bytes, lanes, FastMixerKernels(), with_network);
      CHECK(std::ranges::all_of(predictions, [](int32_t p) { return p >= 1 && p <= 65535; }));
      const size_t workers = lanes == 1 ? 2 : 40;
      CHECK(predictions == Predictions(bytes, lanes, PlainMixerKernels(), with_network, workers));
    }
  }
}

TEST_CASE("Step expert: lanes of a step know nothing of each other's byte") {
  // Two lanes repeat each other. What lane 0 codes in a step must not help lane 1 in it.
  const auto first_of_lane_1 = [](uint8_t of_lane_0) {
    StepExpert expert(/*with_network=*/false, FastMixerKernels());
    expert.Start(2, 64);
    std::vector<int32_t> predictions;
    for (const size_t l : {size_t{0}, size_t{1}}) {
      StepExpert::Lane& lane = expert.lane(l);
      lane.StartByte();
      for (int shift = 8; shift-- > 0;) {
        const int32_t p = lane.Predict();
        if (l == 1) predictions.push_back(p);
        lane.Learn((of_lane_0 >> shift & 1) != 0);
      }
    }
    return predictions;
  };
  CHECK(first_of_lane_1(0x55).front() == first_of_lane_1(0xaa).front());
}

TEST_CASE("Step expert: text, records and bitmaps are told apart") {
  const auto at_end = [](const Bytes& bytes) { return KindsOf(bytes).back(); };
  CHECK(at_end(Prose(3000, 1)) == LaneKind::kText);
  CHECK(at_end(Records(4500, 1)) == LaneKind::kRecords);
  CHECK(at_end(Bitmap(130)) == LaneKind::kBitmap);
  CHECK(at_end(Concatenated({Records(3000, 1), Prose(1500, 1)})) == LaneKind::kText);
  const auto kinds = KindsOf(OfAllKinds());
  for (const LaneKind kind : {LaneKind::kText, LaneKind::kRecords, LaneKind::kBitmap})
    CHECK(std::ranges::count(kinds, kind) > 500);
}

TEST_CASE("Step expert: a network that is sure of the wrong leaves every byte possible") {
  StepExpert expert(/*with_network=*/true, FastMixerKernels());
  expert.Start(1, 256);
  StepExpert::Lane& lane = expert.lane(0);
  for (int byte = 0; byte < 256; ++byte) {
    lane.StartByte();
    for (int shift = 8; shift-- > 0;) {
      const bool bit = (byte >> shift & 1) != 0;
      const int32_t p = lane.Predict(bit ? -1000000 : 1000000);
      REQUIRE(p >= 1);
      REQUIRE(p <= 65535);
      lane.Learn(bit);
    }
    expert.LearnStep(1);
  }
}

TEST_CASE("Step expert: predictions are those of the format, by digest") {
  const auto digest_of = [](const StepForm& form) {
    Bytes bytes;
    for (const int32_t p :
         Predictions(OfAllKinds(), 2, FastMixerKernels(), /*with_network=*/true, 1, form)) {
      bytes.push_back(static_cast<uint8_t>(p));
      bytes.push_back(static_cast<uint8_t>(p >> 8));
    }
    return Hex(Sha256Of(bytes));
  };
  CHECK(digest_of(kAdaptiveForm) ==
        "711c2465c71ebf07e4e1fdb26cc82e0b709c5ff7bdbc9498383fe95b787b89ad");
  CHECK(digest_of(kLongForm) == "3d8f37935ee2b7f20e334bde22b67f4b01aac1ddf7dc5ee99a227d84e8dfc121");
}

}  // namespace occam
