// Bare frames of small records (docs/spec/frame.md).
#include "coder/archive/frame_codec.h"

#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include "coder/archive/costs.h"
#include "coder/predict/loaded_model.h"
#include "data/tokenizer/seven_bit_tokenizer.h"
#include "tests/catch.h"
#include "tests/coder/api/door_testing.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

using testing::BytePairModel;
using testing::Dream;
using testing::kContext;
using testing::OfBytes;

const CodecModel& OfPairs() {
  static const LoadedModel model(BytePairModel(), Kernels::kFast);
  return model.codec_model();
}

const CodecModel& OfSevenBits() {
  static const LoadedModel model(
      [] {
        QuantizedModel quantized =
            testing::RandomModel(testing::TestConfig(128, 16, 2, 1, 2, 3, kContext, {5, 0}), 4);
        quantized.tokenizer = SevenBitTokenizer(LostBit::kTop).Serialise();
        return quantized;
      }(),
      Kernels::kFast);
  return model.codec_model();
}

// Bytes of the length, as the first bytes of a frame tell it.
size_t LengthBytes(size_t length) { return length < 192 ? 1 : length < 12480 ? 2 : 3; }

size_t CheckBytes(size_t length, int asked) {
  return std::min(static_cast<size_t>(asked), 4 - LengthBytes(length));
}

// A frame that is not what it was, and the record that it was made of.
struct Hurt {
  Bytes frame;
  Bytes record;
};

// Decodes hurt frames. Returns how many pass for another record; any other end than a record or
// kDamaged fails the test.
size_t Taken(FrameCodec* codec, const std::vector<Hurt>& all) {
  size_t taken = 0;
  for (const Hurt& hurt : all) {
    Bytes record = hurt.record;
    const Thrown thrown = ThrownBy([&] { record = codec->Decode(hurt.frame, "frame"); });
    taken += record == hurt.record ? 0 : 1;
    if (thrown.kind) CHECK(*thrown.kind == ErrorKind::kDamaged);
  }
  return taken;
}

std::vector<Hurt> DreamFrames(FrameCodec* codec, size_t count, size_t size) {
  const Bytes dream = Dream(count * size);
  std::vector<Hurt> frames;
  for (size_t i = 0; i < count; ++i) {
    const auto record = std::span(dream).subspan(i * size, size);
    frames.push_back({codec->Encode(record), {record.begin(), record.end()}});
  }
  return frames;
}

}  // namespace

TEST_CASE("Frame: records of any length and content come back, by every kind of symbol") {
  for (const CodecModel* model : {&OfBytes(), &OfPairs(), &OfSevenBits()}) {
    for (const int check : {0, 1, 2}) {
      FrameCodec codec(*model, check);
      for (const size_t size : {0, 1, 2, 15, 16, 17, 191, 192, 700}) {
        for (const Bytes& record : {Dream(size), Prose(size, size), RandomBytes(size, size)}) {
          const Bytes frame = codec.Encode(record);
          CHECK(codec.Decode(frame, "frame") == record);
          CHECK(RecordBytesOf(frame, "frame") == size);
          CHECK(frame.size() <= LengthBytes(size) + CheckBytes(size, check) + size);
        }
      }
    }
  }
}

