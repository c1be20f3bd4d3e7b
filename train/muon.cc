#include "train/muon.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

namespace occam {
namespace {

constexpr float kA = 3.4445f;
constexpr float kB = -4.7750f;
constexpr float kC = 2.0315f;

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

void Orthogonaliser::Apply(std::span<float> x, int64_t rows, int64_t columns, int64_t steps) {
  double squares = 0;
  for (const float v : x) squares += static_cast<double>(v) * static_cast<double>(v);
  const float scale = static_cast<float>(1.0 / (std::sqrt(squares) + 1e-7));
  for (float& v : x) v *= scale;

  const bool tall = rows > columns;
  const int64_t n = std::min(rows, columns);
  gram_.resize(static_cast<size_t>(n * n));
  polynomial_.resize(gram_.size());
  next_.resize(x.size());
  Eigen::Map<Matrix> matrix(x.data(), rows, columns);
  Eigen::Map<Matrix> gram(gram_.data(), n, n);
  Eigen::Map<Matrix> polynomial(polynomial_.data(), n, n);
  Eigen::Map<Matrix> next(next_.data(), rows, columns);
  for (int64_t i = 0; i < steps; ++i) {
    if (tall) {
      gram.noalias() = matrix.transpose() * matrix;
    } else {
      gram.noalias() = matrix * matrix.transpose();
    }
    polynomial.noalias() = gram * gram;
    polynomial = kB * gram + kC * polynomial;
    if (tall) {
      next.noalias() = matrix * polynomial;
    } else {
      next.noalias() = polynomial * matrix;
    }
    matrix = kA * matrix + next;
  }
}

void MuonStep::Apply(std::span<const float> gradient, std::span<float> momentum_buffer,
                     std::span<float> weights, std::span<float> update,
                     Orthogonaliser* scratch) const {
  const auto beta = static_cast<float>(momentum);
  for (size_t i = 0; i < update.size(); ++i) {
    const float g = gradient[i] * gradient_scale;
    momentum_buffer[i] += (1.0f - beta) * (g - momentum_buffer[i]);
    update[i] = g + beta * (momentum_buffer[i] - g);
  }
  scratch->Apply(update, rows, columns, newton_schulz_steps);
  const double shape = std::max(1.0, static_cast<double>(rows) / static_cast<double>(columns));
  const auto keep = static_cast<float>(1 - learning_rate * weight_decay);
  const auto rate = static_cast<float>(learning_rate * std::sqrt(shape));
  for (size_t i = 0; i < update.size(); ++i) weights[i] = weights[i] * keep - rate * update[i];
}

}  // namespace occam
