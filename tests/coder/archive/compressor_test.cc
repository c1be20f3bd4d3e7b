#include "coder/archive/compressor.h"

#include "coder/archive/decompressor.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

FileInfo InfoOf(const Bytes& file) { return ReadFileInfo(*MemorySource(file)); }

Bytes FromHex(const std::string& text) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

// Three segments of 64 bytes at most: noise, repetition, and what the chain model knows.
Bytes GoldenOriginal() {
  Bytes bytes = RandomBytes(64, 99);
  bytes.insert(bytes.end(), 64, 'o');
  const Bytes known = ChainBytes(50, 16, 7);
  bytes.insert(bytes.end(), known.begin(), known.end());
  return bytes;
}

}  // namespace

TEST_CASE("Container: every size around chunks, lanes and segments comes back") {
  constexpr uint32_t kContext = 16;
  const CodecModel model = ChainModel(kContext);
  const FileHeader layout = SmallLayout(kContext, 4, 32, &model);  // segments of 128
  for (size_t size = 0; size <= 400; ++size) {
    const Bytes known = ChainBytes(size, kContext, size);
    const Bytes file = CompressWithLayout(known, layout, &model);
    REQUIRE(DecompressBytes(file, &model) == known);
    REQUIRE(InfoOf(file).segments.size() == (size + 127) / 128);
    const Bytes noise = RandomBytes(size, size);
    REQUIRE(DecompressBytes(CompressWithLayout(noise, layout, &model), &model) == noise);
  }
}

TEST_CASE("Container: sizes around the default chunks, lanes and segment come back") {
  constexpr uint32_t kContext = 4096;
  const CodecModel model = ChainModel(kContext);
  const size_t segment = DefaultHeader(kContext).segment_bytes();
  REQUIRE(segment == 32 * 16384);
  for (const size_t border : {size_t{kContext}, size_t{32 * kContext}, segment, 2 * segment}) {
    for (const size_t size : {border - 1, border, border + 1}) {
      const Bytes original = ChainBytes(size, kContext, size);
      const Bytes file = CompressBytes(original, &model, 2);
      REQUIRE(DecompressBytes(file, &model, 2) == original);
      REQUIRE(InfoOf(file).segments.size() == (size + segment - 1) / segment);
    }
  }
}

TEST_CASE("Container: an empty input is a small valid file") {
  const Bytes file = CompressBytes({}, nullptr);
  CHECK(file.size() == kFileHeaderBytes + kIndexFrameBytes + kEndRecordBytes);
  CHECK(DecompressBytes(file, nullptr).empty());
  const FileInfo info = InfoOf(file);
  CHECK(info.segments.empty());
  CHECK(info.totals.original_bytes == 0);
  CHECK(info.totals.file_bytes == file.size());
}

TEST_CASE("Container: the same file for every number of threads, from a file or a pipe") {
  constexpr uint32_t kContext = 1024;
  const CodecModel model = ChainModel(kContext);
  Bytes original = ChainBytes(600000, kContext, 1);
  for (const Bytes& more : {Prose(700000, 2), RandomBytes(600000, 3)})
    original.insert(original.end(), more.begin(), more.end());
  const Bytes file = CompressBytes(original, &model, 1);
  for (const int threads : {2, 3, 8}) CHECK(CompressBytes(original, &model, threads) == file);
  PipeSource pipe(original);
  Bytes piped;
  Compress(pipe, *MemorySink(&piped), &model, {2, {}});
  CHECK(piped == file);
  for (const int threads : {1, 3, 8}) CHECK(DecompressBytes(file, &model, threads) == original);
  PipeSource coded(file);
  Bytes decoded;
  Decompress(coded, *MemorySink(&decoded), &model, {2, {}});
  CHECK(decoded == original);
}

TEST_CASE("Container: carried, the same file for every number of threads, from a file or a pipe") {
  constexpr uint32_t kContext = 1024;
  const CodecModel model = ChainModel(kContext);
  Bytes original = ChainBytes(1100000, kContext, 1);
  const Bytes more = Prose(1100000, 2);
  original.insert(original.end(), more.begin(), more.end());
  const auto compress = [&](std::unique_ptr<ByteSource> source, int threads) {
    Bytes file;
    Compress(*source, *MemorySink(&file), &model, {threads, {}, ContextMode::kCarried});
    return file;
  };
  const Bytes file = compress(MemorySource(original), 1);
  CHECK(InfoOf(file).header.mode == ContextMode::kCarried);
  CHECK(InfoOf(file).segments.size() == 2);
  CHECK(compress(MemorySource(original), 3) == file);
  CHECK(compress(std::make_unique<PipeSource>(original), 2) == file);
  CHECK(DecompressBytes(file, &model, 3) == original);
  PipeSource coded(file);
  Bytes decoded;
  Decompress(coded, *MemorySink(&decoded), &model, {2, {}});
  CHECK(decoded == original);
}

