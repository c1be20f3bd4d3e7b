#include "train/schedule.h"

#include <cmath>

#include "data/base/error.h"
#include "tests/catch.h"

namespace occam {
namespace {

TEST_CASE("Schedule: long runs warm up for 100 steps, stay, and fall linearly to 2 %") {
  const Recipe recipe;
  const auto factor = [&](int64_t step) {
    return LearningRateFactor(recipe, step, Progress(RunLength::Steps(10'000), step, 0));
  };
  CHECK(factor(0) == Approx(0.01));
  CHECK(factor(49) == Approx(0.5));
  CHECK(factor(99) == 1.0);
  CHECK(factor(4'000) == 1.0);
  CHECK(factor(7'000) == Approx(0.51));
  CHECK(factor(10'000) == Approx(0.02));
  for (int64_t step = 4'000; step < 10'000; ++step) CHECK(factor(step + 1) < factor(step));
}

TEST_CASE("Schedule: short runs have warmed up after 5 % of their way") {
  const Recipe recipe;
  const auto factor = [&](int64_t step) {
    return LearningRateFactor(recipe, step, Progress(RunLength::Steps(200), step, 0));
  };
  CHECK(factor(0) == Approx(0.01));
  CHECK(factor(5) == Approx(0.5));
  CHECK(factor(10) == 1.0);
}

TEST_CASE("Schedule: a run by time goes by its clock") {
  const RunLength length = RunLength::Minutes(2);
  CHECK(Progress(length, 1'000'000, 0) == 0.0);
  CHECK(Progress(length, 7, 30) == 0.25);
  CHECK(Progress(length, 7, 120) == 1.0);
  CHECK(Progress(length, 7, 500) == 1.0);
}

TEST_CASE("Schedule: a run by tokens takes the fewest steps that see them all") {
  CHECK(RunLength::Tokens(20'000'000, 32 * 2048).steps == 306);
  CHECK(RunLength::Tokens(65'536, 65'536).steps == 1);
  CHECK(RunLength::Tokens(65'537, 65'536).steps == 2);
  CHECK(RunLength::Bytes(20'000'000, 1, 32 * 2048).steps == 306);
  CHECK(RunLength::Bytes(65'536, 1, 65'536).steps == 1);
  CHECK(RunLength::Bytes(65'537, 1, 65'536).steps == 2);
  // Tokens of three and a half bytes: 57344 bytes a step.
  CHECK(RunLength::Bytes(2 * 57'344, 3.5, 16'384).steps == 2);
  CHECK(RunLength::Bytes(2 * 57'344 + 1, 3.5, 16'384).steps == 3);
}

TEST_CASE("Schedule: weights are rounded in the last share of the run, or never") {
  Recipe recipe;
  recipe.rounded_share = 0.25;
  CHECK_FALSE(SeesRounded(recipe, 0));
  CHECK_FALSE(SeesRounded(recipe, 0.7499));
  CHECK(SeesRounded(recipe, 0.75));
  CHECK(SeesRounded(recipe, 1));
  recipe.rounded_share = 0;
  CHECK_FALSE(SeesRounded(recipe, 1));
  recipe.rounded_share = 1;
  CHECK(SeesRounded(recipe, 0));
}

TEST_CASE("Schedule: a length that is none or both is refused") {
  CHECK_THROWS_AS(CheckRunLength(RunLength{}), Error);
  CHECK_THROWS_AS(CheckRunLength(RunLength{10, 10}), Error);
  CHECK_THROWS_AS(CheckRunLength(RunLength::Steps(-1)), Error);
  CHECK_NOTHROW(CheckRunLength(RunLength::Steps(1)));
  CHECK_NOTHROW(CheckRunLength(RunLength::Minutes(0.5)));
}

TEST_CASE("Recipe: values out of bounds are refused by name") {
  const auto message = [](auto change) -> std::string {
    Recipe recipe;
    change(recipe);
    try {
      CheckRecipe(recipe);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kUsage);
      return error.what();
    }
    return "";
  };
  CHECK(message([](Recipe&) {}).empty());
  CHECK_THAT(message([](Recipe& r) { r.rounded_share = 1.5; }), ContainsSubstring("rounded_share"));
  CHECK_THAT(message([](Recipe& r) { r.muon_momentum = 1; }), ContainsSubstring("muon_momentum"));
  CHECK_THAT(message([](Recipe& r) { r.clip_norm = std::nan(""); }),
             ContainsSubstring("clip_norm"));
  CHECK_THAT(message([](Recipe& r) { r.bfloat16 = 2; }), ContainsSubstring("bfloat16"));
  CHECK_THAT(message([](Recipe& r) { r.shard_sequences = 3; }),
             ContainsSubstring("shard_sequences"));
}

}  // namespace
}  // namespace occam
