// Rows of a table, by symbol.
#ifndef OCCAM_MODEL_NETWORK_EMBEDDING_H_
#define OCCAM_MODEL_NETWORK_EMBEDDING_H_

#include <cstdint>
#include <span>

#include "model/network/tensor.h"

namespace occam {

// x [N, D] = table [V + 1, D] at symbols [N], each in [0, V]; throws kInternal otherwise.
void EmbeddingForward(ConstTensorView table, std::span<const int32_t> symbols, TensorView x);

// x [N, D] += table [rows, D] at rows [N], each of the table's, or below 0: nothing.
void EmbeddingAdd(ConstTensorView table, std::span<const int32_t> rows, TensorView x);

// dtable [V + 1, D] += dx [N, D] at symbols [N]; those below 0 are passed over.
void EmbeddingBackward(std::span<const int32_t> symbols, ConstTensorView dx, TensorView dtable);

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_EMBEDDING_H_
