// The network with signals: finite differences hold the reference twin, and the twin the float one.
#include "model/network/reference/network.h"
#include "model/parameters.h"
#include "network_fixture.h"
#include "tests/catch.h"
#include "train/loss.h"

namespace occam {
namespace {

ModelConfig SmallSignalConfig() {
  ModelConfig config = SmallConfig(4);
  config.vocabulary = 256;
  SetSignals("patches", &config);
  config.record_width = 6;
  config.record_height = 3;
  return config;
}

ModelConfig RowsAlone() {
  ModelConfig config = SmallSignalConfig();
  config.residual = false;
  config.signal_rules = {SignalRule::kNorth, SignalRule::kColumn};
  return config;
}

ModelConfig ResidualAlone() {
  ModelConfig config = SmallSignalConfig();
  config.signal_rules.clear();
  return config;
}

// In a kind with signals and in one without.
ModelConfig InKinds() {
  ModelConfig config = SmallSignalConfig();
  SetKinds({0, 1, 1}, &config);
  return config;
}

struct Problem {
  Problem(const ModelConfig& c, int sequences_in, int length_in)
      : config(c), sequences(sequences_in), length(length_in), weights(c) {
    Randomise(&weights, 21);
    const auto n = static_cast<size_t>(sequences * length);
    inputs = RandomSymbols(n, config.vocabulary, 22);
    inputs[0] = config.begin_symbol();
    for (int s = 0; s < sequences && config.has_kinds(); ++s)
      inputs[static_cast<size_t>(s * length)] = config.begin_symbol(s);
    targets = RandomSymbols(n, config.vocabulary, 23);
  }
  reference::Step Exact(const reference::Tensors& tensors, bool with_gradients,
                        const reference::Omit& omit = {}) const {
    return reference::RunNetwork(config, tensors, inputs, targets, static_cast<size_t>(length),
                                 with_gradients, omit);
  }
  ParameterSet Gradients(TestNetwork* network) const {
    const auto logits = network->Forward(weights, inputs);
    std::vector<float> dlogits(logits.size());
    SoftmaxCrossEntropy(logits, targets, config.vocabulary, 1.0f, dlogits);
    ParameterSet gradients(config);
    network->Backward(dlogits, &gradients);
    return gradients;
  }
  ModelConfig config;
  int sequences, length;
  ParameterSet weights;
  std::vector<int32_t> inputs, targets;
};

TEST_CASE("Reference signals: gradients of rows, embedding and head are finite differences") {
  for (const ModelConfig& config : {SmallSignalConfig(), RowsAlone(), ResidualAlone(), InKinds()}) {
    const Problem p(config, 2, 20);
    reference::Tensors weights = reference::TensorsOf(p.weights);
    const reference::Step step = p.Exact(weights, true);
    const ParameterIndex index(config);
    std::vector<int> tensors = index.signals;
    tensors.push_back(index.embedding);
    tensors.push_back(index.head);
    for (const int t : tensors) {
      const auto tensor = static_cast<size_t>(t);
      const auto& gradients = step.gradients[tensor].values;
      double largest = 0;
      for (const double g : gradients) largest = std::max(largest, std::fabs(g));
      REQUIRE(largest > 1e-3);
      Random random(tensor);
      for (int trial = 0; trial < 12;) {
        const auto i = static_cast<size_t>(random.Below(weights[tensor].values.size()));
        if (gradients[i] == 0 && random.Below(8) != 0) continue;  // many rows are not chosen
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

TEST_CASE("Signals: logits and every gradient agree with the reference, and each part is seen") {
  for (const ModelConfig& config : {SmallSignalConfig(), RowsAlone(), ResidualAlone(), InKinds()}) {
    for (const int length : {2, 37, 48}) {
      const Problem p(config, 2, length);
      const reference::Tensors weights = reference::TensorsOf(p.weights);
      const reference::Step exact = p.Exact(weights, true);
      TestNetwork network(config, p.sequences, length, Precision::kFloat32, 2);
      const ParameterSet gradients = p.Gradients(&network);
      for (size_t i = 0; i < gradients.table().size(); ++i) {
        INFO(gradients.table()[i].name << " length " << length);
        CHECK(RelativeError(gradients.tensor(static_cast<int>(i)), exact.gradients[i].values) <
              kFloatTolerance);
      }
      const auto logits = network.Forward(p.weights, p.inputs);
      CHECK(RelativeError(logits, exact.logits.values) < kFloatTolerance);
      for (const reference::Omit& omit :
           {reference::Omit{.signal_rows = true}, reference::Omit{.residual = true}}) {
        if (omit.residual ? !config.residual : config.signal_rules.empty()) continue;
        CHECK(RelativeError(logits, p.Exact(weights, false, omit).logits.values) > 1e-3);
      }
    }
  }
}

TEST_CASE("Signals: the same bits from 1, 2, 3 and 8 threads, in both precisions") {
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    if (precision == Precision::kBfloat16 && !HasFastBfloat16()) continue;
    ModelConfig config = SmallSignalConfig();
    config.context = 300;
    const Problem p(config, 2, 300);
    TestNetwork first(config, 2, 300, precision);
    const ParameterSet expected = p.Gradients(&first);
    for (const int threads : {2, 3, 8}) {
      TestNetwork network(config, 2, 300, precision, threads);
      CHECK(std::ranges::equal(p.Gradients(&network).values(), expected.values()));
    }
  }
}

TEST_CASE("Signals: logits are those of a network that is told symbols, moved by the prediction") {
  const Problem p(ResidualAlone(), 1, 2);
  // One record of 6 x 3: nothing is known of the first byte, and the second's prediction is this.
  ModelConfig plain = p.config;
  SetSignals("none", &plain);
  ParameterSet weights(plain);
  std::ranges::copy(p.weights.values(), weights.values().begin());
  const int32_t byte = 203;
  TestNetwork network(p.config, 1, 2, Precision::kFloat32);
  TestNetwork symbols(plain, 1, 2, Precision::kFloat32);
  const std::vector<int32_t> bytes = {256, byte}, residuals = {256, byte - 128};
  const auto of_bytes = network.Forward(p.weights, bytes);
  const auto of_symbols = symbols.Forward(weights, residuals);
  for (size_t s = 0; s < 256; ++s) {
    CHECK(of_bytes[(s + 128) % 256] == of_symbols[s]);
    CHECK(of_bytes[256 + (s + static_cast<size_t>(byte)) % 256] == of_symbols[256 + s]);
  }
}

}  // namespace
}  // namespace occam
