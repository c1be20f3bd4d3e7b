#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "data/base/error.h"
#include "tests/catch.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

using testing::TestConfig;

const ModelConfig kConfig = TestConfig(5, 16, 2, 1, 2, 3, 8, {4, 0});

Calibration CalibrationOf(float key, float value) {
  Calibration calibration;
  calibration.key_maxima.assign(2, key);
  calibration.value_maxima.assign(2, value);
  return calibration;
}

TEST_CASE("Quantise: codes times scales are the weights to half a step, but for what is clipped") {
  ParameterSet weights(kConfig);
  Randomise(&weights, 3);
  const QuantizedModel model = Quantise(kConfig, weights, CalibrationOf(3, 2), {});
  for (size_t t = 0; t < weights.table().size(); ++t) {
    const ParameterSpec& spec = weights.table()[t];
    const auto values = weights.tensor(static_cast<int>(t));
    for (size_t i = 0; i < values.size(); ++i) {
      if (spec.coding == Coding::kFloats) {
        // 16 significant bits: half a unit in the last place is 2^-16 of the value.
        REQUIRE(std::fabs(model.tensors[t].floats[i] - values[i]) <= 0x1p-16f * values[i]);
        continue;
      }
      const float scale = model.tensors[t].floats[i / static_cast<size_t>(spec.columns)];
      const int code = model.tensors[t].codes[i];
      if (std::abs(code) == kMaxWeightCode) continue;
      REQUIRE(std::fabs(static_cast<float>(code) * scale - values[i]) <= 0.5001f * scale);
    }
  }
}

TEST_CASE("Quantise: a row of equal magnitudes keeps them to 16 bits, a zero row is zero") {
  ParameterSet weights(kConfig);
  Randomise(&weights, 4);
  const ParameterIndex index(kConfig);
  auto head = weights.tensor(index.head);
  for (size_t i = 0; i < 16; ++i) head[i] = i % 2 == 0 ? 0.3f : -0.3f;
  for (size_t i = 16; i < 32; ++i) head[i] = 0.0f;
  const QuantizedModel model = Quantise(kConfig, weights, CalibrationOf(3, 2), {});
  const QuantizedTensor& tensor = model.tensors[static_cast<size_t>(index.head)];
  const float back = static_cast<float>(tensor.codes[0]) * tensor.floats[0];
  CHECK(std::fabs(back - 0.3f) <= 0.3f * 0x1p-14f);
  CHECK(tensor.codes[1] == -tensor.codes[0]);
  CHECK(tensor.floats[1] == 0.0f);
  CHECK(tensor.codes[16] == 0);
}

TEST_CASE("Quantise: cache scales are a 63rd of the maximum, never below it, and never zero") {
  ParameterSet weights(kConfig);
  Randomise(&weights, 5);
  const QuantizedModel model = Quantise(kConfig, weights, CalibrationOf(3.3f, 0.0f), {});
  CHECK(static_cast<double>(model.key_scales[0]) * 63 >= static_cast<double>(3.3f));
  CHECK(static_cast<double>(model.key_scales[0]) * 63 <= 3.3 * (1 + 0x1p-15));
  CHECK(model.value_scales[1] > 0.0f);
  CHECK_THROWS_AS(
      Quantise(kConfig, weights, CalibrationOf(std::numeric_limits<float>::infinity(), 1), {}),
      Error);
  CHECK_THROWS_AS(Quantise(kConfig, weights, Calibration(), {}), Error);
}

TEST_CASE("Quantise: a value that is not finite or too large is damaged, and its tensor is named") {
  ParameterSet clean(kConfig);
  Randomise(&clean, 6);
  for (size_t t = 0; t < clean.table().size(); ++t) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity(), 1e9f}) {
      ParameterSet weights = clean;
      weights.tensor(static_cast<int>(t)).back() = bad;
      try {
        Quantise(kConfig, weights, CalibrationOf(3, 2), {});
        FAIL("accepted");
      } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::kDamaged);
        CHECK_THAT(error.what(), StartsWith(clean.table()[t].name + " "));
      }
    }
  }
}

TEST_CASE("Quantise: tiny, subnormal and mixed magnitudes stay within the contract's bounds") {
  ParameterSet weights(kConfig);
  Random random(7);
  for (float& w : weights.values()) {
    // Any exponent from the smallest subnormal up to 2^3.
    const auto bits = static_cast<uint32_t>(random.Below(uint64_t{130} << 23));
    w = std::bit_cast<float>(bits) * (random.Below(2) == 0 ? 1.0f : -1.0f);
  }
  CHECK_NOTHROW(Quantise(kConfig, weights, CalibrationOf(1e-30f, 1e-45f), {}));
}

TEST_CASE("Quantise: what training sees of rounded weights is codes times scales, bit for bit") {
  for (const int bits : {7, 6, 5, 4, 3, 2}) {
    ParameterSet weights(kConfig);
    Randomise(&weights, static_cast<uint64_t>(bits) + 2);
    std::ranges::fill(weights.tensor(2).first(16), 0.0f);
    weights.tensor(3)[5] = -70 * weights.tensor(3)[4];  // an outlier, which a scale may clip
    ParameterSet rounded(kConfig);
    Calibration calibration = CalibrationOf(3, 2);
    calibration.weight_bits = bits;
    const QuantizedModel model = Quantise(kConfig, weights, calibration, {});
    for (size_t t = 0; t < weights.table().size(); ++t) {
      const ParameterSpec& spec = weights.table()[t];
      const auto index = static_cast<int>(t);
      const auto& codes = model.tensors[t].codes;
      if (!codes.empty()) {
        const auto [least, most] = std::ranges::minmax(codes);
        CHECK(std::max(-least, +most) == (1 << (bits - 1)) - 1);
      }
      RoundTensor(spec, bits, weights.tensor(index), rounded.tensor(index));
      for (size_t i = 0; i < rounded.tensor(index).size(); ++i) {
        const QuantizedTensor& exact = model.tensors[t];
        const float expected = spec.coding == Coding::kFloats
                                   ? exact.floats[i]
                                   : static_cast<float>(exact.codes[i]) *
                                         exact.floats[i / static_cast<size_t>(spec.columns)];
        REQUIRE(std::bit_cast<uint32_t>(rounded.tensor(index)[i]) ==
                std::bit_cast<uint32_t>(expected));
      }
    }
  }
}

