#include "coder/predict/sound/sound_coder.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

#include "data/base/random.h"
#include "tests/catch.h"

namespace occam {
namespace {

using Samples = std::vector<int32_t>;  // frame after frame

int32_t Bounded(double x) {
  return static_cast<int32_t>(std::clamp(std::round(x), -32768.0, 32767.0));
}

int32_t Noise(Random& random, uint64_t most) {
  return static_cast<int32_t>(random.Below(2 * most + 1)) - static_cast<int32_t>(most);
}

// A resonance that noise excites.
Samples Resonance(size_t count, uint64_t seed) {
  Random random(seed);
  Samples samples;
  double last = 0, before = 0;
  for (size_t i = 0; i < count; ++i) {
    const double now = 1.8 * last - 0.9 * before + Noise(random, 200);
    samples.push_back(Bounded(now));
    before = last;
    last = now;
  }
  return samples;
}

Bytes Encoded(const Samples& samples, int channels) {
  const auto frame = static_cast<size_t>(channels);
  SoundCoder coder(channels);
  RangeEncoder encoder;
  for (size_t i = 0; i < samples.size(); i += frame)
    coder.Encode(std::span(samples).subspan(i, frame), &encoder);
  return encoder.Finish();
}

Samples Decoded(const Bytes& stream, int channels, size_t count) {
  const auto frame = static_cast<size_t>(channels);
  Samples samples(count);
  SoundCoder coder(channels);
  RangeDecoder decoder(stream);
  for (size_t i = 0; i < count; i += frame)
    coder.Decode(&decoder, std::span(samples).subspan(i, frame));
  CHECK(decoder.ConsumedExactly());
  return samples;
}

// The definition of GradientFilter, without a place for the past that moves.
class PlainGradientFilter {
 public:
  PlainGradientFilter(size_t taps, int rate) : rate_(rate), weights_(taps), past_(taps) {}
  int32_t Predict() const {
    int64_t sum = 0;
    for (size_t i = 0; i < weights_.size(); ++i) sum += weights_[i] * past_[i];
    return static_cast<int32_t>(std::clamp<int64_t>(sum >> 20, -(1 << 21), 1 << 21));
  }
  void Learn(int32_t value, int32_t error) {
    int64_t energy = static_cast<int64_t>(256 * weights_.size());
    for (const int64_t x : past_) energy += x * x;
    const int64_t step = std::clamp<int64_t>(error * (int64_t{1} << 26) * rate_ / energy,
                                             -(int64_t{1} << 31), int64_t{1} << 31);
    for (size_t i = 0; i < weights_.size(); ++i) {
      weights_[i] =
          std::clamp<int64_t>(weights_[i] + ((step * past_[i] + 32768) >> 16), -(1 << 27), 1 << 27);
    }
    past_.push_front(value);
    past_.pop_back();
  }

 private:
  int rate_;
  std::vector<int64_t> weights_;
  std::deque<int64_t> past_;
};

// Least squares by the same sums in double, solved by elimination with pivots.
class DoubleLeastSquares {
 public:
  explicit DoubleLeastSquares(const LeastSquares::Shape& shape)
      : shape_(shape),
        n_(static_cast<size_t>(shape.inputs)),
        sums_(n_, std::vector<double>(n_ + 1)),
        weights_(n_) {}
  double Predict(const std::vector<int32_t>& inputs) const {
    double sum = 0;
    for (size_t i = 0; i < n_; ++i) sum += weights_[i] * inputs[i];
    return sum * (1 << shape_.unit_bits);
  }
  void Learn(const std::vector<int32_t>& inputs, int32_t target) {
    block_.push_back(inputs);
    block_.back().push_back(target);
    if (block_.size() < static_cast<size_t>(shape_.block)) return;
    for (size_t i = 0; i < n_; ++i) {
      for (size_t j = 0; j <= n_; ++j) {
        sums_[i][j] *= 1 - std::ldexp(1.0, -shape_.decay);
        for (const auto& row : block_) sums_[i][j] += static_cast<double>(row[i]) * row[j];
      }
    }
    block_.clear();
    Solve();
  }

 private:
  void Solve() {
    auto a = sums_;
    for (size_t k = 0; k < n_; ++k) {
      size_t pivot = k;
      for (size_t i = k; i < n_; ++i)
        if (std::abs(a[i][k]) > std::abs(a[pivot][k])) pivot = i;
      std::swap(a[k], a[pivot]);
      for (size_t i = 0; i < n_; ++i) {
        if (i == k) continue;
        const double factor = a[i][k] / a[k][k];
        for (size_t j = k; j <= n_; ++j) a[i][j] -= factor * a[k][j];
      }
    }
    for (size_t i = 0; i < n_; ++i) weights_[i] = a[i][n_] / a[i][i];
  }

