// Addresses in machine code, made absolute. A call tells how far away the function is, which is
// another number at each place. Where it tells the function's place, equal calls are equal bytes
// (Mahoney, "Data Compression Explained", 2013, section 5.9, "E8E9"; Pavlov's BCJ filters of
// 7-Zip). docs/spec/program.md defines it.
#ifndef OCCAM_CODER_ARCHIVE_MACHINE_CODE_H_
#define OCCAM_CODER_ARCHIVE_MACHINE_CODE_H_

#include <cstdint>
#include <optional>
#include <span>

namespace occam {

// The numbers stand in files.
enum class InstructionSet : uint8_t {
  kX86 = 0,    // of 64 bits: calls, jumps, and operands beside the instruction pointer
  kArm64 = 1,  // BL and ADRP, at multiples of four bytes
};
constexpr uint8_t kInstructionSets = 2;

// Makes each address of `bytes`, which may be any, absolute. Bytes that look like an instruction
// are taken for one.
void MakeAddressesAbsolute(InstructionSet set, std::span<uint8_t> bytes);

// Undoes it: restores the very bytes.
void MakeAddressesRelative(InstructionSet set, std::span<uint8_t> bytes);

// Returns whose calls have clearly fewer targets than distances, nothing where neither's have. It
// looks at numbers alone, which takes no time beside coding.
std::optional<InstructionSet> FindInstructionSet(std::span<const uint8_t> bytes);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_MACHINE_CODE_H_
