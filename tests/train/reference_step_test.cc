#include "tests/model/network/reference_step.h"

#include <cmath>

#include "tests/catch.h"
#include "tests/train/training_fixture.h"

namespace occam {
namespace {

double LargestDifference(std::span<const float> a, std::span<const float> b) {
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return worst;
}

TEST_CASE("Reference step: three steps end where another framework's do") {
  const ReferenceStep reference(OCCAM_REFERENCE_STEP);
  const ModelConfig& config = reference.config;
  ParameterSet weights = reference.weights;

  Recipe recipe;  // what the recipe does not share with the file's
  recipe.muon_lr = reference.Recipe("muon_rate");
  recipe.adamw_lr = reference.Recipe("adam_rate");
  ThreadTeam team(2);
  ShardWorkers workers(config, 1, Precision::kFloat32, &team);
  Optimizer optimizer(config, recipe, &team);
  ParameterSet gradients(config);
  for (size_t step = 0; step < 3; ++step) {
    const double loss = workers.Gradient(
        weights, {reference.batches[step].inputs, reference.batches[step].targets}, &gradients);
    const double norm = GlobalNorm(gradients, &team);
    CHECK(loss == Approx(reference.loss_nats[step]).epsilon(1e-5));
    CHECK(norm == Approx(reference.gradient_norm[step]).epsilon(1e-4));
    optimizer.Step(1.0, ClipScale(norm, recipe.clip_norm), gradients, &weights);
  }
  for (size_t i = 0; i < weights.table().size(); ++i) {
    const ParameterSpec& spec = weights.table()[i];
    const auto index = static_cast<int>(i);
    const double rate = spec.rule == UpdateRule::kMuon ? recipe.muon_lr : recipe.adamw_lr;
    INFO(spec.name);
    // The weights have moved by about a learning rate, and to the same place within a hundredth
    // of one: float gradients are good to about 1e-5, of which Newton-Schulz magnifies what lies in
    // the small singular directions by up to 3.44^5, about 500.
    CHECK(LargestDifference(weights.tensor(index), reference.weights.tensor(index)) > 0.3 * rate);
    CHECK(LargestDifference(weights.tensor(index), reference.stepped.tensor(index)) < 0.01 * rate);
  }
}

}  // namespace
}  // namespace occam
