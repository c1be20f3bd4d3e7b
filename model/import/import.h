// A public checkpoint becomes a model that codes (docs/decisions/import.md).
#ifndef OCCAM_MODEL_IMPORT_IMPORT_H_
#define OCCAM_MODEL_IMPORT_IMPORT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "data/base/file.h"
#include "model/import/llama_weights.h"
#include "model/import/quantise_llama.h"
#include "model/import/token_table.h"
#include "model/quantized_model.h"

namespace occam {

// Weights to import, and what their tokens stand for.
struct ImportSource {
  LlamaWeights weights;
  TokenTable table;
};

// `path` is a folder with config.json, tokenizer.json and model.safetensors, or several of the
// latter that model.safetensors.index.json names; a .gguf; or a .bin of llama2.c,
// or a folder with one. The
// tokens of a .bin come from `tokenizer`, or where that is empty from the one file beside it whose
// name begins with "tok". Throws kIo, kDamaged, and kUsage by name for what is not supported.
ImportSource ReadCheckpointOf(const std::string& path, const std::string& tokenizer);

// Returns how many bytes of memory an import takes, by the sizes of the checkpoint's files. Throws
// kIo.
uint64_t ImportMemory(const std::string& path);

// The cost of rounding on a text. It is the mean divergence (Kullback and Leibler, 1951) of the
// exact network from the float one, over all tokens, beside the float network's mean entropy.
struct ImportLoss {
  double divergence_bits = 0;  // a token
  double entropy_bits = 0;     // a token
  size_t tokens = 0;
  double percent() const { return entropy_bits > 0 ? 100 * divergence_bits / entropy_bits : 0; }
};
ImportLoss MeasureLoss(const ImportSource& source, const QuantizedModel& model,
                       std::span<const uint8_t> text);

// Positions of a context where nothing else is asked for: some 2000 bytes of text. More positions
// make files a little smaller, and take memory and time.
constexpr int32_t kUsualContext = 512;

// Smooths by the calibration text and rounds. Positions of a context are `context`, at most
// kMaxLlamaContext, or 0 for kUsualContext or as many as the checkpoint has. Throws kUsage for
// another number, and where the text has no bytes; kDamaged where a weight is beyond the contract.
QuantizedModel ImportModel(const ImportSource& source, int32_t context,
                           std::span<const uint8_t> calibration,
                           ImportPrecision precision = ImportPrecision::kUsual);

// The text that calibrates where none is given. It is part of what an imported model's id depends
// on, so it never changes.
std::string_view CalibrationText();

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_IMPORT_H_
