#include "coder/predict/photo/block_predictor.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "coder/predict/photo/levels.h"

// Every constant here is part of the file format: another value makes other files.

namespace occam {
namespace {

constexpr std::array<int16_t, kBlockSize> kNothing{};

// Inputs of the three models, without those of planes before: all; the four nearest; those at the
// border and two.
constexpr size_t kAllInputs = 14;
constexpr size_t kNearInputs = 4;
constexpr size_t kBorderInputs = 6;

// A coefficient in quarters.
int32_t Quarters(const BlockPlane& plane, const int16_t* block, size_t k) {
  constexpr int32_t kMost = BlockLeastSquares::kMostInput;
  return std::clamp(4 * block[k] * int32_t{plane.table[k]}, -kMost, kMost);
}

// A signed number in one of 25 steps.
int SignedLevel(int number) {
  const auto level = static_cast<int>(std::min(Level(std::abs(number)), 12u));
  return number < 0 ? -level : level;
}

// Numbers of which contexts are made.
class Key {
 public:
  Key(size_t frequency, size_t plane, uint32_t table)
      : hash_(table * 0x2545f491u + static_cast<uint32_t>(frequency) * 0x85ebca6bu +
              static_cast<uint32_t>(plane)) {}
  uint32_t Of(std::initializer_list<int> numbers) {
    for (const int number : numbers) {
      hash_ = (hash_ + static_cast<uint32_t>(number)) * 0x9e3779b1u;
      hash_ ^= hash_ >> 15;
    }
    return (hash_ * 0x9e3779b1u) >> 20;
  }

