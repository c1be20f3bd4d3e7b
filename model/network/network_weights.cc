#include "model/network/network_weights.h"

#include "data/base/error.h"

namespace occam {
namespace {

// Of the matrix, as the part of a set's values.
struct Place {
  size_t offset, size;
  int64_t columns;
};

Place PlaceOf(const ParameterSet& set, int first, int last) {
  const ParameterSpec& a = set.table()[static_cast<size_t>(first)];
  const ParameterSpec& b = set.table()[static_cast<size_t>(last)];
  return {static_cast<size_t>(a.offset), static_cast<size_t>(b.offset + b.size() - a.offset),
          a.columns};
}

Place QkvPlace(const ParameterSet& set, const LayerIndex& layer) {
  if (layer.wk != layer.wq + 1 || layer.wv != layer.wk + 1) {
    throw InternalError("the parameter table separates wq, wk and wv");
  }
  return PlaceOf(set, layer.wq, layer.wv);
}

}  // namespace

ConstTensorView MatrixOf(const ParameterSet& set, int i) {
  if (i < 0) return {};
  const Place place = PlaceOf(set, i, i);
  return ViewOf(set.values().subspan(place.offset, place.size), place.columns);
}

TensorView MatrixOf(ParameterSet* set, int i) {
  if (i < 0) return {};
  const Place place = PlaceOf(*set, i, i);
  return ViewOf(set->values().subspan(place.offset, place.size), place.columns);
}

ConstTensorView QkvOf(const ParameterSet& set, const LayerIndex& layer) {
  const Place place = QkvPlace(set, layer);
  return ViewOf(set.values().subspan(place.offset, place.size), place.columns);
}

TensorView QkvOf(ParameterSet* set, const LayerIndex& layer) {
  const Place place = QkvPlace(*set, layer);
  return ViewOf(set->values().subspan(place.offset, place.size), place.columns);
}

NetworkWeights::NetworkWeights(const ModelConfig& c, Precision precision)
    : config_(c), index_(c), head_(c.vocabulary, c.width, precision) {
  for (int l = 0; l < c.layers; ++l) {
    layers_.push_back({{},
                       {},
                       LinearWeights(c.width + 2 * c.kv_width(), c.width, precision),
                       LinearWeights(c.width, c.width, precision),
                       LinearWeights(c.mlp_width(), c.width, precision),
                       LinearWeights(c.width, c.mlp_width(), precision)});
  }
  if (c.has_memory()) memory_.projection.emplace(c.width, c.memory_columns(), precision);
  if (c.has_gate()) memory_.gated.emplace(c.width, c.memory_columns(), precision);
}

void NetworkWeights::Set(const WeightsView& weights, ThreadTeam* team) {
  const ParameterSet& p = weights.parameters;
  if (weights.memory.values.size() !=
      static_cast<size_t>(config_.memory_rows() * config_.memory_width)) {
    throw InternalError("the weights have a memory of another size than the network");
  }
  memory_.rows = weights.memory;
  memory_.gates = MatrixOf(p, index_.memory_gates);
  if (memory_.projection) memory_.projection->Set(MatrixOf(p, index_.memory_projection));
  if (memory_.gated) memory_.gated->Set(MatrixOf(p, index_.memory_gated));
  embedding_ = MatrixOf(p, index_.embedding);
  signals_.clear();
  for (const int table : index_.signals) signals_.push_back(MatrixOf(p, table));
  final_gain_ = {p.tensor(index_.final_gain), {}};
  team->Run(config_.layers + 1, [&](int l, int) {
    if (l == config_.layers) return head_.Set(MatrixOf(p, index_.head));
    const LayerIndex& i = index_.layers[static_cast<size_t>(l)];
    Layer& layer = layers_[static_cast<size_t>(l)];
    layer.mix1 = {p.tensor(i.gain1), MatrixOf(p, i.conv1)};
    layer.mix2 = {p.tensor(i.gain2), MatrixOf(p, i.conv2)};
    layer.wqkv.Set(QkvOf(p, i));
    layer.wo.Set(MatrixOf(p, i.wo));
    layer.wu.Set(MatrixOf(p, i.wu));
    layer.wd.Set(MatrixOf(p, i.wd));
  });
}

}  // namespace occam
