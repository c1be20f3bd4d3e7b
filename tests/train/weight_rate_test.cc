#include "train/weight_rate.h"

#include <cmath>
#include <numbers>

#include "data/base/random.h"
#include "model/quantize.h"
#include "tests/catch.h"
#include "tests/error_kind.h"
#include "tests/train/training_fixture.h"

namespace occam {
namespace {

std::vector<float> SomeScales(const std::vector<ParameterSpec>& table) {
  std::vector<float> scales;
  for (int64_t r = 0; r < RowCount(table); ++r)
    scales.push_back(r % 7 == 3 ? 0.0f : std::ldexp(1.0f, -static_cast<int>(r % 6)));
  return scales;
}

TEST_CASE("Weight rate: the estimate is the entropy of rounded Laplace variables, to 0.13 bits") {
  ParameterSpec spec;
  spec.rows = 1;
  spec.columns = 4001;
  std::vector<float> row(4001);
  for (const double mean : {0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 8.0}) {
    // Quantiles of the distribution, with a mean magnitude of `mean` steps.
    for (size_t i = 0; i < row.size(); ++i) {
      const double p = (static_cast<double>(i) + 0.5) / static_cast<double>(row.size());
      const double magnitude = -mean * std::log(1 - std::fabs(2 * p - 1));
      row[i] = static_cast<float>(0.25 * (p < 0.5 ? -magnitude : magnitude));
    }
    double entropy = 0;
    for (int code = -400; code <= 400; ++code) {
      const auto below = [&](double x) {
        return x < 0 ? 0.5 * std::exp(x / mean) : 1 - 0.5 * std::exp(-x / mean);
      };
      const double p = below(code + 0.5) - below(code - 0.5);
      if (p > 0) entropy -= p * std::log2(p);
    }
    INFO(mean);
    const std::vector<float> scales = {0.25f};
    CHECK(std::fabs(CodedBits(spec, row, scales) / 4001 - entropy) < 0.13);
  }
  const std::vector<float> zero = {0.0f};
  CHECK(CodedBits(spec, row, zero) == 0);
}

TEST_CASE("Weight rate: its gradient is that of the estimate") {
  ParameterSet weights(TestConfig());
  Randomise(&weights, 3);
  const auto scales = SomeScales(weights.table());
  Random random(4);
  for (size_t t = 0; t < weights.table().size(); ++t) {
    const ParameterSpec& spec = weights.table()[t];
    if (spec.coding != Coding::kRowCodes) continue;
    INFO(spec.name);
    const auto values = weights.tensor(static_cast<int>(t));
    std::vector<float> gradient(values.size(), 2.0f);
    AddCodedBitsGradient(spec, values, scales, 0.5, gradient);
    for (int trial = 0; trial < 20; ++trial) {
      const size_t i = random.Below(values.size());
      // R is smooth but where a weight changes its sign; its second derivative is small beside it.
      const float kept = values[i];
      const float move = 0.01f * kept;
      values[i] = kept + move;
      const double above = CodedBits(spec, values, scales);
      const double reach = static_cast<double>(values[i]);
      values[i] = kept - move;
      const double below = CodedBits(spec, values, scales);
      const double slope = (above - below) / (reach - static_cast<double>(values[i]));
      values[i] = kept;
      // Sums are double, a step of 1 % leaves an error of its square: 1e-4 of the slope, and the
      // result is a float near 2.
      CHECK(std::fabs(static_cast<double>(gradient[i]) - (2 + 0.5 * slope)) <
            1e-3 * std::fabs(slope) + 1e-6);
    }
  }
}

TEST_CASE("Weight rate: steps make the error that they cost and the bits together least") {
  const ModelConfig config = TestConfig();
  ParameterSet gradients(config);
  Randomise(&gradients, 5);
  for (float& g : gradients.values()) g *= 0.01f;
  ThreadTeam team(2);
  RowSensitivity sensitivity(gradients.table());
  for (int i = 0; i < 3; ++i) sensitivity.Add(gradients, 1000, &team);
  CHECK(sensitivity.batches() == 3);
  std::vector<float> steps(static_cast<size_t>(RowCount(gradients.table())));
  const double lambda = 1e-4;
  sensitivity.FillSteps(lambda, steps);
  for (size_t t = 0; t < gradients.table().size(); ++t) {
    const ParameterSpec& spec = gradients.table()[t];
    if (spec.coding != Coding::kRowCodes) continue;
    for (int64_t r = 0; r < spec.rows; ++r) {
      double second = 0;
      for (int64_t k = 0; k < spec.columns; ++k) {
        const double g = static_cast<double>(
            gradients.tensor(static_cast<int>(t))[static_cast<size_t>(r * spec.columns + k)]);
        second += 1000 * g * g / static_cast<double>(spec.columns);
      }
      const auto cost = [&](double s) {
        return second * s * s / (24 * RowSensitivity::kTrained * lambda) - std::log(s);
      };
      const auto step = static_cast<double>(steps[static_cast<size_t>(spec.first_row + r)]);
      // Steps have 5 significant bits, and end at 1.
      CHECK(cost(step) < cost(step / 1.1));
      if (step < 1) CHECK(cost(step) < cost(step * 1.1));
    }
  }
}

TEST_CASE(
    "Weight rate: a sensitivity restored goes on as it was; rows without effect stay coarse") {
  const ModelConfig config = TestConfig();
  ParameterSet gradients(config);
  Randomise(&gradients, 6);
  std::ranges::fill(gradients.tensor(0), 0.0f);
  ThreadTeam team(1);
  RowSensitivity whole(gradients.table()), first(gradients.table()), second(gradients.table());
  for (int i = 0; i < 4; ++i) whole.Add(gradients, 10 + i, &team);
  for (int i = 0; i < 2; ++i) first.Add(gradients, 10 + i, &team);
  second.Restore(first.means(), first.batches());
  for (int i = 2; i < 4; ++i) second.Add(gradients, 10 + i, &team);
  CHECK(second.means() == whole.means());
  std::vector<float> expected(whole.means().size()), actual(whole.means().size());
  whole.FillSteps(1e-3, expected);
  second.FillSteps(1e-3, actual);
  CHECK(actual == expected);
  CHECK(actual[0] == 1.0f);
  CHECK(ThrownBy([&] { second.Restore({1.0}, 1); }).kind == ErrorKind::kDamaged);
}

}  // namespace
}  // namespace occam
