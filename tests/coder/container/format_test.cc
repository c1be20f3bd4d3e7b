#include <algorithm>
#include <numeric>

#include "coder/container/container_format.h"
#include "data/base/byte_order.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

FileHeader SmallHeader(uint32_t context, uint32_t lanes, uint32_t lane_symbols) {
  FileHeader header;
  header.context = context;
  header.lanes = lanes;
  header.lane_symbols = lane_symbols;
  return header;
}

}  // namespace

TEST_CASE("Format: lanes hold every symbol once, do not increase, and cut at whole chunks") {
  for (const FileHeader& header : {SmallHeader(16, 32, 64), SmallHeader(1, 3, 5),
                                   SmallHeader(7, 1, 70), SmallHeader(16, 5, 32)}) {
    for (uint32_t symbols = 1; symbols <= header.segment_bytes(); ++symbols) {
      const auto lengths = LaneLengths(symbols, header);
      const uint32_t chunks = (symbols + header.context - 1) / header.context;
      REQUIRE(lengths.size() == std::min(header.lanes, chunks));
      REQUIRE(std::accumulate(lengths.begin(), lengths.end(), 0u) == symbols);
      REQUIRE(std::is_sorted(lengths.rbegin(), lengths.rend()));
      REQUIRE(lengths.front() <= header.lane_symbols);
      REQUIRE(lengths.back() >= 1);
      REQUIRE(lengths.back() + 2 * header.context > lengths.front());
      for (size_t i = 0; i + 1 < lengths.size(); ++i) REQUIRE(lengths[i] % header.context == 0);
    }
  }
}

TEST_CASE("Format: carried lanes are few where a segment is short, and all where it is full") {
  FileHeader header = SmallHeader(16, 4, 128);
  header.mode = ContextMode::kCarried;
  for (uint32_t symbols = 1; symbols <= header.segment_bytes(); ++symbols) {
    const auto lengths = LaneLengths(symbols, header);
    const uint32_t chunks = (symbols + 15) / 16;
    const uint32_t lanes = symbols == 512 ? 4 : std::clamp(chunks / 8, 1u, 4u);
    REQUIRE(lengths.size() == lanes);
    REQUIRE(std::accumulate(lengths.begin(), lengths.end(), 0u) == symbols);
    REQUIRE(std::is_sorted(lengths.rbegin(), lengths.rend()));
    REQUIRE(lengths.back() + 2 * 16 > lengths.front());
  }
  const FileHeader usual = DefaultHeader(2048, ContextMode::kCarried);
  CHECK(usual.lanes == 32);
  CHECK(usual.segment_bytes() == 2 * 1024 * 1024);
  CHECK(LaneLengths(64 << 10, usual) == std::vector<uint32_t>(4, 16 << 10));
  CHECK(LaneLengths(2048 * 8 * 31, usual).size() == 31);
  CHECK(LaneLengths(2048 * 8 * 33, usual).size() == 32);
  // Of tokens, from contract 4 on, a lane may have two contexts.
  FileHeader tokens = DefaultHeader(512, ContextMode::kCarried, 49173);
  tokens.contract_version = 4;
  CHECK(LaneLengths(15600, tokens).size() == 15);
  CHECK(LaneLengths(1000, tokens).size() == 1);
  tokens.contract_version = 3;
  CHECK(LaneLengths(15600, tokens).size() == 3);
  FileHeader bytes = DefaultHeader(512, ContextMode::kCarried);
  bytes.contract_version = 4;
  CHECK(LaneLengths(15600, bytes).size() == 3);
  // Lanes of a context that is longer than the usual lane are one chunk; a full segment has all 32.
  const FileHeader wide = DefaultHeader(100000, ContextMode::kCarried);
  CHECK(wide.lane_symbols == 100000);
  CHECK(LaneLengths(wide.segment_bytes(), wide).size() == 32);
  CHECK(LaneLengths(wide.segment_bytes() - 1, wide).size() == 4);
  for (const uint32_t context : {1u, 2048u, 600000u, kMaxContext}) {
    for (const ContextMode mode : {ContextMode::kCarried, ContextMode::kAdaptive}) {
      const FileHeader carried = DefaultHeader(context, mode);
      CHECK(ParseFileHeader(Serialise(carried), "test") == carried);
    }
  }
  // Adaptive, a segment is as large as may be.
  const FileHeader adaptive = DefaultHeader(2048, ContextMode::kAdaptive);
  CHECK(adaptive.lanes == 32);
  CHECK(adaptive.segment_bytes() == kMaxSegmentSymbols);
  CHECK(LaneLengths(64 << 10, adaptive) == LaneLengths(64 << 10, usual));
}

