#include "network_cost.h"

#include <algorithm>

#include "data/base/units.h"

namespace occam {

ModelConfig ConfigNamed(const std::string& name) {
  const size_t plus = name.find('+');
  ModelConfig config = FamilyConfigFor(ParseCount(name.substr(0, plus), "a size"));
  if (plus != std::string::npos) SetMemory(name.substr(plus + 1), &config);
  return config;
}

std::vector<LinearShape> LinearShapes(const ModelConfig& c) {
  std::vector<LinearShape> shapes;
  for (int l = 0; l < c.layers; ++l) {
    shapes.push_back({c.width + 2 * c.kv_width(), c.width});  // wq, wk, wv
    shapes.push_back({c.width, c.width});                     // wo
    shapes.push_back({c.mlp_width(), c.width});               // wu
    shapes.push_back({c.width, c.mlp_width()});               // wd
  }
  shapes.push_back({c.vocabulary, c.width});  // head
  return shapes;
}

double CountOfLinearWeights(const ModelConfig& c) {
  double weights = 0;
  for (const LinearShape& s : LinearShapes(c)) weights += static_cast<double>(s.outputs * s.inputs);
  return weights;
}

double PairsSeen(const ModelConfig& c, bool carried) {
  double pairs = 0;
  for (int l = 0; l < c.layers; ++l) {
    for (int t = 0; t < c.context; ++t) pairs += std::min(carried ? c.context : t + 1, c.window(l));
  }
  return pairs / c.context;
}

}  // namespace occam
