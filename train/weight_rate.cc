#include "train/weight_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "data/base/error.h"
#include "data/base/format.h"
#include "model/quantize.h"
#include "train/vector.h"

namespace occam {
namespace {

// Of the mean so far, a batch. With batches of 16 K bytes, the last 3 MB count most.
constexpr double kMemory = 0.995;
constexpr double kTwoE = 2 * std::numbers::e;

size_t Index(int64_t i) { return static_cast<size_t>(i); }

// Calls f(number, first element, row) for each row of a coded tensor.
template <typename F>
void ForEachRow(const ParameterSpec& spec, std::span<const float> values, F&& f) {
  for (int64_t r = 0; r < spec.rows; ++r) {
    const size_t at = Index(r * spec.columns);
    f(Index(spec.first_row + r), at, values.subspan(at, Index(spec.columns)));
  }
}

// 2 e m.
double Spread(std::span<const float> row, double scale) {
  return kTwoE * VectorOf(row).cast<double>().abs().mean() / scale;
}

}  // namespace

RowSensitivity::RowSensitivity(const std::vector<ParameterSpec>& table)
    : means_(Index(RowCount(table))) {}

void RowSensitivity::Add(const ParameterSet& gradients, double tokens, ThreadTeam* team) {
  const auto& table = gradients.table();
  team->Run(static_cast<int>(table.size()), [&](int tensor, int) {
    const ParameterSpec& spec = table[static_cast<size_t>(tensor)];
    if (spec.coding != Coding::kRowCodes) return;
    ForEachRow(spec, gradients.tensor(tensor),
               [&](size_t number, size_t, std::span<const float> row) {
                 const double mean = tokens * VectorOf(row).cast<double>().square().mean();
                 means_[number] += (1 - kMemory) * (mean - means_[number]);
               });
  });
  ++batches_;
}

void RowSensitivity::FillSteps(double lambda, std::span<float> steps) const {
  const double share = 1 - std::pow(kMemory, static_cast<double>(batches_));
  std::ranges::transform(means_, steps.begin(), [&](double mean) {
    // Infinite where nothing depends on the row.
    return StepNear(std::sqrt(12 * kTrained * lambda * share / mean));
  });
}

void RowSensitivity::Restore(std::vector<double> means, int64_t batches) {
  if (means.size() != means_.size()) {
    throw DamagedError(fmt::format("the training state has the sensitivity of {} rows, not of {}",
                                   means.size(), means_.size()));
  }
  means_ = std::move(means);
  batches_ = batches;
}

double RowBits(std::span<const float> row, double scale) {
  const double spread = Spread(row, scale);
  return static_cast<double>(row.size()) / 2 * std::log2(1 + spread * spread);
}

double CodedBits(const ParameterSpec& spec, std::span<const float> weights,
                 std::span<const float> row_scales) {
  double bits = 0;
  ForEachRow(spec, weights, [&](size_t number, size_t, std::span<const float> row) {
    const auto scale = static_cast<double>(row_scales[number]);
    if (scale == 0) return;
    bits += RowBits(row, scale);
  });
  return bits;
}

void AddCodedBitsGradient(const ParameterSpec& spec, std::span<const float> weights,
                          std::span<const float> row_scales, double factor,
                          std::span<float> gradient) {
  ForEachRow(spec, weights, [&](size_t number, size_t at, std::span<const float> row) {
    const auto scale = static_cast<double>(row_scales[number]);
    if (scale == 0) return;
    const double spread = Spread(row, scale);
    // d/d|w| n/2 ln(1 + spread^2), where dspread/d|w| = 2 e / (n s)
    const double slope = kTwoE / scale * spread / (1 + spread * spread);
    VectorOf(gradient.subspan(at, row.size())) +=
        static_cast<float>(factor * slope / std::numbers::ln2) * VectorOf(row).sign();
  });
}

}  // namespace occam