TEST_CASE("Format: the default layout is half a megabyte at the usual contexts") {
  CHECK(DefaultHeader(2048).segment_bytes() == 512 * 1024);
  CHECK(DefaultHeader(16).segment_bytes() == 512 * 1024);
  CHECK(DefaultHeader(16384).segment_bytes() == 512 * 1024);
  CHECK(DefaultHeader(20000).lane_symbols == 20000);
  CHECK(DefaultHeader(3000).lane_symbols == 15000);
  for (const uint32_t context : {1u, 2048u, 600000u, kMaxContext}) {
    const FileHeader header = DefaultHeader(context);
    CHECK(ParseFileHeader(Serialise(header), "test") == header);
  }
  // Symbols that stand for several bytes: as many of them in a lane, about.
  for (const auto& [vocabulary, bytes] : {std::pair{2, 1u},
                                          {128, 1u},
                                          {256, 1u},
                                          {257, 1u},
                                          {512, 1u},
                                          {1024, 2u},
                                          {4096, 3u},
                                          {4097, 3u},
                                          {16384, 4u},
                                          {20000, 4u},
                                          {65534, 5u}}) {
    CHECK(LayoutBytes(vocabulary) == bytes);
    for (const ContextMode mode : {ContextMode::kChunked, ContextMode::kCarried}) {
      const FileHeader of_bytes = DefaultHeader(2048, mode);
      const FileHeader header = DefaultHeader(2048, mode, vocabulary);
      CHECK(header.segment_bytes() == bytes * of_bytes.segment_bytes());
      CHECK(header.lanes == of_bytes.lanes);
      // What a decoder takes.
      CHECK(ParseFileHeader(Serialise(header), "a.occ") == header);
      const FileHeader widest = DefaultHeader(kMaxContext, mode, vocabulary);
      CHECK(ParseFileHeader(Serialise(widest), "a.occ") == widest);
    }
  }
  CHECK(ThrownBy([] { DefaultHeader(0); }).kind == ErrorKind::kUsage);
  CHECK(ThrownBy([] { DefaultHeader(kMaxContext + 1); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Format: records have the sizes that are written down") {
  CHECK(Serialise(FileHeader{}).size() == kFileHeaderBytes);
  CHECK(Serialise(SegmentHeader{}).size() == kSegmentHeaderBytes);
  CHECK(Serialise(EndRecord{}).size() == kEndRecordBytes);
  const std::vector<IndexEntry> index(5);
  CHECK(Serialise(index).size() == kIndexFrameBytes + 5 * kIndexEntryBytes);
}

TEST_CASE("Format: absurd layouts with a right checksum are refused") {
  const FileHeader good = SmallHeader(16, 32, 64);
  REQUIRE(ParseFileHeader(Serialise(good), "test") == good);
  for (const FileHeader& header :
       {SmallHeader(0, 32, 64), SmallHeader(16, 0, 64), SmallHeader(16, 32, 0),
        SmallHeader(16, 32, 65), SmallHeader(kMaxContext + 1, 1, kMaxContext + 1),
        SmallHeader(16, kMaxLanes + 1, 16), SmallHeader(16, 2, 1u << 24),
        SmallHeader(1, 256, 0xffffffff), SmallHeader(1, 256, 1u << 24)}) {
    CHECK(ThrownBy([&] { ParseFileHeader(Serialise(header), "test"); }).kind ==
          ErrorKind::kDamaged);
  }
}

TEST_CASE("Format: mode adaptive has as many lanes as are told, and as long segments") {
  for (const uint32_t context : {1u, 64u, 2000u, 2048u, 600'000u, kMaxContext}) {
    const FileHeader usual = DefaultHeader(context, ContextMode::kAdaptive);
    CHECK(HeaderOfLanes(context, ContextMode::kAdaptive, 32) == usual);
    for (const uint32_t lanes : {1u, 3u, 4u, 31u}) {
      const FileHeader header = HeaderOfLanes(context, ContextMode::kAdaptive, lanes);
      CHECK(header.lanes <= lanes);
      CHECK(header.segment_bytes() <= usual.segment_bytes());
      CHECK(header.segment_bytes() > usual.segment_bytes() / 2);
      CHECK(ParseFileHeader(Serialise(header), "test") == header);
      if (context > 2048) continue;  // longer ones leave no room for some lanes
      CHECK(header.lanes == lanes);
      // A short segment has no lane of less than eight contexts.
      CHECK(LaneLengths(8 * context, header).size() == 1);
      CHECK(LaneLengths(64 * context, header).size() == std::min(lanes, 8u));
    }
  }
  for (const uint32_t lanes : {0u, 33u}) {
    CHECK(ThrownBy([&] { HeaderOfLanes(2048, ContextMode::kAdaptive, lanes); }).kind ==
          ErrorKind::kUsage);
  }
  for (const ContextMode mode : {ContextMode::kChunked, ContextMode::kCarried})
    CHECK(ThrownBy([&] { HeaderOfLanes(2048, mode, 1); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Format: mode long has segments of up to 2^27 bytes in up to 32 lanes") {
  for (const uint32_t context : {1u, 2000u, 2048u, 600000u, kMaxContext}) {
    for (const uint32_t lanes : {1u, 3u, 32u}) {
      const FileHeader header = HeaderOfLanes(context, ContextMode::kLong, lanes);
      CHECK(header.lanes == lanes);
      CHECK(header.segment_bytes() <= 1u << 27);
      CHECK(header.segment_bytes() > (1u << 27) - lanes * context);
      CHECK(ParseFileHeader(Serialise(header), "test") == header);
    }
  }
  CHECK(HeaderOfLanes(2048, ContextMode::kLong, 1).segment_bytes() == 1u << 27);
  CHECK(HeaderOfLanes(2000, ContextMode::kLong, 3).lane_symbols == 44'738'000);
  CHECK(DefaultHeader(2048, ContextMode::kLong) == HeaderOfLanes(2048, ContextMode::kLong, 32));
  for (const uint32_t lanes : {0u, 33u})
    CHECK(ThrownBy([&] { HeaderOfLanes(2048, ContextMode::kLong, lanes); }).kind ==
          ErrorKind::kUsage);
  CHECK(ThrownBy([] { HeaderOfLanes(0, ContextMode::kLong, 1); }).kind == ErrorKind::kUsage);
  // One more of each is another format's; and what is long is not another mode's.
  const auto kind = [](ContextMode mode, uint32_t context, uint32_t lanes, uint32_t lane_symbols) {
    FileHeader header = SmallHeader(context, lanes, lane_symbols);
    header.mode = mode;
    return ThrownBy([&] { ParseFileHeader(Serialise(header), "test"); }).kind;
  };
  CHECK_FALSE(kind(ContextMode::kLong, 1, 1, 1u << 27));
  CHECK_FALSE(kind(ContextMode::kLong, 1, 32, 1u << 22));
  CHECK(kind(ContextMode::kLong, 1, 1, (1u << 27) + 1) == ErrorKind::kDamaged);
  CHECK(kind(ContextMode::kLong, 1, 32, (1u << 22) + 1) == ErrorKind::kDamaged);
  CHECK(kind(ContextMode::kLong, 1, 33, 1) == ErrorKind::kDamaged);
  CHECK(kind(ContextMode::kLong, 1, 32, 0xffffffff) == ErrorKind::kDamaged);
  CHECK(kind(ContextMode::kAdaptive, 1, 1, (1u << 24) + 1) == ErrorKind::kDamaged);
  CHECK(MethodFits(CodingMethod::kExpert, ContextMode::kLong));
  CHECK(MethodFits(CodingMethod::kSound, ContextMode::kLong));
  CHECK_FALSE(MethodFits(CodingMethod::kPhoto, ContextMode::kLong));
}

TEST_CASE("Format: a newer version, mode and reserved bits are refused by name") {
  // The bytes of version, contract, mode and flags, with the checksum made right again.
  const auto refusal = [](size_t byte, uint8_t value) {
    Bytes bytes = Serialise(FileHeader{});
    bytes[byte] = value;
    ByteWriter sum;
    sum.Put(Xxh3Of(std::span(bytes).first(kFileHeaderBytes - 8)));
    std::copy(sum.bytes().begin(), sum.bytes().end(), bytes.end() - 8);
    return ThrownBy([&] { ParseFileHeader(bytes, "x.occ"); }).message;
  };
  // Without a model nothing is said of one: contract, model block, tokenizer.
  CHECK_THAT(refusal(9, 7), ContainsSubstring("it needs no model and says something of one"));
  CHECK_THAT(refusal(24, 1), ContainsSubstring("it needs no model and says something of one"));
  CHECK_THAT(refusal(31, 1), ContainsSubstring("it needs no model and says something of one"));
  CHECK_THAT(refusal(8, 2), ContainsSubstring("x.occ") && ContainsSubstring("version 2"));
  CHECK_THAT(refusal(10, 7), ContainsSubstring("another context mode"));
  CHECK_THAT(refusal(11, 1), ContainsSubstring("it needs no model and says something of one"));
  CHECK_THAT(refusal(11, 2), ContainsSubstring("it needs a dictionary"));  // of no id, chunked
  for (uint8_t bit = 4; bit != 0; bit = static_cast<uint8_t>(bit << 1))
    CHECK_THAT(refusal(11, bit), ContainsSubstring("unknown flags"));
}

TEST_CASE("Format: segment headers with impossible sizes and a right checksum are refused") {
  const FileHeader file = SmallHeader(16, 32, 64);
  SegmentHeader good;
  good.method = CodingMethod::kOrder2;
  good.symbols = good.original_bytes = 1000;
  good.payload_bytes = 999;
  const auto kind = [&](const SegmentHeader& header) {
    return ThrownBy([&] { ParseSegmentHeader(Serialise(header), file, "test"); }).kind;
  };
  REQUIRE(kind(good) == std::nullopt);
  SegmentHeader bad = good;
  bad.symbols = bad.original_bytes = 0;
  CHECK(kind(bad) == ErrorKind::kDamaged);
  bad = good;
  bad.symbols = bad.original_bytes = file.segment_bytes() + 1;
  CHECK(kind(bad) == ErrorKind::kDamaged);
  bad = good;
  bad.original_bytes = 0xffffffff;
  CHECK(kind(bad) == ErrorKind::kDamaged);
  bad = good;
  bad.payload_bytes = 1000;
  CHECK(kind(bad) == ErrorKind::kDamaged);
  bad.method = CodingMethod::kStored;
  CHECK(kind(bad) == std::nullopt);
  bad.payload_bytes = 999;
  CHECK(kind(bad) == ErrorKind::kDamaged);
  bad = good;
  bad.method = CodingMethod::kModel;  // in a file without a model
  CHECK(kind(bad) == ErrorKind::kDamaged);
  bad.method = static_cast<CodingMethod>(3);
  CHECK(kind(bad) == ErrorKind::kDamaged);
}

}  // namespace occam
