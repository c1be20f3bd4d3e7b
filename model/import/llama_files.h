// Checkpoints of Llama's shape, from the files in which they are published.
#ifndef OCCAM_MODEL_IMPORT_LLAMA_FILES_H_
#define OCCAM_MODEL_IMPORT_LLAMA_FILES_H_

#include <cstdint>
#include <span>
#include <string>

#include "model/import/llama_weights.h"

namespace occam {

// config.json and model.safetensors of a LlamaForCausalLM. Throws kDamaged, and kUsage by name for
// what is not supported: another architecture, biases, another activation, scaled rotary angles.
LlamaWeights ReadLlamaFolder(std::span<const uint8_t> config, std::span<const uint8_t> tensors,
                             const std::string& config_name, const std::string& tensors_name);

// A .bin of llama2.c (Karpathy, 2023), version 0: seven numbers, then tensors in float32. Throws
// kDamaged.
LlamaWeights ReadLlama2c(std::span<const uint8_t> bytes, const std::string& name);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_LLAMA_FILES_H_
