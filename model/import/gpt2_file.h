// Checkpoints of GPT-2's shape (Radford et al., 2019), made into networks whose norms need no
// means.
#ifndef OCCAM_MODEL_IMPORT_GPT2_FILE_H_
#define OCCAM_MODEL_IMPORT_GPT2_FILE_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "model/import/checkpoint_tensors.h"
#include "model/import/llama_weights.h"

namespace occam {

// A field of the configuration that Hugging Face has not: matrices are [outputs, inputs], as in
// GGUF, in place of [inputs, outputs].
constexpr const char* kRowsAreOutputs = "rows_are_outputs";

// A GPT2LMHeadModel. What is added to the residual loses its mean over the width beforehand, so
// that LayerNorm (Ba et al., 2016) finds none and is RMSNorm (Zhang and Sennrich, 2019). Biases of
// norms, keys and values go into those of products. In real numbers the network stays the same.
// Throws kDamaged, and kUsage by name for what is not supported.
LlamaWeights ReadGpt2(const nlohmann::json& config, int32_t begin_token, const std::string& name,
                      CheckpointTensors* tensors);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_GPT2_FILE_H_
