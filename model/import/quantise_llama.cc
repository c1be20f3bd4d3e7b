#include "model/import/quantise_llama.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <numeric>
#include <span>
#include <string>

#include "data/base/error.h"
#include "data/base/float_mode.h"
#include "data/base/format.h"
#include "data/tokenizer/table_tokenizer.h"
#include "model/parameters.h"

namespace occam {
namespace {

constexpr int kMostCode = 127;
// Keys gain more than queries: a query's error is nearly the same for all keys.
constexpr double kKeyShare = 0.75;
// Values may be larger elsewhere than in the calibration. Codes to 32767 have bits to spare for it.
constexpr double kValueMargin = 1.125, kFineValueMargin = 4;
constexpr int kMostFineCode = 32767;

// The smallest float of 16 significant bits that is not below x > 0.
float ScaleFrom(double x) {
  auto bits = std::bit_cast<uint32_t>(static_cast<float>(x));
  if (static_cast<double>(std::bit_cast<float>(bits)) < x) ++bits;
  return std::bit_cast<float>((bits + 0xff) & ~0xffu);
}

// The nearest float of 16 significant bits, ties to even; tiny ones become 0.
float GainFrom(float x) {
  if (std::fabs(x) < 0x1p-60f) return 0.0f;
  const auto bits = std::bit_cast<uint32_t>(x);
  return std::bit_cast<float>((bits + 0x7f + (bits >> 8 & 1)) & ~0xffu);
}

// Codes of a matrix. Where `matrix` has codes of it already, those of the rest.
QuantizedTensor QuantiseRows(std::span<const float> values, const ParameterSpec& spec,
                             const QuantizedTensor* matrix = nullptr) {
  QuantizedTensor tensor;
  const auto columns = static_cast<size_t>(spec.columns);
  std::vector<double> row(columns);
  for (size_t at = 0; at < values.size(); at += columns) {
    double largest = 0;
    for (size_t k = 0; k < columns; ++k) {
      row[k] = static_cast<double>(values[at + k]);
      if (matrix != nullptr)
        row[k] -= matrix->codes[at + k] * static_cast<double>(matrix->floats[at / columns]);
      largest = std::max(largest, std::fabs(row[k]));
    }
    if (largest > spec.most_code) {
      throw DamagedError(fmt::format("{} has a weight of magnitude {}, more than {}", spec.name,
                                     static_cast<float>(largest), spec.most_code));
    }
    const bool zero = largest < spec.most_code * 0x1p-60;
    const float scale = zero ? 0.0f : ScaleFrom(largest / spec.most_code);
    tensor.floats.push_back(scale);
    for (const double x : row) {
      const double code = zero ? 0 : std::nearbyint(x / static_cast<double>(scale));
      tensor.codes.push_back(static_cast<int8_t>(code));
    }
  }
  return tensor;
}

QuantizedTensor QuantiseGain(std::span<const float> values, const ParameterSpec& spec) {
  QuantizedTensor tensor;
  for (const float x : values) {
    if (std::fabs(x) > 256)
      throw DamagedError(fmt::format("{} has a gain of magnitude {}, more than 256", spec.name, x));
    tensor.floats.push_back(GainFrom(x));
  }
  return tensor;
}

// The mean of each row of a matrix of one or two parts, codes times scales.
std::vector<float> RowMeans(std::span<const QuantizedTensor> parts, int64_t columns) {
  std::vector<float> means;
  for (size_t r = 0; r < parts[0].floats.size(); ++r) {
    double mean = 0;
    for (const QuantizedTensor& part : parts) {
      const auto row = part.codes.begin() + static_cast<std::ptrdiff_t>(r) * columns;
      const int64_t sum = std::accumulate(row, row + columns, int64_t{0});
      mean += static_cast<double>(sum) * static_cast<double>(part.floats[r]) /
              static_cast<double>(columns);
    }
    means.push_back(static_cast<float>(mean));
  }
  return means;
}

// [rows, columns] -> [rows, wider], with zeros.
std::vector<float> Widened(const std::vector<float>& w, int64_t columns, int64_t wider) {
  std::vector<float> wide;
  for (size_t at = 0; at < w.size(); at += static_cast<size_t>(columns)) {
    const auto row = w.begin() + static_cast<std::ptrdiff_t>(at);
    wide.insert(wide.end(), row, row + columns);
    wide.resize(wide.size() + static_cast<size_t>(wider - columns));
  }
  return wide;
}

// Balances a scale between its two sides: a is divided by it, b multiplied. The larger its share
// is, the more even a becomes.
double Balance(double a, double b, double share = 0.5) {
  return a > 0 && b > 0 ? std::pow(a, share) * std::pow(b, share - 1) : 1.0;
}

float Scaled(float x, double factor) { return static_cast<float>(static_cast<double>(x) * factor); }

void ScaleRow(int64_t row, int64_t columns, double factor, std::vector<float>* w) {
  for (int64_t k = 0; k < columns; ++k) {
    float& x = (*w)[static_cast<size_t>(row * columns + k)];
    x = Scaled(x, factor);
  }
}

void ScaleColumn(int64_t column, int64_t columns, double factor, std::vector<float>* w) {
  for (size_t at = static_cast<size_t>(column); at < w->size(); at += static_cast<size_t>(columns))
    (*w)[at] = Scaled((*w)[at], factor);
}

double LargestOfColumn(int64_t column, int64_t columns, const std::vector<float>& w) {
  double largest = 0;
  for (size_t at = static_cast<size_t>(column); at < w.size(); at += static_cast<size_t>(columns))
    largest = std::max(largest, static_cast<double>(std::fabs(w[at])));
  return largest;
}

// Elements of a head that a scale must have in common: pairs where they turn, else each alone.
std::vector<std::vector<int64_t>> ScaledTogether(const LlamaWeights& w) {
  std::vector<std::vector<int64_t>> sets;
  const int64_t pairs = w.head_size / 2;
  if (w.is(ImportedShape::kGpt2)) {
    for (int64_t i = 0; i < w.head_size; ++i) sets.push_back({i});
  } else {
    for (int64_t i = 0; i < pairs; ++i) sets.push_back({i, pairs + i});
  }
  return sets;
}

// The largest magnitude of these elements in heads first .. last - 1.
double LargestOf(const std::vector<double>& maxima, int64_t head_size, int64_t first, int64_t last,
                 const std::vector<int64_t>& elements) {
  double largest = 0;
  for (int64_t h = first; h < last; ++h) {
    for (const int64_t i : elements)
      largest = std::max(largest, maxima[static_cast<size_t>(h * head_size + i)]);
  }
  return largest;
}

// Elements of keys and of the queries that read them. Where heads are normed, all have one gain.
void SmoothPairs(const LlamaMaxima& seen, const LlamaWeights& w, LlamaLayerWeights* layer) {
  const int64_t n = w.head_size;
  const bool normed = !layer->k_gain.empty();
  const int64_t keys_at_once = normed ? w.kv_heads : 1;
  for (int64_t g = 0; g < w.kv_heads; g += keys_at_once) {
    const int64_t first = g * w.group(), last = (g + keys_at_once) * w.group();
    for (const std::vector<int64_t>& elements : ScaledTogether(w)) {
      const double s = Balance(LargestOf(seen.keys, n, g, g + keys_at_once, elements),
                               LargestOf(seen.queries, n, first, last, elements), kKeyShare);
      for (const int64_t i : elements) {
        if (normed) {
          ScaleRow(i, 1, 1 / s, &layer->k_gain);
          ScaleRow(i, 1, s, &layer->q_gain);
          continue;
        }
        ScaleRow(g * n + i, w.width, 1 / s, &layer->wk);
        for (int64_t h = first; h < last; ++h) {
          ScaleRow(h * n + i, w.width, s, &layer->wq);
          if (!layer->bq.empty()) ScaleRow(h * n + i, 1, s, &layer->bq);
        }
      }
    }
  }
}

// Values of a head get the same largest magnitude; the output's columns undo it.
void SmoothValues(const LlamaMaxima& seen, const LlamaWeights& w, LlamaLayerWeights* layer) {
  const int64_t n = w.head_size, queries = int64_t{w.heads} * n;
  for (int64_t g = 0; g < w.kv_heads; ++g) {
    double mean = 0;  // geometric, so that the head as a whole stays as it is
    int64_t counted = 0;
    for (int64_t i = g * n; i < (g + 1) * n; ++i) {
      const double most = seen.values[static_cast<size_t>(i)];
      if (most > 0) mean += std::log(most), ++counted;
    }
    mean = counted > 0 ? std::exp(mean / static_cast<double>(counted)) : 1;
    for (int64_t i = 0; i < n; ++i) {
      const double most = seen.values[static_cast<size_t>(g * n + i)];
      if (most <= 0) continue;
      const double s = most / mean;
      ScaleRow(g * n + i, w.width, 1 / s, &layer->wv);
      for (int64_t h = g * w.group(); h < (g + 1) * w.group(); ++h)
        ScaleColumn(h * n + i, queries, s, &layer->wo);
    }
  }
}

// Channels of the MLP. The product is linear in what is gated; GELU is not.
void SmoothChannels(const LlamaMaxima& seen, const LlamaWeights& w, LlamaLayerWeights* layer) {
  if (layer->wg.empty()) return;
  for (int64_t i = 0; i < w.mlp_width; ++i) {
    const double s =
        Balance(seen.gated[static_cast<size_t>(i)], LargestOfColumn(i, w.mlp_width, layer->wd));
    ScaleRow(i, w.width, 1 / s, &layer->wu);
    ScaleColumn(i, w.mlp_width, s, &layer->wd);
  }
}

// The gain of a norm goes into the matrices after it, but for what balances inputs and weights.
void SmoothInputs(const std::vector<double>& inputs, int64_t width,
                  std::initializer_list<std::vector<float>*> matrices, std::vector<float>* gain) {
  for (int64_t i = 0; i < width; ++i) {
    double weight = 0;  // of matrices that there are
    for (const auto* w : matrices) weight = std::max(weight, LargestOfColumn(i, width, *w));
    float& g = (*gain)[static_cast<size_t>(i)];
    const double s =
        Balance(inputs[static_cast<size_t>(i)] * static_cast<double>(std::fabs(g)), weight);
    g = Scaled(g, 1 / s);
    for (auto* w : matrices) ScaleColumn(i, width, s, w);
  }
}

std::vector<uint32_t> RotarySteps(const LlamaWeights& w) {
  std::vector<uint32_t> steps;
  for (int i = 0; i < w.head_size / 2; ++i) {
    steps.push_back(
        static_cast<uint32_t>(std::nearbyint(w.step_of(i) * 0x1p32 / (2 * std::numbers::pi))));
  }
  return steps;
}

}  // namespace

void Smooth(const std::vector<LlamaMaxima>& maxima, LlamaWeights* w) {
  for (size_t l = 0; l < w->layers.size(); ++l) {
    LlamaLayerWeights& layer = w->layers[l];
    SmoothPairs(maxima[l], *w, &layer);
    SmoothValues(maxima[l], *w, &layer);
    SmoothChannels(maxima[l], *w, &layer);
    SmoothInputs(maxima[l].attention_inputs, w->width, {&layer.wq, &layer.wk, &layer.wv},
                 &layer.gain1);
    SmoothInputs(maxima[l].mlp_inputs, w->width, {&layer.wg, &layer.wu}, &layer.gain2);
  }
}

QuantizedModel QuantiseLlama(const LlamaWeights& w, const TokenTable& table, int32_t context,
                             const std::vector<double>& value_maxima, ImportPrecision precision) {
  const FloatMode mode;
  const bool fine = precision == ImportPrecision::kFine;
  QuantizedModel model;
  ModelConfig& c = model.config;
  c.vocabulary = static_cast<int32_t>(table.tokens.size());
  c.width = w.width;
  c.layers = static_cast<int32_t>(w.layers.size());
  c.heads = w.heads;
  c.kv_heads = w.kv_heads;
  c.mlp_factor = 1;
  c.conv_width = 0;
  c.context = context;
  c.windows.assign(w.layers.size(), 0);
  const int32_t mlp = (w.mlp_width + 7) / 8 * 8;
  c.llama = LlamaShape{w.head_size,
                       mlp,
                       w.begin_token,
                       table.escape_token,
                       table.escapes,
                       w.head.empty(),
                       static_cast<float>(w.epsilon),
                       w.is(ImportedShape::kGpt2) ? std::vector<uint32_t>() : RotarySteps(w),
                       w.kind,
                       fine};
  CheckConfig(c, ErrorKind::kUsage);
  const ParameterIndex index(c);
  const std::vector<ParameterSpec> specs = ParameterTable(c);
  model.tensors.resize(specs.size());
  const auto put = [&](int t, const std::vector<float>& values) {
    if (t < 0 && values.empty()) return;  // the shape has none
    const ParameterSpec& spec = specs[static_cast<size_t>(t)];
    if (values.size() != static_cast<size_t>(spec.size()))
      throw InternalError("the tensor " + spec.name + " has another size than its place");
    QuantizedTensor& tensor = model.tensors[static_cast<size_t>(t)];
    if (spec.coding == Coding::kFloats) {
      tensor = QuantiseGain(values, spec);
      return;
    }
    tensor = QuantiseRows(values, spec);
    const size_t rest = static_cast<size_t>(t) + 1;
    if (fine) model.tensors[rest] = QuantiseRows(values, specs[rest], &tensor);
  };
  put(index.embedding, w.embedding);
  if (c.llama->has_positions()) {
    put(index.embedding_means,
        RowMeans(
            std::span(model.tensors).subspan(static_cast<size_t>(index.embedding), fine ? 2 : 1),
            w.width));
    put(index.positions,
        {w.positions.begin(), w.positions.begin() + std::ptrdiff_t{context} * w.width});
  }
  for (size_t l = 0; l < w.layers.size(); ++l) {
    const LlamaLayerWeights& layer = w.layers[l];
    const LayerIndex& at = index.layers[l];
    put(at.gain1, layer.gain1);
    put(at.wq, layer.wq);
    put(at.wk, layer.wk);
    put(at.wv, layer.wv);
    put(at.bq, layer.bq);
    put(at.q_gain, layer.q_gain);
    put(at.k_gain, layer.k_gain);
    put(at.wo, layer.wo);
    put(at.bo, layer.bo);
    put(at.gain2, layer.gain2);
    // More rows of zeros, in one piece of which is one row of all.
    if (!layer.wg.empty())
      put(at.wg, Widened(layer.wg, int64_t{w.mlp_width} * w.width, int64_t{mlp} * w.width));
    if (!layer.bu.empty()) put(at.bu, Widened(layer.bu, w.mlp_width, mlp));
    put(at.wu, Widened(layer.wu, int64_t{w.mlp_width} * w.width, int64_t{mlp} * w.width));
    put(at.wd, Widened(layer.wd, w.mlp_width, mlp));
    put(at.bd, layer.bd);
  }
  put(index.final_gain, w.final_gain);
  if (!w.head.empty()) put(index.head, w.head);
  put(index.head_bias, w.head_bias);
  for (const double most : value_maxima) {
    const double scale =
        fine ? most * kFineValueMargin / kMostFineCode : most * kValueMargin / kMostCode;
    model.value_scales.push_back(ScaleFrom(std::clamp(scale, 0x1p-40, 0x1p20)));
  }
  model.tokenizer = TableTokenizer(table.tokens, table.merges, table.rules).Serialise();
  CheckModel(model, "the imported model");
  return model;
}

}  // namespace occam
