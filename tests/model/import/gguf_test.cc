// GGUF files, good and hostile.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/tokenizer/table_tokenizer.h"
#include "model/import/checkpoint_tensors.h"
#include "model/import/gguf_file.h"
#include "model/import/import.h"
#include "model/import/llama_files.h"
#include "model/import/safetensors_file.h"
#include "tests/catch.h"
#include "tests/error_kind.h"
#include "tests/model/import/tiny_checkpoints.h"
#include "tests/temporary_folder.h"

namespace occam {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using Json = nlohmann::json;

constexpr uint64_t kAlignment = 32;

// A value by its kind in JSON: numbers are u32, fractions f32.
void PutValue(const Json& value, ByteWriter* out, bool with_type = true) {
  const auto type = [&](uint32_t number) {
    if (with_type) out->Put(number);
  };
  if (value.is_string()) {
    type(8);
    const auto text = value.get<std::string>();
    out->Put(static_cast<uint64_t>(text.size()));
    out->PutBytes(BytesOfText(text));
  } else if (value.is_boolean()) {
    type(7);
    out->Put(static_cast<uint8_t>(value.get<bool>() ? 1 : 0));
  } else if (value.is_number_float()) {
    type(6);
    out->PutFloat(value.get<float>());
  } else if (value.is_number()) {
    type(4);
    out->Put(value.get<uint32_t>());
  } else {
    type(9);
    out->Put(static_cast<uint32_t>(value[0].is_string() ? 8 : value[0].is_number_float() ? 6 : 4));
    out->Put(static_cast<uint64_t>(value.size()));
    for (const Json& element : value) PutValue(element, out, false);
  }
}

void PutNumbers(const TinyTensor& tensor, ByteWriter* out) {
  for (const float x : tensor.values) {
    const auto bits = std::bit_cast<uint32_t>(x);
    if (tensor.type == "F32") {
      out->Put(bits);
    } else {
      out->Put(static_cast<uint16_t>(bits >> 16));
    }
  }
}

// Names as GGUF has them.
Bytes GgufBytes(const Json& fields, const TinyTensors& tensors) {
  ByteWriter out, data;
  out.PutBytes(BytesOfText("GGUF"));
  out.Put(uint32_t{3});
  out.Put(static_cast<uint64_t>(tensors.size()));
  out.Put(static_cast<uint64_t>(fields.size()));
  for (const auto& [key, value] : fields.items()) {
    out.Put(static_cast<uint64_t>(key.size()));
    out.PutBytes(BytesOfText(key));
    PutValue(value, &out);
  }
  for (const auto& [name, tensor] : tensors) {
    out.Put(static_cast<uint64_t>(name.size()));
    out.PutBytes(BytesOfText(name));
    out.Put(static_cast<uint32_t>(tensor.shape.size()));
    for (size_t i = tensor.shape.size(); i > 0; --i)
      out.Put(static_cast<uint64_t>(tensor.shape[i - 1]));
    out.Put(static_cast<uint32_t>(tensor.type == "F32" ? 0 : 30));
    while (data.bytes().size() % kAlignment != 0) data.Put(uint8_t{0});
    out.Put(static_cast<uint64_t>(data.bytes().size()));
    PutNumbers(tensor, &data);
  }
  while (out.bytes().size() % kAlignment != 0) out.Put(uint8_t{0});
  out.PutBytes(data.bytes());
  return out.Take();
}

// Rows of heads of 8 from halves to neighbouring pairs, as GGUF has Llama's.
TinyTensor Paired(const TinyTensor& tensor) {
  TinyTensor paired = tensor;
  const auto columns = static_cast<size_t>(tensor.shape[1]);
  for (size_t row = 0; row < static_cast<size_t>(tensor.shape[0]); ++row) {
    const size_t in_head = row % 8;
    const size_t to = row - in_head + (in_head < 4 ? 2 * in_head : 2 * (in_head - 4) + 1);
    std::copy_n(tensor.values.begin() + static_cast<std::ptrdiff_t>(row * columns), columns,
                paired.values.begin() + static_cast<std::ptrdiff_t>(to * columns));
  }
  return paired;
}

TinyTensors GgufTensors(const TinyTensors& published, bool paired) {
  const std::map<std::string, std::string> names = {
      {"model.embed_tokens.weight", "token_embd.weight"},
      {"lm_head.weight", "output.weight"},
      {"model.norm.weight", "output_norm.weight"}};
  const std::map<std::string, std::string> of_layer = {
      {"input_layernorm", "attn_norm"},    {"self_attn.q_proj", "attn_q"},
      {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},
      {"self_attn.o_proj", "attn_output"}, {"self_attn.q_norm", "attn_q_norm"},
      {"self_attn.k_norm", "attn_k_norm"}, {"post_attention_layernorm", "ffn_norm"},
      {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
      {"mlp.down_proj", "ffn_down"}};
  TinyTensors tensors;
  for (const auto& [name, tensor] : published) {
    if (const auto found = names.find(name); found != names.end()) {
      tensors[found->second] = tensor;
      continue;
    }
    const std::string layer(1, name[13]);  // model.layers.L.
    const std::string role = name.substr(15, name.size() - 15 - 7);
    const bool turns = role == "self_attn.q_proj" || role == "self_attn.k_proj";
    tensors["blk." + layer + "." + of_layer.at(role) + ".weight"] =
        turns && paired ? Paired(tensor) : tensor;
  }
  return tensors;
}

Json Fields(const std::string& architecture) {
  Json fields = {
      {"general.architecture", architecture},
      {"general.alignment", kAlignment},
      {"tokenizer.ggml.bos_token_id", 1},
      {"tokenizer.ggml.model", "llama"},
      {"tokenizer.ggml.tokens",
       {"<unk>", "<s>", "</s>", "<0x41>", "A", "t", "h", "e", "\u2581", "th", "the", "\u2581the"}},
      {"tokenizer.ggml.scores",
       {0.0, 0.0, 0.0, 0.0, -9.0, -9.0, -9.0, -9.0, -9.0, -1.0, -2.0, -3.0}},
      {"tokenizer.ggml.token_type", {2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1, 1}}};
  const auto put = [&](const char* name, const Json& value) {
    fields[architecture + "." + name] = value;
  };
  put("embedding_length", 16);
  put("block_count", 2);
  put("feed_forward_length", 20);
  put("attention.head_count", 4);
  put("attention.head_count_kv", 2);
  put("attention.key_length", 8);
  put("attention.layer_norm_rms_epsilon", 1e-5);
  put("context_length", 64);
  return fields;
}

ImportSource Read(const Bytes& file) {
  ImportSource source;
  ReadGguf(file, "net.gguf", &source.weights, &source.table);
  return source;
}

LlamaWeights ReadPublished(const std::string& config, const TinyTensors& tensors) {
  const Bytes file = SafetensorsBytes(tensors);
  CheckpointTensors read;
  AddSafetensors(file, "model", &read);
  return ReadLlamaFolder(BytesOfText(config), "config.json", &read);
}

TEST_CASE("GGUF: networks are those of the published files") {
  for (const bool qwen : {false, true}) {
    TinyTensors published = qwen ? RandomQwen3(kTinyTokens, 3) : RandomTensors(kTinyTokens, 3);
    const LlamaWeights want =
        ReadPublished(qwen ? TinyQwen3Config(kTinyTokens) : TinyConfig(kTinyTokens), published);
    for (const char* type : {"F32", "BF16"}) {
      for (auto& [name, tensor] : published) tensor.type = type;
      const ImportSource source =
          Read(GgufBytes(Fields(qwen ? "qwen3" : "llama"), GgufTensors(published, !qwen)));
      CHECK(source.weights.kind == want.kind);
      CHECK(source.weights.embedding == want.embedding);
      CHECK(source.weights.head == want.head);
      for (size_t l = 0; l < 2; ++l) {
        CHECK(source.weights.layers[l].wq == want.layers[l].wq);
        CHECK(source.weights.layers[l].wk == want.layers[l].wk);
        CHECK(source.weights.layers[l].k_gain == want.layers[l].k_gain);
        CHECK(source.weights.layers[l].wd == want.layers[l].wd);
      }
      CHECK(source.weights.begin_token == 1);
      CHECK(source.table.escapes == 256 - 5);
      const TableTokenizer tokenizer(source.table.tokens, source.table.merges);
      CHECK(tokenizer.Encode(BytesOfText(" theA")) == std::vector<int32_t>{11, 4});
    }
  }
}

TinyTensor Turned(const TinyTensor& tensor) {
  const auto rows = static_cast<size_t>(tensor.shape[0]);
  const auto columns = static_cast<size_t>(tensor.shape[1]);
  TinyTensor turned{{tensor.shape[1], tensor.shape[0]}, {}};
  for (size_t j = 0; j < columns; ++j) {
    for (size_t i = 0; i < rows; ++i) turned.values.push_back(tensor.values[i * columns + j]);
  }
  return turned;
}

// Those of GPT-2, whose matrices of layers are turned.
TinyTensors GgufGpt2Tensors(const TinyTensors& published) {
  const std::map<std::string, std::string> names = {
      {"wte", "token_embd"}, {"wpe", "position_embd"},    {"ln_f", "output_norm"},
      {"ln_1", "attn_norm"}, {"attn.c_attn", "attn_qkv"}, {"attn.c_proj", "attn_output"},
      {"ln_2", "ffn_norm"},  {"mlp.c_fc", "ffn_up"},      {"mlp.c_proj", "ffn_down"}};
  TinyTensors tensors;
  for (const auto& [name, tensor] : published) {
    if (name.ends_with(".attn.bias")) continue;  // a mask
    const size_t end = name.rfind('.');
    const bool of_layer = name.starts_with("h.");
    const size_t begin = of_layer ? 4 : 0;  // after h.L.
    const std::string layer = of_layer ? "blk." + name.substr(2, 2) : "";
    tensors[layer + names.at(name.substr(begin, end - begin)) + name.substr(end)] =
        of_layer && tensor.shape.size() == 2 ? Turned(tensor) : tensor;
  }
  return tensors;
}

Json Gpt2Fields() {
  Json fields = Fields("llama");
  fields["general.architecture"] = "gpt2";
  fields["gpt2.embedding_length"] = 16;
  fields["gpt2.block_count"] = 2;
  fields["gpt2.feed_forward_length"] = 64;
  fields["gpt2.attention.head_count"] = 2;
  fields["gpt2.attention.layer_norm_epsilon"] = 1e-5;
  fields["gpt2.context_length"] = 40;
  return fields;
}

TEST_CASE("GGUF: GPT-2 is that of the published files") {
  const TinyTensors published = RandomGpt2(kTinyTokens, 4, "");
  const LlamaWeights want = ReadPublished(TinyGpt2Config(kTinyTokens), published);
  TinyTensors tensors = GgufGpt2Tensors(published);
  for (const bool stored_head : {false, true}) {
    if (stored_head) tensors["output.weight"] = tensors.at("token_embd.weight");
    const LlamaWeights w = Read(GgufBytes(Gpt2Fields(), tensors)).weights;
    CHECK(w.kind == ImportedShape::kGpt2);
    CHECK(w.embedding == want.embedding);
    CHECK(w.head.empty());
    CHECK(w.head_bias == want.head_bias);
    CHECK(w.positions == want.positions);
    CHECK(w.context == 40);
    CHECK(w.begin_token == 1);
    for (size_t l = 0; l < 2; ++l) {
      CHECK(w.layers[l].wq == want.layers[l].wq);
      CHECK(w.layers[l].wv == want.layers[l].wv);
      CHECK(w.layers[l].bo == want.layers[l].bo);
      CHECK(w.layers[l].wu == want.layers[l].wu);
      CHECK(w.layers[l].wd == want.layers[l].wd);
      CHECK(w.layers[l].bd == want.layers[l].bd);
    }
  }
  tensors.erase("blk.1.attn_qkv.bias");
  CHECK(ThrownBy([&] { Read(GgufBytes(Gpt2Fields(), tensors)); }).Mentions("missing"));
  Json lacking = Gpt2Fields();
  lacking.erase("gpt2.context_length");
  CHECK(ThrownBy([&] { Read(GgufBytes(lacking, tensors)); }).Mentions("gpt2.context_length"));
}

TEST_CASE("GGUF: blocks of Q8_0 are bytes times a scale") {
  ByteWriter blocks;
  std::vector<float> want;
  for (const auto& [half, scale] : {std::pair(uint16_t{0x3800}, 0.5f), {uint16_t{0xc000}, -2.0f}}) {
    blocks.Put(half);
    for (int i = 0; i < 32; ++i) {
      blocks.Put(static_cast<uint8_t>(i * 8 - 128));
      want.push_back(static_cast<float>(i * 8 - 128) * scale);
    }
  }
  CheckpointTensors tensors;
  CHECK(StoredBytes(NumberType::kQ8, 64) == 68);
  tensors.Add("t", {"file", NumberType::kQ8, "8", {2, 32}, blocks.bytes()});
  CHECK(tensors.Take("t", {2, 32}) == want);
}

TEST_CASE("GGUF: a byte-level tokenizer has its rule by name") {
  const Bytes text = ReadFile(OCCAM_TOKENIZER_FIXTURES);
  const Json definition = Json::parse(text.begin(), text.end())["tokenizers"]["qwen3"];
  const Json& vocabulary = definition["model"]["vocab"];
  Json fields = Fields("llama");
  std::vector<std::string> tokens(vocabulary.size() + 1, "<|endoftext|>");
  for (const auto& [token, id] : vocabulary.items()) tokens[id.get<size_t>()] = token;
  std::vector<std::string> merges;
  for (const Json& merge : definition["model"]["merges"])
    merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  fields["tokenizer.ggml.model"] = "gpt2";
  fields["tokenizer.ggml.pre"] = "qwen2";
  fields["tokenizer.ggml.tokens"] = tokens;
  fields["tokenizer.ggml.merges"] = merges;
  std::vector<int> types(tokens.size(), 1);
  types.back() = 3;
  fields["tokenizer.ggml.token_type"] = types;
  const auto count = static_cast<int64_t>(tokens.size());
  const TinyTensors tensors = GgufTensors(RandomTensors(count, 3), true);
  const TokenTable table = Read(GgufBytes(fields, tensors)).table;
  const TokenTable want =
      ReadTokenizerJson(BytesOfText(definition.dump()), static_cast<int32_t>(count), "t");
  CHECK(table.tokens == want.tokens);
  CHECK(table.merges == want.merges);
  CHECK(table.rules == want.rules);
  fields["tokenizer.ggml.pre"] = "deepseek-llm";
  CHECK(ThrownBy([&] { Read(GgufBytes(fields, tensors)); }).Mentions("deepseek-llm"));
}

TEST_CASE("GGUF: what is not supported is refused by name") {
  const TinyTensors tensors = GgufTensors(RandomTensors(kTinyTokens, 3), true);
  const auto refused = [&](const char* field, const Json& value, const std::string& word) {
    Json fields = Fields("llama");
    fields[field] = value;
    const Thrown thrown = ThrownBy([&] { Read(GgufBytes(fields, tensors)); });
    INFO(field);
    CHECK(thrown.kind.has_value());
    CHECK(thrown.Mentions(word));
    CHECK(thrown.Mentions("net.gguf"));
  };
  refused("general.architecture", "gemma3", "gemma3");
  refused("llama.rope.scaling.type", "yarn", "yarn");
  refused("llama.expert_count", 8, "num_experts");
  refused("llama.attention.sliding_window", 32, "sliding_window");
  refused("llama.rope.dimension_count", 4, "in part");
  refused("tokenizer.ggml.model", "t5", "t5");
  refused("tokenizer.ggml.scores", Json::array({0.5}), "scores");
  refused("tokenizer.ggml.token_type", Json::array({1}), "token types");
  refused("llama.embedding_length", "16", "hidden_size");
  refused("llama.block_count", 3, "missing");
  TinyTensors scaled = tensors;
  scaled["rope_freqs.weight"] = {{4}, {1, 2, 3, 4}};
  CHECK(ThrownBy([&] { Read(GgufBytes(Fields("llama"), scaled)); }).Mentions("rope_freqs"));
}

TEST_CASE("GGUF: every truncation and hostile number is damage, and allocates nothing") {
  const TinyTensors tensors = GgufTensors(RandomTensors(kTinyTokens, 3), true);
  const Bytes good = GgufBytes(Fields("llama"), tensors);
  CHECK(IsGguf(good));
  CHECK_FALSE(IsGguf(std::span(good).first(3)));
  for (size_t n = 0; n < good.size(); n += 1 + n / 20) {
    const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n));
    CHECK(ThrownBy([&] { Read(cut); }).kind == ErrorKind::kDamaged);
  }
  // Each byte of the head in turn becomes the largest one: damage, or another network, never more.
  const size_t head = good.size() - 30'000;
  for (size_t at = 4; at < std::min<size_t>(head, 3000); ++at) {
    Bytes changed = good;
    changed[at] = 0xff;
    ThrownBy([&] { Read(changed); });
  }
  Bytes version = good;
  version[4] = 1;
  CHECK(ThrownBy([&] { Read(version); }).Mentions("version 1"));
}

TEST_CASE("GGUF: a path that ends in .gguf is one") {
  const TemporaryFolder folder;
  WriteFile(folder / "net.gguf",
            GgufBytes(Fields("llama"), GgufTensors(RandomTensors(kTinyTokens, 3), true)));
  CHECK(ReadCheckpointOf(folder / "net.gguf", "").weights.heads == 4);
  CHECK(ThrownBy([&] { ReadCheckpointOf(folder / "net.gguf", "tok.bin"); }).kind ==
        ErrorKind::kUsage);
}

}  // namespace
}  // namespace occam
