// The memory that a process can have.
#ifndef OCCAM_DATA_BASE_MACHINE_MEMORY_H_
#define OCCAM_DATA_BASE_MACHINE_MEMORY_H_

#include <cstdint>
#include <string>

namespace occam {

// Returns how many bytes this process can have at most: the machine's memory, or less where its
// control groups (cgroups) or its limit of address space (ulimit -v) grant less.
uint64_t MachineMemory();

// Throws kMemory where more is needed than MachineMemory: "NAME needs 16 TB of memory or more, and
// there are 24 GB".
void RequireMachineMemory(uint64_t needed_bytes, const std::string& name);

}  // namespace occam

#endif  // OCCAM_DATA_BASE_MACHINE_MEMORY_H_
