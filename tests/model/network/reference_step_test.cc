// The training network against an independent framework (reference_step.py), and the proof that
// the comparison would notice any part left out.
#include "reference_step.h"

#include "model/network/reference/network.h"
#include "model/network/transformer.h"
#include "network_fixture.h"
#include "tests/catch.h"
#include "train/loss.h"

namespace occam {
namespace {

// As in network_gradient_test.cc.
constexpr double kFloatTolerance = 5e-5;
// Doubles on both sides; gradients are stored as floats.
constexpr double kLogitsTolerance = 1e-12;
constexpr double kStoredTolerance = 1e-7;

std::vector<double> Doubles(std::span<const float> values) {
  return {values.begin(), values.end()};
}

// Logits and gradients of the mean loss of batch 0, by the reference twin.
reference::Step Exact(const ReferenceStep& step, const reference::Omit& omit) {
  const auto& batch = step.batches[0];
  return reference::RunNetwork(step.config, reference::TensorsOf(step.weights), batch.inputs,
                               batch.targets, static_cast<size_t>(step.length), true, omit);
}

double LogitsError(const ReferenceStep& step, const reference::Matrix& logits) {
  double error = 0;
  for (size_t i = 0; i < step.logits.size(); ++i) {
    error = std::max(error, std::fabs(logits.values[i] - step.logits[i]));
  }
  return error;
}

TEST_CASE("Reference step: the stored point has no zero tensor, so that nothing can hide") {
  const ReferenceStep step(OCCAM_REFERENCE_STEP);
  for (const float w : step.weights.values()) CHECK(w != 0.0f);
  CHECK(step.config.kv_heads < step.config.heads);
  CHECK(step.config.window(0) < step.length);
}

TEST_CASE("Reference step: the reference twin has PyTorch's logits, loss and gradients") {
  const ReferenceStep step(OCCAM_REFERENCE_STEP);
  const reference::Step exact = Exact(step, {});
  const auto tokens = static_cast<double>(step.sequences * step.length);
  CHECK(LogitsError(step, exact.logits) < kLogitsTolerance);
  CHECK(exact.loss_nats / tokens == Approx(step.loss_nats[0]).epsilon(1e-12));
  for (size_t i = 0; i < exact.gradients.size(); ++i) {
    INFO(step.weights.table()[i].name);
    std::vector<double> mean = exact.gradients[i].values;
    for (double& g : mean) g /= tokens;
    CHECK(RelativeError(step.gradients.tensor(static_cast<int>(i)), mean) < kStoredTolerance);
  }
}

TEST_CASE("Reference step: the training network has PyTorch's logits, losses and gradients") {
  const ReferenceStep step(OCCAM_REFERENCE_STEP);
  const int tokens = step.sequences * step.length;
  TestNetwork network(step.config, step.sequences, step.length, Precision::kFloat32);
  const std::span<const float> logits = network.Forward(step.weights, step.batches[0].inputs);
  CHECK(RelativeError(logits, step.logits) < kFloatTolerance);
  std::vector<float> dlogits(logits.size());
  const double loss_nats =
      SoftmaxCrossEntropy(logits, step.batches[0].targets, step.config.vocabulary,
                          1.0f / static_cast<float>(tokens), dlogits);
  CHECK(loss_nats / tokens == Approx(step.loss_nats[0]).epsilon(1e-6));
  ParameterSet gradients(step.config);
  network.Backward(dlogits, &gradients);
  for (int i = 0; i < static_cast<int>(gradients.table().size()); ++i) {
    INFO(gradients.table()[static_cast<size_t>(i)].name);
    CHECK(RelativeError(gradients.tensor(i), Doubles(step.gradients.tensor(i))) < kFloatTolerance);
  }
}

TEST_CASE("Reference step: a network without one of its parts is far from PyTorch's") {
  const ReferenceStep step(OCCAM_REFERENCE_STEP);
  const auto error_without = [&](bool reference::Omit::*part) {
    reference::Omit omit;
    omit.*part = true;
    return RelativeError(std::vector<float>(step.logits.begin(), step.logits.end()),
                         Exact(step, omit).logits.values);
  };
  constexpr double kFar = 200 * kFloatTolerance;
  CHECK(error_without(&reference::Omit::rotary) > kFar);
  CHECK(error_without(&reference::Omit::key_shift) > kFar);
  CHECK(error_without(&reference::Omit::window) > kFar);
  CHECK(error_without(&reference::Omit::convolution1) > kFar);
  CHECK(error_without(&reference::Omit::convolution2) > kFar);
  CHECK(error_without(&reference::Omit::embedding_norm) > kFar);
  CHECK(error_without(&reference::Omit::norm1) > kFar);
  CHECK(error_without(&reference::Omit::norm2) > kFar);
  CHECK(error_without(&reference::Omit::query_norm) > kFar);
  CHECK(error_without(&reference::Omit::key_norm) > kFar);
  CHECK(error_without(&reference::Omit::final_norm) > kFar);
}

}  // namespace
}  // namespace occam
