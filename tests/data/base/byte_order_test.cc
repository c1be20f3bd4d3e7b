#include "data/base/byte_order.h"

#include <cmath>
#include <limits>

#include "tests/catch.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

TEST_CASE("Byte order: numbers are little-endian and come back") {
  ByteWriter writer;
  writer.Put(uint8_t{0xfe});
  writer.Put(uint16_t{0x0102});
  writer.Put(uint32_t{0x03040506});
  writer.Put(uint64_t{0x0708090a0b0c0d0e});
  writer.PutFloat(-0.0f);
  writer.PutBytes(Bytes{1, 2});
  CHECK(writer.bytes() ==
        Bytes{0xfe, 2, 1, 6, 5, 4, 3, 0xe, 0xd, 0xc, 0xb, 0xa, 0x9, 0x8, 7, 0, 0, 0, 0x80, 1, 2});
  const Bytes bytes = writer.Take();
  ByteReader reader(bytes, "block");
  CHECK(reader.Get<uint8_t>() == 0xfe);
  CHECK(reader.Get<uint16_t>() == 0x0102);
  CHECK(reader.Get<uint32_t>() == 0x03040506);
  CHECK(reader.Get<uint64_t>() == 0x0708090a0b0c0d0e);
  CHECK(std::signbit(reader.GetFloat()));
  CHECK(reader.position() == 19);
  CHECK(reader.GetBytes(2)[1] == 2);
  CHECK(reader.remaining() == 0);
}

TEST_CASE("Byte order: floats keep every bit") {
  for (const uint32_t bits : {0x00000001u, 0x80000000u, 0x7fc12345u, 0xff800000u, 0x7f7fffffu}) {
    ByteWriter writer;
    writer.PutFloat(std::bit_cast<float>(bits));
    ByteReader reader(writer.bytes(), "block");
    CHECK(std::bit_cast<uint32_t>(reader.GetFloat()) == bits);
  }
}

TEST_CASE("Byte order: reading past the end is damaged, whatever the length says") {
  const Bytes bytes(10);
  ByteReader reader(bytes, "some.occ");
  reader.GetBytes(7);
  for (const uint64_t count : {uint64_t{4}, std::numeric_limits<uint64_t>::max(),
                               std::numeric_limits<uint64_t>::max() - 6}) {
    const Thrown thrown = ThrownBy([&] { reader.GetBytes(count); });
    CHECK(thrown.kind == ErrorKind::kDamaged);
    CHECK(thrown.Mentions("some.occ"));
  }
  CHECK(ThrownBy([&] { reader.Get<uint32_t>(); }).kind == ErrorKind::kDamaged);
  CHECK(reader.position() == 7);
  CHECK(reader.GetBytes(3).size() == 3);
  CHECK(ThrownBy([&] { reader.Get<uint8_t>(); }).kind == ErrorKind::kDamaged);
  CHECK(reader.GetBytes(0).empty());
}

}  // namespace
}  // namespace occam
