// Muon, "momentum orthogonalised by Newton-Schulz" (Jordan et al., 2024, "Muon: an optimizer for
// hidden layers in neural networks"), for one matrix.
#ifndef OCCAM_TRAIN_MUON_H_
#define OCCAM_TRAIN_MUON_H_

#include <cstdint>
#include <span>
#include <vector>

#include "data/base/stop.h"

namespace occam {

// Scratch of one thread; grows to the largest matrix it has met.
class Orthogonaliser {
 public:
  // Replaces the matrix x [rows, columns] by a near-orthogonal one. First x is divided by its
  // Frobenius norm + 1e-7. Then comes `steps` times the quintic x <- a x + (b A + c A A) x, A = x
  // x^T, (a, b, c) = (3.4445, -4.7750, 2.0315), which takes its singular values near 1. With more
  // rows than columns the products are taken from the other side, which is the same polynomial. A
  // matrix of zeros stays as it is. Once `stop` says so, x has no meaning.
  void Apply(std::span<float> x, int64_t rows, int64_t columns, int64_t steps,
             const StopFn& stop = {});

  void Reserve(int64_t rows, int64_t columns);  // memory for a matrix, so that Apply allocates none

 private:
  std::vector<float> gram_;        // A [n, n], n = min(rows, columns)
  std::vector<float> polynomial_;  // b A + c A A [n, n]
  std::vector<float> next_;        // [rows, columns]
};

// One step: momentum <- lerp(momentum, g, 1 - beta), u = lerp(g, momentum, beta) (Nesterov), with
// g = gradient * gradient_scale; then weights <- weights (1 - lr decay) - lr sqrt(max(1, rows /
// columns)) orthogonalised(u). All tensors [rows, columns].
struct MuonStep {
  int64_t rows = 0;
  int64_t columns = 0;
  double learning_rate = 0;
  double momentum = 0;
  double weight_decay = 0;
  int64_t newton_schulz_steps = 0;
  float gradient_scale = 1;

  // Makes `direction` orthogonalised(u), which learning rate and decay have no part in.
  void Direct(std::span<const float> gradient, std::span<const float> momentum_buffer,
              std::span<float> direction, Orthogonaliser* scratch, const StopFn& stop = {}) const;
  // Then makes the step.
  void Follow(std::span<const float> gradient, std::span<const float> direction,
              std::span<float> momentum_buffer, std::span<float> weights) const;
};

}  // namespace occam

#endif  // OCCAM_TRAIN_MUON_H_