  LeastSquares::Shape shape_;
  size_t n_;
  std::vector<std::vector<double>> sums_;
  std::vector<double> weights_;
  std::vector<std::vector<int32_t>> block_;
};

}  // namespace

TEST_CASE("Sound: the square root is the largest integer whose square is no more") {
  Random random(1);
  const auto check = [](uint64_t x) {
    const uint64_t root = SquareRootOf(x);
    CHECK(root * root <= x);
    CHECK((root + 1) * (root + 1) > x);
  };
  for (uint64_t x = 0; x < 300; ++x) check(x);
  for (int i = 0; i < 300; ++i) check(random.Next() >> (2 + random.Below(60)));
  check((uint64_t{1} << 62) - 1);
}

TEST_CASE("Sound: least squares in integers predict as in double") {
  // Weights are rounded to 2^-20, and the diagonal grows by 2^-24 of its largest entry: on inputs
  // of some thousands that is far below a unit of 1/16 of a sample.
  for (const int inputs : {1, 2, 6, 16}) {
    const LeastSquares::Shape shape = {inputs, 8, 5, kPredictionBits};
    LeastSquares exact(shape);
    DoubleLeastSquares twin(shape);
    Samples signal = Resonance(3000, static_cast<uint64_t>(inputs));
    double worst = 0;
    for (size_t t = 16; t < signal.size(); ++t) {
      std::vector<int32_t> past;
      for (size_t i = 1; i <= static_cast<size_t>(inputs); ++i) past.push_back(signal[t - i]);
      std::ranges::copy(past, exact.inputs().begin());
      const double difference = exact.Predict() - twin.Predict(past);
      if (t > 200) worst = std::max(worst, std::abs(difference));
      exact.Learn(signal[t]);
      twin.Learn(past, signal[t]);
    }
    INFO(inputs << " inputs");
    CHECK(worst < 4);
  }
}

TEST_CASE("Sound: least squares of the most extreme inputs stay within their bounds") {
  // UBSan would see an overflow.
  Random random(3);
  for (const int kind : {0, 1, 2, 3}) {
    LeastSquares predictor({32, 16, 4, kPredictionBits});
    for (int t = 0; t < 2000; ++t) {
      for (int32_t& x : predictor.inputs()) {
        const int32_t most = kind == 3 && t > 500 ? 1 << 20 : 32768;
        x = kind == 0   ? -most
            : kind == 1 ? (t % 2 == 0 ? most - 1 : -most)
                        : Noise(random, 1) * most;
      }
      CHECK(std::abs(predictor.Predict()) <= 1 << 20);
      predictor.Learn(kind == 2 && t < 1000 ? 0 : Noise(random, 1) * 32767);
    }
  }
}

TEST_CASE("Sound: a gradient filter does what its definition says") {
  Random random(4);
  for (const int taps : {1, 16, 32, 256}) {
    GradientFilter filter(taps, 16);
    PlainGradientFilter plain(static_cast<size_t>(taps), 16);
    for (int t = 0; t < 1500; ++t) {
      const int32_t predicted = filter.Predict();
      REQUIRE(predicted == plain.Predict());
      // Quiet, loud, and the most that a value may be.
      const int32_t value =
          t < 500 ? Noise(random, 3) : Noise(random, t < 1000 ? 300'000 : 1 << 23);
      filter.Learn(value, value - predicted);
      plain.Learn(value, value - predicted);
    }
  }
}

TEST_CASE("Sound: each sample has a share of a distribution, wherever that is") {
  for (const int32_t center : {0, 5, -3000, 16 * 32767, -16 * 32768, 1 << 24, -(1 << 24)}) {
    for (const int64_t magnitude :
         {int64_t{0}, int64_t{1} << 13, int64_t{1} << 20, int64_t{1} << 36}) {
      const SampleDistribution distribution(center, magnitude);
      CHECK(distribution.Below(kLeastSample) == 0);
      CHECK(distribution.Below(kMostSample + 1) == SampleDistribution::kAll);
      bool grows = true;
      for (int32_t x = kLeastSample; x <= kMostSample; ++x)
        grows = grows && distribution.Below(x + 1) - distribution.Below(x) >= 4;
      CHECK(grows);
    }
  }
}

TEST_CASE("Sound: samples of all kinds come back") {
  Random random(5);
  std::vector<Samples> kinds = {
      {0}, {-32768}, {32767, -32768}, Samples(3000, 0), Samples(3000, -7)};
  Samples noise, extremes, steps, quiet;
  for (int i = 0; i < 4000; ++i) {
    noise.push_back(Noise(random, 32767));
    extremes.push_back(random.Below(2) == 0 ? 32767 : -32768);
    steps.push_back(i % 700 < 350 ? 20000 : -20000);
    quiet.push_back(Noise(random, 1));
  }
  for (Samples* kind : {&noise, &extremes, &steps, &quiet}) kinds.push_back(*kind);
  kinds.push_back(Resonance(6000, 6));
  for (const Samples& samples : kinds) {
    CHECK(Decoded(Encoded(samples, 1), 1, samples.size()) == samples);
    if (samples.size() % 2 == 0) CHECK(Decoded(Encoded(samples, 2), 2, samples.size()) == samples);
  }
}

TEST_CASE("Sound: what can be predicted costs little") {
  const size_t count = 16000;
  // Silence takes nothing to speak of.
  CHECK(Encoded(Samples(count, 0), 1).size() < 40);
  // Even noise of 401 values has 8.65 bits a sample, of which a resonance hides none.
  const Samples resonance = Resonance(count, 7);
  CHECK(static_cast<double>(Encoded(resonance, 1).size()) < 1.03 * 8.65 / 8 * count);
  // A second channel that is the first one, half as loud, costs its rounding at most.
  Samples stereo;
  for (const int32_t sample : resonance) {
    stereo.push_back(sample);
    stereo.push_back(sample / 2);
  }
  CHECK(Encoded(stereo, 2).size() < Encoded(resonance, 1).size() + count / 8);
}

TEST_CASE("Sound: any stream decodes to some samples, or is refused") {
  Random random(8);
  const Bytes stream = Encoded(Resonance(500, 9), 1);
  for (int i = 0; i < 60; ++i) {
    Bytes changed = stream;
    changed[random.Below(changed.size())] ^= static_cast<uint8_t>(1 + random.Below(255));
    Samples samples(500);
    SoundCoder coder(1);
    RangeDecoder decoder(changed);
    try {
      for (int32_t& sample : samples) coder.Decode(&decoder, {&sample, 1});
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kDamaged);
    }
    for (const int32_t sample : samples) CHECK((sample >= kLeastSample && sample <= kMostSample));
  }
}

}  // namespace occam
