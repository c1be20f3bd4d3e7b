// Small heads become larger ones that predict the same and lose less when they are rounded
// (docs/decisions/import.md).
#ifndef OCCAM_MODEL_IMPORT_DOUBLE_HEADS_H_
#define OCCAM_MODEL_IMPORT_DOUBLE_HEADS_H_

#include "model/import/llama_weights.h"

namespace occam {

// Doubles heads of 8 in Llama's shape, and leaves all others as they are. Every pair of a query and
// a key stands there twice, the second time turned by 45 degrees, so that the roundings of both
// differ. Values get rows of zeros. In real numbers the network stays the same.
LlamaWeights WithDoubledHeads(LlamaWeights w);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_DOUBLE_HEADS_H_
