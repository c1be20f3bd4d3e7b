// Every fast layer against its naive twin in double, forward and backward.
//
// Tolerances: a result is reached through a chain of at most `roundings` float operations, each off
// by at most 2^-24 of the largest magnitude in play; RelativeError measures against the largest
// result, which is smaller than the largest term by a factor below 4 for the random terms here.
#include "model/network/reference/layers.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "data/base/error.h"
#include "model/network/activation.h"
#include "model/network/embedding.h"
#include "model/network/matmul.h"
#include "model/network/mix.h"
#include "model/network/norm.h"
#include "model/network/operand.h"
#include "model/network/rotate.h"
#include "network_fixture.h"
#include "tests/catch.h"
#include "train/loss.h"

namespace occam {
namespace {

using reference::Matrix;

double Tolerance(int64_t roundings) { return 4 * static_cast<double>(roundings) * 0x1p-24; }

float FromBfloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// x as an operand of the precision, and what that is in float32.
struct Rounded {
  Rounded(ConstTensorView x, Precision precision)
      : operand(x.rows, x.columns, precision), value(x.rows, x.columns) {
    ToOperand(x, operand);
    const ConstOperandView view = operand;
    for (int64_t r = 0; r < x.rows; ++r) {
      for (int64_t i = 0; i < x.columns; ++i) {
        value.view().row(r)[i] = precision == Precision::kFloat32
                                     ? view.float32.row(r)[i]
                                     : FromBfloat16(view.bfloat16.row(r)[i]);
      }
    }
  }
  OperandTensor operand;
  Tensor value;
};

Tensor InBfloat16(ConstTensorView x) { return Rounded(x, Precision::kBfloat16).value; }

// A product of two bfloat16 has 16 significant bits, so that only the sums round, as in float32.
void CheckLinear(Precision precision) {
  LinearLayers layers(precision, 2);
  for (int thread = 0; thread < 2; ++thread) {  // products made and products found
    for (const auto& [n, i, o] :
         {std::array<int64_t, 3>{37, 24, 72}, {1, 16, 8}, {130, 48, 23}, {300, 48, 192}}) {
      const Tensor w = RandomTensor(o, i, 2);
      LinearWeights weights(o, i, precision);
      weights.Set(RandomTensor(o, i, 7));
      weights.Set(w);
      Rounded x(RandomTensor(n, i, 1), precision), dy(RandomTensor(n, o, 3), precision);
      Tensor y = RandomTensor(n, o, 4), dx = RandomTensor(n, i, 5), dw = RandomTensor(o, i, 6);
      const Matrix y0 = MatrixOf(y);
      const Matrix exact_w = MatrixOf(Rounded(w, precision).value);
      Matrix exact_dw(static_cast<size_t>(o), static_cast<size_t>(i));
      const Matrix exact_dx =
          reference::LinearBackward(MatrixOf(x.value), exact_w, MatrixOf(dy.value), &exact_dw);
      const Matrix exact_y = reference::LinearForward(MatrixOf(x.value), exact_w);

      layers.Forward(thread, x.operand, weights, y, Result::kAdd);
      CHECK(RelativeError(y, reference::Sum(y0, exact_y)) < Tolerance(i + 1));
      layers.Forward(thread, x.operand, weights, y, Result::kReplace);
      CHECK(RelativeError(y, exact_y) < Tolerance(i));
      layers.BackwardInput(thread, dy.operand, weights, dx);
      CHECK(RelativeError(dx, exact_dx) < Tolerance(o));
      layers.BackwardWeights(thread, dy.operand, x.operand, dw);
      CHECK(RelativeError(dw, exact_dw) < Tolerance(n));
      // In two pieces.
      Tensor pieces = RandomTensor(o, i, 8);
      const ConstOperandView all = dy.operand;
      for (const auto& [begin, count] : {std::pair<int64_t, int64_t>{0, 3}, {3, o - 3}}) {
        layers.BackwardWeights(thread, all.Columns(begin, count), x.operand,
                               pieces.view().Rows(begin, count));
      }
      CHECK(RelativeError(pieces, exact_dw) < Tolerance(n));
    }
  }
}

TEST_CASE("Linear: forward and backward agree with the twin, and add where they should") {
  CheckLinear(Precision::kFloat32);
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
    const Tensor whole = InBfloat16(tensor), part = InBfloat16(tensor.view().Columns(2, 23));
    for (int64_t i = 0; i < whole.size(); ++i) CHECK(whole.data()[i] == expected);
    for (int64_t i = 0; i < part.size(); ++i) CHECK(part.data()[i] == expected);
  }
  Tensor nan(1, 37);
  std::fill_n(nan.data(), nan.size(), std::bit_cast<float>(0x7fffffffu));
  const Tensor kept = InBfloat16(nan);
  for (int64_t i = 0; i < kept.size(); ++i) CHECK(std::isnan(kept.data()[i]));
}

TEST_CASE("Linear: in bfloat16 it is the float32 product of the rounded operands") {
  if (!HasFastBfloat16()) {
    CHECK_THROWS_AS(LinearLayers(Precision::kBfloat16, 1), Error);
    CHECK_THROWS_AS(LinearWeights(8, 8, Precision::kBfloat16), Error);
    return;
  }
  CheckLinear(Precision::kBfloat16);
}

TEST_CASE("Linear: shapes that do not fit are refused") {
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    if (precision == Precision::kBfloat16 && !HasFastBfloat16()) continue;
    Rounded x(RandomTensor(4, 8, 1), precision);
    const Tensor w = RandomTensor(8, 16, 2);
    LinearWeights weights(8, 16, precision);
    weights.Set(w);
    Tensor y(4, 8), dw(8, 8);
    LinearLayers layers(precision, 1);
    CHECK_THROWS_AS(weights.Set(RandomTensor(16, 8, 3)), Error);
    CHECK_THROWS_AS(layers.Forward(0, x.operand, weights, y, Result::kReplace), Error);
    CHECK_THROWS_AS(layers.BackwardInput(0, x.operand, weights, y), Error);
    CHECK_THROWS_AS(layers.BackwardWeights(0, x.operand, x.operand, y), Error);
  }
}

