#include "model/import/gguf_file.h"

#include <algorithm>
#include <bit>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/printable.h"
#include "model/import/checked_json.h"
#include "model/import/checkpoint_tensors.h"
#include "model/import/gpt2_file.h"
#include "model/import/llama_files.h"

namespace occam {
namespace {

using Json = nlohmann::json;

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint64_t kMostFields = 1 << 16;
constexpr uint64_t kMostTensors = 1 << 16;
constexpr uint64_t kMostElements = uint64_t{1} << 40;
constexpr uint32_t kMostDimensions = 4;
constexpr uint64_t kMostListed = 1 << 20;  // values of an array
constexpr uint64_t kMostAlignment = 1 << 16;

enum ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

std::string GetString(ByteReader* in) {
  const auto text = in->GetBytes(in->Get<uint64_t>());
  return {text.begin(), text.end()};
}

// One value; `nested` in an array, where another array is damage.
Json GetValue(uint32_t type, bool nested, ByteReader* in) {
  switch (type) {
    case kU8:
      return in->Get<uint8_t>();
    case kI8:
      return static_cast<int8_t>(in->Get<uint8_t>());
    case kU16:
      return in->Get<uint16_t>();
    case kI16:
      return static_cast<int16_t>(in->Get<uint16_t>());
    case kU32:
      return in->Get<uint32_t>();
    case kI32: {
      const auto number = static_cast<int32_t>(in->Get<uint32_t>());
      return number < 0 ? Json(number) : Json(static_cast<uint32_t>(number));
    }
    case kF32:
      return static_cast<double>(in->GetFloat());
    case kBool:
      return in->Get<uint8_t>() != 0;
    case kString:
      return GetString(in);
    case kU64:
      return in->Get<uint64_t>();
    case kI64: {
      const auto number = static_cast<int64_t>(in->Get<uint64_t>());
      return number < 0 ? Json(number) : Json(static_cast<uint64_t>(number));
    }
    case kF64:
      return std::bit_cast<double>(in->Get<uint64_t>());
    default:
      break;
  }
  if (type != kArray || nested)
    throw DamagedError(fmt::format("{} has a value of type {}", in->name(), type));
  const auto inner = in->Get<uint32_t>();
  const auto count = in->Get<uint64_t>();
  if (count > kMostListed || count > in->remaining())
    throw DamagedError(fmt::format("{} has a list of {} values", in->name(), count));
  Json list = Json::array();
  for (uint64_t i = 0; i < count; ++i) list.push_back(GetValue(inner, true, in));
  return list;
}

NumberType TypeOf(uint32_t type) {
  switch (type) {
    case 0:
      return NumberType::kF32;
    case 1:
      return NumberType::kF16;
    case 8:
      return NumberType::kQ8;
    case 30:
      return NumberType::kBF16;
    default:
      return NumberType::kOther;
  }
}

struct Gguf {
  Json fields;  // by their names
  CheckpointTensors tensors;
};

// The same for GPT-2.
std::string PublishedGpt2Name(const std::string& name) {
  static const std::map<std::string, std::string> kNames = {{"token_embd", "wte"},
                                                            {"position_embd", "wpe"},
                                                            {"output_norm", "ln_f"},
                                                            {"output", "lm_head"}};
  static const std::map<std::string, std::string> kLayerNames = {
      {"attn_norm", "ln_1"}, {"attn_qkv", "attn.c_attn"}, {"attn_output", "attn.c_proj"},
      {"ffn_norm", "ln_2"},  {"ffn_up", "mlp.c_fc"},      {"ffn_down", "mlp.c_proj"}};
  const size_t end = name.rfind('.');
  if (end == std::string::npos) return name;
  const std::string stem = name.substr(0, end), ending = name.substr(end);
  if (const auto found = kNames.find(stem); found != kNames.end()) return found->second + ending;
  const size_t dot = stem.rfind('.');
  if (!stem.starts_with("blk.") || dot == 3) return name;
  const auto found = kLayerNames.find(stem.substr(dot + 1));
  if (found == kLayerNames.end()) return name;
  return "h." + stem.substr(4, dot - 4) + "." + found->second + ending;
}

// The name that the same tensor has in a checkpoint of Hugging Face; as it is for others.
std::string PublishedName(const std::string& name) {
  static const std::map<std::string, std::string> kNames = {
      {"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}};
  static const std::map<std::string, std::string> kLayerNames = {
      {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
      {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
      {"attn_q_norm", "self_attn.q_norm"}, {"attn_k_norm", "self_attn.k_norm"},
      {"attn_output", "self_attn.o_proj"}, {"ffn_norm", "post_attention_layernorm"},
      {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
      {"ffn_down", "mlp.down_proj"}};
  const std::string ending = ".weight";
  if (!name.ends_with(ending)) return name;
  const std::string stem = name.substr(0, name.size() - ending.size());
  if (const auto found = kNames.find(stem); found != kNames.end()) return found->second + ending;
  const size_t dot = stem.rfind('.');
  if (!stem.starts_with("blk.") || dot == 3 || dot == std::string::npos) return name;
  const auto found = kLayerNames.find(stem.substr(dot + 1));
  if (found == kLayerNames.end()) return name;
  return "model.layers." + stem.substr(4, dot - 4) + "." + found->second + ending;
}

struct Place {
  std::string name;
  StoredTensor tensor;
  uint64_t elements;
  uint64_t offset;
};

Place GetPlace(const std::string& file, ByteReader* in) {
  Place place;
  place.name = GetString(in);
  const std::string what = fmt::format("{}: tensor {}", file, Printable(place.name));
  place.tensor.file = file;
  const auto dimensions = in->Get<uint32_t>();
  if (dimensions > kMostDimensions)
    throw DamagedError(fmt::format("{} has {} dimensions", what, dimensions));
  place.elements = 1;
  for (uint32_t i = 0; i < dimensions; ++i) {
    const auto side = in->Get<uint64_t>();
    if (side > kMostElements || (side > 0 && place.elements > kMostElements / side))
      throw DamagedError(what + " is too large");
    place.elements *= side;
    // The first side is that of neighbours.
    place.tensor.shape.insert(place.tensor.shape.begin(), static_cast<int64_t>(side));
  }
  const auto type = in->Get<uint32_t>();
  place.tensor.type = TypeOf(type);
  place.tensor.type_name = fmt::format("{} of GGUF", type);
  if (place.tensor.type == NumberType::kQ8 &&
      (place.tensor.shape.empty() || place.tensor.shape.back() % kQ8Block != 0))
    throw DamagedError(what + " has rows that are no whole blocks");
  place.offset = in->Get<uint64_t>();
  return place;
}

Gguf Parse(std::span<const uint8_t> bytes, const std::string& name) {
  ByteReader in(bytes, name);
  if (in.Get<uint32_t>() != kMagic) throw DamagedError(name + " is no GGUF file");
  const auto version = in.Get<uint32_t>();
  if (version != 2 && version != 3)
    throw UsageError(fmt::format("{}: version {} of GGUF is not supported", name, version));
  const auto tensor_count = in.Get<uint64_t>(), field_count = in.Get<uint64_t>();
  if (tensor_count > kMostTensors || field_count > kMostFields)
    throw DamagedError(
        fmt::format("{} says {} tensors and {} fields", name, tensor_count, field_count));
  Gguf file;
  file.fields = Json::object();
  for (uint64_t i = 0; i < field_count; ++i) {
    const std::string key = GetString(&in);
    const auto type = in.Get<uint32_t>();
    if (!file.fields.emplace(key, GetValue(type, false, &in)).second)
      throw DamagedError(fmt::format("{} has the field {} twice", name, Printable(key)));
  }
  std::vector<Place> places;
  for (uint64_t i = 0; i < tensor_count; ++i) places.push_back(GetPlace(name, &in));
  uint64_t alignment = 32;
  if (Present(file.fields, "general.alignment"))
    alignment = static_cast<uint64_t>(JsonCount(file.fields, "general.alignment", name));
  if (!std::has_single_bit(alignment) || alignment > kMostAlignment)
    throw DamagedError(fmt::format("{}: the alignment is {}", name, alignment));
  in.GetBytes(
      std::min<uint64_t>((alignment - in.position() % alignment) % alignment, in.remaining()));
  const auto data = in.GetBytes(in.remaining());
  const bool gpt2 = file.fields.value("general.architecture", Json()) == "gpt2";
  for (Place& place : places) {
    const uint64_t size = StoredBytes(place.tensor.type, place.elements);
    if (place.offset % alignment != 0 || place.offset > data.size() ||
        size > data.size() - place.offset)
      throw DamagedError(
          fmt::format("{}: tensor {} lies outside the file", name, Printable(place.name)));
    place.tensor.bytes = data.subspan(place.offset, size);
    file.tensors.Add(gpt2 ? PublishedGpt2Name(place.name) : PublishedName(place.name),
                     std::move(place.tensor));
  }
  return file;
}

// The configuration as a config.json would have it.
Json ConfigOf(const Gguf& file, const std::string& architecture, const std::string& name) {
  const Json& fields = file.fields;
  const auto key = [&](const char* field) { return architecture + "." + field; };
  Json config = {{"model_type", architecture},
                 {"tie_word_embeddings", !file.tensors.Has("lm_head.weight")}};
  const auto copy = [&](const char* field, const char* to, bool needed = true) {
    const std::string from = key(field);
    if (needed || Present(fields, from.c_str())) config[to] = JsonField(fields, from.c_str(), name);
  };
  copy("embedding_length", "hidden_size");
  copy("block_count", "num_hidden_layers");
  copy("feed_forward_length", "intermediate_size");
  copy("attention.head_count", "num_attention_heads");
  copy("attention.head_count_kv", "num_key_value_heads", false);
  copy("attention.key_length", "head_dim", false);
  copy("attention.layer_norm_rms_epsilon", "rms_norm_eps");
  copy("rope.freq_base", "rope_theta", false);
  copy("context_length", "max_position_embeddings");
  copy("expert_count", "num_experts", false);
  copy("attention.sliding_window", "sliding_window", false);
  const std::string scaling = key("rope.scaling.type");
  if (Present(fields, scaling.c_str()) && JsonString(fields, scaling.c_str(), name) != "none")
    config["rope_scaling"] = {{"type", JsonString(fields, scaling.c_str(), name)}};
  const std::string turning = key("rope.dimension_count");
  const int32_t width = JsonCount(config, "hidden_size", name),
                heads = JsonCount(config, "num_attention_heads", name);
  const int64_t head_size = Present(config, "head_dim") ? JsonCount(config, "head_dim", name)
                                                        : width / std::max(heads, 1);
  if (Present(fields, turning.c_str()) && JsonCount(fields, turning.c_str(), name) != head_size)
    throw UsageError(name + ": heads that turn in part are not supported");
  config["vocab_size"] = JsonField(fields, "tokenizer.ggml.tokens", name).size();
  for (const char* token : {"bos_token_id", "eos_token_id"}) {
    const std::string from = std::string("tokenizer.ggml.") + token;
    if (Present(fields, from.c_str())) config[token] = fields[from];
  }
  return config;
}

// The same for GPT-2, whose matrices GGUF turns.
Json Gpt2ConfigOf(const Gguf& file, const std::string& name) {
  const auto field = [&](const char* key) { return JsonField(file.fields, key, name); };
  Json config = {{"model_type", "gpt2"},
                 {kRowsAreOutputs, true},
                 {"tie_word_embeddings", !file.tensors.Has("lm_head.weight")},
                 {"n_embd", field("gpt2.embedding_length")},
                 {"n_layer", field("gpt2.block_count")},
                 {"n_inner", field("gpt2.feed_forward_length")},
                 {"n_head", field("gpt2.attention.head_count")},
                 {"n_positions", field("gpt2.context_length")},
                 {"layer_norm_epsilon", field("gpt2.attention.layer_norm_epsilon")},
                 {"vocab_size", field("tokenizer.ggml.tokens").size()}};
  for (const char* token : {"bos_token_id", "eos_token_id"}) {
    const std::string from = std::string("tokenizer.ggml.") + token;
    if (Present(file.fields, from.c_str())) config[token] = file.fields[from];
  }
  return config;
}

// Lists of the tokenizer, each with a value a token.
template <typename T>
std::vector<T> ListOf(const Json& fields, const char* field, const std::string& name) {
  const Json& list = JsonField(fields, field, name);
  const auto right = [](const Json& value) {
    if constexpr (std::is_same_v<T, std::string>) return value.is_string();
    return value.is_number();
  };
  if (!list.is_array() || !std::ranges::all_of(list, right))
    throw DamagedError(fmt::format("{}: {} is no list of its kind", name, field));
  return list.get<std::vector<T>>();
}

constexpr int32_t kControlType = 3, kUserType = 4, kUnusedType = 5;

// The tokenizer.json of one in GPT-2's manner.
Json ByteLevelTokenizer(const Json& fields, const std::vector<std::string>& tokens,
                        const std::vector<int32_t>& types, const std::string& name) {
  const std::string rule = JsonString(fields, "tokenizer.ggml.pre", name);
  const Json bytes = {{"type", "ByteLevel"}, {"use_regex", true}};
  Json pre_tokenizer;
  if (rule == "gpt-2") {
    pre_tokenizer = bytes;
  } else if (rule == "smollm") {
    pre_tokenizer = {{"type", "Sequence"},
                     {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, bytes}}};
  } else if (rule == "llama-bpe" || rule == "qwen2") {
    pre_tokenizer = LinePreTokenizer(rule == "qwen2" ? SplitRule::kQwen : SplitRule::kLlama3);
  } else {
    throw UsageError(
        fmt::format("{}: the pre-tokenizer {} is not supported", name, Printable(rule)));
  }
  Json vocabulary = Json::object(), added = Json::array();
  for (size_t i = 0; i < tokens.size(); ++i) {
    vocabulary[tokens[i]] = i;
    if (types[i] == kControlType || types[i] == kUserType || types[i] == kUnusedType)
      added.push_back({{"id", i}, {"content", tokens[i]}, {"special", true}});
  }
  return {{"pre_tokenizer", pre_tokenizer},
          {"added_tokens", added},
          {"model",
           {{"type", "BPE"},
            {"vocab", vocabulary},
            {"ignore_merges", rule == "llama-bpe"},
            {"merges", JsonField(fields, "tokenizer.ggml.merges", name)}}}};
}

TokenTable TableOf(const Json& fields, const std::string& name) {
  const auto tokens = ListOf<std::string>(fields, "tokenizer.ggml.tokens", name);
  const auto types = ListOf<int32_t>(fields, "tokenizer.ggml.token_type", name);
  if (types.size() != tokens.size())
    throw DamagedError(name + " has another number of token types than of tokens");
  const std::string model = JsonString(fields, "tokenizer.ggml.model", name);
  if (model == "gpt2") {
    const std::string text = ByteLevelTokenizer(fields, tokens, types, name)
                                 .dump(-1, ' ', false, Json::error_handler_t::replace);
    return ReadTokenizerJson({reinterpret_cast<const uint8_t*>(text.data()), text.size()},
                             static_cast<int32_t>(tokens.size()), name);
  }
  if (model != "llama")
    throw UsageError(fmt::format("{}: a tokenizer {} is not supported", name, Printable(model)));
  std::vector<ScoredToken> scored;
  const auto scores = ListOf<float>(fields, "tokenizer.ggml.scores", name);
  if (scores.size() != tokens.size())
    throw DamagedError(name + " has another number of scores than of tokens");
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool silent = types[i] == 2 || types[i] == kControlType || types[i] == kUnusedType;
    scored.push_back({silent ? "" : tokens[i], scores[i]});
  }
  return TableByScores(std::move(scored), name);
}

}  // namespace

bool IsGguf(std::span<const uint8_t> first_bytes) {
  return first_bytes.size() >= 4 &&
         std::equal(first_bytes.begin(), first_bytes.begin() + 4, "GGUF");
}

void ReadGguf(std::span<const uint8_t> bytes, const std::string& name, LlamaWeights* weights,
              TokenTable* table) {
  Gguf file = Parse(bytes, name);
  const std::string architecture = JsonString(file.fields, "general.architecture", name);
  if (architecture != "llama" && architecture != "qwen3" && architecture != "gpt2") {
    throw UsageError(fmt::format("{}: a GGUF file of the architecture {} is not supported", name,
                                 Printable(architecture)));
  }
  const std::string config =
      (architecture == "gpt2" ? Gpt2ConfigOf(file, name) : ConfigOf(file, architecture, name))
          .dump();
  *weights = ReadLlamaFolder({reinterpret_cast<const uint8_t*>(config.data()), config.size()}, name,
                             &file.tensors);
  // Llama's rows are stored with the elements of a pair side by side.
  if (architecture == "llama") SplitHeadPairs(weights);
  *table = TableOf(file.fields, name);
}

}  // namespace occam
