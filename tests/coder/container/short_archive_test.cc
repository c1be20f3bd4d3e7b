// Archives in the short form.
#include "coder/container/short_archive.h"

#include <bit>

#include "coder/archive/decompress_range.h"
#include "coder/archive/model_header.h"
#include "coder/archive/salvage.h"
#include "coder/container/archives.h"
#include "coder/container/container_writer.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

constexpr uint32_t kContext = 16;

Bytes Compressed(std::span<const uint8_t> original, const CodecModel* model, ContextMode mode,
                 bool short_form = true) {
  CodecOptions options;
  options.mode = mode;
  options.short_form = short_form;
  Bytes file;
  Compress(*MemorySource(original), *MemorySink(&file), model, options);
  return file;
}

Bytes Joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

ModelFinder Finding(const CodecModel& model) {
  return [&model](const FileHeader&, std::span<const uint8_t>) { return &model; };
}

SalvageReport Salvage(ByteSource& source, const CodecModel& model, Bytes* out) {
  return DecompressKeepGoing(source, *MemorySink(out), Finding(model), {});
}

// One of each kind: of the model, by order 2, stored, by the expert, and of no bytes.
struct Kind {
  Bytes original;
  ContextMode mode;
  std::optional<CodingMethod> method;
};

std::vector<Kind> Kinds() {
  Bytes letters;
  for (int i = 0; i < 3000; ++i) letters.push_back(static_cast<uint8_t>('a' + i % 7));
  return {{ChainBytes(1000, kContext, 3), ContextMode::kChunked, CodingMethod::kModel},
          {ChainBytes(4000, kContext, 4), ContextMode::kCarried, CodingMethod::kModel},
          {letters, ContextMode::kChunked, CodingMethod::kOrder2},
          {letters, ContextMode::kAdaptive, CodingMethod::kExpert},
          {RandomBytes(300, 5), ContextMode::kCarried, CodingMethod::kStored},
          {{}, ContextMode::kChunked, std::nullopt}};
}

}  // namespace

TEST_CASE("Short archives: of each method they restore, with at most 40 bytes around the payload") {
  const CodecModel model = ChainModel(kContext);
  for (const Kind& kind : Kinds()) {
    INFO(ModeName(kind.mode) << " " << kind.original.size());
    const Bytes file = Compressed(kind.original, &model, kind.mode);
    CHECK(BeginsShortArchive(file));
    CHECK(DecompressBytes(file, &model) == kind.original);
    PipeSource pipe(file);
    const FileInfo info = ReadFileInfo(pipe);
    CHECK(info.totals.file_bytes == file.size());
    CHECK(info.totals.header_bytes() <= 40);
    CHECK(info.header.mode == kind.mode);
    REQUIRE(info.segments.size() == (kind.method ? 1u : 0u));
    if (kind.method) CHECK(info.segments[0].method == *kind.method);
    CHECK(info.header.Names(model.model_id));
    // The long form has the same payload.
    const Bytes long_file = Compressed(kind.original, &model, kind.mode, /*short_form=*/false);
    CHECK(ReadFileInfo(*MemorySource(long_file)).totals.payload_bytes == info.totals.payload_bytes);
    CHECK(DecompressBytes(long_file, &model) == kind.original);
  }
}

TEST_CASE("Short archives: every flipped bit and every truncation is damage") {
  const CodecModel model = ChainModel(kContext);
  for (const Kind& kind : Kinds()) {
    if (kind.original.size() > 1000) continue;
    const Bytes file = Compressed(kind.original, &model, kind.mode);
    for (size_t bit = 0; bit < file.size() * 8; bit += kEvery) {
      Bytes hurt = file;
      hurt[bit / 8] = static_cast<uint8_t>(hurt[bit / 8] ^ (1u << (bit % 8)));
      REQUIRE(ThrownBy([&] { DecompressBytes(hurt, &model); }).kind == ErrorKind::kDamaged);
      REQUIRE(ThrownBy([&] { ReadFileInfo(*MemorySource(hurt)); }).kind == ErrorKind::kDamaged);
      Bytes out;
      bool sound = false;
      ThrownBy([&] { sound = Salvage(*MemorySource(hurt), model, &out).sound(); });
      REQUIRE_FALSE(sound);
      REQUIRE(out.empty());
    }
    for (size_t size = 0; size < file.size(); ++size) {
      const Bytes cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
      REQUIRE(ThrownBy([&] { DecompressBytes(cut, &model); }).kind == ErrorKind::kDamaged);
    }
  }
}

