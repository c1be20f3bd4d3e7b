// The door's small records (section 7 of occam.h and occam_c.h), and who decided each byte.
#include <algorithm>
#include <span>
#include <stdexcept>
#include <vector>

#include "coder/archive/frame_codec.h"
#include "coder/predict/loaded_model.h"
#include "occam/occam.h"
#include "tests/catch.h"
#include "tests/coder/api/door_testing.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

using testing::ByteModel;
using testing::BytePairModel;
using testing::Dream;
using testing::Same;
using testing::Tiny;
using testing::With;

size_t Count(std::span<const DecidedBy> decided, DecidedBy who) {
  return static_cast<size_t>(std::ranges::count(decided, who));
}

}  // namespace

TEST_CASE("Door: records give the library's own frames, and come back") {
  const LoadedModel loaded(ByteModel(), Kernels::kFast);
  for (const int check : {0, 1, 2}) {
    RecordCodec codec(Tiny(), check);
    FrameCodec inside(loaded.codec_model(), check);
    for (const size_t size : {0, 1, 155, 500}) {
      const Bytes record = Dream(size);
      const std::vector<uint8_t> frame = codec.Encode(record);
      CHECK(Same(frame, inside.Encode(record)));
      CHECK(Same(codec.Decode(frame), record));
      CHECK(RecordCodec::SizeOf(frame) == size);
    }
  }
}

TEST_CASE("Door: a record that is too long, and a frame that is none, are errors by kind") {
  RecordCodec codec(Tiny());
  CHECK(ThrownBy([&] { codec.Encode(Bytes(OCCAM_RECORD_MAX + 1)); }).kind == ErrorKind::kUsage);
  CHECK(ThrownBy([&] { codec.Decode(Bytes{9}); }).kind == ErrorKind::kDamaged);
  CHECK(ThrownBy([&] { RecordCodec::SizeOf(Bytes{}); }).kind == ErrorKind::kDamaged);
  CHECK(ThrownBy([&] { RecordCodec refused(Tiny(), 3); }).kind == ErrorKind::kUsage);
  CHECK(codec.Decode(codec.Encode({})).empty());
}

TEST_CASE("Door: a record is cancelled by its progress, and the codec goes on to the next") {
  int wanted = 0;  // 0: go on; 1: stop; 2: an exception of the caller's
  RecordCodec codec(Tiny(), 1, [&](uint64_t, uint64_t) {
    if (wanted == 2) throw std::runtime_error("the caller's own");
    return wanted == 0;
  });
  const Bytes record = Dream(100);
  const std::vector<uint8_t> frame = codec.Encode(record);
  wanted = 1;
  CHECK(ThrownBy([&] { codec.Encode(record); }).kind == ErrorKind::kCancelled);
  CHECK(ThrownBy([&] { codec.Decode(frame); }).kind == ErrorKind::kCancelled);
  wanted = 2;
  CHECK_THROWS_AS(codec.Decode(frame), std::runtime_error);
  wanted = 0;
  CHECK(Same(codec.Decode(frame), record));
}

TEST_CASE("Door in C: records refuse what must be there and leave failed results empty") {
  occam_record_codec* codec = nullptr;
  occam_buffer buffer{};
  size_t size = 7;
  CHECK(occam_record_codec_new(nullptr, nullptr, &codec, nullptr) == OCCAM_ERROR_USAGE);
  CHECK(occam_record_codec_new(Tiny().get(), nullptr, nullptr, nullptr) == OCCAM_ERROR_USAGE);
  REQUIRE(occam_record_codec_new(Tiny().get(), nullptr, &codec, nullptr) == OCCAM_OK);
  CHECK(occam_record_encode(nullptr, "a", 1, &buffer, nullptr) == OCCAM_ERROR_USAGE);
  CHECK(occam_record_encode(codec, "a", 1, nullptr, nullptr) == OCCAM_ERROR_USAGE);
  CHECK(occam_record_encode(codec, nullptr, 1, &buffer, nullptr) == OCCAM_ERROR_USAGE);
  CHECK(occam_record_decode(codec, "\xff", 1, &buffer, nullptr) == OCCAM_ERROR_DAMAGED);
  CHECK(buffer.data == nullptr);
  CHECK(occam_record_size("\xff", 1, &size, nullptr) == OCCAM_ERROR_DAMAGED);
  CHECK(size == 0);
  // Without options a frame has one byte of check.
  REQUIRE(occam_record_encode(codec, nullptr, 0, &buffer, nullptr) == OCCAM_OK);
  CHECK(buffer.size == 2);
  occam_buffer_free(&buffer);
  occam_record_codec_free(codec);
  occam_record_codec_free(nullptr);
}

TEST_CASE("Door: explained costs are the costs, and without mixing the network decides all") {
  const Model pairs = Model::FromMemory(SerialiseModel(BytePairModel()));
  const Bytes text = Prose(900, 2);
  for (const Mode mode : {Mode::kChunked, Mode::kCarried, Mode::kAdaptive}) {
    const ExplainedCosts costs = ExplainCosts(text, With(Tiny(), mode));
    CHECK(costs.bits == Costs(text, With(Tiny(), mode)));
    CHECK((Count(costs.decided_by, DecidedBy::kNetwork) == text.size()) ==
          (mode != Mode::kAdaptive));
  }
  const ExplainedCosts costs = ExplainCosts(text, With(pairs, Mode::kCarried));
  CHECK(Count(costs.decided_by, DecidedBy::kNetwork) == text.size());
  CHECK(ExplainCosts({}, With(Tiny(), Mode::kAdaptive)).bits.empty());
}

}  // namespace occam