// The norm, the gain and the convolution of sequences of `length`, in blocks of a few positions.
void CheckMix(int64_t taps, int length, int64_t d, int64_t block) {
  INFO("taps " << taps << " length " << length << " width " << d << " block " << block);
  const Tensor x = RandomTensor(length, d, 1), dmixed = RandomTensor(length, d, 3);
  const Tensor gain = RandomTensor(1, d, 2), w = RandomTensor(taps, d, 4);
  const MixWeights weights{{gain.data(), static_cast<size_t>(d)}, w};
  const auto l = static_cast<size_t>(length);
  const Matrix z = reference::NormForward(MatrixOf(x), static_cast<size_t>(d));
  const Matrix h = reference::GainForward(z, MatrixOf(gain));
  const Matrix mixed = reference::ConvolutionForward(h, MatrixOf(w), l);
  Tensor dx = RandomTensor(length, d, 5);
  Matrix dw = MatrixOf(Tensor(taps, d)), dgain = MatrixOf(Tensor(1, d));
  const Matrix dh = reference::ConvolutionBackward(h, MatrixOf(w), l, MatrixOf(dmixed), &dw);
  const Matrix dz = reference::GainBackward(z, MatrixOf(gain), dh, &dgain);
  const Matrix exact_dx = reference::Sum(
      MatrixOf(dx), reference::NormBackward(MatrixOf(x), static_cast<size_t>(d), dz));

  MixScratch scratch(d);
  OperandTensor fast(length, d, Precision::kFloat32), rounded(length, d, Precision::kBfloat16);
  std::vector<float> inverse_rms(l);
  Tensor shares(1 + taps, d), sum(1 + taps, d);
  std::vector<Positions> blocks;
  for (int64_t begin = 0; begin < length; begin += block) {
    blocks.push_back({begin, std::min<int64_t>(begin + block, length)});
  }
  for (const Positions& p : blocks) {
    MixForward(x, weights, p, inverse_rms, fast.Rows(p.begin, p.count()), &scratch);
    MixForward(x, weights, p, inverse_rms, rounded.Rows(p.begin, p.count()), &scratch);
  }
  for (const Positions& p : blocks) {
    MixBackward(x, weights, p, inverse_rms, dmixed, dx, shares, &scratch);
    for (int64_t i = 0; i < sum.size(); ++i) sum.data()[i] += shares.data()[i];
  }
  const ConstTensorView result = ConstOperandView(fast).float32;
  CHECK(RelativeError(result, mixed) < Tolerance(d + taps));
  const Tensor in_bfloat16 = InBfloat16(result);
  const ConstBfloat16View bits = ConstOperandView(rounded).bfloat16;
  int different = 0;
  for (int64_t i = 0; i < in_bfloat16.size(); ++i) {
    different += FromBfloat16(bits.data[i]) == in_bfloat16.data()[i] ? 0 : 1;
  }
  CHECK(different == 0);
  CHECK(RelativeError(dx, exact_dx) < Tolerance(d + taps));
  CHECK(RelativeError(sum.view().Rows(0, 1), dgain) < Tolerance(length + d));
  if (taps > 0) CHECK(RelativeError(sum.view().Rows(1, taps), dw) < Tolerance(length + d));
}

