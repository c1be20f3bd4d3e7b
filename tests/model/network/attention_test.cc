// Attention against its naive twin in double, in float32 and in bfloat16.
#include "model/network/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "data/base/error.h"
#include "model/network/norm.h"
#include "model/network/reference/layers.h"
#include "network_fixture.h"
#include "tests/catch.h"

namespace occam {
namespace {

using reference::Matrix;

int64_t Tokens(const AttentionShape& shape) { return int64_t{shape.sequences} * shape.length; }

// Queries, keys and values side by side in one buffer, as the network keeps them; of what Run does
// the results are filled with other numbers before.
struct Problem {
  explicit Problem(const AttentionShape& shape_in)
      : shape(shape_in),
        width(int64_t{shape.heads} * shape.head_size),
        kv_width(int64_t{shape.kv_heads} * shape.head_size),
        qkv(RandomTensor(Tokens(shape), width + 2 * kv_width, 1)),
        dqkv(RandomTensor(Tokens(shape), width + 2 * kv_width, 2)),
        dout(RandomTensor(Tokens(shape), width, 3)),
        out(RandomTensor(Tokens(shape), width, 4)),
        inverse_sum(static_cast<size_t>(Tokens(shape) * shape.heads), 5.0f) {
    std::vector<float> inverse_rms(
        static_cast<size_t>(Tokens(shape) * (shape.heads + shape.kv_heads)));
    const TensorView queries_and_keys = qkv.view().Columns(0, width + kv_width);
    NormForward(queries_and_keys, shape.head_size, queries_and_keys, inverse_rms);
  }
  TensorView q(Tensor& x) const { return x.view().Columns(0, width); }
  TensorView k(Tensor& x) const { return x.view().Columns(width, kv_width); }
  TensorView v(Tensor& x) const { return x.view().Columns(width + kv_width, kv_width); }
  void Run(AttentionScratch* scratch) {
    AttentionForward(shape, q(qkv), k(qkv), v(qkv), out, inverse_sum, scratch);
    AttentionBackward(shape, q(qkv), k(qkv), v(qkv), out, inverse_sum, dout, q(dqkv), k(dqkv),
                      v(dqkv), scratch);
  }

