// The network with a memory: finite differences hold the reference twin, and the twin the float
// one.
#include "data/base/error.h"
#include "model/network/reference/network.h"
#include "model/parameters.h"
#include "network_fixture.h"
#include "tests/catch.h"
#include "train/loss.h"

namespace occam {
namespace {

struct Problem {
  Problem(const ModelConfig& c, int sequences_in, int length_in)
      : config(c),
        sequences(sequences_in),
        length(length_in),
        weights(c),
        memory(RandomMemory(c, 14)) {
    Randomise(&weights, 11);
    const auto n = static_cast<size_t>(sequences * length);
    inputs = RandomSymbols(n, config.vocabulary, 12);
    inputs[0] = config.begin_symbol();
    targets = RandomSymbols(n, config.vocabulary, 13);
  }
  reference::Tensors Tensors() const { return reference::TensorsOf(weights, memory, config); }
  reference::Step Exact(const reference::Tensors& tensors, bool with_gradients,
                        const reference::Omit& omit = {}) const {
    return reference::RunNetwork(config, tensors, inputs, targets, static_cast<size_t>(length),
                                 with_gradients, omit);
  }
  ModelConfig config;
  int sequences, length;
  ParameterSet weights;
  MemoryRows memory;
  std::vector<int32_t> inputs, targets;
};

struct Gradients {
  explicit Gradients(const Problem& p)
      : parameters(p.config), recalled(p.config, p.sequences * p.length) {}
  // Of the memory's rows, as one dense tensor.
  std::vector<float> Rows(const ModelConfig& config) const {
    MemoryRows sum(config);
    const auto m = static_cast<size_t>(config.memory_width);
    for (size_t i = 0; i < recalled.rows.size(); ++i) {
      for (size_t k = 0; k < m; ++k)
        sum.values[static_cast<size_t>(recalled.rows[i]) * m + k] +=
            recalled.gradients.data()[i * m + k];
    }
    return {sum.values.begin(), sum.values.end()};
  }
  ParameterSet parameters;
  RecalledRows recalled;
};

Gradients FloatGradients(const Problem& p, TestNetwork* network, float step = 0) {
  const auto logits = network->Forward({p.weights, {p.memory, step}}, p.inputs);
  std::vector<float> dlogits(logits.size());
  SoftmaxCrossEntropy(logits, p.targets, p.config.vocabulary, 1.0f, dlogits);
  Gradients gradients(p);
  network->Backward(dlogits, &gradients.parameters, &gradients.recalled);
  return gradients;
}

ModelConfig WithoutGate() {
  ModelConfig config = SmallMemoryConfig();
  config.memory_gate = kNoGate;
  return config;
}

TEST_CASE("Reference memory: gradients of projections, gates and rows are finite differences") {
  for (const ModelConfig& config : {SmallMemoryConfig(), WithoutGate()}) {
    const Problem p(config, 2, 9);
    reference::Tensors weights = p.Tensors();
    const reference::Step step = p.Exact(weights, true);
    const auto first = static_cast<size_t>(ParameterIndex(config).memory_projection);
    // Rows that a position recalled, of which the first sequence's are not all.
    for (size_t tensor = first; tensor < weights.size(); ++tensor) {
      const auto& gradients = step.gradients[tensor].values;
      double largest = 0;
      for (const double g : gradients) largest = std::max(largest, std::fabs(g));
      REQUIRE(largest > 1e-3);
      Random random(tensor);
      for (int trial = 0; trial < 12;) {
        const auto i = static_cast<size_t>(random.Below(weights[tensor].values.size()));
        if (gradients[i] == 0 && random.Below(8) != 0) continue;  // of rows, most are not recalled
        ++trial;
        double& w = weights[tensor].values[i];
        const double at = w;
        constexpr double kStep = 1e-5;  // errs as in network_gradient_test.cc
        w = at + kStep;
        const double above = p.Exact(weights, false).loss_nats;
        w = at - kStep;
        const double below = p.Exact(weights, false).loss_nats;
        w = at;
        INFO("tensor " << tensor << " element " << i);
        CHECK((above - below) / (2 * kStep) == Approx(gradients[i]).margin(1e-7 * (1 + largest)));
      }
    }
  }
}

// As in network_gradient_test.cc.
constexpr double kFloatTolerance = 5e-5;

TEST_CASE("Memory: logits and every gradient agree with the reference, and each place is seen") {
  for (const ModelConfig& config : {SmallMemoryConfig(), WithoutGate()}) {
    for (const int length : {2, 37, 48}) {
      const Problem p(config, 2, length);
      const reference::Step exact = p.Exact(p.Tensors(), true);
      TestNetwork network(config, p.sequences, length, Precision::kFloat32, 2);
      const Gradients gradients = FloatGradients(p, &network);
      const auto logits = network.Forward({p.weights, p.memory}, p.inputs);
      CHECK(RelativeError(logits, exact.logits.values) < kFloatTolerance);
      for (size_t i = 0; i < gradients.parameters.table().size(); ++i) {
        INFO(gradients.parameters.table()[i].name << " length " << length);
        CHECK(RelativeError(gradients.parameters.tensor(static_cast<int>(i)),
                            exact.gradients[i].values) < kFloatTolerance);
      }
      CHECK(RelativeError(gradients.Rows(config), exact.gradients.back().values) < kFloatTolerance);
      for (const reference::Omit& omit :
           {reference::Omit{.memory_input = true}, reference::Omit{.memory_gate = true}}) {
        if (omit.memory_gate && !config.has_gate()) continue;
        CHECK(RelativeError(logits, p.Exact(p.Tensors(), false, omit).logits.values) > 1e-3);
      }
    }
  }
}

TEST_CASE("Memory: with a step the passes see rows rounded to its multiples") {
  const Problem p(SmallMemoryConfig(), 2, 30);
  constexpr float kStep = 0.125f;
  Problem rounded = p;
  for (float& x : rounded.memory.values) x = MemoryCode(x, 1 / kStep) * kStep;
  CHECK(rounded.memory.values != p.memory.values);
  TestNetwork network(p.config, p.sequences, p.length, Precision::kFloat32);
  const Gradients seen = FloatGradients(p, &network, kStep);
  const Gradients expected = FloatGradients(rounded, &network);
  CHECK(std::ranges::equal(seen.parameters.values(), expected.parameters.values()));
  CHECK(seen.Rows(p.config) == expected.Rows(p.config));
}

TEST_CASE("Memory: the same bits from 1, 2, 3 and 8 threads, in both precisions") {
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    if (precision == Precision::kBfloat16 && !HasFastBfloat16()) continue;
    ModelConfig config = SmallMemoryConfig();
    config.context = 300;
    const Problem p(config, 2, 300);
    TestNetwork first(config, 2, 300, precision);
    const Gradients expected = FloatGradients(p, &first);
    for (const int threads : {2, 3, 8}) {
      TestNetwork network(config, 2, 300, precision, threads);
      const Gradients gradients = FloatGradients(p, &network);
      CHECK(std::ranges::equal(gradients.parameters.values(), expected.parameters.values()));
      CHECK(gradients.Rows(config) == expected.Rows(config));
    }
  }
}

TEST_CASE("Memory: rows of another network, or no place for their gradients, are our bug") {
  const Problem p(SmallMemoryConfig(), 1, 20);
  TestNetwork network(p.config, 1, 20, Precision::kFloat32);
  CHECK_THROWS_AS(network.Forward(p.weights, p.inputs), Error);
  const auto logits = network.Forward({p.weights, p.memory}, p.inputs);
  const std::vector<float> dlogits(logits.size());
  ParameterSet gradients(p.config);
  CHECK_THROWS_AS(network.Backward(dlogits, &gradients), Error);
}

}  // namespace
}  // namespace occam
