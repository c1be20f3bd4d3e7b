// Checkpoints from the files in which they are published.
#ifndef OCCAM_MODEL_IMPORT_LLAMA_FILES_H_
#define OCCAM_MODEL_IMPORT_LLAMA_FILES_H_

#include <cstdint>
#include <span>
#include <string>

#include "model/import/checkpoint_tensors.h"
#include "model/import/llama_weights.h"

namespace occam {

// A checkpoint by its config.json, whose name is `name`, and its tensors: a LlamaForCausalLM, a
// Qwen3ForCausalLM or a GPT2LMHeadModel. Throws kDamaged, and kUsage by name for what is not
// supported: another architecture, biases, another activation, scaled rotary angles, windows,
// experts, caps of logits.
LlamaWeights ReadLlamaFolder(std::span<const uint8_t> config, const std::string& name,
                             CheckpointTensors* tensors);

// Rows of wq and wk from neighbouring pairs to halves.
void SplitHeadPairs(LlamaWeights* w);

// A .bin of llama2.c (Karpathy, 2023), version 0: seven numbers, then tensors in float32. Throws
// kDamaged.
LlamaWeights ReadLlama2c(std::span<const uint8_t> bytes, const std::string& name);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_LLAMA_FILES_H_
