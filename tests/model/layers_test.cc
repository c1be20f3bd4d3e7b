// Every fast layer against its naive twin in double, forward and backward.
//
// Tolerances: a result is reached through a chain of at most `roundings` float operations, each off
// by at most 2^-24 of the largest magnitude in play; RelativeError measures against the largest
// result, which is smaller than the largest term by a factor below 4 for the random terms here.
#include "model/reference/layers.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "data/base/error.h"
#include "model/activation.h"
#include "model/bfloat16.h"
#include "model/convolution.h"
#include "model/embedding.h"
#include "model/matmul.h"
#include "model/norm.h"
#include "model/rotate.h"
#include "network_fixture.h"
#include "train/loss.h"

namespace occam {
namespace {

using reference::Matrix;

double Tolerance(int64_t roundings) { return 4 * static_cast<double>(roundings) * 0x1p-24; }

TEST_CASE("Linear: forward and backward agree with the twin, and add where they should") {
  for (const auto& [n, i, o] : {std::array<int64_t, 3>{37, 24, 72}, {1, 16, 8}, {130, 48, 23}}) {
    const Tensor x = RandomTensor(n, i, 1), w = RandomTensor(o, i, 2), dy = RandomTensor(n, o, 3);
    Tensor y = RandomTensor(n, o, 4), dx = RandomTensor(n, i, 5), dw = RandomTensor(o, i, 6);
    const Matrix y0 = MatrixOf(y);
    Matrix exact_dw = MatrixOf(dw);
    const Matrix exact_dx =
        reference::LinearBackward(MatrixOf(x), MatrixOf(w), MatrixOf(dy), &exact_dw);
    const Matrix exact_y = reference::LinearForward(MatrixOf(x), MatrixOf(w));

    LinearLayers layers(Precision::kFloat32);
    layers.Forward(x, w, y, Result::kAdd);
    CHECK(RelativeError(y, reference::Sum(y0, exact_y)) < Tolerance(i + 1));
    layers.Forward(x, w, y, Result::kReplace);
    CHECK(RelativeError(y, exact_y) < Tolerance(i));
    layers.Backward(x, w, dy, dx, Result::kReplace, dw);
    CHECK(RelativeError(dx, exact_dx) < Tolerance(o));
    CHECK(RelativeError(dw, exact_dw) < Tolerance(n + 1));
  }
}

float FromBfloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// Each element rounded to bfloat16, as a float.
Tensor Rounded(ConstTensorView x) {
  Bfloat16Matrix rounded;
  RoundToBfloat16(x, &rounded);
  Tensor y(x.rows, x.columns);
  for (int64_t i = 0; i < y.size(); ++i) {
    y.data()[i] = FromBfloat16(rounded.values[static_cast<size_t>(i)]);
  }
  return y;
}

TEST_CASE("Bfloat16: the nearest, ties to even, in every lane, with any gap between rows") {
  const float inf = std::numeric_limits<float>::infinity();
  const std::pair<float, float> cases[] = {{1.0f, 1.0f},
                                           {0x1.02p0f, 0x1.02p0f},
                                           {0x1.01p0f, 1.0f},
                                           {0x1.03p0f, 0x1.04p0f},
                                           {0x1.0101p0f, 0x1.02p0f},
                                           {-0x1.03p0f, -0x1.04p0f},
                                           {0.0f, 0.0f},
                                           {-inf, -inf},
                                           {0x1.fffffep127f, inf},
                                           {0x1p-149f, 0.0f}};
  for (const auto& [x, expected] : cases) {
    INFO(x);
    Tensor tensor(3, 37);
    std::fill_n(tensor.data(), tensor.size(), x);
    const Tensor whole = Rounded(tensor), part = Rounded(tensor.view().Columns(2, 23));
    for (int64_t i = 0; i < whole.size(); ++i) CHECK(whole.data()[i] == expected);
    for (int64_t i = 0; i < part.size(); ++i) CHECK(part.data()[i] == expected);
  }
  Tensor nan(1, 37);
  std::fill_n(nan.data(), nan.size(), std::bit_cast<float>(0x7fffffffu));
  const Tensor kept = Rounded(nan);
  for (int64_t i = 0; i < kept.size(); ++i) CHECK(std::isnan(kept.data()[i]));
}

TEST_CASE("Linear: in bfloat16 it is the float32 product of the rounded operands") {
  if (!HasFastBfloat16()) {
    CHECK_THROWS_AS(LinearLayers(Precision::kBfloat16), Error);
    return;
  }
  LinearLayers layers(Precision::kBfloat16);
  for (int repeat = 0; repeat < 2; ++repeat) {  // products made and products found
    for (const auto& [n, i, o] :
         {std::array<int64_t, 3>{37, 24, 72}, {1, 16, 8}, {130, 48, 23}, {300, 48, 192}}) {
      const Tensor x = RandomTensor(n, i, 1), w = RandomTensor(o, i, 2), dy = RandomTensor(n, o, 3);
      Tensor y = RandomTensor(n, o, 4), dx = RandomTensor(n, i, 5), dw = RandomTensor(o, i, 6);
      const Matrix y0 = MatrixOf(y), dx0 = MatrixOf(dx);
      Matrix exact_dw = MatrixOf(dw);
      const Matrix exact_dx = reference::LinearBackward(MatrixOf(Rounded(x)), MatrixOf(Rounded(w)),
                                                        MatrixOf(Rounded(dy)), &exact_dw);
      const Matrix exact_y = reference::LinearForward(MatrixOf(Rounded(x)), MatrixOf(Rounded(w)));

      // A product of two bfloat16 has 16 significant bits, so only the sums round, as in float32.
      layers.Forward(x, w, y, Result::kAdd);
      CHECK(RelativeError(y, reference::Sum(y0, exact_y)) < Tolerance(i + 1));
      layers.Forward(x, w, y, Result::kReplace);
      CHECK(RelativeError(y, exact_y) < Tolerance(i));
      layers.Backward(x, w, dy, dx, Result::kAdd, dw);
      CHECK(RelativeError(dx, reference::Sum(dx0, exact_dx)) < Tolerance(o + 1));
      CHECK(RelativeError(dw, exact_dw) < Tolerance(n + 1));
      layers.Backward(x, w, dy, dx, Result::kReplace, dw);
      CHECK(RelativeError(dx, exact_dx) < Tolerance(o));
    }
  }
}

TEST_CASE("Linear: shapes that do not fit are refused") {
  const Tensor x = RandomTensor(4, 8, 1), w = RandomTensor(8, 16, 2);
  Tensor y(4, 8);
  CHECK_THROWS_AS(LinearLayers(Precision::kFloat32).Forward(x, w, y, Result::kReplace), Error);
  if (!HasFastBfloat16()) return;
  CHECK_THROWS_AS(LinearLayers(Precision::kBfloat16).Forward(x, w, y, Result::kReplace), Error);
}

TEST_CASE("Norm: forward and backward agree with the twin, with and without a gain") {
  for (const bool with_gain : {false, true}) {
    for (const int64_t d : {8, 24, 32, 48, 200}) {
      const int64_t n = 19;
      const Tensor x = RandomTensor(n, d, 1), dy = RandomTensor(n, d, 2);
      Tensor gain = RandomTensor(1, d, 3);
      if (!with_gain) std::fill_n(gain.data(), d, 1.0f);
      Tensor y(n, d), dx = RandomTensor(n, d, 4), dgain = RandomTensor(1, d, 5);
      std::vector<float> inverse_rms(static_cast<size_t>(n));
      const std::span<const float> gain_span(gain.data(), with_gain ? gain.size() : 0);

      const Matrix z = reference::NormForward(MatrixOf(x), static_cast<size_t>(d));
      Matrix exact_dgain = MatrixOf(dgain);
      const Matrix dz = reference::GainBackward(z, MatrixOf(gain), MatrixOf(dy), &exact_dgain);
      const Matrix exact_dx = reference::Sum(
          MatrixOf(dx), reference::NormBackward(MatrixOf(x), static_cast<size_t>(d), dz));

      NormForward(x, gain_span, y, inverse_rms);
      CHECK(RelativeError(y, reference::GainForward(z, MatrixOf(gain))) < Tolerance(d));
      NormBackward(x, gain_span, inverse_rms, dy, dx,
                   {dgain.data(), static_cast<size_t>(with_gain ? d : 0)});
      CHECK(RelativeError(dx, exact_dx) < Tolerance(d));
      if (with_gain) CHECK(RelativeError(dgain, exact_dgain) < Tolerance(n + d));
    }
  }
}

TEST_CASE("Norm: tiny rows keep their direction, rows below 2^-100 are zeros, NaN stays") {
  Tensor x = RandomTensor(5, 16, 1);
  const float scales[] = {1.0f, 0x1p-45f, 0x1p-90f, 0x1p-102f, 0.0f};
  for (int64_t r = 0; r < 5; ++r) {
    for (int64_t i = 0; i < 16; ++i) x.view().row(r)[i] *= scales[r];
  }
  Tensor y(5, 16);
  std::vector<float> inverse_rms(5);
  NormForward(x, {}, y, inverse_rms);
  CHECK(RelativeError(y, reference::NormForward(MatrixOf(x), 16)) < Tolerance(16));
  for (int64_t i = 0; i < 16; ++i) CHECK(y.view().row(3)[i] == 0.0f);

  x.view().row(1)[3] = std::numeric_limits<float>::quiet_NaN();
  NormForward(x, {}, y, inverse_rms);
  CHECK(std::isnan(y.view().row(1)[0]));
}

TEST_CASE("Head norm: forward and backward agree with the twin in place") {
  for (const int size : {8, 16, 24, 32}) {
    const int64_t n = 11, columns = 3 * size;
    const Tensor x = RandomTensor(n, columns, 1), dy = RandomTensor(n, columns, 2);
    Tensor y = RandomTensor(n, columns, 1), dx = RandomTensor(n, columns, 2);
    std::vector<float> inverse_rms(static_cast<size_t>(n * 3));
    HeadNormForward(y, size, inverse_rms);
    CHECK(RelativeError(y, reference::NormForward(MatrixOf(x), static_cast<size_t>(size))) <
          Tolerance(size));
    HeadNormBackward(y, size, inverse_rms, dx);
    CHECK(RelativeError(dx, reference::NormBackward(MatrixOf(x), static_cast<size_t>(size),
                                                    MatrixOf(dy))) < Tolerance(2 * size));
  }
}

TEST_CASE("Convolution: forward and backward agree with the twin, sequences apart") {
  for (const int64_t taps : {1, 2, 4, 7}) {
    for (const int length : {1, 3, 13}) {
      const int64_t n = 3 * length, d = 24;
      const Tensor x = RandomTensor(n, d, 1), w = RandomTensor(taps, d, 2);
      const Tensor dy = RandomTensor(n, d, 3);
      Tensor y(n, d), dx(n, d), dw = RandomTensor(taps, d, 4);
      const auto l = static_cast<size_t>(length);
      Matrix exact_dw = MatrixOf(dw);
      const Matrix exact_dx =
          reference::ConvolutionBackward(MatrixOf(x), MatrixOf(w), l, MatrixOf(dy), &exact_dw);
      ConvolutionForward(x, w, length, y);
      CHECK(RelativeError(y, reference::ConvolutionForward(MatrixOf(x), MatrixOf(w), l)) <
            Tolerance(taps + 1));
      ConvolutionBackward(x, w, length, dy, dx, dw);
      CHECK(RelativeError(dx, exact_dx) < Tolerance(taps + 1));
      CHECK(RelativeError(dw, exact_dw) < Tolerance(n + 1));
    }
  }
}

TEST_CASE("Rotation: forward and backward agree with the twin and undo each other") {
  for (const int size : {8, 16, 24, 32}) {
    const int length = 29;
    const int64_t n = 2 * length, columns = 3 * size;
    const Tensor x = RandomTensor(n, columns, 1);
    const auto l = static_cast<size_t>(length), s = static_cast<size_t>(size);
    const RotaryAngles angles(length, size);
    Tensor y = RandomTensor(n, columns, 1), dx = RandomTensor(n, columns, 1);
    RotateForward(angles, y);
    RotateBackward(angles, dx);
    CHECK(RelativeError(y, reference::RotateForward(MatrixOf(x), s, l)) < Tolerance(2));
    CHECK(RelativeError(dx, reference::RotateBackward(MatrixOf(x), s, l)) < Tolerance(2));
    CHECK(RelativeError(y, MatrixOf(x)) > 0.1);
    RotateBackward(angles, y);
    CHECK(RelativeError(y, MatrixOf(x)) < Tolerance(4));
  }
}

TEST_CASE("Squared ReLU: forward and backward agree with the twin; NaN stays") {
  Tensor x = RandomTensor(7, 40, 1);
  const Tensor dy = RandomTensor(7, 40, 2);
  Tensor y(7, 40), dx = RandomTensor(7, 40, 2);
  ReluSquareForward(x, y);
  ReluSquareBackward(x, dx);
  CHECK(RelativeError(y, reference::ReluSquareForward(MatrixOf(x))) < Tolerance(1));
  CHECK(RelativeError(dx, reference::ReluSquareBackward(MatrixOf(x), MatrixOf(dy))) < Tolerance(1));
  x.data()[5] = std::numeric_limits<float>::quiet_NaN();
  ReluSquareForward(x, y);
  CHECK(std::isnan(y.data()[5]));
}

TEST_CASE("Embedding: rows by symbol, gradients added up; a symbol beyond the table is refused") {
  const Tensor table = RandomTensor(6, 8, 1), dx = RandomTensor(5, 8, 2);
  const std::vector<int32_t> symbols = {5, 0, 3, 3, 5};
  Tensor x(5, 8), dtable = RandomTensor(6, 8, 3);
  Matrix exact = MatrixOf(dtable);
  reference::EmbeddingBackward(symbols, MatrixOf(dx), &exact);
  EmbeddingForward(table, symbols, x);
  CHECK(RelativeError(x, reference::EmbeddingForward(MatrixOf(table), symbols)) == 0);
  EmbeddingBackward(symbols, dx, dtable);
  CHECK(RelativeError(dtable, exact) < Tolerance(2));
  CHECK_THROWS_AS(EmbeddingForward(table, std::vector<int32_t>{6}, x), Error);
  CHECK_THROWS_AS(EmbeddingForward(table, std::vector<int32_t>{-1}, x), Error);
}

TEST_CASE("Loss: sum and gradient agree with the twin, at any vocabulary and any size of logits") {
  for (const int vocabulary : {2, 11, 48, 256, 257}) {
    for (const float size : {1.0f, 30.0f, 1000.0f}) {
      const int64_t n = 13;
      Tensor logits = RandomTensor(n, vocabulary, 1);
      for (int64_t i = 0; i < logits.size(); ++i) logits.data()[i] *= size;
      const auto targets = RandomSymbols(static_cast<size_t>(n), vocabulary, 2);
      const auto elements = static_cast<size_t>(logits.size());
      const std::span<const float> flat(logits.data(), elements);
      std::vector<float> dlogits(elements);
      const double loss = SoftmaxCrossEntropy(flat, targets, vocabulary, 0.25f, dlogits);
      CHECK(loss == SoftmaxCrossEntropy(flat, targets, vocabulary, 0.25f, {}));
      const double exact = reference::CrossEntropyForward(MatrixOf(logits), targets);
      Matrix gradient = reference::CrossEntropyBackward(MatrixOf(logits), targets);
      for (double& g : gradient.values) g /= 4;
      // Arguments of the exponential up to 2 * size * log2(e), each with half a unit of rounding.
      const double tolerance = Tolerance(static_cast<int64_t>(3 * size) + 20);
      CHECK(loss == Approx(exact).epsilon(tolerance).margin(n * tolerance));
      CHECK(RelativeError(dlogits, gradient.values) < tolerance);
    }
  }
}

TEST_CASE("Loss: not a number among the logits shows, wherever it is; wrong targets are refused") {
  for (size_t at = 0; at < 37; ++at) {
    std::vector<float> logits(37, 0.5f);
    logits[at] = std::numeric_limits<float>::quiet_NaN();
    CHECK_FALSE(std::isfinite(SoftmaxCrossEntropy(logits, std::vector<int32_t>{7}, 37, 1.0f, {})));
    logits[at] = std::numeric_limits<float>::infinity();
    CHECK_FALSE(std::isfinite(SoftmaxCrossEntropy(logits, std::vector<int32_t>{7}, 37, 1.0f, {})));
  }
  const std::vector<float> logits(8);
  CHECK_THROWS_AS(SoftmaxCrossEntropy(logits, std::vector<int32_t>{8}, 8, 1.0f, {}), Error);
  CHECK_THROWS_AS(SoftmaxCrossEntropy(logits, std::vector<int32_t>{-1}, 8, 1.0f, {}), Error);
}

}  // namespace
}  // namespace occam
