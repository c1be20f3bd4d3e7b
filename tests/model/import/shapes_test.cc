// Qwen3 and GPT-2: the networks that are read are those of the papers, in doubles, and what is
// imported of them codes.
#include <algorithm>
#include <cmath>
#include <functional>

#include "coder/archive/compressor.h"
#include "coder/predict/loaded_model.h"
#include "model/import/float_llama.h"
#include "model/import/import.h"
#include "model/import/llama_files.h"
#include "model/import/quantise_llama.h"
#include "model/import/safetensors_file.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/import/tiny_checkpoints.h"

namespace occam {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using Row = std::vector<double>;

LlamaWeights Read(const std::string& config, const TinyTensors& tensors) {
  const Bytes file = SafetensorsBytes(tensors);
  CheckpointTensors read;
  AddSafetensors(file, "model", &read);
  return ReadLlamaFolder(BytesOfText(config), "config.json", &read);
}

// Tensors as they are published, and the operations of the papers on single rows.
class Published {
 public:
  explicit Published(TinyTensors tensors) : tensors_(std::move(tensors)) {}

  double At(const std::string& name, int64_t row, int64_t column) const {
    const TinyTensor& t = tensors_.at(name);
    return static_cast<double>(t.values[static_cast<size_t>(row * t.shape.back() + column)]);
  }
  Row RowOf(const std::string& name, int64_t row) const {
    Row x;
    for (int64_t i = 0; i < tensors_.at(name).shape.back(); ++i) x.push_back(At(name, row, i));
    return x;
  }
  // x w^T, w [outputs, inputs].
  Row Linear(const std::string& name, const Row& x) const {
    Row y;
    for (int64_t j = 0; j < tensors_.at(name).shape[0]; ++j) {
      double sum = 0;
      for (size_t k = 0; k < x.size(); ++k) sum += At(name, j, static_cast<int64_t>(k)) * x[k];
      y.push_back(sum);
    }
    return y;
  }
  // x w + bias, w [inputs, outputs].
  Row Conv1d(const std::string& name, const Row& x) const {
    Row y = RowOf(name + ".bias", 0);
    for (size_t j = 0; j < y.size(); ++j) {
      for (size_t k = 0; k < x.size(); ++k)
        y[j] += At(name + ".weight", static_cast<int64_t>(k), static_cast<int64_t>(j)) * x[k];
    }
    return y;
  }
  Row RmsNorm(const std::string& name, const Row& x, double epsilon) const {
    double sum = 0;
    for (const double v : x) sum += v * v;
    Row y = RowOf(name, 0);
    for (size_t i = 0; i < x.size(); ++i)
      y[i] *= x[i] / std::sqrt(sum / static_cast<double>(x.size()) + epsilon);
    return y;
  }
  Row LayerNorm(const std::string& name, const Row& x, double epsilon) const {
    double mean = 0, variance = 0;
    for (const double v : x) mean += v / static_cast<double>(x.size());
    for (const double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
    Row y = RowOf(name + ".weight", 0);
    for (size_t i = 0; i < x.size(); ++i)
      y[i] = y[i] * (x[i] - mean) / std::sqrt(variance + epsilon) +
             At(name + ".bias", 0, static_cast<int64_t>(i));
    return y;
  }

 private:
  TinyTensors tensors_;
};

Row Part(const Row& x, size_t first, size_t count) {
  const auto begin = x.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}
void Add(const Row& y, Row* x) {
  for (size_t i = 0; i < y.size(); ++i) (*x)[i] += y[i];
}

// One head at position t: softmax of the scores over what was before.
Row Attend(const Row& query, const std::vector<Row>& keys, const std::vector<Row>& values,
           size_t t) {
  Row out(query.size());
  double total = 0;
  for (size_t j = 0; j <= t; ++j) {
    double score = 0;
    for (size_t i = 0; i < query.size(); ++i) score += query[i] * keys[j][i];
    const double weight = std::exp(score / std::sqrt(static_cast<double>(query.size())));
    total += weight;
    for (size_t i = 0; i < out.size(); ++i) out[i] += weight * values[j][i];
  }
  for (double& v : out) v /= total;
  return out;
}

std::vector<double> Qwen3Logits(const TinyTensors& tensors, const std::vector<int32_t>& inputs) {
  const Published w(tensors);
  constexpr double kEpsilon = 1e-6;
  std::vector<Row> x;
  for (const int32_t token : inputs) x.push_back(w.RowOf("model.embed_tokens.weight", token));
  for (int l = 0; l < 2; ++l) {
    const std::string p = "model.layers." + std::to_string(l) + ".";
    const auto turned = [&](const std::string& norm, const Row& head, size_t t) {
      const Row a = w.RmsNorm(p + norm, head, kEpsilon);
      Row y = a;
      for (size_t i = 0; i < 4; ++i) {
        const double angle = static_cast<double>(t) * std::pow(1e6, -static_cast<double>(i) / 4);
        y[i] = a[i] * std::cos(angle) - a[i + 4] * std::sin(angle);
        y[i + 4] = a[i] * std::sin(angle) + a[i + 4] * std::cos(angle);
      }
      return y;
    };
    std::vector<std::vector<Row>> keys(2), values(2);
    for (size_t t = 0; t < x.size(); ++t) {
      const Row h = w.RmsNorm(p + "input_layernorm.weight", x[t], kEpsilon);
      const Row q = w.Linear(p + "self_attn.q_proj.weight", h),
                k = w.Linear(p + "self_attn.k_proj.weight", h),
                v = w.Linear(p + "self_attn.v_proj.weight", h);
      for (size_t g = 0; g < 2; ++g) {
        keys[g].push_back(turned("self_attn.k_norm.weight", Part(k, g * 8, 8), t));
        values[g].push_back(Part(v, g * 8, 8));
      }
      Row out;
      for (size_t head = 0; head < 4; ++head) {
        const Row query = turned("self_attn.q_norm.weight", Part(q, head * 8, 8), t);
        for (const double a : Attend(query, keys[head / 2], values[head / 2], t)) out.push_back(a);
      }
      Add(w.Linear(p + "self_attn.o_proj.weight", out), &x[t]);
      const Row m = w.RmsNorm(p + "post_attention_layernorm.weight", x[t], kEpsilon);
      Row gates = w.Linear(p + "mlp.gate_proj.weight", m);
      const Row up = w.Linear(p + "mlp.up_proj.weight", m);
      for (size_t i = 0; i < up.size(); ++i)
        gates[i] = gates[i] / (1 + std::exp(-gates[i])) * up[i];
      Add(w.Linear(p + "mlp.down_proj.weight", gates), &x[t]);
    }
  }
  std::vector<double> logits;
  for (const Row& row : x) {
    for (const double z : w.Linear("lm_head.weight", w.RmsNorm("model.norm.weight", row, kEpsilon)))
      logits.push_back(z);
  }
  return logits;
}

std::vector<double> Gpt2Logits(const TinyTensors& tensors, const std::vector<int32_t>& inputs,
                               const std::string& prefix) {
  const Published w(tensors);
  constexpr double kEpsilon = 1e-5;
  std::vector<Row> x;
  for (size_t t = 0; t < inputs.size(); ++t) {
    x.push_back(w.RowOf(prefix + "wte.weight", inputs[t]));
    Add(w.RowOf(prefix + "wpe.weight", static_cast<int64_t>(t)), &x.back());
  }
  for (int l = 0; l < 2; ++l) {
    const std::string p = prefix + "h." + std::to_string(l) + ".";
    std::vector<std::vector<Row>> keys(2), values(2);
    for (size_t t = 0; t < x.size(); ++t) {
      const Row qkv = w.Conv1d(p + "attn.c_attn", w.LayerNorm(p + "ln_1", x[t], kEpsilon));
      Row out;
      for (size_t head = 0; head < 2; ++head) {
        keys[head].push_back(Part(qkv, 16 + head * 8, 8));
        values[head].push_back(Part(qkv, 32 + head * 8, 8));
        for (const double a : Attend(Part(qkv, head * 8, 8), keys[head], values[head], t))
          out.push_back(a);
      }
      Add(w.Conv1d(p + "attn.c_proj", out), &x[t]);
      Row u = w.Conv1d(p + "mlp.c_fc", w.LayerNorm(p + "ln_2", x[t], kEpsilon));
      for (double& v : u)
        v = v / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
      Add(w.Conv1d(p + "mlp.c_proj", u), &x[t]);
    }
  }
  std::vector<double> logits;
  for (const Row& row : x) {
    for (const double z :
         w.Linear(prefix + "wte.weight", w.LayerNorm(prefix + "ln_f", row, kEpsilon)))
      logits.push_back(z);
  }
  return logits;
}

// All logits of a position may be moved by the same number.
void CheckAlike(std::vector<double> got, std::vector<double> want, size_t tokens) {
  REQUIRE(got.size() == want.size());
  double difference = 0, largest = 0;
  for (size_t at = 0; at < got.size(); at += tokens) {
    const double moved = got[at] - want[at];
    for (size_t i = at; i < at + tokens; ++i) {
      difference = std::max(difference, std::fabs(got[i] - moved - want[i]));
      largest = std::max(largest, std::fabs(want[i]));
    }
  }
  CHECK(largest > 0.5);
  // What was folded is rounded to floats.
  CHECK(difference < 1e-5 * largest);
}

std::vector<int32_t> RandomInputs(size_t count) {
  Random random(6);
  std::vector<int32_t> inputs;
  for (size_t i = 0; i < count; ++i)
    inputs.push_back(static_cast<int32_t>(random.Below(kTinyTokens)));
  return inputs;
}

TEST_CASE("Import: Qwen3's network is the one of its paper") {
  const TinyTensors tensors = RandomQwen3(kTinyTokens, 3);
  const LlamaWeights w = Read(TinyQwen3Config(kTinyTokens), tensors);
  CHECK(w.begin_token == 1);
  const auto inputs = RandomInputs(30);
  CheckAlike(FloatLogits(w, inputs), Qwen3Logits(tensors, inputs), kTinyTokens);
}

TEST_CASE("Import: GPT-2's network stays the same without means and biases of norms") {
  for (const std::string prefix : {"", "transformer."}) {
    const TinyTensors tensors = RandomGpt2(kTinyTokens, 4, prefix);
    const LlamaWeights w = Read(TinyGpt2Config(kTinyTokens), tensors);
    const auto inputs = RandomInputs(40);
    CheckAlike(FloatLogits(w, inputs), Gpt2Logits(tensors, inputs, prefix), kTinyTokens);
  }
}

TEST_CASE("Import: smoothing leaves these networks the same, and they lose little and code") {
  const Bytes text = BytesOfText("the theATth e the Ahe the t the thetheA e");
  for (const bool gpt2 : {false, true}) {
    INFO(gpt2);
    ImportSource source;
    source.weights = gpt2 ? Read(TinyGpt2Config(kTinyTokens), RandomGpt2(kTinyTokens, 5, ""))
                          : Read(TinyQwen3Config(kTinyTokens), RandomQwen3(kTinyTokens, 5));
    source.table = ReadTokenizerJson(BytesOfText(TinyTokenizer()), kTinyTokens, "tokenizer.json");
    LlamaWeights smooth = source.weights;
    std::vector<LlamaMaxima> maxima(2);
    const auto inputs = RandomInputs(40);
    const auto want = FloatLogits(source.weights, inputs, &maxima);
    Smooth(maxima, &smooth);
    CHECK_FALSE(smooth.layers[0].wq == source.weights.layers[0].wq);
    CheckAlike(FloatLogits(smooth, inputs), want, kTinyTokens);

    const QuantizedModel fine = ImportModel(source, 0, text, ImportPrecision::kFine);
    CHECK(MeasureLoss(source, fine, text).percent() < 0.001);
    const QuantizedModel model = ImportModel(source, 0, text);
    CHECK(model.config.llama->kind == source.weights.kind);
    CHECK(MeasureLoss(source, model, text).percent() < 1);
    CHECK(SerialiseModel(ParseModel(SerialiseModel(model), "m")) == SerialiseModel(model));
    const LoadedModel loaded(model, Kernels::kFast);
    Random random(8);
    Bytes bytes = text;
    for (int i = 0; i < 2000; ++i)
      bytes.push_back(static_cast<uint8_t>(i % 3 == 0 ? random.Below(256) : "the A"[i % 5]));
    for (const Bytes& original : {Bytes(), text, bytes}) {
      const Bytes archive = CompressBytes(original, &loaded.codec_model());
      CHECK((DecompressBytes(archive, &loaded.codec_model(), 2) == original));
    }
  }
}

TEST_CASE("Import: what GPT-2's shape does not have is refused by name") {
  const auto refused = [](const std::string& from, const std::string& to, const std::string& word) {
    std::string config = TinyGpt2Config(kTinyTokens);
    const size_t at = config.find(from);
    REQUIRE(at != std::string::npos);
    config.replace(at, from.size(), to);
    const Thrown thrown = ThrownBy([&] { Read(config, RandomGpt2(kTinyTokens, 1, "")); });
    INFO(to);
    CHECK(thrown.kind.has_value());
    CHECK(thrown.Mentions(word));
  };
  const std::string begin = R"("bos_token_id": 1)";
  refused("gelu_new", "relu", "relu");
  refused(begin, begin + R"(, "scale_attn_by_inverse_layer_idx": true)", "inverse_layer");
  refused(begin, begin + R"(, "scale_attn_weights": false)", "scale_attn_weights");
  refused(begin, begin + R"(, "add_cross_attention": true)", "cross");
  refused(R"("n_head": 2)", R"("n_head": 3)", "n_head");
  refused(R"("n_head": 2)", R"("n_head": 0)", "n_head");
  refused(R"("n_inner": null)", R"("n_inner": 100000)", "MLP");
  refused(R"("n_positions": 40)", R"("n_positions": 41)", "wpe");
  TinyTensors extra = RandomGpt2(kTinyTokens, 1, "");
  extra["h.0.crossattention.c_attn.weight"] = {{1}, {1.0f}};
  CHECK(ThrownBy([&] { Read(TinyGpt2Config(kTinyTokens), extra); }).Mentions("crossattention"));
  TinyTensors less = RandomGpt2(kTinyTokens, 1, "");
  less.erase("h.1.ln_2.bias");
  CHECK(ThrownBy([&] { Read(TinyGpt2Config(kTinyTokens), less); }).Mentions("h.1.ln_2.bias"));
}

}  // namespace
}  // namespace occam
