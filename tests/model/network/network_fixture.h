// The common part of the tests of the training network: small networks at random points, random
// symbols, and comparisons with the reference twins.
#ifndef OCCAM_TESTS_MODEL_NETWORK_NETWORK_FIXTURE_H_
#define OCCAM_TESTS_MODEL_NETWORK_NETWORK_FIXTURE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "data/base/random.h"
#include "model/config.h"
#include "model/network/reference/matrix.h"
#include "model/network/tensor.h"
#include "model/network/transformer.h"

namespace occam {

inline Tensor RandomTensor(int64_t rows, int64_t columns, uint64_t seed) {
  Tensor tensor(rows, columns);
  Random random(seed);
  for (int64_t i = 0; i < tensor.size(); ++i) tensor.data()[i] = random.Symmetric(1.0f);
  return tensor;
}

inline std::vector<int32_t> RandomSymbols(size_t count, int vocabulary, uint64_t seed) {
  std::vector<int32_t> symbols(count);
  Random random(seed);
  for (int32_t& s : symbols) {
    s = static_cast<int32_t>(random.Below(static_cast<uint64_t>(vocabulary)));
  }
  return symbols;
}

inline reference::Matrix MatrixOf(ConstTensorView x) {
  reference::Matrix m(static_cast<size_t>(x.rows), static_cast<size_t>(x.columns));
  for (int64_t r = 0; r < x.rows; ++r) {
    std::copy_n(x.row(r), x.columns, m.values.begin() + r * x.columns);
  }
  return m;
}

// The largest difference, relative to the largest magnitude of `exact` or to `least` if that is
// larger (where the exact result may be all zeros); infinite where one is not a number.
inline double RelativeError(std::span<const float> fast, std::span<const double> exact,
                            double least = 0) {
  if (fast.size() != exact.size()) return HUGE_VAL;
  double difference = 0;
  double largest = least;
  for (size_t i = 0; i < fast.size(); ++i) {
    const double d = std::fabs(static_cast<double>(fast[i]) - exact[i]);
    difference = d >= 0 ? std::max(difference, d) : HUGE_VAL;
    largest = std::max(largest, std::fabs(exact[i]));
  }
  return difference == 0 ? 0 : difference / largest;
}

inline double RelativeError(ConstTensorView fast, const reference::Matrix& exact,
                            double least = 0) {
  std::vector<float> flat;
  for (int64_t r = 0; r < fast.rows; ++r) {
    flat.insert(flat.end(), fast.row(r), fast.row(r) + fast.columns);
  }
  return RelativeError(flat, exact.values, least);
}

// A network with threads, products and packed weights of its own.
class TestNetwork {
 public:
  TestNetwork(const ModelConfig& config, int sequences, int length, Precision precision,
              int threads = 1)
      : team_(threads),
        workspace_(config, precision, &team_),
        weights_(config, precision),
        transformer_(config, sequences, length, &workspace_) {}
  std::span<const float> Forward(const WeightsView& weights, std::span<const int32_t> inputs) {
    weights_.Set(weights, &team_);
    return transformer_.Forward(weights_, inputs);
  }
  // Goes backward with the weights of the last Forward.
  void Backward(std::span<const float> dlogits, ParameterSet* gradients,
                RecalledRows* recalled = nullptr) {
    transformer_.Backward(weights_, dlogits, gradients, recalled);
  }
  Calibration KeyValueMaxima() const { return transformer_.KeyValueMaxima(); }

 private:
  ThreadTeam team_;
  Workspace workspace_;
  NetworkWeights weights_;
  Transformer transformer_;
};

// Three layers with shared key/value heads; windows below, at and above the length of the tests.
inline ModelConfig SmallConfig(int conv_width) {
  ModelConfig config;
  config.vocabulary = 23;
  config.width = 32;
  config.layers = 3;
  config.heads = 4;
  config.kv_heads = 2;
  config.mlp_factor = 2;
  config.conv_width = conv_width;
  config.context = 48;
  config.windows = {5, 0, 31};
  return config;
}

// The same with a memory, whose rows are projected at the input and gated before the last block.
inline ModelConfig SmallMemoryConfig() {
  ModelConfig config = SmallConfig(4);
  config.memory_rules = {
      {RuleKind::kSymbols, 1, 5}, {RuleKind::kSymbols, 3, 6}, {RuleKind::kWords, 1, 4}};
  config.memory_width = 8;
  config.memory_gate = 2;
  return config;
}

inline MemoryRows RandomMemory(const ModelConfig& config, uint64_t seed) {
  MemoryRows memory(config);
  Random random(seed);
  for (float& x : memory.values) x = random.Symmetric(1.0f);
  return memory;
}

}  // namespace occam

#endif  // OCCAM_TESTS_MODEL_NETWORK_NETWORK_FIXTURE_H_
