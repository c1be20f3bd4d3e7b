#include "model/import/llama_files.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/printable.h"
#include "model/import/checked_json.h"
#include "model/import/gpt2_file.h"

namespace occam {
namespace {

using Json = nlohmann::json;

bool IsZero(const Json& value) { return value.is_number() && value.get<double>() == 0; }
bool IsOne(const Json& value) { return value.is_number() && value.get<double>() == 1; }

// The base of the rotary frequencies, and nothing else: scaled angles are refused by their kind.
double RotaryBase(const Json& config, const std::string& name) {
  const Json* parameters = &config;
  for (const char* part : {"rope_scaling", "rope_parameters"}) {
    if (!Present(config, part)) continue;
    const Json& scaling = *config.find(part);
    const char* const field = Present(scaling, "rope_type") ? "rope_type" : "type";
    const std::string kind = JsonString(scaling, field, name + ": " + part);
    if (kind != "default") {
      throw UsageError(
          fmt::format("{}: {} of the kind {} is not supported", name, part, Printable(kind)));
    }
    if (Present(scaling, "rope_theta")) parameters = &scaling;
  }
  return Present(*parameters, "rope_theta") ? JsonDouble(*parameters, "rope_theta", name) : 10000;
}

// What the configuration may ask for and the network does not have.
void RefuseUnsupported(const Json& config, const std::string& name) {
  const auto refuse = [&](const std::string& what) {
    throw UsageError(fmt::format("{}: {} is not supported", name, what));
  };
  for (const char* bias : {"attention_bias", "mlp_bias"}) {
    if (JsonBool(config, bias, false)) refuse(bias);
  }
  for (const char* part : {"quantization_config", "attn_logit_softcapping",
                           "final_logit_softcapping", "num_experts", "num_local_experts"}) {
    if (Present(config, part) && !IsZero(*config.find(part))) refuse(part);
  }
  for (const char* factor : {"partial_rotary_factor", "embedding_multiplier", "logits_scaling",
                             "residual_multiplier", "attention_multiplier"}) {
    if (Present(config, factor) && !IsOne(*config.find(factor))) refuse(factor);
  }
  // A window that is as long as the context hides nothing.
  if (Present(config, "sliding_window") && JsonBool(config, "use_sliding_window", true) &&
      JsonCount(config, "sliding_window", name) <
          JsonCount(config, "max_position_embeddings", name))
    refuse("a sliding_window shorter than the context");
  if (Present(config, "layer_types")) {
    const Json& layers = *config.find("layer_types");
    if (!layers.is_array()) throw DamagedError(name + ": layer_types is no list");
    for (const Json& layer : layers) {
      if (!layer.is_string() || layer.get_ref<const std::string&>() != "full_attention")
        refuse("a layer of type " + Printable(layer.dump()));
    }
  }
  if (Present(config, "hidden_act") && JsonString(config, "hidden_act", name) != "silu")
    refuse("the activation " + Printable(JsonString(config, "hidden_act", name)));
}

// Rows of each head from neighbouring pairs to halves.
void SplitPairs(size_t head_size, size_t columns, std::vector<float>* rows) {
  const std::vector<float> old = *rows;
  const size_t count = old.size() / columns;
  for (size_t row = 0; row < count; ++row) {
    const size_t head = row / head_size * head_size, i = row % head_size;
    const size_t to = head + i / 2 + i % 2 * (head_size / 2);
    std::copy_n(old.begin() + static_cast<std::ptrdiff_t>(row * columns), columns,
                rows->begin() + static_cast<std::ptrdiff_t>(to * columns));
  }
}

// The token that a context begins with: where none is named, that which ends a text.
int32_t BeginToken(const Json& config, const std::string& name) {
  if (Present(config, "bos_token_id") || !Present(config, "eos_token_id"))
    return JsonCount(config, "bos_token_id", name);
  const Json& end = *config.find("eos_token_id");
  if (end.is_array())
    return JsonCount(Json{{"eos_token_id", end.empty() ? Json() : end[0]}}, "eos_token_id", name);
  return JsonCount(config, "eos_token_id", name);
}

// A tied model may have the one matrix under either name, or under both.
void TakeEmbedding(const std::string& embedding, bool tied, CheckpointTensors* tensors,
                   LlamaWeights* w) {
  const std::string head = "lm_head.weight";
  const std::vector<int64_t> shape = {w->tokens, w->width};
  w->embedding = tensors->Take(tied && !tensors->Has(embedding) ? head : embedding, shape);
  if (tied && !(tensors->Has(embedding) && tensors->Has(head))) return;
  w->head = tensors->Take(head, shape);
  if (tied && w->head != w->embedding)
    throw DamagedError(tensors->FileOf(head) + ": head and embedding differ in a tied model");
  if (tied) w->head.clear();
}

LlamaWeights ReadLlama(const Json& config, ImportedShape kind, const std::string& name,
                       CheckpointTensors* tensors) {
  RefuseUnsupported(config, name);
  LlamaWeights w;
  w.kind = kind;
  w.tokens = JsonCount(config, "vocab_size", name);
  w.width = JsonCount(config, "hidden_size", name);
  w.heads = JsonCount(config, "num_attention_heads", name);
  w.kv_heads = Present(config, "num_key_value_heads")
                   ? JsonCount(config, "num_key_value_heads", name)
                   : w.heads;
  if (w.heads < 1) throw DamagedError(name + ": num_attention_heads is 0");
  w.head_size =
      Present(config, "head_dim") ? JsonCount(config, "head_dim", name) : w.width / w.heads;
  w.mlp_width = JsonCount(config, "intermediate_size", name);
  w.context = JsonCount(config, "max_position_embeddings", name);
  w.begin_token = BeginToken(config, name);
  w.epsilon = JsonDouble(config, "rms_norm_eps", name);
  w.theta = RotaryBase(config, name);
  const int32_t layers = JsonCount(config, "num_hidden_layers", name);
  CheckShape(w, layers, name);

  const int64_t width = w.width, mlp = w.mlp_width, queries = int64_t{w.heads} * w.head_size,
                keys = int64_t{w.kv_heads} * w.head_size;
  TakeEmbedding("model.embed_tokens.weight", JsonBool(config, "tie_word_embeddings", false),
                tensors, &w);
  for (int32_t l = 0; l < layers; ++l) {
    const std::string prefix = fmt::format("model.layers.{}.", l);
    const auto take = [&](const char* tensor, const std::vector<int64_t>& shape) {
      return tensors->Take(prefix + tensor + ".weight", shape);
    };
    LlamaLayerWeights& layer = w.layers.emplace_back();
    layer.gain1 = take("input_layernorm", {width});
    layer.wq = take("self_attn.q_proj", {queries, width});
    layer.wk = take("self_attn.k_proj", {keys, width});
    layer.wv = take("self_attn.v_proj", {keys, width});
    if (kind == ImportedShape::kQwen3) {
      layer.q_gain = take("self_attn.q_norm", {w.head_size});
      layer.k_gain = take("self_attn.k_norm", {w.head_size});
    }
    layer.wo = take("self_attn.o_proj", {width, queries});
    layer.gain2 = take("post_attention_layernorm", {width});
    layer.wg = take("mlp.gate_proj", {mlp, width});
    layer.wu = take("mlp.up_proj", {mlp, width});
    layer.wd = take("mlp.down_proj", {width, mlp});
  }
  w.final_gain = tensors->Take("model.norm.weight", {width});
  // Tables that some versions store; they follow from the base.
  constexpr const char* kUnused[] = {"rotary_emb.inv_freq"};
  tensors->RequireNoneLeft(kUnused);
  return w;
}

}  // namespace

LlamaWeights ReadLlamaFolder(std::span<const uint8_t> config_bytes, const std::string& name,
                             CheckpointTensors* tensors) {
  const Json config = ParseJson(config_bytes, name);
  const std::string type = JsonString(config, "model_type", name);
  if (type == "llama") return ReadLlama(config, ImportedShape::kLlama, name, tensors);
  if (type == "qwen3") return ReadLlama(config, ImportedShape::kQwen3, name, tensors);
  if (type == "gpt2") return ReadGpt2(config, BeginToken(config, name), name, tensors);
  throw UsageError(fmt::format("{}: a model of type {} is not supported", name, Printable(type)));
}

void SplitHeadPairs(LlamaWeights* w) {
  for (LlamaLayerWeights& layer : w->layers) {
    for (std::vector<float>* rows : {&layer.wq, &layer.wk})
      SplitPairs(static_cast<size_t>(w->head_size), static_cast<size_t>(w->width), rows);
  }
}

LlamaWeights ReadLlama2c(std::span<const uint8_t> bytes, const std::string& name) {
  ByteReader in(bytes, name);
  constexpr int kNumbers = 7;
  int32_t numbers[kNumbers];
  for (int32_t& number : numbers) number = static_cast<int32_t>(in.Get<uint32_t>());
  const auto [width, mlp, layers, heads, kv_heads, signed_tokens, context] = numbers;
  LlamaWeights w;
  const bool tied = signed_tokens > 0;
  w.tokens = static_cast<int32_t>(std::min<int64_t>(std::abs(int64_t{signed_tokens}), INT32_MAX));
  w.width = width;
  w.heads = heads;
  w.kv_heads = kv_heads;
  w.head_size = heads > 0 && width > 0 && width % heads == 0 ? width / heads : 0;
  w.mlp_width = mlp;
  w.context = context;
  w.begin_token = 1;
  w.epsilon = 1e-5;
  w.theta = 10000;
  CheckShape(w, layers, name);

  const int64_t d = width, kv = int64_t{kv_heads} * w.head_size;
  const int64_t table = int64_t{context} * w.head_size;  // cosines and sines, which are not used
  const int64_t floats = w.tokens * d * (tied ? 1 : 2) +
                         layers * (2 * d + 2 * d * d + 2 * d * kv + 3 * d * mlp) + d + table;
  if (static_cast<uint64_t>(floats) * sizeof(float) != in.remaining()) {
    throw DamagedError(fmt::format("{} has {} bytes of tensors, where its shape asks for {}", name,
                                   in.remaining(), floats * 4));
  }
  const auto take = [&](int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) {
      value = in.GetFloat();
      if (!std::isfinite(value)) throw DamagedError(name + " has a weight that is not finite");
    }
    return values;
  };
  w.embedding = take(w.tokens * d);
  w.layers.resize(static_cast<size_t>(layers));
  // Of each kind come those of all layers.
  const auto each = [&](std::vector<float> LlamaLayerWeights::*tensor, int64_t count) {
    for (LlamaLayerWeights& layer : w.layers) layer.*tensor = take(count);
  };
  each(&LlamaLayerWeights::gain1, d);
  each(&LlamaLayerWeights::wq, d * d);
  each(&LlamaLayerWeights::wk, kv * d);
  each(&LlamaLayerWeights::wv, kv * d);
  each(&LlamaLayerWeights::wo, d * d);
  each(&LlamaLayerWeights::gain2, d);
  each(&LlamaLayerWeights::wg, d * mlp);
  each(&LlamaLayerWeights::wd, d * mlp);
  each(&LlamaLayerWeights::wu, d * mlp);
  w.final_gain = take(d);
  take(table);
  if (!tied) w.head = take(w.tokens * d);
  SplitHeadPairs(&w);
  return w;
}

}  // namespace occam
