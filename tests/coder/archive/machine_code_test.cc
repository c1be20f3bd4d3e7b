#include "coder/archive/machine_code.h"

#include <algorithm>
#include <string>

#include "coder/archive/segment_codec.h"
#include "coder/container/container_format.h"
#include "data/base/random.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

constexpr InstructionSet kSets[] = {InstructionSet::kX86, InstructionSet::kArm64};

void Put(uint64_t value, int width, Bytes* bytes) {
  for (int i = 0; i < width; ++i) bytes->push_back(static_cast<uint8_t>(value >> (8 * i)));
}

// Calls of a few functions, and some of a few other instructions between them.
Bytes Calls(InstructionSet set, size_t count, uint64_t seed) {
  Random random(seed);
  Bytes bytes;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t target = 1024 * random.Below(9);
    if (set == InstructionSet::kX86) {
      bytes.push_back(0xe8);
      Put(target - bytes.size() - 4, 4, &bytes);
      for (uint64_t n = random.Below(5); n > 0; --n)
        Put(0x448948 | random.Below(8) << 27, 4, &bytes);
      if (random.Below(3) == 0) bytes.push_back(0xc3);
    } else {
      Put(0x94000000 | ((target - bytes.size() / 4) & 0x3ffffff), 4, &bytes);
      for (uint64_t n = random.Below(5); n > 0; --n)
        Put(0xf9400000 | random.Below(8) << 10, 4, &bytes);
    }
  }
  return bytes;
}

Bytes Absolute(InstructionSet set, Bytes bytes) {
  MakeAddressesAbsolute(set, bytes);
  return bytes;
}

// Bytes that stand at a place.
Bytes At(size_t place, std::initializer_list<uint8_t> bytes) {
  Bytes result(place + bytes.size());
  std::copy(bytes.begin(), bytes.end(), result.begin() + static_cast<ptrdiff_t>(place));
  return result;
}

TEST_CASE("Machine code: distances become places") {
  const auto x86 = [](std::initializer_list<uint8_t> bytes) {
    return Absolute(InstructionSet::kX86, At(256, bytes));
  };
  CHECK(x86({0xe8, 0xfb, 0xff, 0xff, 0xff}) == At(256, {0xe8, 0x00, 0x01, 0x00, 0xff}));
  CHECK(x86({0xe9, 0x10, 0, 0, 0}) == At(256, {0xe9, 0x15, 0x01, 0, 0}));
  CHECK(x86({0x48, 0x8b, 0x05, 0x10, 0, 0, 0}) == At(256, {0x48, 0x8b, 0x05, 0x17, 0x01, 0, 0}));
  CHECK(x86({0x0f, 0xb6, 0x0d, 0, 0, 0, 0}) == At(256, {0x0f, 0xb6, 0x0d, 0x07, 0x01, 0, 0}));
  // A conditional jump, an operand elsewhere, a distance that is too long, one that is cut off.
  for (const auto& same : {At(256, {0x0f, 0x84, 0x10, 0, 0, 0}), At(256, {0x8b, 0x45, 8, 0, 0, 0}),
                           At(256, {0xe8, 1, 2, 3, 1}), At(256, {0xe8, 1, 2, 0})})
    CHECK(Absolute(InstructionSet::kX86, same) == same);

  const auto arm64 = [](std::initializer_list<uint8_t> bytes) {
    return Absolute(InstructionSet::kArm64, At(8192, bytes));
  };
  CHECK(arm64({0xff, 0xff, 0xff, 0x97}) == At(8192, {0xff, 0x07, 0x00, 0x94}));
  CHECK(arm64({0, 0, 0, 0x90}) == At(8192, {0, 0, 0, 0xd0}));
  CHECK(arm64({0xff, 0xff, 0xff}) == At(8192, {0xff, 0xff, 0xff}));
}

TEST_CASE("Machine code: any bytes are restored") {
  // Bytes that make instructions overlap.
  constexpr uint8_t kSome[] = {0xe8, 0xe9, 0x0f, 0x8b, 0x05, 0x0d, 0x00, 0xff, 0x94, 0x90, 0x97};
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    Bytes bytes(random.Below(60));
    const bool any = random.Below(4) == 0;
    for (uint8_t& byte : bytes)
      byte = any ? static_cast<uint8_t>(random.Next()) : kSome[random.Below(std::size(kSome))];
    for (const InstructionSet set : kSets) {
      Bytes changed = Absolute(set, bytes);
      MakeAddressesRelative(set, changed);
      REQUIRE(changed == bytes);
    }
  }
}

TEST_CASE("Machine code: it is found by calls that have few targets") {
  for (const InstructionSet set : kSets) {
    CHECK(FindInstructionSet(Calls(set, 200, 1)) == set);
    CHECK_FALSE(FindInstructionSet(Calls(set, 31, 1)));
    CHECK_FALSE(FindInstructionSet(Absolute(set, Calls(set, 200, 1))));
  }
  Random random(2);
  Bytes noise(200'000);
  for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random.Next());
  CHECK_FALSE(FindInstructionSet(noise));
  CHECK_FALSE(FindInstructionSet(Bytes(100'000)));
  CHECK_FALSE(FindInstructionSet({}));
}

TEST_CASE("Machine code: a segment of it is smaller than by the expert, and restored") {
  FileHeader layout = DefaultHeader(2048, ContextMode::kAdaptive);
  SegmentCodec codec(layout, nullptr);
  const auto uncounted = [](uint32_t) {};
  for (const InstructionSet set : kSets) {
    const Bytes original = Calls(set, 2000, 3);
    const EncodedSegment segment = codec.Encode(original, 1, uncounted);
    REQUIRE(segment.header.method == CodingMethod::kProgram);
    CHECK(segment.payload[0] == static_cast<uint8_t>(set));
    CHECK(codec.Decode(segment.header, segment.payload, 1, uncounted, "x") == original);
    CHECK(segment.payload.size() + original.size() / 20 <
          codec.PayloadBytes(CodingMethod::kExpert, original, 1, uncounted));

    // Another instruction set, one that there is not, and nothing.
    Bytes bad = segment.payload;
    for (const int number : {1 - segment.payload[0], 2, 255}) {
      bad[0] = static_cast<uint8_t>(number);
      CHECK(ThrownBy([&] { codec.Decode(segment.header, bad, 1, uncounted, "x"); }).kind ==
            ErrorKind::kDamaged);
    }
    CHECK(ThrownBy([&] { codec.Decode(segment.header, {}, 1, uncounted, "x"); }).kind ==
          ErrorKind::kDamaged);
  }
}

TEST_CASE("Machine code: only files of mode adaptive have the method") {
  for (const ContextMode mode :
       {ContextMode::kChunked, ContextMode::kCarried, ContextMode::kFirstAdaptive,
        ContextMode::kAdaptive, ContextMode::kLong})
    CHECK(MethodFits(CodingMethod::kProgram, mode) == (mode == ContextMode::kAdaptive));
  // Mode long has the expert, and no instructions changed for it.
  FileHeader layout = SmallLayout(1, 1, 1 << 16, nullptr);
  layout.mode = ContextMode::kLong;
  const Bytes original = Calls(InstructionSet::kX86, 2000, 3);
  const Bytes file = CompressWithLayout(original, layout, nullptr);
  CHECK(ReadFileInfo(*MemorySource(file)).segments.at(0).method == CodingMethod::kExpert);
  CHECK(DecompressBytes(file, nullptr) == original);
}

}  // namespace
}  // namespace occam
