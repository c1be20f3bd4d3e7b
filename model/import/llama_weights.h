// A checkpoint of Llama's shape in floats, whatever file it came from.
#ifndef OCCAM_MODEL_IMPORT_LLAMA_WEIGHTS_H_
#define OCCAM_MODEL_IMPORT_LLAMA_WEIGHTS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace occam {

// A matrix has a row for each output. Rows of wq and wk have a head's pairs as halves: elements i
// and head_size / 2 + i turn together.
struct LlamaLayerWeights {
  std::vector<float> gain1;   // [D]
  std::vector<float> wq;      // [heads * head_size, D]
  std::vector<float> wk, wv;  // [kv_heads * head_size, D]
  std::vector<float> wo;      // [D, heads * head_size]
  std::vector<float> gain2;   // [D]
  std::vector<float> wg, wu;  // [mlp_width, D]
  std::vector<float> wd;      // [D, mlp_width]
};

struct LlamaWeights {
  int32_t tokens = 0;
  int32_t width = 0;  // D
  int32_t heads = 0;
  int32_t kv_heads = 0;
  int32_t head_size = 0;
  int32_t mlp_width = 0;
  int32_t context = 0;
  int32_t begin_token = 0;
  double epsilon = 0;
  double theta = 0;              // base of the rotary frequencies
  std::vector<float> embedding;  // [tokens, D]
  std::vector<LlamaLayerWeights> layers;
  std::vector<float> final_gain;  // [D]
  std::vector<float> head;        // [tokens, D]; empty: the embedding

  const std::vector<float>& output() const { return head.empty() ? embedding : head; }
  int32_t group() const { return heads / kv_heads; }
};

// Throws kDamaged, `name` in the message, unless these numbers are within what an exact network can
// have. Readers call it before they make room for any tensor.
void CheckShape(const LlamaWeights& w, int64_t layers, const std::string& name);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_LLAMA_WEIGHTS_H_
