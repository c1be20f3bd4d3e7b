// The first block of a checkpoint, which vouches for what follows before libhdf5 sees it. Its
// layout is in model/checkpoint.h.
#ifndef OCCAM_MODEL_CHECKPOINT_BLOCK_H_
#define OCCAM_MODEL_CHECKPOINT_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace occam {

constexpr size_t kUserBlockBytes = 512;

// Fills the first kUserBlockBytes of a whole checkpoint for the HDF5 data after them.
void FillUserBlock(std::span<uint8_t> file);

// Throws kDamaged unless the block is one of a format version that this program reads and its
// length and digest are those of the data. `name` is for messages.
void CheckUserBlock(std::span<const uint8_t> file, const std::string& name);

}  // namespace occam

#endif  // OCCAM_MODEL_CHECKPOINT_BLOCK_H_
