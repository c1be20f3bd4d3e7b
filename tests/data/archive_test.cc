#include "data/archive.h"

#include <algorithm>

#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/data/packed.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

struct Format {
  const char* name;
  Bytes (*pack)(std::span<const uint8_t>);
};
constexpr Format kFormats[] = {{"gzip", Gzipped}, {"xz", Xzed}, {"zstd", Zstded}};

Bytes Unpack(std::span<const uint8_t> packed) {
  return ReadAll(*Unpacked(MemorySource(packed, "some file")));
}

// Text-like bytes: compressible, but not to nothing.
Bytes Sample(size_t size) {
  Random random(size);
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>('a' + random.Below(11));
  return bytes;
}

Bytes Joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST_CASE("Archive: gzip, xz and zstd are unpacked, everything else is handed on") {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{65536}, size_t{300'000}}) {
    const Bytes bytes = Sample(size);
    CHECK(Unpack(bytes) == bytes);
    for (const Format& format : kFormats) {
      INFO(format.name << " of " << size);
      const Bytes packed = format.pack(bytes);
      CHECK(Unpack(packed) == bytes);
    }
  }
}

TEST_CASE("Archive: files that start almost as an archive does are handed on") {
  for (const Bytes& bytes : {Bytes{0x1f}, Bytes{0x1f, 0x8b}, Bytes{0x1f, 0x8b, 7, 1, 2},
                             Bytes{0xfd, '7', 'z', 'X', 'Z'}, Bytes{0x28, 0xb5, 0x2f}}) {
    CHECK(Unpack(bytes) == bytes);
  }
}

TEST_CASE("Archive: what bzip2 packed is refused, and a text that begins as its name is not") {
  const Bytes packed = {'B', 'Z', 'h', '9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 1, 2};
  const Bytes empty = {'B', 'Z', 'h', '9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, 0, 0, 0, 0};
  for (const Bytes& file : {packed, empty}) {
    const Thrown thrown = ThrownBy([&] { Unpacked(MemorySource(file, "some file")); });
    CHECK(thrown.kind == ErrorKind::kUsage);
    CHECK(thrown.Mentions("bzip2"));
  }
  const Bytes text = {'B', 'Z', 'h', '9', ' ', 'i', 's', ' ', 'a', ' ', 'w', 'o', 'r', 'd'};
  CHECK(ReadAll(*Unpacked(MemorySource(text))) == text);
}

TEST_CASE("Archive: members, streams and frames that follow one another are all read") {
  const Bytes one = Sample(100'000);
  const Bytes two = Sample(1);
  for (const Format& format : kFormats) {
    INFO(format.name);
    const Bytes packed = Joined({format.pack(one), format.pack({}), format.pack(two)});
    CHECK(Unpack(packed) == Joined({one, two}));
  }
}

TEST_CASE("Archive: it is read in pieces of any size") {
  const Bytes bytes = Sample(20'000);
  for (const Format& format : kFormats) {
    const Bytes packed = Joined({format.pack(bytes), format.pack(bytes)});
    for (const size_t piece : {size_t{1}, size_t{7}, size_t{20'000}, size_t{40'000}}) {
      const auto source = Unpacked(MemorySource(packed));
      Bytes all;
      Bytes part(piece);
      for (size_t n = piece; n == piece;) {
        n = source->Read(part);
        all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(n));
      }
      CHECK(all == Joined({bytes, bytes}));
      CHECK(source->Read(part) == 0);
    }
  }
}

TEST_CASE("Archive: every truncation is reported as damaged, with the file's name") {
  const Bytes bytes = Sample(500);
  for (const Format& format : kFormats) {
    const Bytes packed = Joined({format.pack(bytes), format.pack(bytes)});
    const size_t first = format.pack(bytes).size();
    for (size_t size = 6; size < packed.size(); ++size) {
      if (size == first) continue;  // one whole member is a whole archive
      INFO(format.name << " cut to " << size);
      const Thrown thrown = ThrownBy([&] { Unpack(std::span(packed).first(size)); });
      REQUIRE(thrown.kind == ErrorKind::kDamaged);
      REQUIRE(thrown.Mentions("some file"));
    }
  }
}

// A flip may be harmless (a time stamp in a gzip header), but never changes the bytes unseen.
TEST_CASE("Archive: every flipped bit past the magic number is reported or harmless") {
  const Bytes bytes = Sample(300);
  for (const Format& format : kFormats) {
    Bytes packed = format.pack(bytes);
    int reported = 0;
    for (size_t bit = 8 * 6; bit < 8 * packed.size(); ++bit) {
      packed[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
      INFO(format.name << " bit " << bit);
      Bytes unpacked = bytes;
      const Thrown thrown = ThrownBy([&] { unpacked = Unpack(packed); });
      REQUIRE(unpacked == bytes);
      if (thrown.kind) ++reported;
      packed[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    }
    CHECK(reported > static_cast<int>(7 * packed.size()));
  }
}

TEST_CASE("Archive: bytes after the end that are no archive are reported as damaged") {
  const Bytes bytes = Sample(1000);
  for (const Format& format : kFormats) {
    INFO(format.name);
    const Bytes packed = Joined({format.pack(bytes), {'x', 'y', 'z', '!'}});
    CHECK(ThrownBy([&] { Unpack(packed); }).kind == ErrorKind::kDamaged);
  }
}

// Frame headers of windows, by the zstd format (RFC 8878, section 3.1.1.1.2): 128 MiB at exponent
// 17, and twice as much.
TEST_CASE("Archive: what needs too much memory is refused before it is taken") {
  const auto packed = [](int exponent) {
    return Bytes{0x28, 0xb5, 0x2f, 0xfd, 0x00, static_cast<uint8_t>(exponent << 3),
                 0x01, 0x00, 0x00};
  };
  const Thrown thrown = ThrownBy([&] { Unpack(packed(18)); });
  CHECK(thrown.kind == ErrorKind::kUsage);
  CHECK(thrown.Mentions("more than 128 MiB"));
  CHECK(thrown.Mentions("unpack it first"));
  CHECK(Unpack(packed(17)).empty());
}

}  // namespace
}  // namespace occam
