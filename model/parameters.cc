#include "model/parameters.h"

#include <algorithm>
#include <cmath>

#include "model/rotary.h"

namespace occam {
namespace {

constexpr int32_t kMostImported = 127;  // codes of imported networks
constexpr int32_t kMostRest = 63;       // and of the rest of a matrix

// Builds the table and, beside it, the index by role, so that the two cannot disagree.
class TableBuilder {
 public:
  int Add(const std::string& name, int64_t rows, int64_t columns, Init init, float deviation,
          UpdateRule rule, Coding coding) {
    ParameterSpec spec{
        name,   rows,      columns,   init,  deviation, rule,      rule == UpdateRule::kMuon,
        coding, most_code, of_memory, rest_, offset_,   first_row_};
    offset_ += spec.size();
    if (coding == Coding::kRowCodes) first_row_ += rows;
    table.push_back(spec);
    return static_cast<int>(table.size()) - 1;
  }
  int Gain(const std::string& name, int64_t width) {
    return Add(name, 1, width, Init::kOne, 0, UpdateRule::kAdamW, Coding::kFloats);
  }
  int Bias(const std::string& name, int64_t width) {
    return Add(name, 1, width, Init::kZero, 0, UpdateRule::kAdamW, Coding::kFloats);
  }
  int Convolution(const std::string& name, const ModelConfig& c) {
    if (c.conv_width == 0) return -1;
    return Add(name, c.conv_width, c.width, Init::kUniform, 0.5f, UpdateRule::kAdamW,
               Coding::kRowCodes);
  }
  int Matrix(const std::string& name, int64_t rows, int64_t columns, Init init) {
    const float deviation = 0.5f / std::sqrt(static_cast<float>(columns));
    return Add(name, rows, columns, init, deviation, UpdateRule::kMuon, Coding::kRowCodes);
  }

  // In a fine network two: codes, and those of the rest.
  int ImportedMatrix(const std::string& name, int64_t rows, int64_t columns) {
    const int index = Matrix(name, rows, columns, Init::kUniform);
    if (!fine) return index;
    most_code = kMostRest;
    rest_ = true;
    Matrix(name + "_rest", rows, columns, Init::kUniform);
    most_code = kMostImported;
    rest_ = false;
    return index;
  }

  std::vector<ParameterSpec> table;
  bool of_memory = false;  // the tensors to come
  int32_t most_code = 63;  // of these, too
  bool fine = false;       // whether imported matrices have a rest

