// A checkpoint in floats, whatever file it came from, of one of the shapes that can be imported.
#ifndef OCCAM_MODEL_IMPORT_LLAMA_WEIGHTS_H_
#define OCCAM_MODEL_IMPORT_LLAMA_WEIGHTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"

namespace occam {

// A matrix has a row for each output. Rows of wq and wk have a head's pairs as halves: elements i
// and head_size / 2 + i turn together. What a shape does not have is empty.
struct LlamaLayerWeights {
  std::vector<float> gain1;           // [D]
  std::vector<float> wq;              // [heads * head_size, D]
  std::vector<float> wk, wv;          // [kv_heads * head_size, D]
  std::vector<float> q_gain, k_gain;  // [head_size], of Qwen3
  std::vector<float> wo;              // [D, heads * head_size]
  std::vector<float> gain2;           // [D]
  std::vector<float> wg, wu;          // [mlp_width, D]
  std::vector<float> wd;              // [D, mlp_width]
  // Biases of GPT-2, after the products of these letters. Keys need none, since all scores of a
  // query would move alike; that of values is in bo.
  std::vector<float> bq, bo, bu, bd;
};

struct LlamaWeights {
  ImportedShape kind = ImportedShape::kLlama;
  int32_t tokens = 0;
  int32_t width = 0;  // D
  int32_t heads = 0;
  int32_t kv_heads = 0;
  int32_t head_size = 0;
  int32_t mlp_width = 0;
  int32_t context = 0;
  int32_t begin_token = 0;
  double epsilon = 0;
  double theta = 0;  // base of the rotary frequencies
  // A head's pairs are those of a head of head_size / copies, so many times one after another.
  int32_t copies = 1;
  // [tokens, D]. In GPT-2's shape an input is a row less its mean.
  std::vector<float> embedding;
  std::vector<float> positions;  // [context, D], of GPT-2; their rows have the mean 0
  std::vector<LlamaLayerWeights> layers;
  std::vector<float> final_gain;  // [D]
  std::vector<float> head;        // [tokens, D]; empty: the embedding
  std::vector<float> head_bias;   // [tokens], of GPT-2

  const std::vector<float>& output() const { return head.empty() ? embedding : head; }
  int32_t group() const { return heads / kv_heads; }
  // The radians by which a pair of a head turns at each position.
  double step_of(int64_t pair) const;
  bool is(ImportedShape other) const { return kind == other; }
};

// Throws kDamaged, `name` in the message, unless these numbers are within what an exact network can
// have. Readers call it before they make room for any tensor.
void CheckShape(const LlamaWeights& w, int64_t layers, const std::string& name);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_LLAMA_WEIGHTS_H_
