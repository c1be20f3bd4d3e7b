// Tiny random checkpoints, in the files in which such are published.
#ifndef OCCAM_TESTS_MODEL_IMPORT_TINY_CHECKPOINTS_H_
#define OCCAM_TESTS_MODEL_IMPORT_TINY_CHECKPOINTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/base/byte_order.h"
#include "data/base/file.h"
#include "data/base/format.h"
#include "data/base/random.h"

namespace occam::testing {

struct TinyTensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
  std::string type = "F32";
};
using TinyTensors = std::map<std::string, TinyTensor>;

inline Bytes BytesOfText(const std::string& text) { return {text.begin(), text.end()}; }

inline TinyTensor RandomTensor(std::vector<int64_t> shape, float bound, Random* random,
                               float around = 0) {
  TinyTensor tensor{std::move(shape), {}};
  int64_t size = 1;
  for (const int64_t side : tensor.shape) size *= side;
  // Few bits, so that they are exact in every type.
  for (int64_t i = 0; i < size; ++i) {
    const float x = around + random->Symmetric(bound);
    tensor.values.push_back(static_cast<float>(static_cast<int>(x * 64)) / 64);
  }
  return tensor;
}

// Width 16, 2 layers, 4 heads of 8 that share 2 of keys, an MLP of 20, a tied head.
inline TinyTensors RandomTensors(int64_t tokens, uint64_t seed) {
  Random random(seed);
  TinyTensors t;
  t["model.embed_tokens.weight"] = RandomTensor({tokens, 16}, 1.5f, &random);
  for (int l = 0; l < 2; ++l) {
    const std::string p = "model.layers." + std::to_string(l) + ".";
    t[p + "input_layernorm.weight"] = RandomTensor({16}, 0.5f, &random, 1);
    t[p + "self_attn.q_proj.weight"] = RandomTensor({32, 16}, 0.5f, &random);
    t[p + "self_attn.k_proj.weight"] = RandomTensor({16, 16}, 0.5f, &random);
    t[p + "self_attn.v_proj.weight"] = RandomTensor({16, 16}, 0.5f, &random);
    t[p + "self_attn.o_proj.weight"] = RandomTensor({16, 32}, 0.5f, &random);
    t[p + "post_attention_layernorm.weight"] = RandomTensor({16}, 0.5f, &random, 1);
    t[p + "mlp.gate_proj.weight"] = RandomTensor({20, 16}, 0.5f, &random);
    t[p + "mlp.up_proj.weight"] = RandomTensor({20, 16}, 0.5f, &random);
    t[p + "mlp.down_proj.weight"] = RandomTensor({16, 20}, 0.5f, &random);
  }
  t["model.norm.weight"] = RandomTensor({16}, 0.5f, &random, 1);
  return t;
}

inline std::string TinyConfig(int64_t tokens) {
  return R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "bos_token_id": 1,
  "hidden_act": "silu", "hidden_size": 16, "intermediate_size": 20, "num_attention_heads": 4,
  "num_key_value_heads": 2, "head_dim": 8, "num_hidden_layers": 2, "rms_norm_eps": 1e-5,
  "max_position_embeddings": 64, "rope_scaling": null, "rope_theta": 10000.0,
  "tie_word_embeddings": true, "vocab_size": )" +
         std::to_string(tokens) + "}";
}

// The same as Qwen3 has it, with an untied head and norms of heads.
inline TinyTensors RandomQwen3(int64_t tokens, uint64_t seed) {
  TinyTensors t = RandomTensors(tokens, seed);
  Random random(seed, 1);
  for (int l = 0; l < 2; ++l) {
    const std::string p = "model.layers." + std::to_string(l) + ".self_attn.";
    t[p + "q_norm.weight"] = RandomTensor({8}, 0.5f, &random, 1);
    t[p + "k_norm.weight"] = RandomTensor({8}, 0.5f, &random, 1);
  }
  t["lm_head.weight"] = RandomTensor({tokens, 16}, 0.5f, &random);
  return t;
}
inline std::string TinyQwen3Config(int64_t tokens) {
  return R"({"model_type": "qwen3", "attention_bias": false, "eos_token_id": [1, 2], "head_dim": 8,
  "hidden_act": "silu", "hidden_size": 16, "intermediate_size": 20, "num_attention_heads": 4,
  "num_key_value_heads": 2, "num_hidden_layers": 2, "rms_norm_eps": 1e-6, "max_window_layers": 2,
  "max_position_embeddings": 64, "rope_scaling": null, "rope_theta": 1000000, "sliding_window": null,
  "use_sliding_window": false, "tie_word_embeddings": false, "vocab_size": )" +
         std::to_string(tokens) + "}";
}

