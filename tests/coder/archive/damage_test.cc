#include "coder/archive/decompressor.h"
#include "coder/archive/segment_codec.h"
#include "coder/container/container_format.h"
#include "coder/container/container_writer.h"
#include "data/base/byte_order.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

constexpr uint32_t kContext = 16;

// Seven segments of 64 bytes and one of 10, of all methods.
Bytes SampleOriginal() {
  Bytes bytes = RandomBytes(64, 1);
  bytes.insert(bytes.end(), 128, 'q');
  const Bytes known = ChainBytes(266, kContext, 2);
  bytes.insert(bytes.end(), known.begin(), known.end());
  return bytes;
}

Bytes SampleFile(const CodecModel& model, ContextMode mode = ContextMode::kChunked) {
  FileHeader layout = SmallLayout(kContext, 2, 32, &model);
  layout.mode = mode;
  return CompressWithLayout(SampleOriginal(), layout, &model);
}

// The parts of a file, for putting them together in other ways.
struct Parts {
  Bytes header;
  std::vector<Bytes> segments;
  Bytes index;
  Bytes end;

  explicit Parts(const Bytes& file) {
    const FileInfo info = ReadFileInfo(*MemorySource(file));
    ByteReader in(file, "sample");
    const auto take = [&](size_t count) {
      const auto piece = in.GetBytes(count);
      return Bytes(piece.begin(), piece.end());
    };
    header = take(kFileHeaderBytes);
    for (const SegmentHeader& segment : info.segments)
      segments.push_back(take(kSegmentHeaderBytes + segment.payload_bytes));
    index = take(kIndexFrameBytes + kIndexEntryBytes * segments.size());
    end = take(kEndRecordBytes);
    REQUIRE(in.remaining() == 0);
  }
  Bytes Join() const {
    Bytes file = header;
    for (const Bytes& segment : segments) file.insert(file.end(), segment.begin(), segment.end());
    file.insert(file.end(), index.begin(), index.end());
    file.insert(file.end(), end.begin(), end.end());
    return file;
  }
};

// Damage is found by decoding and by listing, and what reached the sink is a part of the original.
void RequireDamaged(const Bytes& file, const CodecModel& model) {
  Bytes out;
  REQUIRE(ThrownBy([&] {
            Decompress(*MemorySource(file), *MemorySink(&out), &model, {1, {}});
          }).kind == ErrorKind::kDamaged);
  const Bytes original = SampleOriginal();
  REQUIRE(out.size() <= original.size());
  REQUIRE(std::equal(out.begin(), out.end(), original.begin()));
  REQUIRE(ThrownBy([&] { ReadFileInfo(*MemorySource(file)); }).kind == ErrorKind::kDamaged);
}

}  // namespace

TEST_CASE("Damage: every flipped bit is reported") {
  const CodecModel model = ChainModel(kContext);
  for (const ContextMode mode : {ContextMode::kChunked, ContextMode::kCarried}) {
    const Bytes file = SampleFile(model, mode);
    REQUIRE(DecompressBytes(file, &model) == SampleOriginal());
    for (size_t bit = 0; bit < file.size() * 8; bit += kEvery) {
      Bytes flipped = file;
      flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
      RequireDamaged(flipped, model);
    }
  }
}

