#include "coder/archive/machine_code.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

// Every constant here is part of the file format: another value makes other files.

namespace occam {
namespace {

// ---- Numbers in bytes, the lowest byte first ---------------------------------------------------

uint32_t Read24(const uint8_t* at) {
  return at[0] | static_cast<uint32_t>(at[1]) << 8 | static_cast<uint32_t>(at[2]) << 16;
}
void Write24(uint32_t value, uint8_t* at) {
  for (int i = 0; i < 3; ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}
uint32_t Read32(const uint8_t* at) { return Read24(at) | static_cast<uint32_t>(at[3]) << 24; }
void Write32(uint32_t value, uint8_t* at) {
  Write24(value, at);
  at[3] = static_cast<uint8_t>(value >> 24);
}

// ---- x86 ---------------------------------------------------------------------------------------

constexpr uint8_t kCall = 0xe8;
constexpr uint8_t kJump = 0xe9;
constexpr uint8_t kTwoBytes = 0x0f;  // begins opcodes of two bytes

// Whether an opcode of one byte is taken for one with an operand in memory: arithmetic, moves,
// comparisons, and calls of pointers.
constexpr std::array<bool, 256> kWithOperand = [] {
  std::array<bool, 256> result{};
  for (const size_t opcode :
       {0x01, 0x03, 0x29, 0x2b, 0x38, 0x39, 0x3a, 0x3b, 0x63, 0x80, 0x81, 0x83,
        0x85, 0x88, 0x89, 0x8a, 0x8b, 0x8d, 0xc6, 0xc7, 0xf6, 0xf7, 0xff})
    result[opcode] = true;
  return result;
}();

// Mode 0 and register 5: the operand lies at a distance from the next instruction.
bool IsBesidePointer(uint8_t mod_rm) { return (mod_rm & 0xc7) == 5; }

// Returns where the distance of an instruction at `at` begins, 0 where there is none. The distance
// has four bytes; the highest is only read: it is that of a distance below 2^24 either way.
size_t DistanceAt(std::span<const uint8_t> bytes, size_t at) {
  const size_t left = bytes.size() - at;
  if (left < 5) return 0;
  const uint8_t opcode = bytes[at];
  size_t operand = 0;
  if (opcode == kCall || opcode == kJump) {
    operand = 1;
  } else if (kWithOperand[opcode] && IsBesidePointer(bytes[at + 1])) {
    operand = 2;
  } else if (opcode == kTwoBytes && (bytes[at + 1] & 0xf0) != 0x80 &&
             IsBesidePointer(bytes[at + 2])) {
    operand = 3;
  }
  if (operand == 0 || left < operand + 4) return 0;
  const uint8_t highest = bytes[at + operand + 3];
  return highest == 0 || highest == 0xff ? at + operand : 0;
}

// The next instruction begins behind the distance, most of the time.
uint32_t After(size_t distance) { return static_cast<uint32_t>(distance + 4); }

// ---- Arm ---------------------------------------------------------------------------------------

constexpr uint32_t kDistanceOfBl = 0x3ffffff;  // in words of four bytes
bool IsBl(uint32_t word) { return word >> 26 == 0x25; }

// ADRP tells the distance of a page of 4096 bytes by 21 bits, the lowest two of them apart.
bool IsAdrp(uint32_t word) { return (word & 0x9f000000) == 0x90000000; }
uint32_t PageOf(uint32_t adrp) { return (adrp >> 29 & 3) | (adrp >> 5 & 0x7ffff) << 2; }
uint32_t WithPage(uint32_t adrp, uint32_t page) {
  return (adrp & 0x9f00001f) | (page & 3) << 29 | (page >> 2 & 0x7ffff) << 5;
}

// `absolute`: adds the place to each distance; otherwise takes it away.
void MoveArm64(bool absolute, std::span<uint8_t> bytes) {
  for (size_t at = 0; at + 4 <= bytes.size(); at += 4) {
    uint32_t word = Read32(&bytes[at]);
    const auto moved = [&](uint32_t distance, size_t place) {
      const auto by = static_cast<uint32_t>(place);
      return absolute ? distance + by : distance - by;
    };
    if (IsBl(word)) {
      word = (word & ~kDistanceOfBl) | (moved(word, at / 4) & kDistanceOfBl);
    } else if (IsAdrp(word)) {
      word = WithPage(word, moved(PageOf(word), at / 4096));
    } else {
      continue;
    }
    Write32(word, &bytes[at]);
  }
}

// ---- Looking -----------------------------------------------------------------------------------

constexpr uint32_t kNumbers = 1 << 24;

// Calls `take(distance, target)`, both below kNumbers, for each call.
template <typename Take>
void EachX86Call(std::span<const uint8_t> bytes, const Take& take) {
  for (size_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] != kCall) continue;
    const size_t distance = DistanceAt(bytes, at);
    if (distance == 0) continue;
    const uint32_t told = Read24(&bytes[distance]);
    take(told, (told + After(distance)) % kNumbers);
  }
}

template <typename Take>
void EachArm64Call(std::span<const uint8_t> bytes, const Take& take) {
  for (size_t at = 0; at + 4 <= bytes.size(); at += 4) {
    const uint32_t word = Read32(&bytes[at]);
    if (IsBl(word)) take(word % kNumbers, (word + static_cast<uint32_t>(at / 4)) % kNumbers);
  }
}

// How many different numbers there are.
class Different {
 public:
  void Add(uint32_t number) {
    count_ += seen_[number] ? 0 : 1;
    seen_[number] = true;
  }
  size_t count() const { return count_; }

