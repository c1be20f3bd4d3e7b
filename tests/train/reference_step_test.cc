#include <catch2/catch.hpp>
#include <cmath>

#include "model/h5_file.h"
#include "tests/train/training_fixture.h"

// The file and its layout: tests/model/reference_step.py.
namespace occam {
namespace {

ModelConfig ReadConfig(const H5Reader& file) {
  const auto field = [&](const char* name) { return file.ReadAttribute<int32_t>("/config", name); };
  ModelConfig config;
  config.vocabulary = field("vocabulary");
  config.width = field("width");
  config.layers = field("layers");
  config.heads = field("heads");
  config.kv_heads = field("kv_heads");
  config.mlp_factor = field("mlp_factor");
  config.conv_width = field("conv_width");
  config.context = field("context");
  config.windows = file.ReadAttributeList<int32_t>("/config", "windows");
  return config;
}

ParameterSet ReadParameters(const H5Reader& file, const std::string& group,
                            const ModelConfig& config) {
  ParameterSet set(config);
  for (size_t i = 0; i < set.table().size(); ++i) {
    const auto values = file.ReadDataset<float>(group + "/" + set.table()[i].name);
    const auto tensor = set.tensor(static_cast<int>(i));
    REQUIRE(values.size() == tensor.size());
    std::ranges::copy(values, tensor.begin());
  }
  return set;
}

Batch BatchOf(const std::vector<int32_t>& inputs, const std::vector<int32_t>& targets,
              size_t step) {
  const size_t size = inputs.size() / 3;
  const auto part = [&](const std::vector<int32_t>& all) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(step * size);
    return std::vector<int32_t>(first, first + static_cast<std::ptrdiff_t>(size));
  };
  return {part(inputs), part(targets)};
}

double LargestDifference(std::span<const float> a, std::span<const float> b) {
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return worst;
}

TEST_CASE("Reference step: three steps end where another framework's do") {
  const H5Reader file(ReadFile(OCCAM_REFERENCE_STEP), "the reference step");
  const ModelConfig config = ReadConfig(file);
  ParameterSet weights = ReadParameters(file, "/weights", config);
  const ParameterSet start = weights;
  const ParameterSet expected = ReadParameters(file, "/stepped", config);
  const auto inputs = file.ReadDataset<int32_t>("/inputs");
  const auto targets = file.ReadDataset<int32_t>("/targets");
  const auto losses = file.ReadDataset<double>("/loss_nats");
  const auto norms = file.ReadDataset<double>("/gradient_norm");

  Recipe recipe;  // what the recipe does not share with the file's /recipe
  recipe.muon_lr = file.ReadAttribute<double>("/recipe", "muon_rate");
  recipe.adamw_lr = file.ReadAttribute<double>("/recipe", "adam_rate");
  ThreadTeam team(2);
  ShardWorkers workers(config, 1, &team);
  Optimizer optimizer(config, recipe, &team);
  ParameterSet gradients(config);
  for (size_t step = 0; step < 3; ++step) {
    const double loss = workers.Gradient(weights, BatchOf(inputs, targets, step), &gradients);
    const double norm = GlobalNorm(gradients, &team);
    CHECK(loss == Approx(losses[step]).epsilon(1e-5));
    CHECK(norm == Approx(norms[step]).epsilon(1e-4));
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
    CHECK(LargestDifference(weights.tensor(index), start.tensor(index)) > 0.3 * rate);
    CHECK(LargestDifference(weights.tensor(index), expected.tensor(index)) < 0.01 * rate);
  }
}

}  // namespace
}  // namespace occam
