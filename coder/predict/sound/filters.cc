#include "coder/predict/sound/filters.h"

#include <algorithm>
#include <bit>

// Every constant here is part of the file format: another value makes other files.

namespace occam {
namespace {

constexpr int kWeightBits = 20;
constexpr int64_t kMostWeight = int64_t{1} << 27;  // 128
constexpr int32_t kMostPrediction = 1 << 20;

// ---- Least squares -----------------------------------------------------------------------------

// Sums of products have this many more bits than products, so that decay has something to round.
constexpr int kSumBits = 8;
// Sums are scaled so that the largest on the diagonal has as many bits. The factor's entries are
// then below 2^28, and sums of 32 of their products below 2^61.
constexpr int kScaledBits = 56;
constexpr int64_t kMostScaled = int64_t{1} << kScaledBits;
constexpr int64_t kMostFactor = int64_t{1} << (kScaledBits / 2);
// What is added to the diagonal, and the least that a pivot counts.
constexpr int64_t kRidge = int64_t{1} << (kScaledBits - 24);

// ---- Gradient filters --------------------------------------------------------------------------

constexpr int kErrorBits = 26;
constexpr int kStepBits = 16;  // kErrorBits + 10 of the rate less kWeightBits
constexpr int64_t kMostStep = int64_t{1} << 31;
constexpr int32_t kMostFiltered = 1 << 21;

}  // namespace

uint32_t SquareRootOf(uint64_t x) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 30; bit > 0; bit >>= 1) {
    const uint64_t trial = root | bit;
    if (trial * trial <= x) root = trial;
  }
  return static_cast<uint32_t>(root);
}

LeastSquares::LeastSquares(const Shape& shape)
    : shape_(shape),
      inputs_(static_cast<size_t>(shape.inputs)),
      weights_(inputs_.size()),
      block_(inputs_.size() * static_cast<size_t>(shape.block)),
      block_targets_(static_cast<size_t>(shape.block)),
      products_(inputs_.size() * kMost),
      target_products_(inputs_.size()),
      factor_(inputs_.size() * kMost),
      solved_(inputs_.size()) {}

int32_t LeastSquares::Predict() const {
  int64_t sum = 0;
  for (size_t i = 0; i < inputs_.size(); ++i) sum += int64_t{weights_[i]} * inputs_[i];
  return ShiftedWithin(sum, kWeightBits - shape_.unit_bits, kMostPrediction);
}

void LeastSquares::Learn(int32_t target) {
  const auto block = static_cast<size_t>(shape_.block);
  const auto t = static_cast<size_t>(known_);
  for (size_t i = 0; i < inputs_.size(); ++i) block_[i * block + t] = inputs_[i];
  block_targets_[t] = target;
  if (++known_ < shape_.block) return;
  known_ = 0;
  AddBlock();
  Solve();
}

void LeastSquares::AddBlock() {
  const auto block = static_cast<size_t>(shape_.block);
  const auto add = [&](const int32_t* a, const int32_t* b, int64_t* sum) {
    int64_t product = 0;
    for (size_t t = 0; t < block; ++t) product += int64_t{a[t]} * b[t];
    *sum += (product << kSumBits) - (*sum >> shape_.decay);
  };
  for (size_t i = 0; i < inputs_.size(); ++i) {
    for (size_t j = 0; j <= i; ++j)
      add(&block_[i * block], &block_[j * block], &products_[i * kMost + j]);
    add(&block_[i * block], block_targets_.data(), &target_products_[i]);
  }
}

namespace {

// Returns a * 2^shift, rounded down, within kMostScaled.
int64_t Scaled(int64_t a, int shift) {
  if (shift < 0) return std::clamp(a >> -shift, -kMostScaled, kMostScaled);
  const int64_t most = kMostScaled >> shift;
  return std::clamp(a, -most, most) << shift;
}

}  // namespace

// The lower factor of the scaled sums: factor * factor^T = sums + ridge.
void LeastSquares::Decompose(int shift) {
  const size_t n = inputs_.size();
  for (size_t j = 0; j < n; ++j) {
    const int64_t* const row_j = &factor_[j * kMost];
    for (size_t i = j; i < n; ++i) {
      int64_t* const row_i = &factor_[i * kMost];
      int64_t known = 0;
      for (size_t k = 0; k < j; ++k) known += row_i[k] * row_j[k];
      const int64_t rest = Scaled(products_[i * kMost + j], shift) - known;
      if (i == j) {
        row_i[j] = SquareRootOf(static_cast<uint64_t>(std::max(rest + kRidge, kRidge)));
      } else {
        row_i[j] = std::clamp(rest / row_j[j], -kMostFactor, kMostFactor);
      }
    }
  }
}

void LeastSquares::Solve() {
  const size_t n = inputs_.size();
  int64_t largest = 1;
  for (size_t i = 0; i < n; ++i) largest = std::max(largest, products_[i * kMost + i]);
  const int shift = kScaledBits - static_cast<int>(std::bit_width(static_cast<uint64_t>(largest)));
  Decompose(shift);
  for (size_t i = 0; i < n; ++i) {
    int64_t rest = Scaled(target_products_[i], shift);
    for (size_t k = 0; k < i; ++k) rest -= factor_[i * kMost + k] * solved_[k];
    solved_[i] = std::clamp(rest / factor_[i * kMost + i], -kMostFactor, kMostFactor);
  }
  for (size_t i = n; i-- > 0;) {
    int64_t rest = solved_[i] << kWeightBits;
    for (size_t k = i + 1; k < n; ++k) rest -= factor_[k * kMost + i] * weights_[k];
    weights_[i] =
        static_cast<int32_t>(std::clamp(rest / factor_[i * kMost + i], -kMostWeight, kMostWeight));
  }
}

GradientFilter::GradientFilter(int taps, int rate)
    : rate_(rate),
      weights_(static_cast<size_t>(taps)),
      values_(2 * weights_.size()),
      begin_(weights_.size()) {}

int32_t GradientFilter::Predict() const {
  const std::span<const int32_t> values = past();
  int64_t sum = 0;
  for (size_t i = 0; i < weights_.size(); ++i) sum += int64_t{weights_[i]} * values[i];
  return ShiftedWithin(sum, kWeightBits, kMostFiltered);
}

void GradientFilter::Learn(int32_t value, int32_t error) {
  const size_t taps = weights_.size();
  const std::span<const int32_t> values = past();
  const int64_t share = (int64_t{error} << kErrorBits) * rate_ /
                        (energy_ + static_cast<int64_t>(taps << (2 * kPredictionBits)));
  const int64_t step = std::clamp(share, -kMostStep, kMostStep);
  for (size_t i = 0; i < taps; ++i) {
    const int64_t moved = weights_[i] + ((step * values[i] + (1 << (kStepBits - 1))) >> kStepBits);
    weights_[i] = static_cast<int32_t>(std::clamp(moved, -kMostWeight, kMostWeight));
  }
  const int64_t oldest = values[taps - 1];
  energy_ += int64_t{value} * value - oldest * oldest;
  if (begin_ == 0) {
    // All but the oldest go to the end, so that there is room before them again.
    std::copy_backward(values_.begin(), values_.begin() + static_cast<ptrdiff_t>(taps - 1),
                       values_.end());
    begin_ = taps + 1;
  }
  values_[--begin_] = value;
}

}  // namespace occam
