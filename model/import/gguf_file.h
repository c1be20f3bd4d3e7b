// Reads .gguf files (ggml-org, 2023, github.com/ggml-org/ggml, its page of GGUF), versions 2 and 3.
#ifndef OCCAM_MODEL_IMPORT_GGUF_FILE_H_
#define OCCAM_MODEL_IMPORT_GGUF_FILE_H_

#include <cstdint>
#include <span>
#include <string>

#include "model/import/llama_weights.h"
#include "model/import/token_table.h"

namespace occam {

// Returns whether the bytes begin as such a file does.
bool IsGguf(std::span<const uint8_t> first_bytes);

// A network of Llama's or Qwen3's shape, of F32, F16, BF16 and Q8_0, with its tokenizer. Throws
// kDamaged, and kUsage by name for what is not supported: another architecture, other types of
// tensors and of tokenizers, scaled rotary angles, experts.
void ReadGguf(std::span<const uint8_t> bytes, const std::string& name, LlamaWeights* weights,
              TokenTable* table);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_GGUF_FILE_H_
