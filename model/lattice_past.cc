#include "model/lattice_past.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace occam {
namespace {

constexpr int32_t kMiddle = 128;        // where samples are expected before any is known
constexpr int32_t kUnit = 64;           // a level
constexpr int32_t kFirstSpread = 4096;  // 1
constexpr int32_t kMostSpread = 30 * 4096;
constexpr int32_t kMostVariance = 1 << 20;
constexpr int64_t kLeastVariance = 205;  // of a sample, out of 4096: it is a whole number
constexpr int64_t kMostMean = 1 << 20, kMostGain = 1 << 28, kMostCovariance = 1 << 24;
constexpr int32_t kMostCoefficient = 1 << 15;
constexpr int32_t kNoiseAtFirst = 1;
// What lattices and noises must be better by, in 256ths of a bit.
constexpr std::array<int64_t, kNoises> kFirstEvidence = {0, -370, 0, 370, 740};
constexpr int64_t kNoLattice = 1110, kOtherLattice = 1536;

constexpr size_t kBeam = 8;
constexpr int32_t kWorst = 3072;  // 256ths of a bit behind the best from which none goes on
constexpr int32_t kMostCost = 1 << 20;

// Products of the cosines of a frequency at two samples, out of 2^20.
using Products =
    std::array<std::array<std::array<int32_t, kLatticeSide>, kLatticeSide>, kLatticeSide>;
constexpr Products MakeProducts() {
  Products products{};
  for (size_t i = 0; i < kLatticeSide; ++i) {
    for (size_t x = 0; x < kLatticeSide; ++x) {
      for (size_t z = 0; z < kLatticeSide; ++z)
        products[i][x][z] = (kLatticeCosines[i][x] * kLatticeCosines[i][z] + 128) >> 8;
    }
  }
  return products;
}
constexpr Products kProducts = MakeProducts();

// A combination of multiples: its cost, and the rows to come that it says.
struct Hypothesis {
  int32_t cost;
  std::array<int32_t, kLatticeRows> rows;  // in 64ths of a level
};

// The best few, by their costs; of equals the first.
struct Beam {
  size_t count = 0;
  std::array<Hypothesis, kBeam> best;

  // A place for one of this cost, or null.
  Hypothesis* Place(int32_t cost) {
    if (count == kBeam && cost >= best[kBeam - 1].cost) return nullptr;
    size_t i = count < kBeam ? count++ : kBeam - 1;
    for (; i > 0 && best[i - 1].cost > cost; --i) best[i] = best[i - 1];
    best[i].cost = cost;
    return &best[i];
  }
};

// 2^(-cost / 256) out of 65536, as a line between powers of two.
int64_t WeightOf(int32_t cost) { return ((512 - (cost & 255)) << 7) >> (cost >> 8); }

int ScaleOf(int32_t spread) {
  const int width = std::bit_width(static_cast<uint32_t>(spread + (spread >> 1)));
  return std::clamp(width - 13 + kUnitScale, 0, kScales - 1);
}

// Twice the logarithm to the base 2, rounded down a little.
int32_t HalfOctaves(uint64_t x) {
  const int width = std::bit_width(x);
  return 2 * width + (width < 2 ? 0 : static_cast<int32_t>(x >> (width - 2) & 1));
}

// Goes on with each hypothesis by the multiples that its coefficient may be.
void Branch(const LatticeStep& step, int32_t known, std::span<const int32_t> weights,
            const Beam& from, Beam* to) {
  to->count = 0;
  for (size_t h = 0; h < from.count; ++h) {
    const Hypothesis& old = from.best[h];
    if (old.cost > from.best[0].cost + kWorst) break;
    int64_t sum = known;
    for (size_t i = 0; i < weights.size(); ++i) sum += int64_t{weights[i]} * old.rows[i];
    const int32_t expected = static_cast<int32_t>((sum + 8192) >> 14);
    const int32_t nearest = NearestMultiple(expected, step.step) * step.step - expected;
    for (int32_t k = -2; k <= 2; ++k) {
      const int32_t distance = nearest + k * step.step;
      if (k != 0 && (distance > step.farthest || distance < -step.farthest)) continue;
      const int64_t cost = std::min<int64_t>(LatticeCost(distance, step.bits), kMostCost);
      Hypothesis* place = to->Place(old.cost + static_cast<int32_t>(cost));
      if (place == nullptr) continue;
      for (size_t i = 0; i < weights.size(); ++i) {
        const int64_t row = old.rows[i] + (int64_t{step.gain[i]} * distance >> 16);
        place->rows[i] =
            static_cast<int32_t>(std::clamp<int64_t>(row, -kMostCoefficient, kMostCoefficient));
      }
    }
  }
}

}  // namespace