TEST_CASE("Frame: the bytes around a payload are at most four, up to the longest record") {
  FrameCodec codec(OfBytes(), 2);
  for (const size_t size : {size_t{12479}, size_t{12480}, kMaxRecordBytes}) {
    const Bytes noise = RandomBytes(size, 7);  // stored, so that the payload is as long
    const Bytes frame = codec.Encode(noise);
    CHECK(frame.size() == size + 4);
    CHECK(RecordBytesOf(frame, "frame") == size);
    CHECK(codec.Decode(frame, "frame") == noise);
  }
  CHECK(ThrownBy([&] { codec.Encode(Bytes(kMaxRecordBytes + 1)); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Frame: a payload has the bits that the model's costs tell, and at most two bytes more") {
  for (const CodecModel* model : {&OfBytes(), &OfPairs()}) {
    FrameCodec codec(*model, 0);
    for (const size_t size : {1, 16, 50, 120}) {  // one lane of a carried segment
      const Bytes record = model == &OfBytes() ? Dream(size) : Prose(size, 1);
      std::vector<float> bits(size);
      MeasureCosts(record, *model, {1, {}, ContextMode::kCarried}, bits);
      const double bytes = std::accumulate(bits.begin(), bits.end(), 0.0) / 8;
      const size_t payload = codec.Encode(record).size() - LengthBytes(size);
      if (payload < size) CHECK(static_cast<double>(payload) < bytes + 3);
      CHECK(static_cast<double>(payload) <= std::max(bytes + 3, static_cast<double>(size)));
    }
  }
}

TEST_CASE("Frame: frames do not depend on what was coded before") {
  FrameCodec busy(OfBytes(), 1);
  const Bytes first = busy.Encode(Dream(300));
  const std::vector<Bytes> records = {Dream(40), {}, RandomBytes(30, 1), Dream(300)};
  for (const Bytes& record : records) {
    FrameCodec fresh(OfBytes(), 1);
    const Bytes frame = busy.Encode(record);
    CHECK(frame == fresh.Encode(record));
    CHECK(busy.Decode(frame, "frame") == record);
    CHECK_THROWS_AS(busy.Decode(Bytes(frame.size() + 500, 9), "frame"), Error);
  }
  CHECK(busy.Encode(Dream(300)) == first);
}

// With c bytes of hash a damaged frame passes with a probability of at most 256^-c. Of n, at most
// np + 5 sqrt(np) + 5 pass but for one case in a million.
TEST_CASE("Frame: damage, cuts and wrong models are errors, but for what the hash leaves open") {
  const std::vector<size_t> most = {SIZE_MAX, 47, 6};
  for (const int check : {0, 1, 2}) {
    FrameCodec codec(OfBytes(), check);
    std::vector<Hurt> damaged;
    for (const auto& [frame, record] : DreamFrames(&codec, 40, 60)) {
      for (size_t at = 0; at < frame.size(); ++at) {
        damaged.push_back({frame, record});
        damaged.back().frame[at] ^= static_cast<uint8_t>(1 + at % 255);
        damaged.push_back(
            {{frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(at)}, record});
      }
    }
    REQUIRE(damaged.size() > 2000);
    REQUIRE(damaged.size() < 5000);  // np = 19.6
    CHECK(Taken(&codec, damaged) <= most[static_cast<size_t>(check)]);

    const LoadedModel other(
        testing::RandomModel(testing::TestConfig(256, 16, 2, 1, 2, 3, kContext, {5, 0}), 8),
        Kernels::kFast);
    FrameCodec wrong(other.codec_model(), check);
    CHECK(Taken(&wrong, DreamFrames(&codec, 500, 60)) <= (check == 0 ? SIZE_MAX : 15));
  }
}

TEST_CASE("Frame: what cannot be the beginning of a frame is refused") {
  FrameCodec codec(OfBytes(), 1);
  for (const Bytes& frame : {Bytes{}, Bytes{200}, Bytes{250, 1}, Bytes{5}, Bytes{0}, Bytes{0, 0, 0},
                             Bytes{2, 0, 1, 2, 3}}) {
    CHECK(ThrownBy([&] { codec.Decode(frame, "frame"); }).kind == ErrorKind::kDamaged);
  }
  for (const int check : {-1, 3})
    CHECK(ThrownBy([&] { FrameCodec refused(OfBytes(), check); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Frame: progress is told in both directions, and ends a long record") {
  uint64_t told = 0;
  FrameCodec codec(OfBytes(), 1, [&](uint64_t bytes, uint64_t) {
    CHECK(bytes >= told);
    told = bytes;
    if (bytes > 200) throw Error(ErrorKind::kCancelled, "enough");
  });
  const Bytes frame = codec.Encode(Dream(200));
  CHECK(told == 200);
  told = 0;
  CHECK(codec.Decode(frame, "frame").size() == 200);
  CHECK(told == 192);  // whole contexts
  told = 0;
  CHECK(ThrownBy([&] { codec.Encode(Dream(3000)); }).kind == ErrorKind::kCancelled);
  CHECK(told < 300);
  told = 0;
  CHECK(codec.Decode(frame, "frame").size() == 200);
}

}  // namespace occam