TEST_CASE("Container: carried, every size around chunks, lanes and segments comes back") {
  constexpr uint32_t kContext = 4;
  const CodecModel model = ChainModel(kContext);
  FileHeader layout = SmallLayout(kContext, 3, 64, &model);  // segments of 192
  layout.mode = ContextMode::kCarried;
  for (size_t size = 0; size <= 400; ++size) {
    const Bytes known = ChainBytes(size, kContext, size);
    REQUIRE(DecompressBytes(CompressWithLayout(known, layout, &model), &model) == known);
  }
}

TEST_CASE("Container: each segment takes the method that needs the fewest bytes") {
  const CodecModel model = ChainModel(16);
  const FileInfo info =
      InfoOf(CompressWithLayout(GoldenOriginal(), SmallLayout(16, 2, 32, &model), &model));
  REQUIRE(info.segments.size() == 3);
  CHECK(info.segments[0].method == CodingMethod::kStored);
  CHECK(info.segments[1].method == CodingMethod::kOrder2);
  CHECK(info.segments[2].method == CodingMethod::kModel);
  CHECK(info.totals.method_segments == std::array<uint64_t, kMethodCount>{1, 1, 1});
}

TEST_CASE("Container: random bytes grow by the headers alone, less than 0.1 %") {
  const CodecModel model = ChainModel(2048);
  const Bytes noise = RandomBytes(1 << 20, 1);
  const Bytes file = CompressBytes(noise, &model);
  CHECK(file.size() == noise.size() + kFileHeaderBytes + 2 * kSegmentHeaderBytes +
                           kIndexFrameBytes + 2 * kIndexEntryBytes + kEndRecordBytes);
  CHECK(static_cast<double>(file.size()) < 1.001 * static_cast<double>(noise.size()));
}

TEST_CASE("Container: the numbers that are reported are those of the file") {
  const Bytes original = Prose(700000, 5);
  Bytes file;
  const ContainerStats written =
      Compress(*MemorySource(original), *MemorySink(&file), nullptr, {1, {}});
  const FileInfo info = InfoOf(file);
  const ContainerStats read = Decompress(*MemorySource(file), *NullSink(), nullptr, {1, {}});
  for (const ContainerStats& stats : {written, info.totals, read}) {
    CHECK(stats.original_bytes == original.size());
    CHECK(stats.file_bytes == file.size());
    CHECK(stats.segments == 2);
    CHECK(stats.method_segments == std::array<uint64_t, kMethodCount>{0, 2, 0});
    CHECK(stats.payload_bytes ==
          uint64_t{info.segments[0].payload_bytes} + info.segments[1].payload_bytes);
    CHECK(stats.header_bytes() == kFileHeaderBytes + 2 * kSegmentHeaderBytes + kIndexFrameBytes +
                                      2 * kIndexEntryBytes + kEndRecordBytes);
  }
}

TEST_CASE("Container: progress ends at the whole and never goes back") {
  const CodecModel model = ChainModel(2048);
  const Bytes original = ChainBytes(1200000, 2048, 1);
  uint64_t original_bytes = 0;
  uint64_t calls = 0;
  const ProgressFn progress = [&](uint64_t in, uint64_t) {
    REQUIRE(in >= original_bytes);
    original_bytes = in;
    ++calls;
  };
  Bytes file;
  Compress(*MemorySource(original), *MemorySink(&file), &model, {2, progress});
  CHECK(original_bytes == original.size());
  CHECK(calls > 15);
  original_bytes = calls = 0;
  Decompress(*MemorySource(file), *NullSink(), &model, {2, progress});
  CHECK(original_bytes == original.size());
  CHECK(calls > 100);
}

TEST_CASE("Container: a predictor may use the threads that segments leave idle") {
  CodecModel model = ChainModel(2048);
  std::vector<int> asked;
  const auto make = model.factory;
  model.factory = [&](int threads, ContextMode mode) {
    asked.push_back(threads);
    return make(threads, mode);
  };
  const Bytes original = ChainBytes(5000, 2048, 1);
  const Bytes file = CompressBytes(original, &model, 3);
  CHECK(DecompressBytes(file, &model, 3) == original);
  CHECK(asked == std::vector<int>{3, 3});
}

