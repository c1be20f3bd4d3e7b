// The whole network: finite differences hold the reference twin, and the twin holds the float one.
#include <thread>
#include <utility>

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
      : config(c), sequences(sequences_in), length(length_in), weights(c) {
    Randomise(&weights, 11);
    const auto n = static_cast<size_t>(sequences * length);
    inputs = RandomSymbols(n, config.vocabulary, 12);
    inputs[0] = config.begin_symbol();
    targets = RandomSymbols(n, config.vocabulary, 13);
  }
  reference::Step Exact(const reference::Tensors& tensors, bool with_gradients) const {
    return reference::RunNetwork(config, tensors, inputs, targets, static_cast<size_t>(length),
                                 with_gradients);
  }
  ModelConfig config;
  int sequences, length;
  ParameterSet weights;
  std::vector<int32_t> inputs, targets;
};

// Forward, loss and backward of the float network.
ParameterSet FloatGradients(const Problem& p, TestNetwork* network) {
  const std::span<const float> logits = network->Forward(p.weights, p.inputs);
  std::vector<float> dlogits(logits.size());
  SoftmaxCrossEntropy(logits, p.targets, p.config.vocabulary, 1.0f, dlogits);
  ParameterSet gradients(p.config);
  network->Backward(dlogits, &gradients);
  return gradients;
}

TEST_CASE("Reference network: every tensor's gradient is that of finite differences") {
  for (const int conv_width : {0, 3}) {
    ModelConfig config = SmallConfig(conv_width);
    config.width = 16;
    config.heads = 2;
    config.kv_heads = 1;
    config.layers = 2;
    config.windows = {3, 0};
    const Problem p(config, 2, 9);
    reference::Tensors weights = reference::TensorsOf(p.weights);
    const reference::Step step = p.Exact(weights, true);
    for (size_t tensor = 0; tensor < weights.size(); ++tensor) {
      double largest = 0;
      for (const double g : step.gradients[tensor].values)
        largest = std::max(largest, std::fabs(g));
      REQUIRE(largest > 1e-3);
      Random random(tensor);
      for (int trial = 0; trial < 6; ++trial) {
        const auto i = static_cast<size_t>(random.Below(weights[tensor].values.size()));
        double& w = weights[tensor].values[i];
        const double at = w;
        // Central differences err by h^2 / 6 of the third derivative, about 1e-9 here, and by the
        // rounding of a loss of about 60 nats, 60 * 2^-53 / h, below 1e-9.
        constexpr double kStep = 1e-5;
        w = at + kStep;
        const double above = p.Exact(weights, false).loss_nats;
        w = at - kStep;
        const double below = p.Exact(weights, false).loss_nats;
        w = at;
        INFO(p.weights.table()[tensor].name << " element " << i << " convolution " << conv_width);
        CHECK((above - below) / (2 * kStep) ==
              Approx(step.gradients[tensor].values[i]).margin(1e-7 * (1 + largest)));
      }
    }
  }
}

// Float passes add up to about a hundred roundings from an input to a gradient, each of 2^-24,
// amplified a few times by norms of small rows and by the exponentials; a term left out or wrong
// moves a tensor's gradient by percents.
constexpr double kFloatTolerance = 5e-5;

TEST_CASE("Network: logits and every tensor's gradient agree with the reference") {
  for (const int conv_width : {0, 4}) {
    for (const auto& [heads, kv_heads] : {std::pair{4, 2}, {2, 2}, {1, 1}}) {
      ModelConfig config = SmallConfig(conv_width);
      config.heads = heads;
      config.kv_heads = kv_heads;
      for (const int length : {2, 37, 48}) {
        const Problem p(config, 2, length);
        const reference::Step exact = p.Exact(reference::TensorsOf(p.weights), true);
        TestNetwork network(config, p.sequences, length, Precision::kFloat32);
        const ParameterSet gradients = FloatGradients(p, &network);
        CHECK(RelativeError(network.Forward(p.weights, p.inputs), exact.logits.values) <
              kFloatTolerance);
        for (size_t i = 0; i < gradients.table().size(); ++i) {
          INFO(gradients.table()[i].name << " heads " << heads << " length " << length);
          CHECK(RelativeError(gradients.tensor(static_cast<int>(i)), exact.gradients[i].values) <
                kFloatTolerance);
        }
      }
    }
  }
}

