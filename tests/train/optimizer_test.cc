#include "train/optimizer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>
#include <vector>

#include "data/base/random.h"
#include "tests/catch.h"
#include "train/muon.h"

namespace occam {
namespace {

using Doubles = std::vector<double>;

// The naive twins, in double: written from the papers' formulas, one loop a sum.
struct Muon {
  Doubles momentum;

  static Doubles Product(const Doubles& a, const Doubles& b, size_t n, size_t k, size_t m) {
    Doubles c(n * m, 0.0);
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < m; ++j)
        for (size_t l = 0; l < k; ++l) c[i * m + j] += a[i * k + l] * b[l * m + j];
    return c;
  }
  static Doubles Transposed(const Doubles& a, size_t rows, size_t columns) {
    Doubles t(a.size());
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < columns; ++j) t[j * rows + i] = a[i * columns + j];
    return t;
  }
  static Doubles Orthogonalised(Doubles x, size_t rows, size_t columns, int steps) {
    if (rows > columns) {
      return Transposed(Orthogonalised(Transposed(x, rows, columns), columns, rows, steps), columns,
                        rows);
    }
    double squares = 0;
    for (const double v : x) squares += v * v;
    for (double& v : x) v /= std::sqrt(squares) + 1e-7;
    for (int s = 0; s < steps; ++s) {
      const Doubles a = Product(x, Transposed(x, rows, columns), rows, columns, rows);
      Doubles b = Product(a, a, rows, rows, rows);
      for (size_t i = 0; i < b.size(); ++i) b[i] = -4.7750 * a[i] + 2.0315 * b[i];
      const Doubles bx = Product(b, x, rows, rows, columns);
      for (size_t i = 0; i < x.size(); ++i) x[i] = 3.4445 * x[i] + bx[i];
    }
    return x;
  }

  void Step(const Doubles& g, size_t rows, size_t columns, double rate, double decay, Doubles* w) {
    momentum.resize(g.size(), 0.0);
    Doubles u(g.size());
    for (size_t i = 0; i < g.size(); ++i) {
      momentum[i] = 0.95 * momentum[i] + (1 - 0.95) * g[i];
      u[i] = (1 - 0.95) * g[i] + 0.95 * momentum[i];
    }
    const Doubles o = Orthogonalised(u, rows, columns, 5);
    const double scale =
        std::sqrt(std::max(1.0, static_cast<double>(rows) / static_cast<double>(columns)));
    for (size_t i = 0; i < g.size(); ++i) {
      (*w)[i] -= rate * decay * (*w)[i];
      (*w)[i] -= rate * scale * o[i];
    }
  }
};

struct AdamW {
  Doubles m, v;
  int t = 0;

  void Step(const Doubles& g, double rate, double decay, Doubles* w) {
    m.resize(g.size(), 0.0);
    v.resize(g.size(), 0.0);
    ++t;
    for (size_t i = 0; i < g.size(); ++i) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
      const double mean = m[i] / (1 - std::pow(0.9, t));
      const double square = v[i] / (1 - std::pow(0.99, t));
      (*w)[i] -= rate * decay * (*w)[i];
      (*w)[i] -= rate * mean / (std::sqrt(square) + 1e-10);
    }
  }
};

ModelConfig SmallConfig() {
  ModelConfig config = FamilyConfig(16, 20);
  config.layers = 2;
  config.windows = {8, 0};
  config.context = 16;
  return config;
}

double LargestDifference(std::span<const float> a, const Doubles& b) {
  double worst = 0;
  for (size_t i = 0; i < b.size(); ++i)
    worst = std::max(worst, std::fabs(static_cast<double>(a[i]) - b[i]));
  return worst;
}

TEST_CASE("Optimizer: five steps over all tensors follow the naive twins in double") {
  const ModelConfig config = SmallConfig();
  ThreadTeam team(2);
  const Recipe recipe;
  const double muon_lr = recipe.muon_lr;
  const double adamw_lr = recipe.adamw_lr;
  Optimizer optimizer(config, recipe, &team);
  ParameterSet weights(config);
  Randomise(&weights, 1);

  const size_t tensors = weights.table().size();
  std::vector<Doubles> twin_weights(tensors);
  std::vector<Muon> muon(tensors);
  std::vector<AdamW> adamw(tensors);
  for (size_t i = 0; i < tensors; ++i) {
    const auto w = weights.tensor(static_cast<int>(i));
    twin_weights[i].assign(w.begin(), w.end());
  }
  for (int step = 0; step < 5; ++step) {
    ParameterSet gradients(config);
    Randomise(&gradients, static_cast<uint64_t>(100 + step));
    const double factor = 1.0 / (step + 1);
    optimizer.Step(factor, 0.25f, gradients, &weights);
    for (size_t i = 0; i < tensors; ++i) {
      const ParameterSpec& spec = weights.table()[i];
      const auto tensor = gradients.tensor(static_cast<int>(i));
      Doubles g(tensor.begin(), tensor.end());
      for (double& v : g) v *= 0.25;
      const double decay = spec.decayed ? 0.1 : 0.0;
      if (spec.rule == UpdateRule::kMuon) {
        muon[i].Step(g, static_cast<size_t>(spec.rows), static_cast<size_t>(spec.columns),
                     muon_lr * factor, decay, &twin_weights[i]);
      } else {
        adamw[i].Step(g, adamw_lr * factor, decay, &twin_weights[i]);
      }
    }
  }
  // An update moves a weight by at most about the learning rate; float arithmetic with at most 64
  // terms a sum and a quintic whose slope is below 3.5^5 leaves errors of about 525 * 64 * 2^-24 of
  // a unit singular value, in practice a hundredth of it.
  for (size_t i = 0; i < tensors; ++i) {
    const bool muon_rule = weights.table()[i].rule == UpdateRule::kMuon;
    INFO(weights.table()[i].name);
    CHECK(LargestDifference(weights.tensor(static_cast<int>(i)), twin_weights[i]) <
          (muon_rule ? 5 * muon_lr * 2e-5 : 5 * adamw_lr * 1e-5 + 1e-6));
  }
}