 private:
  bool rest_ = false;  // the tensors to come are rests
  int64_t offset_ = 0;
  int64_t first_row_ = 0;
};

// The projection at the input begins as what makes unit rows of one rule a unit vector; the gated
// one begins at zero, and gates at one, for which their weights are 0 (experiments/results/memory).
void BuildMemory(const ModelConfig& c, TableBuilder* b, ParameterIndex* index) {
  if (!c.has_memory()) return;
  b->of_memory = true;
  const float deviation = 1 / std::sqrt(static_cast<float>(c.memory_width));
  index->memory_projection =
      b->Add("memory_projection", c.width, c.memory_columns(), Init::kUniform, deviation,
             UpdateRule::kMuon, Coding::kRowCodes);
  if (!c.has_gate()) return;
  index->memory_gates = b->Add("memory_gates", static_cast<int64_t>(c.memory_rules.size()), c.width,
                               Init::kZero, 0, UpdateRule::kAdamW, Coding::kRowCodes);
  index->memory_gated = b->Matrix("memory_gated", c.width, c.memory_columns(), Init::kZero);
}

void BuildLlamaLayer(const ModelConfig& c, const std::string& prefix, TableBuilder* b,
                     LayerIndex* layer) {
  const LlamaShape& shape = *c.llama;
  const int64_t width = c.width;
  const auto bias = [&](const char* name, int64_t size) {
    return shape.has_biases() ? b->Bias(prefix + name, size) : -1;
  };
  layer->conv1 = layer->conv2 = -1;
  layer->gain1 = b->Gain(prefix + "gain1", width);
  layer->wq = b->ImportedMatrix(prefix + "wq", c.query_width(), width);
  layer->wk = b->ImportedMatrix(prefix + "wk", c.kv_width(), width);
  layer->wv = b->ImportedMatrix(prefix + "wv", c.kv_width(), width);
  layer->bq = bias("bq", c.query_width());
  if (shape.has_head_norms()) {
    layer->q_gain = b->Gain(prefix + "q_gain", shape.head_size);
    layer->k_gain = b->Gain(prefix + "k_gain", shape.head_size);
  }
  layer->wo = b->ImportedMatrix(prefix + "wo", width, c.query_width());
  layer->bo = bias("bo", width);
  layer->gain2 = b->Gain(prefix + "gain2", width);
  if (shape.has_gate()) layer->wg = b->ImportedMatrix(prefix + "wg", c.mlp_width(), width);
  layer->wu = b->ImportedMatrix(prefix + "wu", c.mlp_width(), width);
  layer->bu = bias("bu", c.mlp_width());
  layer->wd = b->ImportedMatrix(prefix + "wd", width, c.mlp_width());
  layer->bd = bias("bd", width);
}

void BuildLlama(const ModelConfig& c, TableBuilder* b, ParameterIndex* index) {
  b->most_code = kMostImported;
  b->fine = c.llama->fine;
  const int64_t width = c.width;
  index->embedding = b->ImportedMatrix("embedding", c.embedding_rows(), width);
  if (c.llama->has_positions()) {
    index->embedding_means = b->Bias("embedding_means", c.embedding_rows());
    index->positions = b->ImportedMatrix("positions", c.context, width);
  }
  for (int l = 0; l < c.layers; ++l)
    BuildLlamaLayer(c, "layers." + std::to_string(l) + ".", b, &index->layers.emplace_back());
  index->final_gain = b->Gain("final_gain", width);
  index->head =
      c.llama->tied_head ? index->embedding : b->ImportedMatrix("head", c.embedding_rows(), width);
  if (c.llama->has_biases()) index->head_bias = b->Bias("head_bias", c.embedding_rows());
}

void Build(const ModelConfig& c, TableBuilder* b, ParameterIndex* index) {
  if (c.llama) return BuildLlama(c, b, index);
  index->embedding = b->Add("embedding", c.vocabulary + 1, c.width, Init::kUniform, 1,
                            UpdateRule::kAdamW, Coding::kRowCodes);
  for (int l = 0; l < c.layers; ++l) {
    const std::string prefix = "layers." + std::to_string(l) + ".";
    LayerIndex layer;
    layer.gain1 = b->Gain(prefix + "gain1", c.width);
    layer.conv1 = b->Convolution(prefix + "conv1", c);
    layer.wq = b->Matrix(prefix + "wq", c.width, c.width, Init::kUniform);
    layer.wk = b->Matrix(prefix + "wk", c.kv_width(), c.width, Init::kUniform);
    layer.wv = b->Matrix(prefix + "wv", c.kv_width(), c.width, Init::kUniform);
    layer.wo = b->Matrix(prefix + "wo", c.width, c.width, Init::kZero);
    layer.gain2 = b->Gain(prefix + "gain2", c.width);
    layer.conv2 = b->Convolution(prefix + "conv2", c);
    layer.wu = b->Matrix(prefix + "wu", c.mlp_width(), c.width, Init::kUniform);
    layer.wd = b->Matrix(prefix + "wd", c.width, c.mlp_width(), Init::kZero);
    index->layers.push_back(layer);
  }
  index->final_gain = b->Gain("final_gain", c.width);
  index->head =
      b->Add("head", c.vocabulary, c.width, Init::kZero, 0, UpdateRule::kAdamW, Coding::kRowCodes);
  for (const SignalRule rule : c.signal_rules) {
    index->signals.push_back(b->Add(std::string("signal_") + NameOf(rule), c.signal_rows(rule),
                                    c.width, Init::kZero, 0, UpdateRule::kAdamW,
                                    Coding::kRowCodes));
  }
  BuildMemory(c, b, index);
}

// The bound of a uniform distribution is sqrt(3) times its standard deviation.
float UniformBound(float deviation) { return std::sqrt(3.0f) * deviation; }

}  // namespace

std::vector<ParameterSpec> ParameterTable(const ModelConfig& config) {
  TableBuilder builder;
  ParameterIndex index(config);
  index.layers.clear();
  index.signals.clear();
  Build(config, &builder, &index);
  return builder.table;
}

ParameterIndex::ParameterIndex(const ModelConfig& config) : embedding(0), final_gain(0), head(0) {
  TableBuilder builder;
  Build(config, &builder, this);
}

int64_t ParameterCount(const ModelConfig& config) {
  int64_t count = config.memory_rows() * config.memory_width;
  for (const ParameterSpec& spec : ParameterTable(config)) count += spec.rest ? 0 : spec.size();
  return count;
}

int64_t RowCount(const std::vector<ParameterSpec>& table) {
  int64_t rows = 0;
  for (const ParameterSpec& spec : table) rows += spec.coding == Coding::kRowCodes ? spec.rows : 0;
  return rows;
}

int64_t BackboneSize(const std::vector<ParameterSpec>& table) {
  int64_t size = 0;
  for (const ParameterSpec& spec : table) size += spec.of_memory ? 0 : spec.size();
  return size;
}

ParameterSet::ParameterSet(const ModelConfig& config) : table_(ParameterTable(config)) {
  values_.resize(static_cast<size_t>(table_.back().offset + table_.back().size()));
}

void Initialise(const ModelConfig& config, ParameterSet* weights, uint64_t seed) {
  for (size_t i = 0; i < weights->table().size(); ++i) {
    const ParameterSpec& spec = weights->table()[i];
    Random random(seed, i);
    const float bound = UniformBound(spec.deviation);
    for (float& w : weights->tensor(static_cast<int>(i))) {
      w = spec.init == Init::kUniform ? random.Symmetric(bound)
          : spec.init == Init::kOne   ? 1.0f
                                      : 0.0f;
    }
  }
  const int64_t columns = config.width, pairs = config.head_size() / 2;
  const int64_t group = config.heads / config.kv_heads;
  for (const LayerIndex& layer : ParameterIndex(config).layers) {
    const auto wq = weights->tensor(layer.wq), wk = weights->tensor(layer.wk);
    for (int64_t row = 0; row < config.kv_width(); ++row) {
      const int64_t head = row / config.head_size(), element = row % config.head_size();
      if (element % pairs < TurningPairs(static_cast<int>(pairs))) continue;
      const auto from =
          wq.subspan(static_cast<size_t>((head * group * config.head_size() + element) * columns));
      std::copy_n(from.begin(), columns, wk.subspan(static_cast<size_t>(row * columns)).begin());
    }
  }
}

void Randomise(ParameterSet* weights, uint64_t seed) {
  for (size_t i = 0; i < weights->table().size(); ++i) {
    const ParameterSpec& spec = weights->table()[i];
    Random random(seed, i);
    const bool gain = spec.init == Init::kOne;
    const float bound =
        gain ? 0.5f
             : UniformBound(spec.name == "embedding"
                                ? 1.0f
                                : 1.0f / std::sqrt(static_cast<float>(spec.columns)));
    for (float& w : weights->tensor(static_cast<int>(i))) {
      do {
        w = (gain ? 1.0f : 0.0f) + random.Symmetric(bound);
      } while (w == 0.0f);
    }
  }
}

}  // namespace occam
