// The memory and work that the exact network takes, by its configuration alone: known before any of
// it is allocated or done.
#ifndef OCCAM_MODEL_EXACT_NETWORK_MEMORY_H_
#define OCCAM_MODEL_EXACT_NETWORK_MEMORY_H_

#include <cstdint>

#include "model/config.h"

namespace occam {

// Returns how many bytes ExactNetwork takes beside the model that it is given, at most.
uint64_t PreparedBytes(const ModelConfig& config);

// Returns how many bytes an ExactSession takes at most: what it needs for passes, and for each
// lane. They are counted in full, though memory becomes real only as far as contexts reach.
uint64_t PassBytes(const ModelConfig& config);
uint64_t LaneBytes(const ModelConfig& config);

// Returns how many multiplications a symbol takes in a context that has filled all windows.
uint64_t SymbolMultiplications(const ModelConfig& config);

}  // namespace occam

#endif  // OCCAM_MODEL_EXACT_NETWORK_MEMORY_H_