TEST_CASE("Muon: tall, wide and square matrices become near-orthogonal") {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{48, 12}, {12, 48}, {24, 24}}) {
    Random random(7, static_cast<uint64_t>(rows));
    std::vector<float> x(static_cast<size_t>(rows * columns));
    for (float& v : x) v = random.Symmetric(1);
    Orthogonaliser().Apply(x, rows, columns, 10);
    // The squared singular values lie in about [0.68, 1.13]^2 (Jordan, 2024); their mean is the
    // squared Frobenius norm over the rank.
    double squares = 0;
    for (const float v : x) squares += static_cast<double>(v) * static_cast<double>(v);
    const double mean = squares / static_cast<double>(std::min(rows, columns));
    CHECK(mean > 0.46);
    CHECK(mean < 1.3);
  }
}

TEST_CASE("Muon: a gradient of zeros changes nothing but the decay") {
  std::vector<float> g(12, 0.0f), momentum(12, 0.0f), w(12, 1.0f), update(12);
  MuonStep step;
  step.rows = 3;
  step.columns = 4;
  step.learning_rate = 0.5;
  step.momentum = 0.95;
  step.weight_decay = 0.5;
  step.newton_schulz_steps = 5;
  Orthogonaliser scratch;
  step.Direct(g, momentum, update, &scratch);
  step.Follow(g, update, momentum, w);
  for (const float v : w) CHECK(v == 0.75f);
}

TEST_CASE("Optimizer: the number of threads does not show") {
  const ModelConfig config = SmallConfig();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3}) {
    ThreadTeam team(threads);
    Optimizer optimizer(config, Recipe(), &team);
    ParameterSet weights(config), gradients(config);
    Randomise(&weights, 1);
    for (uint64_t step = 0; step < 3; ++step) {
      Randomise(&gradients, 10 + step);
      optimizer.Step(1.0, ClipScale(GlobalNorm(gradients, &team), 1.0), gradients, &weights);
    }
    results.emplace_back(weights.values().begin(), weights.values().end());
  }
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("Optimizer: a step that is discarded leaves no trace") {
  const ModelConfig config = SmallConfig();
  ThreadTeam team(2);
  Optimizer one(config, Recipe(), &team), other(config, Recipe(), &team);
  ParameterSet one_weights(config), gradients(config), others(config);
  Randomise(&one_weights, 1);
  ParameterSet other_weights = one_weights;
  Randomise(&gradients, 2);
  Randomise(&others, 3);
  std::atomic<int> asked = 0;
  for (int step = 0; step < 3; ++step) {
    // Stopped in the middle of the directions.
    asked = 0;
    other.Prepare(0.5f, others, [&] { return ++asked > 3; });
    other.Discard();
    CHECK(asked > 3);
    one.Step(1.0, 0.25f, gradients, &one_weights);
    other.Step(1.0, 0.25f, gradients, &other_weights);
    CHECK(std::ranges::equal(one_weights.values(), other_weights.values()));
    CHECK(std::ranges::equal(one.state().first.values(), other.state().first.values()));
    CHECK(std::ranges::equal(one.state().second.values(), other.state().second.values()));
    CHECK(one.state().steps == other.state().steps);
  }
}

TEST_CASE("Clipping: the global norm is over all tensors and is brought down to the limit") {
  const ModelConfig config = SmallConfig();
  ThreadTeam team(2);
  ParameterSet gradients(config);
  gradients.tensor(0)[0] = 3;
  gradients.tensor(5)[1] = 4;
  CHECK(GlobalNorm(gradients, &team) == 5.0);
  CHECK(ClipScale(5.0, 1.0) == Approx(0.2));
  CHECK(ClipScale(0.5, 1.0) == 1.0f);
  gradients.tensor(3)[0] = NAN;
  CHECK_FALSE(std::isfinite(GlobalNorm(gradients, &team)));
}

}  // namespace
}  // namespace occam
