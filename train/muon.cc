#include "train/muon.h"

#include <algorithm>
#include <cmath>

#include "model/network/matmul.h"
#include "train/vector.h"

namespace occam {
namespace {

constexpr float kA = 3.4445f;
constexpr float kB = -4.7750f;
constexpr float kC = 2.0315f;

}  // namespace

void Orthogonaliser::Apply(std::span<float> x, int64_t rows, int64_t columns, int64_t steps,
                           const StopFn& stop) {
  const double norm = std::sqrt(VectorOf(x).cast<double>().square().sum());
  VectorOf(x) *= static_cast<float>(1.0 / (norm + 1e-7));

  const bool tall = rows > columns;
  const int64_t n = std::min(rows, columns);
  gram_.resize(static_cast<size_t>(n * n));
  polynomial_.resize(gram_.size());
  next_.resize(x.size());
  const TensorView matrix = ViewOf(x, columns);
  const TensorView gram = ViewOf(std::span(gram_), n);
  const TensorView polynomial = ViewOf(std::span(polynomial_), n);
  const TensorView next = ViewOf(std::span(next_), columns);
  for (int64_t i = 0; i < steps && !Stopped(stop); ++i) {
    MatMul(matrix, tall ? Operand::kTransposed : Operand::kAsIs, matrix,
           tall ? Operand::kAsIs : Operand::kTransposed, gram, Result::kReplace);
    MatMul(gram, Operand::kAsIs, gram, Operand::kAsIs, polynomial, Result::kReplace);
    VectorOf(polynomial_) = kB * VectorOf(gram_) + kC * VectorOf(polynomial_);
    MatMul(tall ? matrix : polynomial, Operand::kAsIs, tall ? polynomial : matrix, Operand::kAsIs,
           next, Result::kReplace);
    VectorOf(x) = kA * VectorOf(x) + VectorOf(next_);
  }
}

void Orthogonaliser::Reserve(int64_t rows, int64_t columns) {
  const int64_t n = std::min(rows, columns);
  gram_.reserve(static_cast<size_t>(n * n));
  polynomial_.reserve(static_cast<size_t>(n * n));
  next_.reserve(static_cast<size_t>(rows * columns));
}

void MuonStep::Direct(std::span<const float> gradient, std::span<const float> momentum_buffer,
                      std::span<float> direction, Orthogonaliser* scratch,
                      const StopFn& stop) const {
  const auto beta = static_cast<float>(momentum);
  const auto g = VectorOf(gradient) * gradient_scale;
  Vector u = VectorOf(direction);
  u = VectorOf(momentum_buffer);
  u += (1.0f - beta) * (g - u);
  u = g + beta * (u - g);
  scratch->Apply(direction, rows, columns, newton_schulz_steps, stop);
}

void MuonStep::Follow(std::span<const float> gradient, std::span<const float> direction,
                      std::span<float> momentum_buffer, std::span<float> weights) const {
  const auto beta = static_cast<float>(momentum);
  const auto g = VectorOf(gradient) * gradient_scale;
  Vector m = VectorOf(momentum_buffer);
  m += (1.0f - beta) * (g - m);
  const double shape = std::max(1.0, static_cast<double>(rows) / static_cast<double>(columns));
  const auto keep = static_cast<float>(1 - learning_rate * weight_decay);
  const auto rate = static_cast<float>(learning_rate * std::sqrt(shape));
  VectorOf(weights) = VectorOf(weights) * keep - rate * VectorOf(direction);
}

}  // namespace occam
