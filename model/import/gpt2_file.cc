#include "model/import/gpt2_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/printable.h"
#include "model/import/checked_json.h"

namespace occam {
namespace {

using Json = nlohmann::json;
using Floats = std::vector<float>;

void RefuseUnsupported(const Json& config, const std::string& name) {
  const auto refuse = [&](const std::string& what) {
    throw UsageError(fmt::format("{}: {} is not supported", name, what));
  };
  const std::string activation = Present(config, "activation_function")
                                     ? JsonString(config, "activation_function", name)
                                     : "gelu_new";
  if (activation != "gelu_new" && activation != "gelu_pytorch_tanh")
    refuse("the activation " + Printable(activation));
  if (!JsonBool(config, "scale_attn_weights", true)) refuse("scale_attn_weights false");
  for (const char* part : {"scale_attn_by_inverse_layer_idx", "add_cross_attention"}) {
    if (JsonBool(config, part, false)) refuse(part);
  }
  if (Present(config, "quantization_config")) refuse("quantization_config");
}

// Columns first .. first + count - 1 of w [rows, columns], each as a row of the result.
Floats Transposed(const Floats& w, int64_t columns, int64_t first, int64_t count) {
  const auto rows = static_cast<int64_t>(w.size()) / columns;
  Floats turned(static_cast<size_t>(count * rows));
  for (int64_t j = 0; j < count; ++j) {
    for (int64_t i = 0; i < rows; ++i)
      turned[static_cast<size_t>(j * rows + i)] = w[static_cast<size_t>(i * columns + first + j)];
  }
  return turned;
}

Floats Part(const Floats& v, int64_t first, int64_t count) {
  return {v.begin() + first, v.begin() + first + count};
}

// bias + w x, w [outputs, inputs].
Floats BiasAfter(const Floats& w, const Floats& x, const Floats& bias) {
  Floats sums;
  for (size_t j = 0; j < bias.size(); ++j) {
    double sum = static_cast<double>(bias[j]);
    for (size_t k = 0; k < x.size(); ++k)
      sum += static_cast<double>(w[j * x.size() + k]) * static_cast<double>(x[k]);
    sums.push_back(static_cast<float>(sum));
  }
  return sums;
}

// Takes the mean of each row of w [rows, columns] away.
void CentreRows(int64_t columns, Floats* w) {
  for (auto row = w->begin(); row != w->end(); row += columns) {
    const double mean = std::accumulate(row, row + columns, 0.0) / static_cast<double>(columns);
    std::for_each(row, row + columns,
                  [&](float& x) { x = static_cast<float>(static_cast<double>(x) - mean); });
  }
}

// The same of each column: of the outputs that one input makes.
void CentreColumns(int64_t columns, Floats* w) {
  const auto rows = static_cast<int64_t>(w->size()) / columns;
  Floats turned = Transposed(*w, columns, 0, columns);
  CentreRows(rows, &turned);
  *w = Transposed(turned, rows, 0, rows);
}

// The tensors of a file, whose names may begin with "transformer.".
class Tensors {
 public:
  Tensors(CheckpointTensors* tensors, bool rows_are_outputs)
      : tensors_(*tensors),
        prefix_(tensors->Has("wte.weight") ? "" : "transformer."),
        rows_are_outputs_(rows_are_outputs) {}
  Floats Take(const std::string& name, const std::vector<int64_t>& shape) const {
    return tensors_.Take(prefix_ + name, shape);
  }
  // A matrix [outputs, inputs], however it is stored.
  Floats TakeMatrix(const std::string& name, int64_t outputs, int64_t inputs) const {
    if (rows_are_outputs_) return Take(name, {outputs, inputs});
    return Transposed(Take(name, {inputs, outputs}), outputs, 0, outputs);
  }

