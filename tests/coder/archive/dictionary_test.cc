// Dictionaries: files and frames that need bytes which both sides have (docs/spec/dictionary.md).
#include <algorithm>
#include <cmath>
#include <vector>

#include "coder/archive/costs.h"
#include "coder/archive/decompress_range.h"
#include "coder/archive/frame_codec.h"
#include "coder/archive/model_header.h"
#include "coder/archive/salvage.h"
#include "coder/archive/segment_codec.h"
#include "coder/container/short_archive.h"
#include "coder/predict/expert/step_expert.h"
#include "coder/predict/loaded_model.h"
#include "tests/catch.h"
#include "tests/coder/api/door_testing.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

using testing::BytePairModel;
using testing::Dream;
using testing::kContext;
using testing::OfBytes;

const ModelFinder kFindModel = [](const FileHeader&, std::span<const uint8_t>) {
  return &OfBytes();
};

CodecOptions After(const Bytes& dictionary, int threads = 1) {
  CodecOptions options;
  options.threads = threads;
  options.mode = ContextMode::kAdaptive;
  options.short_form = true;
  options.dictionary = dictionary;
  return options;
}

Bytes Packed(const Bytes& original, const CodecModel* model, const CodecOptions& options) {
  Bytes file;
  Compress(*MemorySource(original), *MemorySink(&file), model, options);
  return file;
}

Bytes Restored(const Bytes& file, const CodecModel* model, const CodecOptions& options) {
  Bytes original;
  Decompress(*MemorySource(file), *MemorySink(&original), model, options);
  return original;
}

CodingMethod MethodOf(const Bytes& file) {
  return ReadFileInfo(*MemorySource(file)).segments.at(0).method;
}

// A file of several segments after a dictionary, each of four lanes.
struct LanesFile {
  LanesFile() {
    header = SmallLayout(kContext, 4, 4 * kContext, &OfBytes());
    header.mode = ContextMode::kAdaptive;
    header.tokenizer_id = {};
    header.dictionary_id = DictionaryIdOf(dictionary);
    const auto sink = MemorySink(&file);
    ContainerWriter writer(*sink, header);
    SegmentCodec codec(header, &OfBytes(), dictionary);
    for (size_t begin = 0; begin < original.size(); begin += header.segment_bytes()) {
      const size_t size = std::min<size_t>(header.segment_bytes(), original.size() - begin);
      const auto segment =
          codec.Encode(std::span(original).subspan(begin, size), 1, [](uint32_t) {});
      writer.Append(segment.header, segment.payload);
    }
    writer.Finish();
  }
  FileHeader header;
  Bytes dictionary = Prose(700, 3);
  Bytes original = Dream(6 * size_t{kContext} * 16 + 100);
  Bytes file;
};

}  // namespace

TEST_CASE("Dictionary: files come back, smaller, and the same from any number of threads") {
  const Bytes dictionary = Prose(3000, 1);
  Bytes original = dictionary;
  for (size_t i = 50; i < original.size(); i += 400) original[i] ^= 1;
  for (const CodecModel* model : {static_cast<const CodecModel*>(nullptr), &OfBytes()}) {
    const Bytes file = Packed(original, model, After(dictionary));
    CHECK(MethodOf(file) == (model == nullptr ? CodingMethod::kExpert : CodingMethod::kModel));
    CHECK(4 * file.size() < Packed(original, model, After({})).size());
    for (const int threads : {1, 2, 5}) {
      CHECK(Packed(original, model, After(dictionary, threads)) == file);
      CHECK(Restored(file, model, After(dictionary, threads)) == original);
    }
    CHECK(Packed({}, model, After(dictionary)).size() < 50);
    CHECK(Restored(Packed({}, model, After(dictionary)), model, After(dictionary)).empty());
  }
}