LatticeNormal PredictOnLattice(const LatticeColumn& column, int row, size_t across, int32_t last,
                               std::span<const int32_t, kLatticeSide> sums) {
  Beam beams[2];
  beams[0].count = 1;
  beams[0].best[0].cost = 0;
  for (int32_t& r : beams[0].best[0].rows) r = last = last * kKept[across] >> 8;
  for (size_t k = 0; k < static_cast<size_t>(column.count); ++k) {
    const LatticeStep& step = column.steps[k];
    const size_t down = static_cast<size_t>(step.down);
    const auto weights = std::span(kLatticeCosines[down]).subspan(static_cast<size_t>(row));
    Branch(step, sums[down], weights, beams[k % 2], &beams[(k + 1) % 2]);
  }
  const Beam& beam = beams[column.count % 2];
  const Hypothesis& best = beam.best[0];
  int64_t total = 0, sum = 0, squares = 0;
  for (size_t h = 0; h < beam.count; ++h) {
    const int32_t cost = beam.best[h].cost - best.cost;
    if (cost >= 16 * 256) break;
    const int64_t weight = WeightOf(cost), apart = beam.best[h].rows[0] - best.rows[0];
    total += weight;
    sum += weight * apart;
    squares += weight * apart * apart;
  }
  const int64_t mean = sum / total;
  const int64_t variance = column.variance + ((squares / total - mean * mean) >> 4);
  return {best.rows[0] + static_cast<int32_t>(mean),
          static_cast<int32_t>(std::clamp<int64_t>(variance, 0, kMostVariance))};
}

LatticePast::LatticePast(int32_t columns, int32_t rows, std::shared_ptr<const Lattices> lattices)
    : lattices_(std::move(lattices)),
      columns_(columns),
      rows_(rows),
      blocks_(static_cast<size_t>(columns) / kSide),
      line_(static_cast<size_t>(columns)),
      evidence_(lattices_->size()) {
  Clear();
}

void LatticePast::Clear() {
  for (BlockColumn& b : blocks_) {
    b.spread.fill(kFirstSpread);
    b.last.fill(0);
    for (Row& sums : b.sums) sums.fill(0);
  }
  for (size_t i = 0; i < evidence_.size(); ++i)
    evidence_[i] = {kFirstEvidence, i == 0 ? 0 : kOtherLattice};
  lattice_ = 0;
  noise_ = kNoiseAtFirst;
  column_ = row_ = 0;
  StartRow();
  Look();
}

void LatticePast::Append(uint8_t byte) {
  const size_t column = static_cast<size_t>(column_), x = column % kSide;
  const int64_t variance = std::max(covariances_[x][x], kLeastVariance);
  Observe(x, x + 1, byte * kUnit - means_[x], variance);
  corner_ = line_[column];
  line_[column] = byte;
  if (x + 1 == kSide) EndRow();
  if (++column_ == columns_) {
    column_ = 0;
    if (++row_ == rows_) return Clear();
  }
  if (column_ % kLatticeSide == 0) StartRow();
  Look();
}

LatticePast::Row LatticePast::Spreads() const {
  const size_t b = static_cast<size_t>(column_) / kSide;
  Row spreads = blocks_[b].spread;
  for (size_t i = 0; i < kSide; ++i) {
    if (b > 0) spreads[i] = (5 * spreads[i] + 3 * blocks_[b - 1].spread[i]) >> 3;
    if (b + 1 < blocks_.size() && row_ > 0)
      spreads[i] = (3 * spreads[i] + blocks_[b + 1].spread[i]) >> 2;
  }
  return spreads;
}

// A row to come by the row above alone.
LatticeNormal LatticePast::PredictPlain(size_t across, int scale) const {
  const size_t b = static_cast<size_t>(column_) / kSide;
  const int64_t added = AddedVariance(static_cast<int>(across), scale) >> 4;
  if (row_ > 0) {
    return {blocks_[b].last[across] * kKept[across] >> 8,
            static_cast<int32_t>(std::min<int64_t>(added, kMostVariance))};
  }
  if (across > 0) return {0, static_cast<int32_t>(std::min<int64_t>(2 * added, kMostVariance))};
  const int64_t variance = (int64_t{400} << (scale + 8 - kUnitScale)) + 50 * 256;
  return {b > 0 ? blocks_[b - 1].last[0] : 0,
          static_cast<int32_t>(std::min<int64_t>(variance, kMostVariance))};
}

LatticeNormal LatticePast::PredictNext(size_t across, int scale) const {
  const BlockColumn& block = blocks_[static_cast<size_t>(column_) / kSide];
  const int row = row_ % kLatticeSide;
  const LatticeColumn& column =
      (*lattices_)[lattice_].Column(row, static_cast<int>(across), scale, noise_);
  return PredictOnLattice(column, row, across, block.last[across], block.sums[across]);
}

