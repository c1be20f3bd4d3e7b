// Rounds a checkpoint in floats to a model that codes (docs/decisions/import.md).
#ifndef OCCAM_MODEL_IMPORT_QUANTISE_LLAMA_H_
#define OCCAM_MODEL_IMPORT_QUANTISE_LLAMA_H_

#include <vector>

#include "model/import/float_llama.h"
#include "model/import/llama_weights.h"
#include "model/import/token_table.h"
#include "model/quantized_model.h"

namespace occam {

// Fineness of rounding: to codes of 8 bits, or to some 15 bits. The latter is a fine network
// (docs/spec/import.md, section 1), which has twice the bytes and four times the products.
enum class ImportPrecision { kUsual, kFine };

// Moves scales between neighbouring matrices, so that what is rounded is as even as the maxima
// [layers] allow. In real numbers the network stays the same.
void Smooth(const std::vector<LlamaMaxima>& maxima, LlamaWeights* w);

// Rounds the weights. `value_maxima` [layers * kv_heads] are the largest magnitudes of values, of
// the smoothed network. `context` is at most kMaxLlamaContext. The MLP is widened with zeros to a
// multiple of 8. Throws kDamaged where a weight or a gain is beyond what the contract allows.
QuantizedModel QuantiseLlama(const LlamaWeights& w, const TokenTable& table, int32_t context,
                             const std::vector<double>& value_maxima,
                             ImportPrecision precision = ImportPrecision::kUsual);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_QUANTISE_LLAMA_H_
