#include "coder/predict/photo/plane_predictor.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "coder/predict/photo/levels.h"
#include "coder/predict/photo/photo_layout.h"

// Every constant here is part of the file format: another value makes other files.

namespace occam {
namespace {

struct Offset {
  int x, y;  // y: rows above, or in planes before also below, -1 and -2
};
// Inputs of least squares, nearest first: pixels of the plane itself, and of a plane before.
constexpr std::array<Offset, 26> kOwn = {
    {{-1, 0}, {0, 1},  {-1, 1}, {1, 1},  {-2, 0}, {0, 2},  {1, 2},  {-1, 2}, {-2, 1},
     {2, 1},  {-3, 0}, {0, 3},  {-2, 2}, {2, 2},  {-3, 1}, {3, 1},  {-4, 0}, {4, 1},
     {1, 3},  {-1, 3}, {-4, 1}, {3, 2},  {-3, 2}, {2, 3},  {-2, 3}, {4, 2}}};
constexpr std::array<Offset, 13> kBefore = {{{0, 0},
                                             {-1, 0},
                                             {1, 0},
                                             {0, 1},
                                             {0, -1},
                                             {-1, 1},
                                             {1, 1},
                                             {-1, -1},
                                             {1, -1},
                                             {-2, 0},
                                             {2, 0},
                                             {0, 2},
                                             {0, -2}}};
// How many of them: by the number of planes before, and of the last of these and of the others.
constexpr std::array<size_t, 4> kOwnCounts = {26, 12, 10, 6};
constexpr std::array<size_t, 4> kLastCounts = {0, 13, 13, 9};
constexpr std::array<size_t, 4> kOtherCounts = {0, 0, 11, 5};
// Of the smallest window.
constexpr std::array<size_t, 4> kSmallCounts = {6, 4, 4, 4};
// Of the one between.
constexpr std::array<size_t, 4> kMiddleCounts = {12, 8, 7, 6};
constexpr std::array<int, 4> kDecays = {3, 5, 2, 4};

size_t InputsOf(size_t before) {
  return kOwnCounts[before] + (before > 0 ? kLastCounts[before] : 0) +
         (before > 1 ? (before - 1) * kOtherCounts[before] : 0);
}

// A small signed number in one of 13 steps, 1 .. 13.
uint32_t SignedStep(int number) {
  const int a = std::abs(number);
  const int step = a < 3 ? a : a < 5 ? 3 : a < 8 ? 4 : a < 14 ? 5 : 6;
  return static_cast<uint32_t>(number < 0 ? 7 - step : 7 + step);
}

uint32_t Clamp16(int number) { return static_cast<uint32_t>(std::clamp(number, -8, 7) + 8); }
int ClampPixel(int value) { return std::clamp(value, 0, kMostPixel); }
// The median edge detector: w + n - nw, between w and n.
int Median(int w, int n, int nw) { return std::clamp(w + n - nw, std::min(w, n), std::max(w, n)); }
uint32_t Hash12(int number) { return (static_cast<uint32_t>(number) * 0x9e3779b1u) >> 20; }

template <size_t... I>
auto ErrorRows(size_t width, std::index_sequence<I...> /*each*/) {
  return std::array<PaddedRows<int32_t>, sizeof...(I)>{
      ((void)I, PaddedRows<int32_t>(width, 0, 0, 2))...};
}

}  // namespace

void PhotoPlane::Finish(size_t width, size_t rows) {
  for (const size_t y : {rows, rows + 1}) {
    std::copy_n(pixels.Row(rows - 1) - kPad, width + 2 * kPad, pixels.Row(y) - kPad);
    std::copy_n(misses.Row(rows - 1) - kPad, width + 2 * kPad, misses.Row(y) - kPad);
  }
}

PlanePredictor::PlanePredictor(std::span<const PhotoPlane* const> before, PhotoPlane* plane,
                               size_t width)
    : before_(before),
      plane_(*plane),
      width_(width),
      own_inputs_(kOwnCounts[before.size()]),
      errors_(ErrorRows(width, std::make_index_sequence<kPredictions>())),
      last_errors_(width, 0, 0, 3) {
  const size_t inputs = InputsOf(before.size());
  windows_.emplace_back(inputs, kDecays[0], width);
  windows_.emplace_back(inputs, kDecays[1], width);
  windows_.emplace_back(kSmallCounts[before.size()] + before.size(), kDecays[2], width);
  windows_.emplace_back(kMiddleCounts[before.size()] + before.size(), kDecays[3], width);
  for (auto& biases : biases_) biases.resize(kBiasContexts);
}

uint64_t PlanePredictor::MemoryBytes(size_t width) {
  static_assert(kOwnCounts[2] + kLastCounts[2] + kOtherCounts[2] >=
                kOwnCounts[3] + kLastCounts[3] + 2 * kOtherCounts[3]);
  return 2 * PixelLeastSquares::MemoryBytes(InputsOf(2), width) +
         2 * PixelLeastSquares::MemoryBytes(kMiddleCounts[0] + kMostChannels, width) +
         sizeof(int32_t) * (2 * kPredictions + 3) * (width + 2 * kPad);
}

void PlanePredictor::StartRow(size_t y) {
  y_ = y;
  plane_.pixels.Begin(y);
  plane_.misses.Begin(y);
  last_errors_.Begin(y);
  for (auto& errors : errors_) errors.Begin(y);
  for (PixelLeastSquares& window : windows_) window.StartRow();
}

void PlanePredictor::EndRow() {
  plane_.pixels.End(y_);
  plane_.misses.End(y_);
  last_errors_.End(y_);
  for (auto& errors : errors_) errors.End(y_);
}

const PixelContexts& PlanePredictor::Predict(size_t x) {
  x_ = x;
  ReadPixels();
  PredictByLeastSquares();
  PredictBySimpleRules();
  Blend();
  FindEnergy();
  CancelBias();
  FillCurves();
  FillTables();
  return contexts_;
}

void PlanePredictor::ReadPixels() {
  const uint8_t* const row = plane_.pixels.Row(y_) + x_;
  const uint8_t* const above = plane_.pixels.Row(y_, 1) + x_;
  const uint8_t* const above2 = plane_.pixels.Row(y_, 2) + x_;
  around_ = {row[-1], above[0], above[-1], above[1], row[-2], above2[0], above2[1]};
  const Around& a = around_;
  base_ = (a.w + a.n + a.nw + a.ne + 2) >> 2;
  const std::array<int, 6> compared = {a.w, a.n, a.nw, a.ne, a.ww, a.nn};
  texture_ = 0;
  for (size_t i = 0; i < compared.size(); ++i)
    texture_ |= static_cast<uint32_t>(compared[i] > base_ ? 1 : 0) << i;

  size_t count = 0;
  for (size_t i = 0; i < own_inputs_; ++i) {
    const Offset o = kOwn[i];
    inputs_[count++] =
        plane_.pixels.Row(y_, static_cast<size_t>(o.y))[static_cast<int>(x_) + o.x] - base_;
  }
  for (size_t p = 0; p < before_.size(); ++p) {
    const auto& pixels = before_[before_.size() - 1 - p]->pixels;
    const uint8_t* const here = pixels.Row(y_) + x_;
    const uint8_t* const over = pixels.Row(y_, 1) + x_;
    const int base = (here[-1] + over[0] + over[-1] + over[1] + 2) >> 2;
    innovations_[p] = here[0] - base;
    const size_t inputs = p == 0 ? kLastCounts[before_.size()] : kOtherCounts[before_.size()];
    for (size_t i = 0; i < inputs; ++i) {
      const Offset o = kBefore[i];
      const uint8_t* const from = o.y < 0 ? pixels.Row(y_ + static_cast<size_t>(-o.y))
                                          : pixels.Row(y_, static_cast<size_t>(o.y));
      inputs_[count++] = from[static_cast<int>(x_) + o.x] - base;
    }
  }
  miss_ = before_.empty() ? 0 : before_.back()->misses.Row(y_)[x_];
  first_miss_ = before_.size() < 2 ? 0 : before_.front()->misses.Row(y_)[x_];
}

void PlanePredictor::PredictByLeastSquares() {
  // Of the smaller windows: pixels of the plane, and what each plane before adds to its mean.
  using Inputs = std::array<int32_t, PixelLeastSquares::kMostInputs>;
  const auto few = [&](size_t own) {
    Inputs inputs;
    std::copy_n(inputs_.begin(), own, inputs.begin());
    std::copy_n(innovations_.begin(), before_.size(), inputs.begin() + static_cast<int>(own));
    return inputs;
  };
  const Inputs small = few(kSmallCounts[before_.size()]);
  const Inputs middle = few(kMiddleCounts[before_.size()]);
  const std::array<const Inputs*, kWindows> inputs = {&inputs_, &inputs_, &small, &middle};
  for (size_t i = 0; i < kWindows; ++i) {
    const int64_t sum = windows_[i].Predict(x_, *inputs[i]);
    predictions_[kPlaceOfWindow[i]] =
        static_cast<int>(std::clamp<int64_t>(base_ * kPixelOne + (sum >> 12), 0, kMostPixel));
  }
}

void PlanePredictor::PredictBySimpleRules() {
  const Around& a = around_;
  const int median = Median(a.w, a.n, a.nw);
  gradient_x_ = std::abs(a.w - a.ww) + std::abs(a.n - a.nw) + std::abs(a.n - a.ne);
  gradient_y_ = std::abs(a.w - a.nw) + std::abs(a.n - a.nn) + std::abs(a.ne - a.nne);
  const int w = a.w * kPixelOne;
  const int n = a.n * kPixelOne;
  const int slope = gradient_y_ - gradient_x_;
  int adjusted = (w + n) / 2 + (a.ne - a.nw) * (kPixelOne / 4);
  if (slope > 80) {
    adjusted = w;
  } else if (slope < -80) {
    adjusted = n;
  } else if (slope > 32) {
    adjusted = (adjusted + w) >> 1;
  } else if (slope > 8) {
    adjusted = (3 * adjusted + w) >> 2;
  } else if (slope < -32) {
    adjusted = (adjusted + n) >> 1;
  } else if (slope < -8) {
    adjusted = (3 * adjusted + n) >> 2;
  }
  predictions_[3] = median * kPixelOne;
  predictions_[4] = ClampPixel(adjusted);
  if (!before_.empty()) {
    PredictByPlanesBefore();
    return;
  }
  SetPrediction(5, a.w + a.n - a.nw);
  SetPrediction(6, a.n + a.ne - a.nne);
  SetPrediction(7, 2 * a.n - a.nn);
  SetPrediction(8, 2 * a.w - a.ww);
  SetPrediction(9, a.w + a.ne - a.n);
  SetPrediction(10, (a.w + a.ne + 1) >> 1);
  SetPrediction(11, a.w + ((a.ne - a.nw) >> 1));
  SetPrediction(12, a.n + ((a.w - a.nw) >> 1));
}

// What the plane before has there, and a prediction of the difference to it.
void PlanePredictor::PredictByPlanesBefore() {
  const Around& a = around_;
  const uint8_t* const here = before_.back()->pixels.Row(y_) + x_;
  const uint8_t* const above = before_.back()->pixels.Row(y_, 1) + x_;
  const int w = a.w - here[-1];
  const int n = a.n - above[0];
  const int median = here[0] + Median(w, n, a.nw - above[-1]);
  SetPrediction(5, here[0] + w);
  SetPrediction(6, here[0] + n);
  SetPrediction(7, base_ + innovations_[0]);
  SetPrediction(8, median);
  SetPrediction(9, here[0] + ((w + n + 1) >> 1));
  SetPrediction(10, here[0] + ((w + a.ne - above[1] + 1) >> 1));
  if (before_.size() > 1) {
    const uint8_t* const first = before_.front()->pixels.Row(y_) + x_;
    const uint8_t* const above_first = before_.front()->pixels.Row(y_, 1) + x_;
    const int of_first =
        first[0] + Median(a.w - first[-1], a.n - above_first[0], a.nw - above_first[-1]);
    SetPrediction(11, of_first);
    predictions_[12] = ClampPixel((of_first + median) * kPixelOne / 2);
  } else {
    SetPrediction(11, a.n + ((here[0] - above[0] + a.w - a.nw) >> 1));
    SetPrediction(12, a.w + ((here[0] - here[-1] + a.n - a.nw) >> 1));
  }
}

// The weight of a prediction is one over the third power of its errors around.
void PlanePredictor::Blend() {
  uint64_t sum = 0;
  uint64_t weights = 0;
  for (size_t i = 0; i < kPredictions; ++i) {
    const int32_t* const row = errors_[i].Row(y_) + x_;
    const int32_t* const above = errors_[i].Row(y_, 1) + x_;
    local_errors_[i] = 2 * (row[-1] + above[0]) + above[-1] + above[1] + row[-2] + above[2];
    const auto error = static_cast<uint64_t>(local_errors_[i] + 20);
    const uint64_t weight = (uint64_t{1} << 46) / (error * error * error) + 1;
    sum += weight * static_cast<uint64_t>(predictions_[i]);
    weights += weight;
  }
  blend_ = static_cast<int>(sum / weights);
}

// Errors around, those of the plane before, and how far predictions lie apart.
void PlanePredictor::FindEnergy() {
  const int32_t* const row = last_errors_.Row(y_) + x_;
  const int32_t* const above = last_errors_.Row(y_, 1) + x_;
  const int32_t* const above2 = last_errors_.Row(y_, 2) + x_;
  const int errors = 3 * (row[-1] + above[0]) + 2 * (above[-1] + above[1]) + row[-2] + above2[0];
  spread_ =
      std::abs(predictions_[0] - predictions_[1]) + std::abs(predictions_[0] - predictions_[3]) / 2;
  energy_ = errors + 2 * spread_;
  if (!before_.empty()) {
    const int8_t* const misses = before_.back()->misses.Row(y_) + x_;
    energy_ = errors * 10 / 16 + 2 * spread_ +
              6 * (4 * std::abs(misses[0]) + std::abs(misses[-1]) + std::abs(misses[1]));
  }
  contexts_.plane = static_cast<uint32_t>(std::min<size_t>(before_.size(), 2));
  contexts_.energy = EnergyLevel(energy_ >> 3);
  contexts_.other_energy = EnergyLevel(local_errors_[0] >> 2);
  contexts_.place = static_cast<uint32_t>((y_ & 7) * 8 + (x_ & 7));
}

void PlanePredictor::CancelBias() {
  const uint32_t last = before_.empty() ? contexts_.place
                        : before_.size() > 1
                            ? Clamp16(miss_) * 16 + Clamp16(first_miss_)
                            : Clamp16(miss_) * 16 + Clamp16((around_.n - around_.w) >> 2);
  bias_contexts_ = {(contexts_.energy >> 1) * 64 + texture_,
                    Clamp16((predictions_[0] - blend_) >> 2) +
                        16 * Clamp16((predictions_[1] - blend_) >> 2) +
                        256 * (contexts_.energy / 3),
                    last};
  int correction = 0;
  for (size_t i = 0; i < kBiases; ++i) {
    const Bias& bias = biases_[i][bias_contexts_[i]];
    correction += bias.sum / (bias.count + 6);
  }
  contexts_.prediction = ClampPixel(blend_ + correction / 3);
}

void PlanePredictor::FillCurves() {
  const int width = energy_ + 12;
  contexts_.curves[0] = {contexts_.prediction, width / 12};
  constexpr std::array<size_t, 7> kShown = {0, 1, 2, 3, 5, 8, 13};
  for (size_t i = 0; i < kShown.size(); ++i)
    contexts_.curves[i + 1] = {predictions_[kShown[i]], (local_errors_[kShown[i]] + 8) / 8};
}

// How far another prediction is from the best guess, in steps with a sign, 0 .. 22.
uint32_t PlanePredictor::Nearness(size_t prediction, int shift) const {
  return occam::Nearness(predictions_[prediction] - contexts_.prediction, shift);
}

void PlanePredictor::FillTables() {
  const int32_t* const row = last_errors_.Row(y_) + x_;
  const int32_t* const above = last_errors_.Row(y_, 1) + x_;
  const auto plane = static_cast<uint32_t>(before_.size());
  const uint32_t energy = contexts_.energy;
  const uint32_t eighth = energy / 3;
  const auto guess = static_cast<uint32_t>(contexts_.prediction);
  const uint32_t fraction = guess >> 2 & 3;
  auto& t = contexts_.tables;
  t[0] = energy * 16 + plane * 4 + fraction;
  t[1] = (Nearness(0, 1) * 8 + eighth) * 16 + (guess & 15);
  t[2] = (Nearness(1, 1) * 8 + eighth) * 4 + fraction;
  t[3] = (Nearness(2, 2) * 8 + eighth) * 4 + fraction;
  for (size_t i = 4; i < 9; ++i) t[i] = (Nearness(i - 1, 3) * 8 + eighth) * 4 + plane;
  t[9] = (Level31(row[-1] >> 2) * 32 + Level31(above[0] >> 2)) * 4 + plane;
  t[10] = (Level31(above[-1] >> 2) * 32 + Level31(above[1] >> 2)) * 4 + plane;
  t[11] = (SignedStep(miss_) * 16 + SignedStep(first_miss_)) * 8 + eighth + (plane == 1 ? 2048 : 0);
  t[13] = (guess >> 6) * 24 + energy;
  t[14] = contexts_.place * 24 + energy;
  t[15] = texture_ * 64 + (energy >> 1) * 4 + plane;
  t[20] = Level31(spread_) * 24 + energy;
  t[21] = Level31(local_errors_[0] >> 3) * 32 + Level31(local_errors_[1] >> 3) + 1024 * plane;
  contexts_.nearness = Nearness(0, 1);
  contexts_.slopes =
      std::min(Level31(gradient_x_) / 4, 7u) * 8 + std::min(Level31(gradient_y_) / 4, 7u);
  if (before_.empty()) {
    FillTablesOfFirstPlane();
  } else {
    FillTablesOfPlanesBefore();
  }
  const uint32_t near = std::clamp(Nearness(0, 1), 4u, 18u) - 4;
  contexts_.estimates = {energy * 16 + (guess & 15),
                         (near * 15 + SignedStep(miss_)) * 4 + fraction};
}

void PlanePredictor::FillTablesOfFirstPlane() {
  const Around& a = around_;
  auto& t = contexts_.tables;
  const int middle = Middle();
  t[12] = Level31(last_errors_.Row(y_)[static_cast<int>(x_) - 2] >> 2) * 32 +
          Level31(last_errors_.Row(y_, 2)[x_] >> 2);
  t[16] = Level31(gradient_x_) * 32 + Level31(gradient_y_);
  t[17] = Hash12((a.w - middle) * 31 + (a.n - middle) * 257);
  t[18] = Hash12(((a.w - middle) >> 2) * 31 + ((a.n - middle) >> 2) * 257 +
                 ((a.ne - middle) >> 2) * 4099 + ((a.nw - middle) >> 2) * 65599);
  t[19] = Hash12(middle * 3 + a.w * 777);
}

// Differences between planes are the same over some pixels where colour was coded coarsely, as in
// JPEG files. So these contexts are exact.
void PlanePredictor::FillTablesOfPlanesBefore() {
  const Around& a = around_;
  auto& t = contexts_.tables;
  const int middle = Middle();
  const auto plane = static_cast<int>(before_.size());
  const uint8_t* const here = before_.back()->pixels.Row(y_) + x_;
  const uint8_t* const above = before_.back()->pixels.Row(y_, 1) + x_;
  const auto& misses = before_.back()->misses;
  const int around = std::abs(misses.Row(y_)[static_cast<int>(x_) - 1]) +
                     std::abs(misses.Row(y_)[x_ + 1]) + std::abs(misses.Row(y_ + 1)[x_]) +
                     std::abs(misses.Row(y_, 1)[x_]);
  t[12] = (Level31(2 * around) * 15 + SignedStep(miss_)) * 8 + contexts_.energy / 3;
  // By how much the difference to the plane before would miss if it were that of a neighbour.
  const int w = here[0] + a.w - here[-1] - middle;
  const int n = here[0] + a.n - above[0] - middle;
  const int nw = here[0] + a.nw - above[-1] - middle;
  const int ne = here[0] + a.ne - above[1] - middle;
  t[17] = Hash12(w * 31 + n * 257 + (contexts_.prediction >> 2 & 3) * 4099 + plane * 65599);
  t[18] = Hash12(w * 31 + n * 257 + ne * 4099 + nw * 65599 + plane * 70001);
  t[19] = Hash12(here[0] * 3 + middle * 771 + plane * 70001);
  if (before_.size() == 1) {
    t[16] = Hash12(w * 31 + (w - nw) * 257 + (n - ne) * 4099);
    return;
  }
  const uint8_t* const first = before_.front()->pixels.Row(y_) + x_;
  const uint8_t* const above_first = before_.front()->pixels.Row(y_, 1) + x_;
  const int change_x = here[0] - first[0] - (here[-1] - first[-1]);
  const int change_y = here[0] - first[0] - (above[0] - above_first[0]);
  const int w_first = first[0] + a.w - first[-1] - middle;
  const int n_first = first[0] + a.n - above_first[0] - middle;
  t[16] = Hash12(w_first * 31 + n_first * 257 + std::clamp(change_x, -4, 4) * 4099 +
                 std::clamp(change_y, -4, 4) * 65599);
}

void PlanePredictor::Learn(int value) {
  const int exact = value * kPixelOne;
  plane_.pixels.Row(y_)[x_] = static_cast<uint8_t>(value);
  last_errors_.Row(y_)[x_] = std::abs(exact - contexts_.prediction);
  plane_.misses.Row(y_)[x_] = static_cast<int8_t>(std::clamp(value - Middle(), -127, 127));
  for (size_t i = 0; i < kPredictions; ++i)
    errors_[i].Row(y_)[x_] = std::abs(exact - predictions_[i]);
  for (size_t i = 0; i < kBiases; ++i) {
    Bias& bias = biases_[i][bias_contexts_[i]];
    bias.sum += exact - blend_;
    if (++bias.count >= 128) {
      bias.sum /= 2;
      bias.count /= 2;
    }
  }
  const int32_t weight = std::clamp(4096 / (8 + energy_ / 8), 1, 128);
  for (PixelLeastSquares& window : windows_) window.Learn(value - base_, weight);
}

}  // namespace occam
