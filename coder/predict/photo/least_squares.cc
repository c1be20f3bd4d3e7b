#include "coder/predict/photo/least_squares.h"

#include <algorithm>
#include <bit>

// Every constant here is part of the file format: another value makes other files.

namespace occam {
namespace {

constexpr int kFraction = 16;  // bits of factors and coefficients
constexpr int64_t kMostFactor = int64_t{1} << 24;
constexpr int64_t kMostCoefficient = int64_t{1} << 20;
constexpr int64_t kMostSum = int64_t{1} << 30;
constexpr int kRidge = 6;         // the diagonal grows by 2^-6 of itself
constexpr int kLeastPivot = 8;    // a pivot is at least 2^-8 of its diagonal
constexpr int kInverseBits = 28;  // the inverse of a pivot has 29 bits

int ColumnBits(size_t width) {
  int bits = 0;
  while (((width - 1) >> bits) >= PixelLeastSquares::kMostColumns) ++bits;
  return bits;
}

}  // namespace

LeastSquaresSolver::LeastSquaresSolver(size_t inputs)
    : inputs_(inputs),
      factor_(inputs * inputs),
      scaled_(inputs * inputs),
      inverse_(inputs),
      shift_(inputs),
      forward_(inputs),
      coefficients_(inputs) {}

// sums = L D L' with a unit triangle L; scaled = L D. Sums are of integers, everything else is out
// of 65536. What rounding does to a badly conditioned matrix is bounded by the clamps.
std::span<const int64_t> LeastSquaresSolver::Solve(std::span<const int32_t> sums) {
  const size_t n = inputs_;
  for (size_t j = 0; j < n; ++j) {
    const int32_t* const products = &sums[j * (j + 1) / 2];
    int64_t* const factor = &factor_[j * n];
    int64_t* const scaled = &scaled_[j * n];
    for (size_t k = 0; k < j; ++k) {
      const int64_t* const other = &scaled_[k * n];
      int64_t sum = int64_t{products[k]} * (1 << kFraction);
      for (size_t q = 0; q < k; ++q) sum -= factor[q] * other[q];
      scaled[k] = std::clamp(sum >> kFraction, -kMostSum, kMostSum);
      factor[k] = std::clamp((scaled[k] * inverse_[k]) >> shift_[k], -kMostFactor, kMostFactor);
    }
    const int64_t diagonal = products[j];
    int64_t pivot = (diagonal + (diagonal >> kRidge) + 64) * (1 << kFraction);
    for (size_t q = 0; q < j; ++q) pivot -= factor[q] * scaled[q];
    pivot = std::clamp(pivot >> kFraction, (diagonal >> kLeastPivot) + 16, 2 * kMostSum);
    const int bits = static_cast<int>(std::bit_width(static_cast<uint64_t>(pivot)));
    inverse_[j] = (int64_t{1} << (bits + kInverseBits)) / pivot;
    shift_[j] = bits + kInverseBits - kFraction;
  }
  const int32_t* const by_target = &sums[n * (n + 1) / 2];
  for (size_t j = 0; j < n; ++j) {
    int64_t sum = int64_t{by_target[j]} * (1 << kFraction);
    for (size_t q = 0; q < j; ++q) sum -= factor_[j * n + q] * forward_[q];
    forward_[j] = std::clamp(sum >> kFraction, -kMostSum, kMostSum);
  }
  for (size_t j = n; j-- > 0;) {
    int64_t sum = (forward_[j] * inverse_[j]) >> shift_[j];
    for (size_t q = j + 1; q < n; ++q) sum -= (factor_[q * n + j] * coefficients_[q]) >> kFraction;
    coefficients_[j] = std::clamp(sum, -kMostCoefficient, kMostCoefficient);
  }
  return coefficients_;
}

PixelLeastSquares::PixelLeastSquares(size_t inputs, int decay, size_t width)
    : inputs_(inputs),
      sums_(LeastSquaresSolver::Sums(inputs)),
      decay_(decay),
      column_bits_(ColumnBits(width)),
      row_(sums_),
      total_(sums_),
      known_(inputs + 1),
      solver_(inputs) {
  const size_t columns = Column(width - 1) + 1;
  columns_.resize(columns * sums_);
  around_.resize(columns * sums_);
}

uint64_t PixelLeastSquares::MemoryBytes(size_t inputs, size_t width) {
  return uint64_t{2} * sizeof(int32_t) * LeastSquaresSolver::Sums(inputs) *
         (((width - 1) >> ColumnBits(width)) + 1);
}

// Smears what the columns have to the left and to the right.
void PixelLeastSquares::StartRow() {
  std::fill(row_.begin(), row_.end(), 0);
  std::fill(total_.begin(), total_.end(), 0);
  const size_t columns = columns_.size() / sums_;
  for (size_t c = columns; c-- > 0;) {
    const int32_t* const column = &columns_[c * sums_];
    int32_t* const around = &around_[c * sums_];
    for (size_t i = 0; i < sums_; ++i) {
      around[i] = total_[i] - (total_[i] >> decay_);
      total_[i] = around[i] + column[i];
    }
  }
  std::fill(total_.begin(), total_.end(), 0);
  for (size_t c = 0; c < columns; ++c) {
    const int32_t* const column = &columns_[c * sums_];
    int32_t* const around = &around_[c * sums_];
    for (size_t i = 0; i < sums_; ++i) {
      total_[i] = total_[i] - (total_[i] >> decay_) + column[i];
      around[i] += total_[i];
    }
  }
}

int64_t PixelLeastSquares::Predict(size_t x, std::span<const int32_t> inputs) {
  std::copy_n(inputs.begin(), inputs_, known_.begin());
  column_ = Column(x);
  const int32_t* const around = &around_[column_ * sums_];
  for (size_t i = 0; i < sums_; ++i) total_[i] = around[i] + row_[i];
  const std::span<const int64_t> coefficients = solver_.Solve(total_);
  int64_t sum = 0;
  for (size_t i = 0; i < inputs_; ++i) sum += coefficients[i] * known_[i];
  return sum;
}

void PixelLeastSquares::Learn(int32_t target, int32_t weight) {
  int32_t* const column = &columns_[column_ * sums_];
  known_[inputs_] = target;
  size_t sum = 0;
  for (size_t i = 0; i <= inputs_; ++i) {
    const int32_t weighted = known_[i] * weight;
    const size_t end = std::min(i + 1, inputs_);
    for (size_t k = 0; k < end; ++k, ++sum) {
      const int32_t product = (weighted * known_[k]) >> 8;
      column[sum] += product - (column[sum] >> decay_);
      row_[sum] += product - (row_[sum] >> decay_);
    }
  }
}

}  // namespace occam