TEST_CASE("Norm, gain and convolution: forward and backward agree with the twin, in any blocks") {
  for (const int64_t taps : {0, 1, 2, 4, 7, 16}) {
    for (const int length : {1, 3, 13, 40}) {
      for (const int64_t block : {5, 8, 64}) CheckMix(taps, length, 24, block);
    }
    for (const int64_t d : {8, 32, 48, 200}) CheckMix(taps, 19, d, 10);
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
  NormForward(x, 16, y, inverse_rms);
  CHECK(RelativeError(y, reference::NormForward(MatrixOf(x), 16)) < Tolerance(16));
  for (int64_t i = 0; i < 16; ++i) CHECK(y.view().row(3)[i] == 0.0f);

  x.view().row(1)[3] = std::numeric_limits<float>::quiet_NaN();
  NormForward(x, 16, y, inverse_rms);
  CHECK(std::isnan(y.view().row(1)[0]));
}

TEST_CASE("Norm: of heads or rows, forward and backward agree with the twin in place") {
  for (const int size : {8, 16, 24, 32, 48}) {
    const int64_t n = 11, columns = 3 * size;
    const Tensor x = RandomTensor(n, columns, 1), dy = RandomTensor(n, columns, 2);
    Tensor y = RandomTensor(n, columns, 1), dx = RandomTensor(n, columns, 2);
    std::vector<float> inverse_rms(static_cast<size_t>(n * 3));
    NormForward(y, size, y, inverse_rms);
    CHECK(RelativeError(y, reference::NormForward(MatrixOf(x), static_cast<size_t>(size))) <
          Tolerance(size));
    NormBackward(y, size, inverse_rms, dx);
    CHECK(RelativeError(dx, reference::NormBackward(MatrixOf(x), static_cast<size_t>(size),
                                                    MatrixOf(dy))) < Tolerance(2 * size));
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
    for (const int64_t begin : {0, 29}) {  // of the sequences, in two parts
      RotateForward(angles, 0, y.view().Rows(begin, 10));
      RotateForward(angles, 10, y.view().Rows(begin + 10, 19));
      RotateBackward(angles, 0, dx.view().Rows(begin, 10));
      RotateBackward(angles, 10, dx.view().Rows(begin + 10, 19));
    }
    CHECK(RelativeError(y, reference::RotateForward(MatrixOf(x), s, l)) < Tolerance(2));
    CHECK(RelativeError(dx, reference::RotateBackward(MatrixOf(x), s, l)) < Tolerance(2));
    CHECK(RelativeError(y, MatrixOf(x)) > 0.1);
    RotateBackward(angles, 0, y.view().Rows(0, 29));
    RotateBackward(angles, 0, y.view().Rows(29, 29));
    CHECK(RelativeError(y, MatrixOf(x)) < Tolerance(4));
  }
}

TEST_CASE("Squared ReLU: forward and backward agree with the twin; NaN stays") {
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    const auto value = [](OperandTensor& x) {
      Tensor y(7, 40);
      const ConstOperandView view = x;
      for (int64_t i = 0; i < y.size(); ++i) {
        y.data()[i] = view.precision == Precision::kFloat32 ? view.float32.data[i]
                                                            : FromBfloat16(view.bfloat16.data[i]);
      }
      return y;
    };
    // Rounded beforehand, x is what is kept, and only the results are rounded: by 2^-8 in bfloat16.
    Tensor x = Rounded(RandomTensor(7, 40, 1), precision).value;
    const Tensor dy = RandomTensor(7, 40, 2);
    const double tolerance = precision == Precision::kFloat32 ? Tolerance(1) : 0x1p-8;
    OperandTensor relu(7, 40, precision), y(7, 40, precision), dx(7, 40, precision),
        again(7, 40, precision);
    ReluSquareForward(x, relu, y);
    ReluSquareBackward(relu, dy, dx, again);
    CHECK(RelativeError(value(y), reference::ReluSquareForward(MatrixOf(x))) <= tolerance);
    CHECK(RelativeError(value(dx), reference::ReluSquareBackward(MatrixOf(x), MatrixOf(dy))) <=
          tolerance);
    CHECK(MatrixOf(value(y)).values == MatrixOf(value(again)).values);
    x.data()[5] = std::numeric_limits<float>::quiet_NaN();
    ReluSquareForward(x, relu, y);
    CHECK(std::isnan(value(y).data()[5]));
  }
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
