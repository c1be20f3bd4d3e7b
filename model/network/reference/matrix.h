// Rows of doubles: all that the reference twins compute with.
#ifndef OCCAM_MODEL_NETWORK_REFERENCE_MATRIX_H_
#define OCCAM_MODEL_NETWORK_REFERENCE_MATRIX_H_

#include <cstddef>
#include <span>
#include <vector>

namespace occam::reference {

struct Matrix {
  Matrix() = default;
  Matrix(size_t rows_in, size_t columns_in)
      : rows(rows_in), columns(columns_in), values(rows_in * columns_in) {}
  // Row-major floats, made doubles.
  Matrix(std::span<const float> from, size_t columns_in)
      : rows(from.size() / columns_in), columns(columns_in), values(from.begin(), from.end()) {}

  double& at(size_t r, size_t c) { return values[r * columns + c]; }
  double at(size_t r, size_t c) const { return values[r * columns + c]; }

  size_t rows = 0;
  size_t columns = 0;
  std::vector<double> values;
};

}  // namespace occam::reference

#endif  // OCCAM_MODEL_NETWORK_REFERENCE_MATRIX_H_