TEST_CASE("Quantise: a row's step makes its codes coarser, never finer than they would be") {
  ParameterSet weights(kConfig);
  Randomise(&weights, 13);
  Calibration calibration = CalibrationOf(3, 2);
  const QuantizedModel fitted = Quantise(kConfig, weights, calibration, {});
  const auto rows = static_cast<size_t>(RowCount(weights.table()));
  for (size_t r = 0; r < rows; ++r)
    calibration.row_steps.push_back(StepNear(std::ldexp(1.0, -static_cast<int>(r % 16))));
  const QuantizedModel model = Quantise(kConfig, weights, calibration, {});
  ParameterSet rounded(kConfig);
  std::vector<float> scales(rows, -1);
  size_t number = 0;
  for (size_t t = 0; t < weights.table().size(); ++t) {
    const ParameterSpec& spec = weights.table()[t];
    const auto values = weights.tensor(static_cast<int>(t));
    const auto got = rounded.tensor(static_cast<int>(t));
    RoundTensor(spec, 7, values, got, calibration.row_steps, scales);
    for (size_t i = 0; i < got.size(); ++i) {
      const QuantizedTensor& exact = model.tensors[t];
      const size_t row = i / static_cast<size_t>(spec.columns);
      const float expected = spec.coding == Coding::kFloats
                                 ? exact.floats[i]
                                 : static_cast<float>(exact.codes[i]) * exact.floats[row];
      REQUIRE(std::bit_cast<uint32_t>(got[i]) == std::bit_cast<uint32_t>(expected));
    }
    for (const float x : model.tensors[t].floats)
      CHECK((std::bit_cast<uint32_t>(x) & 0xffffu) == 0);  // 8 significant bits
    if (spec.coding != Coding::kRowCodes) continue;
    CHECK(spec.first_row == static_cast<int64_t>(number));
    for (size_t r = 0; r < static_cast<size_t>(spec.rows); ++r, ++number) {
      const float scale = model.tensors[t].floats[r];
      CHECK(scales[number] == scale);
      const float step = calibration.row_steps[number];
      const float without = fitted.tensors[t].floats[r];
      if (scale == 0) {  // nothing in the row comes to half a step
        for (size_t k = 0; k < static_cast<size_t>(spec.columns); ++k)
          CHECK(std::fabs(values[r * static_cast<size_t>(spec.columns) + k]) <= step / 2);
      } else {
        CHECK(scale >= step);
        // The fitted scales of 8 and of 16 bits are of candidates a 32nd apart.
        CHECK(scale <= std::max(step, without * 1.3f));
      }
    }
  }
  CHECK(number == rows);

  calibration.row_steps.pop_back();
  CHECK_THROWS_AS(Quantise(kConfig, weights, calibration, {}), Error);
  for (const float bad : {0.0f, -0.5f, 2.0f, 0.3f, std::numeric_limits<float>::infinity()}) {
    calibration.row_steps.assign(rows, bad);
    CHECK_THROWS_AS(Quantise(kConfig, weights, calibration, {}), Error);
  }
}

TEST_CASE("Quantise: the scale of a row is the candidate of least squared error") {
  const ParameterSet shape(kConfig);
  const ParameterSpec& spec = shape.table()[0];
  std::vector<float> row(static_cast<size_t>(spec.size()));
  Random random(12);
  for (float& w : row) w = static_cast<float>(random.Uniform()) - 0.5f;
  row[3] = 1.0f;  // clipping it a little is worth finer steps for the others
  std::vector<float> rounded(row.size());
  RoundTensor(spec, 7, row, rounded);
  const auto error_of = [&](const auto& value_of) {
    double sum = 0;
    for (size_t i = 0; i < static_cast<size_t>(spec.columns); ++i) {
      const double error = static_cast<double>(row[i]) - value_of(i);
      sum += error * error;
    }
    return sum;
  };
  const double got = error_of([&](size_t i) { return static_cast<double>(rounded[i]); });
  for (int c = 0; c < 8; ++c) {
    const double scale = (1 - c / 32.0) / 63;
    const double error = error_of([&](size_t i) {
      return scale * std::clamp(std::nearbyint(static_cast<double>(row[i]) / scale), -63.0, 63.0);
    });
    CHECK(got <= error * 1.001);  // scales have 16 significant bits
  }
}

TEST_CASE("Quantise: the model id of fixed weights is fixed") {
  // It changes only with the numeric contract, the canonical form or the way scales are fitted.
  ParameterSet weights(kConfig);
  Randomise(&weights, 8);
  CHECK(Hex(ModelId(Quantise(kConfig, weights, CalibrationOf(3, 2), {9, 9}))) ==
        "90d2103393c8b2a4b481cb839dc0c8b6b212203123deae95a64010bdff4ea28f");
}

}  // namespace
}  // namespace occam