 private:
  std::vector<bool> seen_ = std::vector<bool>(kNumbers);
  size_t count_ = 0;
};

// Returns how many fewer targets there are than distances, 0 where that is not clear. `each(take)`
// tells all calls.
template <typename Each>
size_t Gain(const Each& each) {
  constexpr size_t kLeastCalls = 32;
  size_t calls = 0;
  each([&](uint32_t, uint32_t) { ++calls; });
  if (calls < kLeastCalls) return 0;  // most segments, which need no memory then
  Different distances, targets;
  each([&](uint32_t distance, uint32_t target) {
    distances.Add(distance);
    targets.Add(target);
  });
  return 8 * targets.count() <= 7 * distances.count() ? distances.count() - targets.count() : 0;
}

}  // namespace

// From the end to the begin, so that the way back, from begin to end, finds at each place the bytes
// that this way found there.
void MakeAddressesAbsolute(InstructionSet set, std::span<uint8_t> bytes) {
  if (set == InstructionSet::kArm64) return MoveArm64(/*absolute=*/true, bytes);
  for (size_t at = bytes.size(); at-- > 0;) {
    const size_t distance = DistanceAt(bytes, at);
    if (distance != 0) Write24(Read24(&bytes[distance]) + After(distance), &bytes[distance]);
  }
}

void MakeAddressesRelative(InstructionSet set, std::span<uint8_t> bytes) {
  if (set == InstructionSet::kArm64) return MoveArm64(/*absolute=*/false, bytes);
  for (size_t at = 0; at < bytes.size(); ++at) {
    const size_t distance = DistanceAt(bytes, at);
    if (distance != 0) Write24(Read24(&bytes[distance]) - After(distance), &bytes[distance]);
  }
}

std::optional<InstructionSet> FindInstructionSet(std::span<const uint8_t> bytes) {
  const size_t x86 = Gain([&](const auto& take) { EachX86Call(bytes, take); });
  const size_t arm64 = Gain([&](const auto& take) { EachArm64Call(bytes, take); });
  if (x86 == 0 && arm64 == 0) return std::nullopt;
  return x86 >= arm64 ? InstructionSet::kX86 : InstructionSet::kArm64;
}

}  // namespace occam