TEST_CASE("Dictionary: a file tells which one it needs, and no other will do") {
  const Bytes dictionary = Prose(500, 1), original = Prose(900, 2);
  Bytes other = dictionary;
  other.back() ^= 1;
  for (const bool short_form : {false, true}) {
    CodecOptions options = After(dictionary);
    options.short_form = short_form;
    const Bytes file = Packed(original, &OfBytes(), options);
    const FileHeader header = ReadFileInfo(*MemorySource(file)).header;
    CHECK(header.dictionary_id == DictionaryIdOf(dictionary));
    CHECK(header.Names(OfBytes().model_id));
    CHECK(ThrownBy([&] { Restored(file, &OfBytes(), After({})); }).kind == ErrorKind::kUsage);
    CHECK(ThrownBy([&] { Restored(file, &OfBytes(), After(other)); }).kind == ErrorKind::kDamaged);
    // One that is not needed may be given.
    options.dictionary = {};
    CHECK(Restored(Packed(original, &OfBytes(), options), &OfBytes(), After(other)) == original);
  }
}

TEST_CASE("Dictionary: the last bytes of a long one are used") {
  Bytes dictionary(kMaxDictionaryBytes + 5, 7);
  dictionary[5] = 1;
  const auto used = UsedOf(dictionary);
  CHECK(used.size() == kMaxDictionaryBytes);
  CHECK(used.front() == 1);
  const FileHeader header = HeaderFor(nullptr, ContextMode::kAdaptive, 0, dictionary);
  CHECK(header.dictionary_id == DictionaryIdOf(used));
  CHECK(DictionaryFor(header, dictionary, "x").data() == used.data());
  CHECK(DictionaryFor(header, used, "x").size() == used.size());
}

TEST_CASE("Dictionary: other modes, photographs and models of tokens have none") {
  const Bytes dictionary = Prose(500, 1), original = Prose(900, 2);
  for (const auto mode : {ContextMode::kChunked, ContextMode::kCarried, ContextMode::kLong}) {
    CodecOptions options = After(dictionary);
    options.mode = mode;
    CHECK(ThrownBy([&] { Packed(original, &OfBytes(), options); }).kind == ErrorKind::kUsage);
  }
  CodecOptions photo = After(dictionary);
  photo.photo = RawPhoto(30, 1);
  CHECK(ThrownBy([&] { Packed(original, &OfBytes(), photo); }).kind == ErrorKind::kUsage);
  const LoadedModel pairs(BytePairModel(), Kernels::kFast);
  CHECK(ThrownBy([&] { FrameCodec(pairs.codec_model(), 1, nullptr, dictionary); }).kind ==
        ErrorKind::kUsage);
  // Nor has a file another method, whatever stands in it.
  FileHeader header = HeaderFor(nullptr, ContextMode::kAdaptive, 0, dictionary);
  for (const auto method : {CodingMethod::kOrder2, CodingMethod::kSound, CodingMethod::kPhoto,
                            CodingMethod::kProgram}) {
    CHECK(ThrownBy([&] { MethodOf(static_cast<uint8_t>(method), header, "x"); }).kind ==
          ErrorKind::kDamaged);
  }
  header.lanes = 64;
  header.lane_symbols = header.context;
  CHECK(ThrownBy([&] { ParseFileHeader(Serialise(header), "x"); }).kind == ErrorKind::kDamaged);
}

TEST_CASE("Dictionary: lanes begin behind it, in every segment, whatever part is asked for") {
  const LanesFile lanes;
  REQUIRE(ReadFileInfo(*MemorySource(lanes.file)).segments.size() > 2);
  for (const int threads : {1, 2, 8}) {
    const CodecOptions options = After(lanes.dictionary, threads);
    CHECK(Restored(lanes.file, &OfBytes(), options) == lanes.original);
    Bytes part;
    DecompressRange(*MemorySource(lanes.file), *MemorySink(&part), kFindModel, {700, 500}, options);
    CHECK(std::ranges::equal(part, std::span(lanes.original).subspan(700, 500)));
  }
  Bytes hurt = lanes.file;
  hurt[kFileHeaderBytes + kSegmentHeaderBytes + 5] ^= 1;
  Bytes rest;
  const SalvageReport report = DecompressKeepGoing(*MemorySource(hurt), *MemorySink(&rest),
                                                   kFindModel, After(lanes.dictionary));
  REQUIRE(report.missing.size() == 1);
  const size_t lost = lanes.header.segment_bytes();
  CHECK(std::ranges::equal(std::span(rest).subspan(lost), std::span(lanes.original).subspan(lost)));
}