TEST_CASE("Short archives: they stand among others in a file, and a range goes over them") {
  const CodecModel model = ChainModel(kContext);
  const Bytes one = ChainBytes(700, kContext, 1), two = RandomBytes(200, 2);
  const Bytes three = ChainBytes(900, kContext, 3);
  const Bytes empty = Compressed({}, nullptr, ContextMode::kAdaptive);
  const Bytes first = Compressed(one, &model, ContextMode::kCarried);
  const Bytes second = Compressed(two, nullptr, ContextMode::kChunked, /*short_form=*/false);
  const Bytes third = Compressed(three, &model, ContextMode::kChunked);
  const Bytes original = Joined({one, two, three});
  for (const Bytes& zeros : {Bytes(), Bytes(1), Bytes(70'000)}) {
    const Bytes file = Joined({first, zeros, empty, second, zeros, third, empty, zeros});
    CHECK(DecompressBytes(file, &model) == original);
    PipeSource whole_pipe(file);
    Bytes piped_whole;
    Decompress(whole_pipe, *MemorySink(&piped_whole), &model, {});
    CHECK(piped_whole == original);
    const auto archives = FindArchives(*MemorySource(file), kDefaultMemoryBytes);
    REQUIRE(archives);
    REQUIRE(archives->size() == 5);
    CHECK((*archives)[1].begin == first.size() + zeros.size());
    CHECK((*archives)[3].original_bytes == three.size());
    for (size_t begin = 0; begin <= original.size(); begin += 97) {
      for (size_t end = begin; end <= original.size(); end += 211) {
        const Bytes want(original.begin() + static_cast<ptrdiff_t>(begin),
                         original.begin() + static_cast<ptrdiff_t>(end));
        Bytes out, piped;
        PipeSource pipe(file);
        const OriginalRange range{begin, end - begin};
        DecompressRange(*MemorySource(file), *MemorySink(&out), Finding(model), range, {});
        DecompressRange(pipe, *MemorySink(&piped), Finding(model), range, {});
        REQUIRE(out == want);
        REQUIRE(piped == want);
      }
    }
    Bytes out;
    CHECK(ThrownBy([&] {
            DecompressRange(*MemorySource(file), *MemorySink(&out), Finding(model),
                            {original.size(), 1}, {});
          }).kind == ErrorKind::kUsage);
  }
}

TEST_CASE("Short archives: what is damaged in one costs no other") {
  const CodecModel model = ChainModel(kContext);
  const Bytes one = ChainBytes(700, kContext, 1), two = RandomBytes(200, 2);
  const Bytes first = Compressed(one, &model, ContextMode::kCarried);
  const Bytes second = Compressed(two, nullptr, ContextMode::kChunked);
  for (const bool hurt_first : {true, false}) {
    Bytes file = Joined({first, Bytes(3), second, first});
    file[hurt_first ? 30 : first.size() + 3 + 20] ^= 1;  // a payload
    Bytes out, piped;
    PipeSource pipe(file);
    const SalvageReport report = Salvage(*MemorySource(file), model, &out);
    CHECK(out == (hurt_first ? Joined({two, one}) : Joined({one, one})));
    REQUIRE(report.missing.size() == 1);
    CHECK(report.missing[0].begin == (hurt_first ? 0 : one.size()));
    CHECK_FALSE(report.missing[0].end);
    CHECK(Salvage(pipe, model, &piped).missing.size() == 1);
    CHECK(piped == out);
  }
}

TEST_CASE("Short archives: they name their model, and another is refused") {
  const CodecModel model = ChainModel(kContext), other = ChainModel(kContext, "other");
  const Bytes file = Compressed(ChainBytes(700, kContext, 1), &model, ContextMode::kCarried);
  const FileInfo info = ReadFileInfo(*MemorySource(file));
  CHECK(info.header.Names(model.model_id));
  CHECK_FALSE(info.header.Names(other.model_id));
  CHECK(info.header.told_id().size() == kShortIdBytes);
  CHECK(info.header.context == kContext);
  CHECK(ThrownBy([&] { DecompressBytes(file, &other); }).kind == ErrorKind::kDamaged);
  CHECK(ThrownBy([&] { DecompressBytes(file, nullptr); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Short archives: a second segment, or a layout of its own, makes the long form") {
  const CodecModel model = ChainModel(kContext);
  const FileHeader usual = HeaderFor(&model, ContextMode::kChunked);
  CHECK(HasShortForm(usual));
  FileHeader own = usual;
  own.lanes = 4;
  CHECK_FALSE(HasShortForm(own));
  for (const uint32_t context : {1u, 100u, 2048u, 300'000u, 1u << 20}) {
    for (const int32_t vocabulary : {256, 4096, 65536}) {
      FileHeader header = DefaultHeader(context, ContextMode::kCarried, vocabulary);
      header.model_id = model.model_id;
      CHECK(HasShortForm(header));
      header.model_id = {};  // without a model nothing tells these
      CHECK(HasShortForm(header) == (context == 2048 && vocabulary == 256));
    }
  }
  // In mode adaptive those with a power of two lanes, down to one.
  for (const uint32_t context : {1u, 100u, 2048u}) {
    for (const uint32_t lanes : {1u, 2u, 3u, 4u, 8u, 12u, 16u, 32u}) {
      FileHeader header = HeaderOfLanes(context, ContextMode::kAdaptive, lanes);
      header.model_id = model.model_id;
      CHECK(HasShortForm(header) == std::has_single_bit(lanes));
    }
  }
  const auto written = [&](ContainerWriter::ShortForm form, int segments) {
    Bytes file;
    const auto sink = MemorySink(&file);
    ContainerWriter writer(*sink, usual, {}, form);
    for (int i = 0; i < segments; ++i) {
      const Bytes payload = RandomBytes(usual.segment_bytes() - (i + 1 == segments ? 9 : 0),
                                        static_cast<uint64_t>(i));
      SegmentHeader segment;
      segment.symbols = segment.original_bytes = segment.payload_bytes =
          static_cast<uint32_t>(payload.size());
      segment.payload_hash = segment.original_hash = Xxh3Of(payload);
      writer.Append(segment, payload);
    }
    writer.Finish();
    REQUIRE(writer.file_bytes() == file.size());
    return file;
  };
  for (const int segments : {2, 3}) {
    CHECK(written(ContainerWriter::ShortForm::kAllowed, segments) ==
          written(ContainerWriter::ShortForm::kNever, segments));
  }
  const Bytes one = written(ContainerWriter::ShortForm::kAllowed, 1);
  CHECK(BeginsShortArchive(one));
  CHECK(DecompressBytes(one, &model).size() == usual.segment_bytes() - 9);
}

TEST_CASE("Short archives: a model that travels along is there, and memory is limited") {
  const CodecModel model = ChainModel(kContext);
  const Bytes travelling = RandomBytes(40'000, 3);  // opaque here
  CodecOptions options;
  options.short_form = true;
  options.embedded_model = travelling;
  Bytes file;
  Compress(*MemorySource(ChainBytes(500, kContext, 1)), *MemorySink(&file), &model, options);
  CHECK(BeginsShortArchive(file));
  const FileInfo info = ReadFileInfo(*MemorySource(file));
  CHECK(info.model == travelling);
  CHECK(info.header.embeds_model);
  CHECK(info.totals.header_bytes() <= 40);
  CHECK(DecompressBytes(file, &model) == ChainBytes(500, kContext, 1));
  CHECK(FindArchives(*MemorySource(file), kDefaultMemoryBytes)->size() == 1);
  // A megabyte at once, and then as much as is there.
  const Bytes lies = Joined({Bytes(file.begin(), file.begin() + 20),
                             Bytes{0xff, 0xff, 0xff, 0xff, 0x03}, Bytes(5'000'000, 7)});
  CHECK(ThrownBy([&] { ReadFileInfo(*MemorySource(lies), 3'000'000); }).kind == ErrorKind::kMemory);
}

TEST_CASE("Short archives: a number has one form") {
  const Bytes file = Compressed(RandomBytes(5, 1), nullptr, ContextMode::kChunked);
  REQUIRE(file[11] == 5);
  for (const Bytes& number :
       {Bytes{0x85, 0x00}, Bytes{0x85, 0x80, 0x00}, Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0x01}}) {
    Bytes longer(file.begin(), file.begin() + 11);
    longer.insert(longer.end(), number.begin(), number.end());
    longer.insert(longer.end(), file.begin() + 12, file.end());
    CHECK(ThrownBy([&] { DecompressBytes(longer, nullptr); }).kind == ErrorKind::kDamaged);
  }
}

}  // namespace occam