 private:
  CheckpointTensors& tensors_;
  std::string prefix_;
  bool rows_are_outputs_;
};

LlamaLayerWeights TakeLayer(const Tensors& tensors, const LlamaWeights& w, int32_t l) {
  const int64_t d = w.width, mlp = w.mlp_width;
  const auto take = [&](const char* tensor, const std::vector<int64_t>& shape) {
    return tensors.Take(fmt::format("h.{}.{}", l, tensor), shape);
  };
  const auto take_matrix = [&](const char* tensor, int64_t outputs, int64_t inputs) {
    return tensors.TakeMatrix(fmt::format("h.{}.{}", l, tensor), outputs, inputs);
  };
  LlamaLayerWeights layer;
  layer.gain1 = take("ln_1.weight", {d});
  const Floats beta1 = take("ln_1.bias", {d});
  const Floats qkv = take_matrix("attn.c_attn.weight", 3 * d, d);
  const Floats bias = take("attn.c_attn.bias", {3 * d});
  layer.wq = Part(qkv, 0, d * d);
  layer.wk = Part(qkv, d * d, d * d);
  layer.wv = Part(qkv, 2 * d * d, d * d);
  layer.bq = BiasAfter(layer.wq, beta1, Part(bias, 0, d));
  layer.wo = take_matrix("attn.c_proj.weight", d, d);
  // The weights of attention sum to 1, so a bias of values is one of the output.
  const Floats of_values = BiasAfter(layer.wv, beta1, Part(bias, 2 * d, d));
  layer.bo = BiasAfter(layer.wo, of_values, take("attn.c_proj.bias", {d}));
  layer.gain2 = take("ln_2.weight", {d});
  layer.wu = take_matrix("mlp.c_fc.weight", mlp, d);
  layer.bu = BiasAfter(layer.wu, take("ln_2.bias", {d}), take("mlp.c_fc.bias", {mlp}));
  layer.wd = take_matrix("mlp.c_proj.weight", d, mlp);
  layer.bd = take("mlp.c_proj.bias", {d});
  CentreColumns(d, &layer.wo);
  CentreColumns(mlp, &layer.wd);
  for (Floats* added : {&layer.bo, &layer.bd}) CentreRows(d, added);
  return layer;
}

}  // namespace

LlamaWeights ReadGpt2(const Json& config, int32_t begin_token, const std::string& name,
                      CheckpointTensors* tensors) {
  RefuseUnsupported(config, name);
  LlamaWeights w;
  w.kind = ImportedShape::kGpt2;
  w.tokens = JsonCount(config, "vocab_size", name);
  w.width = JsonCount(config, "n_embd", name);
  w.heads = w.kv_heads = JsonCount(config, "n_head", name);
  if (w.heads < 1 || w.width % w.heads != 0)
    throw DamagedError(name + ": n_head does not divide n_embd");
  w.head_size = w.width / w.heads;
  w.context = JsonCount(config, "n_positions", name);
  w.begin_token = begin_token;
  w.epsilon = JsonDouble(config, "layer_norm_epsilon", name);
  w.theta = 1;  // nothing turns
  w.mlp_width = 4;
  const int32_t layers = JsonCount(config, "n_layer", name);
  CheckShape(w, layers, name);
  w.mlp_width = Present(config, "n_inner") ? JsonCount(config, "n_inner", name) : 4 * w.width;
  CheckShape(w, layers, name);

  const Tensors taken(tensors, JsonBool(config, kRowsAreOutputs, false));
  const int64_t d = w.width;
  w.embedding = taken.Take("wte.weight", {w.tokens, d});
  const bool tied = JsonBool(config, "tie_word_embeddings", true);
  if (!tied || tensors->Has("lm_head.weight")) {
    w.head = tensors->Take("lm_head.weight", {w.tokens, d});
    if (tied && w.head != w.embedding)
      throw DamagedError(name + ": head and embedding differ in a tied model");
    if (w.head == w.embedding) w.head.clear();
  }
  w.positions = taken.Take("wpe.weight", {w.context, d});
  CentreRows(d, &w.positions);
  for (int32_t l = 0; l < layers; ++l) w.layers.push_back(TakeLayer(taken, w, l));
  w.final_gain = taken.Take("ln_f.weight", {d});
  w.head_bias =
      BiasAfter(w.output(), taken.Take("ln_f.bias", {d}), Floats(static_cast<size_t>(w.tokens)));
  // Probabilities do not tell what all logits have in common.
  const auto [least, most] = std::ranges::minmax(w.head_bias);
  for (float& x : w.head_bias) x -= least / 2 + most / 2;
  // Masks that some versions store.
  constexpr const char* kUnused[] = {".attn.bias", ".attn.masked_bias"};
  tensors->RequireNoneLeft(kUnused);
  return w;
}

}  // namespace occam