TEST_CASE("Dictionary: learning one can be stopped, both ways") {
  const Bytes dictionary = Prose(30000, 1), original = Prose(500, 2);
  for (const CodecModel* model : {static_cast<const CodecModel*>(nullptr), &OfBytes()}) {
    const Bytes file = Packed(original, model, After(dictionary));
    CodecOptions options = After(dictionary);
    int told = 0;  // before a byte of the original
    options.progress = [&](uint64_t original_bytes, uint64_t) {
      if (original_bytes == 0 && ++told == 3) throw Error(ErrorKind::kCancelled, "enough");
    };
    CHECK(ThrownBy([&] { Packed(original, model, options); }).kind == ErrorKind::kCancelled);
    told = 0;
    CHECK(ThrownBy([&] { Restored(file, model, options); }).kind == ErrorKind::kCancelled);
  }
  int told = 0;
  const ProgressFn progress = [&](uint64_t, uint64_t) {
    if (++told == 3) throw Error(ErrorKind::kCancelled, "enough");
  };
  FrameCodec codec(OfBytes(), 1, progress, dictionary);
  CHECK(ThrownBy([&] { codec.Encode(original); }).kind == ErrorKind::kCancelled);
  CHECK(codec.Decode(codec.Encode(original), "x") == original);
}

TEST_CASE("Dictionary: costs are those after it") {
  const Bytes dictionary = Prose(700, 3), original = Dream(400);
  std::vector<float> bits(original.size());
  MeasureCosts(original, OfBytes(), After(dictionary), bits);
  double sum = 0;
  for (const float cost : bits) sum += static_cast<double>(cost);
  const auto payload = ReadFileInfo(*MemorySource(Packed(original, &OfBytes(), After(dictionary))))
                           .segments.at(0)
                           .payload_bytes;
  CHECK(std::abs(sum / 8 - static_cast<double>(payload)) <= 2);
}

TEST_CASE("Dictionary: frames are the same from a codec that has just learned it and one in use") {
  const Bytes dictionary = Prose(2000, 1);
  FrameCodec busy(OfBytes(), 2, nullptr, dictionary);
  size_t with = 0, without = 0;
  for (const size_t size : {300, 1, 0, 300, 5000}) {
    const Bytes record = Prose(size, size);
    FrameCodec fresh(OfBytes(), 2, nullptr, dictionary);
    const Bytes frame = busy.Encode(record);
    CHECK(fresh.Decode(frame, "x") == record);
    CHECK(fresh.Encode(record) == frame);
    CHECK(busy.Decode(frame, "x") == record);
    with += frame.size();
    without += FrameCodec(OfBytes(), 2).Encode(record).size();
  }
  CHECK(with < without);
}

TEST_CASE("Dictionary: an expert that copies another goes on as that one does") {
  const Bytes dictionary = Prose(2001, 1), text = Prose(1500, 2);
  const auto predict = [](StepExpert* expert, const Bytes& bytes, size_t lanes) {
    std::vector<int32_t> predictions;
    for (size_t i = 0; i < bytes.size(); ++i) {
      StepExpert::Lane& lane = expert->lane(i % lanes);
      lane.StartByte();
      for (int shift = 8; shift-- > 0;) {
        predictions.push_back(lane.Predict());
        lane.Learn((bytes[i] >> shift & 1) != 0);
      }
      if ((i + 1) % lanes == 0) expert->LearnStep(lanes);
    }
    return predictions;
  };
  StepExpert taught(/*with_network=*/false, PlainMixerKernels());
  taught.Start(3, dictionary.size() + text.size());
  predict(&taught, dictionary, 3);
  StepExpert used = taught.Fresh();
  used.Start(1, 100000);
  predict(&used, text, 1);
  used.CopyFrom(taught);
  StepExpert fresh = taught.Fresh();
  fresh.CopyFrom(taught);
  const auto want = predict(&taught, text, 3);
  CHECK(predict(&used, text, 3) == want);
  CHECK(predict(&fresh, text, 3) == want);
}
}  // namespace occam