  AttentionShape shape;
  int64_t width, kv_width;
  Tensor qkv, dqkv, dout, out;
  std::vector<float> inverse_sum;
};

struct Exact {
  explicit Exact(Problem& p) {
    const reference::AttentionInput x{MatrixOf(p.q(p.qkv)), MatrixOf(p.k(p.qkv)),
                                      MatrixOf(p.v(p.qkv))};
    const auto size = static_cast<size_t>(p.shape.head_size);
    const auto length = static_cast<size_t>(p.shape.length);
    const auto window = static_cast<size_t>(p.shape.window);
    out = reference::AttentionForward(x, size, length, window);
    gradients = reference::AttentionBackward(x, size, length, window, MatrixOf(p.dout));
  }
  Matrix out;
  reference::AttentionInput gradients;
};

void CheckFloat32(Problem p) {
  AttentionScratch scratch(Precision::kFloat32);
  p.Run(&scratch);
  const Exact exact(p);
  // A score is a sum over the head, at most 3 sqrt(64) = 24, whose error is the relative error of
  // its exponential (6 roundings of the head's sum at 24 times the unit), then sums over at most
  // the window; a key's gradient sums over its queries. Sums of random signs err by the square
  // root of their length. The unit is 2^-24 of the largest magnitude in play, taken as up to 4
  // times the largest result.
  const double chain = 24 * 6 + 4 * std::sqrt(p.shape.length * p.shape.heads);
  const double tolerance = 4 * chain * 0x1p-24;
  CHECK(RelativeError(p.out, exact.out) < tolerance);
  CHECK(RelativeError(p.q(p.dqkv), exact.gradients.q, 1) < tolerance);
  CHECK(RelativeError(p.k(p.dqkv), exact.gradients.k, 1) < tolerance);
  CHECK(RelativeError(p.v(p.dqkv), exact.gradients.v, 1) < tolerance);
}

double RootMeanSquare(const std::vector<double>& x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum / static_cast<double>(x.size()));
}

// The root mean square of the differences, relative to that of `exact`, or to `least` if larger.
double MeanError(ConstTensorView fast, const Matrix& exact, double least = 0) {
  std::vector<double> differences = MatrixOf(fast).values;
  for (size_t i = 0; i < differences.size(); ++i) differences[i] -= exact.values[i];
  return RootMeanSquare(differences) / std::max(least, RootMeanSquare(exact.values));
}

// Rounding to bfloat16 errs by at most 2^-9 of a number, at random, u = 2^-9 / sqrt(3) in the root
// mean square. A score of random queries and keys, 3 in the root mean square, has two rounded
// operands a term, which err it by sqrt(2) 3 u = 4.2 u: the relative error of its exponential. With
// the rounding of p and v a term of the output errs by sqrt(4.2^2 + 1 + 1) u = 4.5 u, and so does,
// by the same count, one of dv. A gradient of a score is the difference of two terms, do v^T and
// its mean, of which the first has sqrt(2) u of its own, but is smaller than they: below 2 times
// sqrt(4.2^2 + 2 + 1 + 1) u = 10 u. Where a query sees itself alone that difference is 0; it is
// seen against 1/2, about the gradients' size elsewhere. The largest error is below 5 times the
// mean and the largest result above the mean, but sums of few terms are not spread as evenly.
void CheckBfloat16(Problem p) {
  constexpr double kUnit = 0x1p-9 / 1.732;
  AttentionScratch scratch(Precision::kBfloat16);
  p.Run(&scratch);
  const Exact exact(p);
  CHECK(MeanError(p.out, exact.out) < 4.5 * kUnit);
  CHECK(MeanError(p.v(p.dqkv), exact.gradients.v) < 4.5 * kUnit);
  CHECK(MeanError(p.q(p.dqkv), exact.gradients.q, 0.5) < 10 * kUnit);
  CHECK(MeanError(p.k(p.dqkv), exact.gradients.k, 0.5) < 10 * kUnit);
  CHECK(RelativeError(p.out, exact.out) < 5 * 4.5 * kUnit);
  CHECK(RelativeError(p.v(p.dqkv), exact.gradients.v) < 5 * 4.5 * kUnit);
  CHECK(RelativeError(p.q(p.dqkv), exact.gradients.q, 1) < 5 * 10 * kUnit);
  CHECK(RelativeError(p.k(p.dqkv), exact.gradients.k, 1) < 5 * 10 * kUnit);
}

template <class Check>
void ForAllShapes(const Check& check) {
  for (const auto& [heads, kv_heads, size] :
       {std::array<int, 3>{4, 2, 8}, {3, 1, 16}, {2, 2, 24}, {2, 1, 32}, {1, 1, 40}, {2, 2, 64}}) {
    for (const int length : {1, 7, 32, 65, 301}) {
      for (const int window : {1, 6, 17, 64, 130, 1000}) {
        INFO("heads " << heads << " size " << size << " length " << length << " window " << window);
        check(Problem({2, length, heads, kv_heads, size, window}));
      }
    }
  }
}

TEST_CASE("Attention: forward and backward agree with the twin for all shapes and windows") {
  ForAllShapes(CheckFloat32);
}

TEST_CASE("Attention: in bfloat16 it errs as rounded operands must, for all shapes and windows") {
  if (!HasFastBfloat16()) {
    CHECK_THROWS_AS(AttentionScratch(Precision::kBfloat16), Error);
    return;
  }
  ForAllShapes(CheckBfloat16);
}

bool SameBits(const Problem& a, const Problem& b) {
  const auto same = [](const Tensor& x, const Tensor& y) {
    return std::equal(x.data(), x.data() + x.size(), y.data());
  };
  return same(a.out, b.out) && same(a.dqkv, b.dqkv) && a.inverse_sum == b.inverse_sum;
}

TEST_CASE("Attention: the same bits every time, whatever the room held before") {
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    if (precision == Precision::kBfloat16 && !HasFastBfloat16()) continue;
    for (const AttentionShape& shape :
         {AttentionShape{1, 45, 2, 1, 24, 13}, AttentionShape{2, 70, 2, 2, 32, 100}}) {
      Problem first(shape);
      AttentionScratch fresh(precision);
      first.Run(&fresh);

      AttentionScratch used(precision);
      Problem none({2, 200, 2, 2, 64, 90});
      std::fill_n(none.qkv.data(), none.qkv.size(), std::numeric_limits<float>::quiet_NaN());
      none.Run(&used);
      CHECK(std::isnan(none.out.data()[0]));
      CHECK(std::isnan(none.dqkv.data()[0]));
      for (int repeat = 0; repeat < 2; ++repeat) {
        Problem again(shape);
        again.Run(&used);
        CHECK(SameBits(first, again));
      }
    }
  }
}

TEST_CASE("Attention: scores as large as normed queries and keys can make them stay finite") {
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    if (precision == Precision::kBfloat16 && !HasFastBfloat16()) continue;
    for (const float sign : {1.0f, -1.0f}) {
      // The largest head has the largest scores, 3 sqrt(256) = 48: every query equals every key,
      // or its opposite, so that all probabilities are equal.
      Problem p({1, 100, 1, 1, 256, 100});
      for (int64_t t = 0; t < 100; ++t) {
        std::fill_n(p.q(p.qkv).row(t), 256, 1.0f);
        std::fill_n(p.k(p.qkv).row(t), 256, sign);
        std::fill_n(p.v(p.qkv).row(t), 256, static_cast<float>(t));
      }
      AttentionScratch scratch(precision);
      p.Run(&scratch);
      for (int64_t t = 0; t < 100; ++t) {
        // Of equal exponentials and small integers nothing is rounded but the sums.
        CHECK(p.out.view().row(t)[255] == Approx(0.5 * static_cast<double>(t)).epsilon(1e-3));
      }
      CHECK(std::all_of(p.dqkv.data(), p.dqkv.data() + p.dqkv.size(),
                        [](float x) { return std::isfinite(x); }));
    }
  }
}

}  // namespace
}  // namespace occam
