// The first block of a checkpoint, which vouches for what follows before libhdf5 sees it. Its
// layout is in model/checkpoint/checkpoint.h.
#ifndef OCCAM_MODEL_CHECKPOINT_CHECKPOINT_BLOCK_H_
#define OCCAM_MODEL_CHECKPOINT_CHECKPOINT_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace occam {

constexpr size_t kUserBlockBytes = 512;

// Format versions: the first, and that which leaves out tensors of zeros
// (model/checkpoint/checkpoint.h).
constexpr uint32_t kFormatWhole = 1;
constexpr uint32_t kFormatSparse = 2;

// Fills the first kUserBlockBytes of a whole checkpoint for the HDF5 data after them.
void FillUserBlock(uint32_t format_version, std::span<uint8_t> file);

// Returns the format version. Throws kDamaged unless the block is one of a format version that this
// program reads and its length and digest are those of the data. `name` is for messages.
uint32_t CheckUserBlock(std::span<const uint8_t> file, const std::string& name);

}  // namespace occam

#endif  // OCCAM_MODEL_CHECKPOINT_CHECKPOINT_BLOCK_H_
