#include "model/config.h"

#include <algorithm>
#include <cmath>

#include "data/base/error.h"
#include "model/parameters.h"
#include "model/rotary.h"
#include "tests/catch.h"

namespace occam {
namespace {

TEST_CASE(
    "Family: 200K, 800K and 3.2M are widths 48, 96 and 192 with the counts of "
    "docs/architecture.md") {
  CHECK(FamilyConfigFor(200'000).width == 48);
  CHECK(FamilyConfigFor(800'000).width == 96);
  CHECK(FamilyConfigFor(3'200'000).width == 192);
  CHECK(FamilyConfigFor(3'000'000) == FamilyConfigFor(3'200'000));
  CHECK(ParameterCount(FamilyConfig(48)) == 221'568);
  CHECK(ParameterCount(FamilyConfig(96)) == 830'208);
  CHECK(ParameterCount(FamilyConfig(192)) == 3'208'704);
  CHECK(FamilyConfig(48).head_size() == 24);
  CHECK(FamilyConfig(96).head_size() == 32);
}

TEST_CASE("Family: one layer sees far, and above 8 million parameters there are 13") {
  CHECK(FamilyConfigFor(200'000).windows == std::vector<int32_t>{64, 64, 64, 64, 64, 1024, 64});
  CHECK(FamilyWindows(1) == std::vector<int32_t>{1024});
  const ModelConfig large = FamilyConfigFor(12'000'000);
  CHECK(large.layers == 13);
  CHECK(large.width == 288);
  CHECK(large.window(11) == 1024);
  CHECK(FamilyConfigFor(8'000'000).layers == 7);
}

TEST_CASE("Config: what does not fit together is refused") {
  ModelConfig config = FamilyConfig(48);
  config.heads = 5;
  CHECK_THROWS_AS(CheckConfig(config, ErrorKind::kDamaged), Error);
  config = FamilyConfig(48);
  config.windows.pop_back();
  CHECK_THROWS_AS(CheckConfig(config, ErrorKind::kDamaged), Error);
}

TEST_CASE("Parameters: the index by role names the tensors of the table") {
  for (const int conv_width : {0, 4}) {
    ModelConfig config = FamilyConfig(48);
    config.conv_width = conv_width;
    const auto table = ParameterTable(config);
    const ParameterIndex index(config);
    const auto name = [&](int i) { return table[static_cast<size_t>(i)].name; };
    REQUIRE(index.layers.size() == 7);
    CHECK(name(index.embedding) == "embedding");
    CHECK(name(index.layers[3].wd) == "layers.3.wd");
    CHECK(name(index.final_gain) == "final_gain");
    CHECK(name(index.head) == "head");
    CHECK((index.layers[0].conv1 >= 0) == (conv_width > 0));
  }
}

TEST_CASE("Rotary: the integer tables are the circle to within half a step of 2^-23") {
  const RotaryTable& table = Rotary();
  double worst = 0;
  for (int p = 0; p < kRotaryCircle; ++p) {
    const double angle = 2 * M_PI * p / kRotaryCircle;
    const auto i = static_cast<size_t>(p);
    worst = std::max({worst, std::fabs(static_cast<double>(table.cosine[i]) - std::cos(angle)),
                      std::fabs(static_cast<double>(table.sine[i]) - std::sin(angle))});
  }
  CHECK(worst <= 0x1p-24 + 1e-12);
}

TEST_CASE("Rotary: half the pairs turn, from one radian a position by equal ratios to 1024") {
  for (const int pairs : {1, 4, 5, 8, 12, 16}) {
    const auto frequencies = RotaryFrequencies(pairs);
    const int turning = (pairs + 1) / 2;
    REQUIRE(frequencies.size() == static_cast<size_t>(pairs));
    for (int i = 0; i < pairs; ++i) {
      const double exact =
          i < turning ? 65536 / (2 * M_PI) * std::pow(1024.0, -static_cast<double>(i) / turning)
                      : 0;
      CHECK(std::fabs(frequencies[static_cast<size_t>(i)] - exact) <= 0.5 + 1e-6);
    }
  }
}

}  // namespace
}  // namespace occam