// GPT-2: width 16, 2 layers, 2 heads of 8, 40 positions, an MLP of 64.
inline TinyTensors RandomGpt2(int64_t tokens, uint64_t seed, const std::string& prefix) {
  Random random(seed);
  TinyTensors t;
  t[prefix + "wte.weight"] = RandomTensor({tokens, 16}, 1.5f, &random, 0.3f);
  t[prefix + "wpe.weight"] = RandomTensor({40, 16}, 0.5f, &random, 0.1f);
  for (int l = 0; l < 2; ++l) {
    const std::string p = prefix + "h." + std::to_string(l) + ".";
    for (const char* norm : {"ln_1", "ln_2"}) {
      t[p + norm + ".weight"] = RandomTensor({16}, 0.5f, &random, 1);
      t[p + norm + ".bias"] = RandomTensor({16}, 0.5f, &random);
    }
    t[p + "attn.c_attn.weight"] = RandomTensor({16, 48}, 0.5f, &random, 0.1f);
    t[p + "attn.c_attn.bias"] = RandomTensor({48}, 0.5f, &random);
    t[p + "attn.c_proj.weight"] = RandomTensor({16, 16}, 0.5f, &random, 0.1f);
    t[p + "attn.c_proj.bias"] = RandomTensor({16}, 0.5f, &random, 0.2f);
    t[p + "attn.bias"] = RandomTensor({1, 1, 40, 40}, 1, &random);  // a mask, not used
    t[p + "mlp.c_fc.weight"] = RandomTensor({16, 64}, 0.5f, &random);
    t[p + "mlp.c_fc.bias"] = RandomTensor({64}, 0.5f, &random);
    t[p + "mlp.c_proj.weight"] = RandomTensor({64, 16}, 0.5f, &random, 0.1f);
    t[p + "mlp.c_proj.bias"] = RandomTensor({16}, 0.5f, &random, 0.2f);
  }
  t[prefix + "ln_f.weight"] = RandomTensor({16}, 0.5f, &random, 1);
  t[prefix + "ln_f.bias"] = RandomTensor({16}, 0.5f, &random);
  return t;
}
inline std::string TinyGpt2Config(int64_t tokens) {
  return R"({"model_type": "gpt2", "activation_function": "gelu_new", "bos_token_id": 1, "n_embd": 16,
  "n_head": 2, "n_layer": 2, "n_positions": 40, "n_inner": null, "layer_norm_epsilon": 1e-5,
  "vocab_size": )" +
         std::to_string(tokens) + "}";
}

// Three special tokens, letters, a space, and words made of them.
inline std::string TinyTokenizer() {
  return R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
  {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}, "pre_tokenizer": null,
  "added_tokens": [{"id": 0, "content": "<unk>", "special": true},
  {"id": 1, "content": "<s>", "special": true}, {"id": 2, "content": "</s>", "special": true}],
  "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "vocab": {"<unk>": 0, "<s>": 1,
  "</s>": 2, "<0x41>": 3, "A": 4, "t": 5, "h": 6, "e": 7, "▁": 8, "th": 9, "the": 10, "▁the": 11},
  "merges": ["t h", "th e", ["▁", "the"]]}})";
}
constexpr int64_t kTinyTokens = 12;

inline Bytes SafetensorsBytes(const TinyTensors& tensors) {
  std::string header = R"({"__metadata__": {"format": "pt"})";
  ByteWriter data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.bytes().size();
    for (const float x : tensor.values) {
      const auto bits = std::bit_cast<uint32_t>(x);
      if (tensor.type == "F32") {
        data.Put(bits);
      } else if (tensor.type == "BF16") {
        data.Put(static_cast<uint16_t>(bits >> 16));
      } else {  // F16 of numbers that it has exactly
        const uint32_t exponent = (bits >> 23 & 255) - 112;
        const auto half = x == 0 ? 0 : (bits >> 16 & 0x8000) | exponent << 10 | (bits >> 13 & 1023);
        data.Put(static_cast<uint16_t>(half));
      }
    }
    std::string shape;
    for (const int64_t side : tensor.shape)
      shape += (shape.empty() ? "" : ", ") + std::to_string(side);
    header += fmt::format(R"(, "{}": {{"dtype": "{}", "shape": [{}], "data_offsets": [{}, {}]}})",
                          name, tensor.type, shape, begin, data.bytes().size());
  }
  header += "}";
  ByteWriter file;
  file.Put(static_cast<uint64_t>(header.size()));
  file.PutBytes(BytesOfText(header));
  file.PutBytes(data.bytes());
  return file.Take();
}

// The same network as llama2.c stores it: heads are of 8 with a width of 16, so 2 of them, 1 of
// keys; pairs are neighbours.
inline Bytes TinyLlama2c(int32_t tokens, uint64_t seed) {
  Random random(seed);
  ByteWriter out;
  for (const int32_t number : {16, 20, 2, 2, 1, tokens, 64}) out.Put(static_cast<uint32_t>(number));
  const auto put = [&](int64_t count, float bound, float around = 0) {
    for (const float x : RandomTensor({count}, bound, &random, around).values) out.PutFloat(x);
  };
  put(tokens * 16, 1.5f);
  put(2 * 16, 0.5f, 1);
  put(2 * 256, 0.5f), put(2 * 128, 0.5f), put(2 * 128, 0.5f), put(2 * 256, 0.5f);
  put(2 * 16, 0.5f, 1);
  put(2 * 320, 0.5f), put(2 * 320, 0.5f), put(2 * 320, 0.5f);
  put(16, 0.5f, 1);
  put(64 * 8, 1);  // cosines and sines
  return out.Take();
}

// Control tokens, bytes, and "t", "h", "e", "th", "the" with scores.
inline Bytes TinyLlama2cTokens() {
  ByteWriter out;
  out.Put(uint32_t{6});
  const auto put = [&](const std::string& text, float score) {
    out.PutFloat(score);
    out.Put(static_cast<uint32_t>(text.size()));
    out.PutBytes(BytesOfText(text));
  };
  for (const char* control : {"<unk>", "\n<s>\n", "\n</s>\n"}) put(control, 0);
  for (int byte = 0; byte < 256; ++byte) put(fmt::format("<0x{:02X}>", byte), 0);
  put("th", -0.0f), put("the", -1), put("t", -2), put("h", -3), put("e", -4);
  return out.Take();
}
constexpr int32_t kTinyLlama2cTokens = 264;

}  // namespace occam::testing

#endif  // OCCAM_TESTS_MODEL_IMPORT_TINY_CHECKPOINTS_H_