TEST_CASE("Damage: every truncation and every appended byte is reported") {
  const CodecModel model = ChainModel(kContext);
  for (const ContextMode mode : {ContextMode::kChunked, ContextMode::kCarried}) {
    const Bytes cut = SampleFile(model, mode);
    for (size_t size = 0; size < cut.size(); size += kEvery)
      RequireDamaged(Bytes(cut.begin(), cut.begin() + static_cast<ptrdiff_t>(size)), model);
  }
  const Bytes file = SampleFile(model);
  for (const char more : {'\1', 'S', 'I', 'E', '\x89'}) {
    Bytes longer = file;
    longer.push_back(static_cast<uint8_t>(more));
    RequireDamaged(longer, model);
  }
  // Several archives, and zeros after them, are no damage (archives_test.cc); half an archive is.
  for (size_t size = 1; size < file.size(); size += kEvery) {
    Bytes half_more = file;
    half_more.resize(file.size() + size % 3);
    half_more.insert(half_more.end(), file.begin(), file.begin() + static_cast<ptrdiff_t>(size));
    REQUIRE(ThrownBy([&] { DecompressBytes(half_more, &model); }).kind == ErrorKind::kDamaged);
    REQUIRE(ThrownBy([&] { ReadFileInfo(*MemorySource(half_more)); }).kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Damage: lost, repeated, swapped and foreign segments are reported") {
  const CodecModel model = ChainModel(kContext);
  const Parts parts(SampleFile(model));
  const size_t count = parts.segments.size();
  REQUIRE(count == 8);
  REQUIRE(parts.Join() == SampleFile(model));
  for (size_t i = 0; i < count; ++i) {
    Parts lost = parts;
    lost.segments.erase(lost.segments.begin() + static_cast<ptrdiff_t>(i));
    RequireDamaged(lost.Join(), model);
    Parts repeated = parts;
    repeated.segments.insert(repeated.segments.begin() + static_cast<ptrdiff_t>(i),
                             parts.segments[i]);
    RequireDamaged(repeated.Join(), model);
    for (size_t j = 0; j < i; ++j) {
      Parts swapped = parts;
      std::swap(swapped.segments[i], swapped.segments[j]);
      RequireDamaged(swapped.Join(), model);
    }
  }
}

TEST_CASE("Damage: a segment, an index or an end of another file is reported") {
  const CodecModel model = ChainModel(kContext);
  const FileHeader layout = SmallLayout(kContext, 2, 32, &model);
  Bytes other = SampleOriginal();
  other[0] = static_cast<uint8_t>(other[0] + 1);  // stored: the same sizes everywhere
  const Parts parts(SampleFile(model));
  const Parts foreign(CompressWithLayout(other, layout, &model));
  REQUIRE(parts.index == foreign.index);
  const auto kind = [&](const Parts& mixed) {
    return ThrownBy([&] { DecompressBytes(mixed.Join(), &model); }).kind;
  };
  Parts mixed = parts;
  mixed.segments[0] = foreign.segments[0];
  CHECK(kind(mixed) == ErrorKind::kDamaged);
  mixed = parts;
  mixed.end = foreign.end;
  CHECK(kind(mixed) == ErrorKind::kDamaged);
  mixed = parts;
  mixed.index.erase(mixed.index.begin() + 1, mixed.index.begin() + 9);
  CHECK(kind(mixed) == ErrorKind::kDamaged);
  mixed = parts;
  mixed.header = Parts(SampleFile(model, ContextMode::kCarried)).header;
  CHECK(kind(mixed) == ErrorKind::kDamaged);
  mixed = foreign;
  mixed.header = parts.header;  // all of another file but for the header, which is equal
  CHECK(kind(mixed) == std::nullopt);
}

TEST_CASE("Damage: a short segment before the last, and a payload in another form, are refused") {
  // Every checksum is right here: only a faulty encoder makes such files.
  const FileHeader layout = SmallLayout(kContext, 2, 32, nullptr);
  SegmentCodec codec(layout, nullptr);
  const EncodedSegment segment = codec.Encode(Bytes(50, 'a'), 1, [](uint32_t) {});
  REQUIRE(segment.header.method == CodingMethod::kOrder2);
  const auto written = [&](const std::vector<EncodedSegment>& segments) {
    Bytes file;
    const auto sink = MemorySink(&file);
    ContainerWriter writer(*sink, layout);
    for (const EncodedSegment& each : segments) writer.Append(each.header, each.payload);
    writer.Finish();
    return file;
  };
  REQUIRE(DecompressBytes(written({segment}), nullptr) == Bytes(50, 'a'));
  const Thrown short_one = ThrownBy([&] { DecompressBytes(written({segment, segment}), nullptr); });
  CHECK(short_one.kind == ErrorKind::kDamaged);
  CHECK(short_one.Mentions("follows the last one"));

  EncodedSegment longer = segment;  // zeros at the end of a stream change nothing but its form
  longer.payload.push_back(0);
  longer.header.payload_bytes += 1;
  longer.header.payload_hash = Xxh3Of(longer.payload);
  const Thrown other_form = ThrownBy([&] { DecompressBytes(written({longer}), nullptr); });
  CHECK(other_form.kind == ErrorKind::kDamaged);
  CHECK(other_form.Mentions("not what an encoder writes"));
}

TEST_CASE("Damage: an index or a length that lies with a right checksum is refused") {
  const CodecModel model = ChainModel(kContext);
  const Parts parts(SampleFile(model));
  EndRecord end = ParseEndRecord(parts.end, "sample");
  const auto kind = [&](const Parts& forged) {
    return ThrownBy([&] { DecompressBytes(forged.Join(), &model); }).kind;
  };
  for (int field = 0; field < 3; ++field) {
    EndRecord lie = end;
    if (field == 0) ++lie.segments;
    if (field == 1) ++lie.original_bytes;
    if (field == 2) ++lie.file_bytes;
    Parts forged = parts;
    forged.end = Serialise(lie);
    CHECK(kind(forged) == ErrorKind::kDamaged);
  }

  std::vector<IndexEntry> index;
  for (const SegmentHeader& segment : ReadFileInfo(*MemorySource(parts.Join())).segments)
    index.push_back({segment.payload_bytes, segment.original_bytes});
  const auto with_index = [&] {
    Parts forged = parts;
    forged.index = Serialise(index);
    end.chain = ChainHash(0, forged.header);
    for (const Bytes& segment : forged.segments)
      end.chain = ChainHash(end.chain, std::span(segment).first(kSegmentHeaderBytes));
    end.chain = ChainHash(end.chain, forged.index);
    forged.end = Serialise(end);
    return forged;
  };
  REQUIRE(kind(with_index()) == std::nullopt);
  std::swap(index.front(), index.back());
  CHECK(kind(with_index()) == ErrorKind::kDamaged);
}

TEST_CASE("Damage: another model is named with the one that is needed") {
  const CodecModel model = ChainModel(kContext, "right");
  const CodecModel other = ChainModel(kContext, "wrong");
  const Bytes file = SampleFile(model);
  const auto decode = [&](const CodecModel* given) {
    return [&file, given] { DecompressBytes(file, given); };
  };
  CHECK(ThrownBy(decode(&other)).kind == ErrorKind::kDamaged);
  CHECK_THAT(ThrownBy(decode(&other)).message,
             ContainsSubstring(Hex(std::span(model.model_id).first(8))) &&
                 ContainsSubstring(Hex(std::span(other.model_id).first(8))));
  CHECK(ThrownBy(decode(nullptr)).kind == ErrorKind::kUsage);
  CHECK_THAT(ThrownBy(decode(nullptr)).message,
             ContainsSubstring(Hex(std::span(model.model_id).first(8))));
  CodecModel newer = model;
  newer.contract_version = 2;
  CHECK(ThrownBy(decode(&newer)).kind == ErrorKind::kDamaged);
  // The id is right and the tables are not: the payload or the hash of the original tells.
  CodecModel liar = model;
  liar.factory = ChainModel(kContext / 2).factory;
  CHECK(ThrownBy(decode(&liar)).kind == ErrorKind::kDamaged);
}

TEST_CASE("Damage: a claimed size is not believed before its bytes are there") {
  FileHeader header;
  header.context = 16;
  header.lanes = 256;
  header.lane_symbols = 1 << 16;
  SegmentHeader segment;
  segment.method = CodingMethod::kOrder2;
  segment.symbols = segment.original_bytes = kMaxSegmentSymbols;
  segment.payload_bytes = kMaxSegmentSymbols - 1;
  Bytes file = Serialise(header);
  const Bytes record = Serialise(segment);
  file.insert(file.end(), record.begin(), record.end());
  file.insert(file.end(), 100, 0);
  PipeSource source(file);
  CHECK(ThrownBy([&] { ReadFileInfo(source); }).kind == ErrorKind::kDamaged);
  CHECK(source.largest_read() <= 1 << 20);
}

TEST_CASE("Damage: input and output that fail are reported as such") {
  const CodecModel model = ChainModel(kContext);
  const Bytes original = SampleOriginal();
  const Bytes file = SampleFile(model);
  const size_t size = CompressBytes(original, &model).size();
  for (const size_t room : {size_t{0}, size_t{100}, size - 1}) {
    FullSink full(room);
    CHECK(ThrownBy([&] {
            Compress(*MemorySource(original), full, &model, {2, {}});
          }).kind == ErrorKind::kIo);
  }
  FullSink full(original.size() - 1);
  CHECK(ThrownBy([&] {
          Decompress(*MemorySource(file), full, &model, {2, {}});
        }).kind == ErrorKind::kIo);
  for (const size_t good : {size_t{0}, size_t{200}, file.size() - 1}) {
    PipeSource failing(file, good);
    CHECK(ThrownBy([&] {
            Decompress(failing, *NullSink(), &model, {2, {}});
          }).kind == ErrorKind::kIo);
    PipeSource listed(file, good);
    CHECK(ThrownBy([&] { ReadFileInfo(listed); }).kind == ErrorKind::kIo);
  }
  PipeSource failing(original, 300);
  CHECK(ThrownBy([&] { Compress(failing, *NullSink(), &model, {2, {}}); }).kind == ErrorKind::kIo);
}

TEST_CASE("Damage: segments before the damage reach a pipe, whatever the number of threads") {
  const CodecModel model = ChainModel(kContext);
  Parts parts(SampleFile(model));
  parts.segments[5].back() ^= 1;
  const Bytes file = parts.Join();
  for (const int threads : {1, 2, 8}) {
    Bytes out;
    CHECK(ThrownBy([&] {
            Decompress(*MemorySource(file), *MemorySink(&out), &model, {threads, {}});
          }).kind == ErrorKind::kDamaged);
    CHECK(out.size() == 5 * 64);
  }
}

TEST_CASE("Damage: garbage, and garbage after a good start, never crashes") {
  const CodecModel model = ChainModel(kContext);
  const Bytes good = SampleFile(model);
  Random random(1);
  for (size_t round = 0; round < 4000; round += kEvery) {
    Bytes file = RandomBytes(random.Below(600), random.Next());
    const size_t kept = round % 2 == 0 ? random.Below(file.size() + 1) : 0;
    std::copy_n(good.begin(), std::min(kept, good.size()), file.begin());
    Bytes out;
    REQUIRE(ThrownBy([&] {
              Decompress(*MemorySource(file), *MemorySink(&out), &model, {1, {}});
            }).kind == ErrorKind::kDamaged);
    REQUIRE(ThrownBy([&] { ReadFileInfo(*MemorySource(file)); }).kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Damage: segments with right checksums and wild contents never crash") {
  // What checksums cannot stop: headers and payloads that someone made on purpose.
  const CodecModel model = ChainModel(kContext);
  const FileHeader layout = SmallLayout(kContext, 2, 32, &model);
  Random random(2);
  int decoded = 0;
  for (size_t round = 0; round < 4000; round += kEvery) {
    SegmentHeader segment;
    segment.method = static_cast<CodingMethod>(random.Below(3));
    segment.number = random.Below(20) == 0 ? 1 : 0;
    segment.symbols = segment.original_bytes = static_cast<uint32_t>(random.Below(66));
    const Bytes payload = RandomBytes(random.Below(70), random.Next());
    segment.payload_bytes = static_cast<uint32_t>(payload.size());
    segment.payload_hash = Xxh3Of(payload);
    segment.original_hash = random.Below(2) == 0 ? Xxh3Of(payload) : random.Next();
    Bytes file = Serialise(layout);
    for (const Bytes& part : {Serialise(segment), payload})
      file.insert(file.end(), part.begin(), part.end());
    Bytes out;
    REQUIRE(ThrownBy([&] {
              Decompress(*MemorySource(file), *MemorySink(&out), &model, {1, {}});
            }).kind == ErrorKind::kDamaged);
    decoded += out.empty() ? 0 : 1;
  }
  CHECK(decoded > static_cast<int>(5 / kEvery));  // stored segments, whose hash is easy to make
}

}  // namespace occam