// Every operand of a linear layer is off by at most 2^-9 of itself, at random; about four products
// lie between an input and a logit in each of three layers and twice as many on the way to a
// gradient, so a term errs by about sqrt(40) * 2^-9 / sqrt(3) = 0.7 %, which norms of small rows,
// exponentials and terms that cancel amplify up to ten times. That each product is right to the
// last bits of float32 is tested in layers_test.cc; here, that no operand is another's.
constexpr double kBfloat16Tolerance = 0.1;

TEST_CASE("Network: in bfloat16 logits and gradients stay near the reference, but are others") {
  if (!HasFastBfloat16()) {
    CHECK_THROWS_AS(TestNetwork(SmallConfig(4), 1, 8, Precision::kBfloat16), Error);
    return;
  }
  for (const int conv_width : {0, 4}) {
    const Problem p(SmallConfig(conv_width), 2, 48);
    const reference::Step exact = p.Exact(reference::TensorsOf(p.weights), true);
    TestNetwork network(p.config, p.sequences, p.length, Precision::kBfloat16);
    const ParameterSet gradients = FloatGradients(p, &network);
    const double logits_error =
        RelativeError(network.Forward(p.weights, p.inputs), exact.logits.values);
    CHECK(logits_error < kBfloat16Tolerance);
    CHECK(logits_error > 10 * kFloatTolerance);
    for (size_t i = 0; i < gradients.table().size(); ++i) {
      INFO(gradients.table()[i].name);
      CHECK(RelativeError(gradients.tensor(static_cast<int>(i)), exact.gradients[i].values) <
            kBfloat16Tolerance);
    }
  }
}

TEST_CASE("Network: gradients replace what is there") {
  const Problem p(SmallConfig(4), 1, 20);
  TestNetwork network(p.config, 1, 20, Precision::kFloat32);
  const ParameterSet fresh = FloatGradients(p, &network);
  ParameterSet used(p.config);
  std::ranges::fill(used.values(), 1e30f);
  const std::span<const float> logits = network.Forward(p.weights, p.inputs);
  std::vector<float> dlogits(logits.size());
  SoftmaxCrossEntropy(logits, p.targets, p.config.vocabulary, 1.0f, dlogits);
  network.Backward(dlogits, &used);
  CHECK(std::ranges::equal(fresh.values(), used.values()));
}

// Several blocks of rows, the last of each sequence short, and pieces of every gradient.
Problem LongProblem() {
  ModelConfig config = SmallConfig(4);
  config.width = 64;
  config.mlp_factor = 4;
  config.context = 300;
  return {config, 2, 300};
}

TEST_CASE("Network: sequences of several blocks agree with the reference") {
  const Problem p = LongProblem();
  const reference::Step exact = p.Exact(reference::TensorsOf(p.weights), true);
  TestNetwork network(p.config, p.sequences, p.length, Precision::kFloat32, 2);
  const ParameterSet gradients = FloatGradients(p, &network);
  CHECK(RelativeError(network.Forward(p.weights, p.inputs), exact.logits.values) < kFloatTolerance);
  for (size_t i = 0; i < gradients.table().size(); ++i) {
    INFO(gradients.table()[i].name);
    CHECK(RelativeError(gradients.tensor(static_cast<int>(i)), exact.gradients[i].values) <
          kFloatTolerance);
  }
}

void CheckTeams(Precision precision) {
  const Problem p = LongProblem();
  TestNetwork first(p.config, p.sequences, p.length, precision);
  const ParameterSet expected = FloatGradients(p, &first);
  for (const int threads : {2, 3, 8}) {
    TestNetwork network(p.config, p.sequences, p.length, precision, threads);
    for (int repeat = 0; repeat < 5; ++repeat) {
      const ParameterSet gradients = FloatGradients(p, &network);
      CHECK(std::ranges::equal(gradients.values(), expected.values()));
    }
  }
}