void LatticePast::StartRow() {
  const Row spreads = Spreads();
  int32_t mean_spread = 0;
  for (const int32_t spread : spreads) mean_spread += spread;
  mean_spread >>= 3;
  Row means, variances;
  for (size_t i = 0; i < kSide; ++i) {
    const int scale = ScaleOf((3 * spreads[i] + mean_spread) >> 2);
    const bool plain = row_ % kLatticeSide < kFirstLatticeRow || !on_lattice();
    const LatticeNormal normal = plain ? PredictPlain(i, scale) : PredictNext(i, scale);
    means[i] = normal.mean;
    variances[i] = normal.variance;
  }
  for (size_t x = 0; x < kSide; ++x) {
    int64_t mean = 0;
    for (size_t i = 0; i < kSide; ++i) mean += int64_t{kLatticeCosines[i][x]} * means[i];
    means_[x] = static_cast<int32_t>(mean >> 14) + kMiddle * kUnit;
    for (size_t z = 0; z <= x; ++z) {
      int64_t sum = 0;
      for (size_t i = 0; i < kSide; ++i) sum += int64_t{kProducts[i][x][z]} * variances[i];
      covariances_[x][z] = covariances_[z][x] = (sum >> 16) + (x == z ? kLeastVariance : 0);
    }
  }
  if (column_ > 0) ObserveWest(mean_spread);
}

// The gradient of the row above goes on from the block before.
void LatticePast::ObserveWest(int32_t spread) {
  const size_t column = static_cast<size_t>(column_);
  int32_t seen = line_[column - 1];
  if (row_ > 0) seen += line_[column] - corner_;
  const int64_t noise = (int64_t{400} << (ScaleOf(spread) + 12 - kUnitScale)) + 1229;
  Observe(0, 0, seen * kUnit - means_[0], covariances_[0][0] + noise);
}

void LatticePast::Observe(size_t x, size_t first, int64_t error, int64_t variance) {
  const int64_t reciprocal = (int64_t{1} << 38) / variance;
  std::array<int64_t, kSide> common, gains;
  for (size_t z = first; z < kSide; ++z) {
    common[z] = covariances_[x][z];
    gains[z] = std::clamp<int64_t>(common[z] * reciprocal >> 20, -kMostGain, kMostGain);
    const int64_t mean = means_[z] + (gains[z] * error >> 18);
    means_[z] = static_cast<int32_t>(std::clamp<int64_t>(mean, -kMostMean, kMostMean));
  }
  for (size_t z = first; z < kSide; ++z) {
    for (size_t w = first; w <= z; ++w) {
      const int64_t covariance = covariances_[z][w] - (gains[z] * common[w] >> 18);
      covariances_[z][w] = covariances_[w][z] =
          std::clamp<int64_t>(covariance, -kMostCovariance, kMostCovariance);
    }
  }
}

void LatticePast::EndRow() {
  const size_t b = static_cast<size_t>(column_) / kSide, y = static_cast<size_t>(row_) % kSide;
  BlockColumn& block = blocks_[b];
  for (size_t i = 0; i < kSide; ++i) {
    int32_t sum = 0;
    for (size_t x = 0; x < kSide; ++x)
      sum += kLatticeCosines[i][x] * (line_[b * kSide + x] - kMiddle);
    const int32_t coefficient = (sum + 128) >> 8;
    if (row_ > 0) {
      const int64_t added = coefficient - (block.last[i] * kKept[i] >> 8);
      const int64_t spread = std::min<int64_t>(added * added / kAdded[i], kMostSpread);
      block.spread[i] += static_cast<int32_t>((spread - block.spread[i]) * 5 >> 3);
    }
    block.last[i] = coefficient;
    for (size_t down = 0; down < kSide; ++down)
      block.sums[i][down] += kLatticeCosines[down][y] * coefficient;
  }
  if (y + 1 < kSide) return;
  WeighLattices();
  for (Row& sums : block.sums) sums.fill(0);
}

void LatticePast::WeighLattices() {
  const BlockColumn& block = blocks_[static_cast<size_t>(column_) / kSide];
  for (size_t i = 0; i < evidence_.size(); ++i) {
    const LatticeTables::Costs costs = (*lattices_)[i].CostsOf(block.sums);
    for (size_t k = 0; k < costs.all.size(); ++k) evidence_[i].all[k] += costs.all[k];
    evidence_[i].of_multiples += costs.of_multiples;
    if (evidence_[i].of_multiples < evidence_[lattice_].of_multiples) lattice_ = i;
  }
  const auto& costs = evidence_[lattice_].all;
  const auto least = std::ranges::min_element(costs);
  noise_ = *least < kNoLattice ? static_cast<int>(least - costs.begin()) : kNoises;
}

void LatticePast::Look() {
  const size_t x = static_cast<size_t>(column_) % kSide;
  prediction_ = static_cast<uint8_t>(std::clamp((means_[x] + kUnit / 2) >> 6, 0, 255));
  const int64_t variance = std::max<int64_t>(covariances_[x][x] >> 4, 1);
  certainty_ = std::clamp(HalfOctaves(static_cast<uint64_t>(variance)) - 8, 0, kCertainties - 1);
}

size_t LatticePast::Bytes(int32_t columns) {
  const size_t n = static_cast<size_t>(columns);
  return sizeof(LatticePast) + n / kSide * sizeof(BlockColumn) + n;
}

}  // namespace occam
