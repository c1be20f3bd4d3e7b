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

TEST_CASE("Door: a dictionary makes frames and files smaller, and whoever restores gives it, too") {
  const Bytes dictionary = Prose(2000, 1), record = Prose(300, 1);
  RecordCodec codec(Tiny(), 1, nullptr, dictionary);
  const std::vector<uint8_t> frame = codec.Encode(record);
  CHECK(2 * frame.size() < RecordCodec(Tiny()).Encode(record).size());
  CHECK(Same(codec.Decode(frame), record));

  Options options = With(Tiny());  // of mode chunked, which has no dictionary: it becomes adaptive
  options.dictionary = dictionary;
  const std::vector<uint8_t> file = CompressBytes(record, options);
  BytesReader reader(file);
  const ArchiveInfo info = ListArchive(reader);
  CHECK(static_cast<Mode>(info.mode) == Mode::kAdaptive);
  CHECK(std::ranges::equal(info.dictionary_id, DictionaryIdOf(dictionary)));
  CHECK(Same(DecompressBytes(file, options), record));
  options.dictionary = {};
  CHECK(ThrownBy([&] { DecompressBytes(file, options); }).kind == ErrorKind::kUsage);
  options.dictionary = record;
  CHECK(ThrownBy([&] { DecompressBytes(file, options); }).kind == ErrorKind::kDamaged);
  options.mode = Mode::kLong;
  options.memory = uint64_t{4} << 30;
  CHECK(ThrownBy([&] { CompressBytes(record, options); }).kind == ErrorKind::kUsage);

  // What it takes is counted before.
  const Bytes large(OCCAM_DICTIONARY_MAX, 1);
  occam_record_options wanted = occam_record_options_init();
  wanted.dictionary = large.data();
  wanted.dictionary_size = large.size();
  Options little;
  little.memory = uint64_t{100} << 20;
  const std::vector<uint8_t> tiny = Tiny().Serialise(/*coded=*/false);
  BytesReader file_of_model(tiny);
  const Model model = Model::FromReader(file_of_model, little);
  occam_record_codec* none = nullptr;
  CHECK(occam_record_codec_new(model.get(), &wanted, &none, nullptr) == OCCAM_ERROR_MEMORY);
}

TEST_CASE("Door: sums of archives count each segment once") {
  ArchiveInfo archive = occam_file_info_init();
  archive.archives = 1;
  archive.stats.expert_segments = 3;
  archive.stats.sound_segments = 2;
  const std::vector<ArchiveInfo> two(2, archive);
  const ArchiveInfo sum = SumOfArchives(two);
  CHECK(sum.stats.expert_segments == 6);
  CHECK(sum.stats.sound_segments == 4);
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