TEST_CASE("Network: the same bits from 1, 2, 3 and 8 threads that share a sequence") {
  CheckTeams(Precision::kFloat32);
  if (HasFastBfloat16()) CheckTeams(Precision::kBfloat16);
}

void CheckThreads(Precision precision) {
  const Problem p(SmallConfig(4), 1, 48);
  TestNetwork first(p.config, 1, 48, precision);
  const ParameterSet expected = FloatGradients(p, &first);
  constexpr size_t kThreads = 4;
  std::vector<int> equal(kThreads);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const std::vector<char> shift(i * 1000 + 8);  // other addresses, other alignments
      TestNetwork network(p.config, 1, 48, precision);
      for (int repeat = 0; repeat < 10; ++repeat) {
        const ParameterSet gradients = FloatGradients(p, &network);
        equal[i] += std::equal(gradients.values().begin(), gradients.values().end(),
                               expected.values().begin());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(equal == std::vector<int>(kThreads, 10));
}

TEST_CASE("Network: the same bits from every thread, also beside others") {
  CheckThreads(Precision::kFloat32);
  if (HasFastBfloat16()) CheckThreads(Precision::kBfloat16);
}

TEST_CASE(
    "Network: a sequence's logits do not depend on the sequences beside it or on what follows") {
  const Problem p(SmallConfig(4), 2, 48);
  TestNetwork both(p.config, 2, 48, Precision::kFloat32), one(p.config, 1, 48, Precision::kFloat32);
  const auto together = both.Forward(p.weights, p.inputs);
  const std::vector<double> expected(together.begin() + 48 * 23, together.end());
  CHECK(RelativeError(one.Forward(p.weights, std::span(p.inputs).subspan(48)), expected) < 1e-5);

  auto changed = p.inputs;
  changed[47] = (changed[47] + 1) % p.config.vocabulary;
  const std::vector<double> before(together.begin(), together.begin() + 47 * 23);
  CHECK(RelativeError(both.Forward(p.weights, changed).first(before.size()), before) < 1e-6);
}

TEST_CASE("Network: key and value maxima are those of the last Forward, by layer and head") {
  const Problem p(SmallConfig(4), 1, 40);
  TestNetwork network(p.config, 1, 40, Precision::kFloat32);
  network.Forward(p.weights, p.inputs);
  const Calibration maxima = network.KeyValueMaxima();
  REQUIRE(maxima.key_maxima.size() == 6);
  REQUIRE(maxima.value_maxima.size() == 6);
  for (size_t i = 0; i < 6; ++i) {
    // Keys have a root mean square of 1 over 8 elements.
    CHECK(maxima.key_maxima[i] >= 1.0f);
    CHECK(maxima.key_maxima[i] <= std::sqrt(8.0f) * 1.00001f);
  }
  // Values are linear in wv: doubling one head's rows doubles its maximum alone.
  Problem doubled = p;
  const ParameterIndex index(p.config);
  const auto wv = doubled.weights.tensor(index.layers[2].wv);
  for (float& w : wv.subspan(wv.size() / 2)) w *= 2;
  network.Forward(doubled.weights, p.inputs);
  const Calibration after = network.KeyValueMaxima();
  CHECK(after.value_maxima[4] == maxima.value_maxima[4]);
  CHECK(after.value_maxima[5] == Approx(2 * maxima.value_maxima[5]));
  CHECK(after.key_maxima == maxima.key_maxima);
}

TEST_CASE("Network: inputs and gradients of the wrong size are refused") {
  const Problem p(SmallConfig(4), 1, 20);
  TestNetwork network(p.config, 1, 20, Precision::kFloat32);
  CHECK_THROWS_AS(network.Forward(p.weights, std::span(p.inputs).first(19)), Error);
  ParameterSet gradients(p.config);
  CHECK_THROWS_AS(network.Backward(std::vector<float>(5), &gradients), Error);
}

}  // namespace
}  // namespace occam