 private:
  uint32_t hash_;
};

}  // namespace

BlockLeastSquares::BlockLeastSquares(size_t inputs, int decay)
    : inputs_(inputs),
      decay_(decay),
      solver_(inputs),
      sums_(kBlockSize * LeastSquaresSolver::Sums(inputs)) {}

int64_t BlockLeastSquares::Predict(size_t frequency, std::span<const int32_t> inputs) {
  frequency_ = frequency;
  std::copy_n(inputs.begin(), inputs_, known_.begin());
  const size_t sums = LeastSquaresSolver::Sums(inputs_);
  const auto coefficients = solver_.Solve(std::span(sums_).subspan(frequency * sums, sums));
  int64_t sum = 0;
  for (size_t i = 0; i < inputs_; ++i) sum += coefficients[i] * known_[i];
  return sum;
}

void BlockLeastSquares::Learn(int32_t target, int64_t weight) {
  constexpr int64_t kMostProduct = 1 << 20;
  int32_t* sum = &sums_[frequency_ * LeastSquaresSolver::Sums(inputs_)];
  known_[inputs_] = target;
  for (size_t i = 0; i <= inputs_; ++i) {
    const int64_t weighted = known_[i] * weight;
    const size_t end = std::min(i + 1, inputs_);
    for (size_t k = 0; k < end; ++k, ++sum) {
      const int64_t product = std::clamp((weighted * known_[k]) >> 8, -kMostProduct, kMostProduct);
      *sum += static_cast<int32_t>(product) - (*sum >> decay_);
    }
  }
}

BlockPredictor::BlockPredictor(std::span<const BlockPlane* const> before, size_t number,
                               BlockPlane* plane)
    : before_(before), number_(number), plane_(*plane) {
  models_.emplace_back(kAllInputs + before.size(), 10);
  models_.emplace_back(kNearInputs + before.size(), 6);
  models_.emplace_back(kBorderInputs, 9);
  for (Errors& errors : errors_) errors.assign(2 * plane_.across * kBlockSize, 0);
  last_errors_.assign(2 * plane_.across * kBlockSize, 0);
}

uint64_t BlockPredictor::MemoryBytes(size_t across) {
  constexpr size_t kSums = LeastSquaresSolver::Sums(BlockLeastSquares::kMostInputs);
  return sizeof(int32_t) * kBlockSize * ((kPredictions + 1) * 2 * across + kModels * kSums);
}

void BlockPredictor::StartBlock(size_t x, size_t y) {
  x_ = x;
  y_ = y;
  const bool has_left = x > 0;
  const bool has_top = y > 0;
  const bool has_right = has_top && x + 1 < plane_.across;
  blocks_ = {has_left ? plane_.Coefficients(x - 1, y) : kNothing.data(),
             has_top ? plane_.Coefficients(x, y - 1) : kNothing.data(),
             has_left && has_top ? plane_.Coefficients(x - 1, y - 1) : kNothing.data(),
             has_right ? plane_.Coefficients(x + 1, y - 1) : kNothing.data()};
  const size_t row = y % 2 * plane_.across;
  error_block_ = (row + x) * kBlockSize;
  // In place of one that is missing stands another, the block itself at last, with zeros.
  const size_t above = (plane_.across - row + x) * kBlockSize;
  const size_t top = has_top ? above : has_left ? error_block_ - kBlockSize : error_block_;
  error_blocks_ = {has_left ? error_block_ - kBlockSize : top, top,
                   has_left && has_top ? above - kBlockSize : top,
                   has_right ? above + kBlockSize : top};
  magnitude_ = zeros_ = 0;

  left_.fill(0);
  left_slope_.fill(0);
  top_.fill(0);
  top_slope_.fill(0);
  for (size_t f = 0; f < kBlockSide; ++f) {
    for (size_t i = 0; i < kBlockSide; ++i) {
      const int64_t cosine = kCosines[i][f];
      if (has_left) {
        const uint8_t* const samples = plane_.Samples(x - 1, y) + i * kBlockSide;
        left_[f] += cosine * (samples[7] - 128);
        left_slope_[f] += cosine * (samples[7] - samples[6]);
      }
      if (has_top) {
        const uint8_t* const samples = plane_.Samples(x, y - 1) + i;
        top_[f] += cosine * (samples[7 * kBlockSide] - 128);
        top_slope_[f] += cosine * (samples[7 * kBlockSide] - samples[6 * kBlockSide]);
      }
    }
  }
}

const PixelContexts& BlockPredictor::Predict(size_t frequency) {
  k_ = frequency;
  ReadAround();
  FillInputs();
  Predict();
  FillContexts();
  return contexts_;
}

void BlockPredictor::ReadAround() {
  const size_t u = k_ % kBlockSide;
  const size_t v = k_ / kBlockSide;
  const int16_t* const own = plane_.Coefficients(x_, y_);
  const auto at = [&](size_t less_u, size_t less_v) -> int {
    return u < less_u || v < less_v ? 0 : own[k_ - less_u - less_v * kBlockSide];
  };
  around_ = {blocks_[0][k_], blocks_[1][k_], blocks_[2][k_], blocks_[3][k_], at(1, 0),
             at(0, 1),       at(1, 1),       at(2, 0),       at(0, 2)};
}

void BlockPredictor::FillInputs() {
  const size_t u = k_ % kBlockSide;
  const size_t v = k_ / kBlockSide;
  const int16_t* const own = plane_.Coefficients(x_, y_);
  const auto of_block = [&](size_t block) { return Quarters(plane_, blocks_[block], k_); };
  const auto lower = [&](size_t less_u, size_t less_v) {
    const bool is_there = u >= less_u && v >= less_v;
    return is_there ? Quarters(plane_, own, k_ - less_u - less_v * kBlockSide) : 0;
  };
  const auto border = [&](int64_t sum) {
    constexpr int64_t kMost = BlockLeastSquares::kMostInput;
    return static_cast<int32_t>(std::clamp(sum >> 12, -kMost, kMost));
  };
  inputs_ = {of_block(0),
             of_block(1),
             border(left_[v]),
             border(top_[u]),
             border(left_slope_[v]),
             border(top_slope_[u]),
             of_block(2),
             of_block(3),
             lower(1, 0),
             lower(0, 1),
             lower(2, 0),
             lower(0, 2),
             lower(1, 1),
             u >= 3 ? lower(3, 0) : lower(0, 3)};
  size_t place = kAllInputs;
  for (const BlockPlane* const before : before_)
    inputs_[place++] = Quarters(*before, before->Coefficients(x_, y_), k_);

  const auto size = [&](size_t input) { return std::abs(inputs_[input]); };
  int energy = 2 * (size(0) + size(1) + size(8) + size(9)) + size(6) + size(7) + size(12);
  for (const int16_t* const block : {blocks_[0], blocks_[1]}) {
    if (u > 0) energy += std::abs(Quarters(plane_, block, k_ - 1));
    if (u < 7) energy += std::abs(Quarters(plane_, block, k_ + 1));
    if (v > 0) energy += std::abs(Quarters(plane_, block, k_ - kBlockSide));
    if (v < 7) energy += std::abs(Quarters(plane_, block, k_ + kBlockSide));
  }
  energy_ = energy / 16;
}

int32_t BlockPredictor::ErrorsAround(const Errors& errors, int32_t own) const {
  const auto at = [&](size_t block) { return errors[error_blocks_[block] + k_]; };
  const int32_t around = 2 * (at(0) + at(1)) + at(2) + at(3);
  if (k_ == 0) return around + around / 3 * own;
  const size_t u = k_ % kBlockSide;
  const size_t v = k_ / kBlockSide;
  const int32_t* const here = &errors[error_block_ + k_];
  const int32_t across = u > 0 ? *(here - 1) : *(here - kBlockSide);
  const int32_t down = v > 0 ? *(here - kBlockSide) : *(here - 1);
  return around + own * (across + down);
}

void BlockPredictor::Predict() {
  constexpr int64_t kMost = int64_t{kMostCoefficient} * kPixelOne;
  const int64_t unit = int64_t{plane_.table[k_]} << 14;
  const auto set = [&](size_t prediction, int64_t quarters) {  // out of 65536
    predictions_[prediction] = static_cast<int32_t>(std::clamp(quarters / unit, -kMost, kMost));
  };
  std::array<int32_t, BlockLeastSquares::kMostInputs> some = inputs_;
  set(0, models_[0].Predict(k_, some));
  std::copy_n(inputs_.begin() + kAllInputs, before_.size(), some.begin() + kNearInputs);
  set(1, models_[1].Predict(k_, some));
  some = {inputs_[2], inputs_[3], inputs_[4], inputs_[5], inputs_[8], inputs_[9]};
  set(2, models_[2].Predict(k_, some));
  predictions_[3] = 0;
  set(4, (int64_t{inputs_[0]} + inputs_[1]) << 15);
  set(5, (int64_t{inputs_[6]} + inputs_[7]) << 15);

  int64_t total = 0;
  int64_t weights = 0;
  for (size_t i = 0; i < kPredictions; ++i) {
    local_errors_[i] = ErrorsAround(errors_[i], 1);
    const int64_t e = std::min(local_errors_[i], 1 << 14) + 20;
    const int64_t weight = (int64_t{1} << 46) / (e * e * e) + 1;
    total += weight * predictions_[i];
    weights += weight;
  }
  guess_ = static_cast<int>(total / weights);
}

void BlockPredictor::FillContexts() {
  const Around& a = around_;
  PixelContexts& c = contexts_;
  constexpr int kOffset = kMostCoefficient * kPixelOne;
  const int middle = (guess_ + kOffset + kPixelOne / 2) / kPixelOne - kMostCoefficient;
  const int errors = ErrorsAround(last_errors_, 2);
  const int expected = energy_ * 4 / plane_.table[k_];  // in sixteenths of a step
  const int sizes = 3 * (std::abs(a.w) + std::abs(a.n)) + std::abs(a.nw) + std::abs(a.ne);
  const int own_sizes =
      2 * (std::abs(a.u) + std::abs(a.v)) + std::abs(a.uv) + std::abs(a.uu) + std::abs(a.vv);
  const auto nearness = [&](size_t prediction, int shift) {
    const int apart = predictions_[prediction] - guess_;
    return Nearness(apart, shift);
  };
  const auto frequency = static_cast<uint32_t>(k_);
  const auto in_sixteenth = static_cast<uint32_t>(guess_) & 15;
  c.prediction = guess_ + kOffset;
  c.plane = static_cast<uint32_t>(number_);
  c.energy = EnergyLevel(errors >> 2);
  c.other_energy = EnergyLevel(expected);
  c.place = frequency;
  c.nearness = nearness(0, 1);
  c.slopes = std::min(Level31(sizes) / 2, 7u) * 8 + std::min(Level31(own_sizes) / 2, 7u);
  c.estimates = {c.energy * 16 + in_sixteenth,
                 frequency * 16 + static_cast<uint32_t>(std::min(own_sizes, 15))};

  const auto key = [&](uint32_t table, std::initializer_list<int> numbers) {
    return Key(k_, number_, table).Of(numbers);
  };
  const auto before = [&](size_t plane) -> int {
    return plane < before_.size() ? before_[plane]->Coefficients(x_, y_)[k_] : 0;
  };
  const uint32_t eighth = c.energy / 3;
  const uint32_t quarter = in_sixteenth / 4;
  const auto diagonal = static_cast<uint32_t>(k_ % kBlockSide + k_ / kBlockSide);
  auto& t = c.tables;
  t[0] = frequency * 32 + Level31(own_sizes);
  t[1] = (nearness(0, 1) * 8 + eighth) * 16 + in_sixteenth;
  t[2] = (nearness(1, 1) * 8 + eighth) * 4 + quarter;
  t[3] = (nearness(2, 2) * 8 + eighth) * 4 + quarter;
  t[4] = (nearness(3, 2) * 8 + eighth) * 4 + c.plane;
  t[5] = (nearness(4, 2) * 8 + eighth) * 4 + c.plane;
  t[6] = frequency * 32 + Level31(magnitude_);
  t[7] = key(7, {std::min(zeros_, 15), static_cast<int>(Level31(own_sizes) / 3)});
  t[8] = key(8, {SignedLevel(a.w - middle), SignedLevel(a.n - middle)});
  t[9] = key(9, {SignedLevel(a.u), SignedLevel(a.v), middle});
  t[10] = key(10, {SignedLevel(before(1)), SignedLevel(before(0)), middle});
  t[11] = key(11, {std::clamp(middle, -8, 8), static_cast<int>(c.other_energy)});
  t[12] = diagonal * 256 + Level31(magnitude_) * 8 + eighth;
  t[13] = key(13, {SignedLevel(a.uv), SignedLevel(a.uu), SignedLevel(a.vv)});

  c.curves[0] = {guess_ + kOffset, std::max((errors + 6) / 12, 4)};
  for (size_t i = 0; i < kPredictions; ++i)
    c.curves[1 + i] = {predictions_[i] + kOffset, (local_errors_[i] + 8) / 8};
  c.curves[1 + kPredictions] = {kOffset, expected + 4};
}

void BlockPredictor::Learn(int coefficient) {
  plane_.Coefficients(x_, y_)[k_] = static_cast<int16_t>(coefficient);
  const int exact = coefficient * kPixelOne;
  for (size_t i = 0; i < kPredictions; ++i)
    errors_[i][error_block_ + k_] = std::abs(exact - predictions_[i]);
  last_errors_[error_block_ + k_] = std::abs(exact - guess_);
  magnitude_ += std::min(std::abs(coefficient), 64);
  zeros_ = coefficient != 0 ? 0 : zeros_ + 1;

  const int32_t target = Quarters(plane_, plane_.Coefficients(x_, y_), k_);
  const int64_t size = energy_ + 16;
  const int64_t weight = std::clamp<int64_t>((1 << 20) / (size * size), 1, 4096);
  for (BlockLeastSquares& model : models_) model.Learn(target, weight);

  const size_t u = k_ % kBlockSide;
  const size_t v = k_ / kBlockSide;
  const int64_t transformed = coefficient * int64_t{plane_.table[k_]};
  left_[v] -= transformed * kCosines[0][u];
  left_slope_[v] -= transformed * (kCosines[1][u] - kCosines[0][u]);
  top_[u] -= transformed * kCosines[0][v];
  top_slope_[u] -= transformed * (kCosines[1][v] - kCosines[0][v]);
}

}  // namespace occam