TEST_CASE("Container: a model that codes anything but bytes is refused") {
  CodecModel model = ChainModel(16);
  model.vocabulary = 1000;
  CHECK(ThrownBy([&] { CompressBytes({}, &model); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Container: a model that is wrong all the time costs headers, no more") {
  constexpr uint32_t kContext = 16;
  const CodecModel model = ChainModel(kContext);
  constexpr size_t kOneSegment = kFileHeaderBytes + kSegmentHeaderBytes + kIndexFrameBytes +
                                 kIndexEntryBytes + kEndRecordBytes;
  for (const size_t size : {1, 100, 5000, 1 << 20}) {
    for (const Bytes& foreign : {RandomBytes(size, 1), Bytes(size, 0), Prose(size, 2)}) {
      const Bytes file = CompressBytes(foreign, &model);
      CHECK(static_cast<double>(file.size()) <=
            1.001 * static_cast<double>(size) + double{kOneSegment});
    }
  }
}

TEST_CASE("Compressor: what the model alone makes of foreign data is told, too") {
  constexpr uint32_t kContext = 16;
  const CodecModel model = ChainModel(kContext);
  const size_t segment = DefaultHeader(kContext).segment_bytes();
  const Bytes noise = RandomBytes(segment + 1000, 1);
  // The model gives its favourites to itself: a random byte costs more than eight bits.
  std::vector<uint64_t> seen;
  const uint64_t alone = ModelPayloadBytes(
      noise, model,
      {.threads = 2, .progress = [&](uint64_t done, uint64_t) { seen.push_back(done); }});
  CHECK(alone > noise.size() + noise.size() / 20);
  CHECK(seen.back() == noise.size());
  CHECK(InfoOf(CompressBytes(noise, &model)).totals.payload_bytes == noise.size());
  for (const ContextMode mode : {ContextMode::kChunked, ContextMode::kCarried}) {
    const Bytes known = ChainBytes(segment + 1000, kContext, 2);
    Bytes file;
    const ContainerStats stats =
        Compress(*MemorySource(known), *MemorySink(&file), &model, {.progress = {}, .mode = mode});
    REQUIRE(stats.method_segments[static_cast<size_t>(CodingMethod::kModel)] == stats.segments);
    CHECK(ModelPayloadBytes(known, model, {.progress = {}, .mode = mode}) == stats.payload_bytes);
  }
  CHECK(ModelPayloadBytes({}, model, {}) == 0);
}

TEST_CASE("Container: a file of this version stays decodable for ever") {
  // Written by the first version of the format. Never to be changed: a change that breaks it needs
  // a new format version that still reads this one.
  const Bytes golden = FromHex(
      "894f43430d0a1a0a010100001000000002000000200000000102030405060708dd56de4137951d9c92681b03"
      "416ec15f886b4482a27e3a517d32f085244cbe5d2485d577e0f9b06d53000000000040000000400000004000"
      "0000a09622531c02ea1da09622531c02ea1d6ca58217e3a4fbd7f47343c33e1453fe895212bdba562863135e"
      "acd0e0159ab2d51c08bcede3f0ec0086f0103841bbf693ae2fac03b982e53a6b216dd75566e01e679f395301"
      "010000004000000040000000030000000b04060db370ee0314e049a0f3d7603d2d3323716f37cf5302020000"
      "0032000000320000000d0000003eb58a04437b0501db6650382cc1542067c6f65c028f529421f4f7ba5a97ee"
      "237149400000004000000003000000400000000d00000032000000ab08ec6befceccd74503000000b2000000"
      "000000005001000000000000517355ca7e13174cb79835b75b5e8bd4");
  const CodecModel model = ChainModel(16, "golden");
  CHECK(DecompressBytes(golden, &model) == GoldenOriginal());
  // As long as nothing better is chosen, the encoder writes it, too.
  CHECK(Hex(CompressWithLayout(GoldenOriginal(), SmallLayout(16, 2, 32, &model), &model)) ==
        Hex(golden));
}

TEST_CASE("Container: a carried file of this version stays decodable for ever") {
  const Bytes golden = FromHex(
      "894f43430d0a1a0a010101001000000002000000200000000102030405060708dd56de4137951d9c92681b03"
      "416ec15f886b4482a27e3a517d32f085244cbe5d8f34c73a5339a8c553000000000040000000400000004000"
      "0000a09622531c02ea1da09622531c02ea1d6ca58217e3a4fbd7f47343c33e1453fe895212bdba562863135e"
      "acd0e0159ab2d51c08bcede3f0ec0086f0103841bbf693ae2fac03b982e53a6b216dd75566e01e679f395301"
      "010000004000000040000000030000000b04060db370ee0314e049a0f3d7603d2d3323716f37cf5302020000"
      "0032000000320000001000000006f9408e552af8b4db6650382cc1542050ccfe2201bb723f1b2d60e852d84e"
      "d272e30870494000000040000000030000004000000010000000320000006fc8714a6685240f4503000000b2"
      "0000000000000053010000000000001d0a772a7f7378a4929634f960e3d6d3");
  const CodecModel model = ChainModel(16, "golden");
  CHECK(DecompressBytes(golden, &model) == GoldenOriginal());
  FileHeader layout = SmallLayout(16, 2, 32, &model);
  layout.mode = ContextMode::kCarried;
  CHECK(Hex(CompressWithLayout(GoldenOriginal(), layout, &model)) == Hex(golden));
}

}  // namespace occam
