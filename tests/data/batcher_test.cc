#include "data/batcher.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tests/catch.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

// Tokens that are their own positions show where a window comes from; the begin symbol is none.
constexpr int32_t kBegin = 1'000'000;

std::vector<int32_t> Positions(int count) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  std::iota(tokens.begin(), tokens.end(), 0);
  return tokens;
}

Batch BatchOf(const TrainingBatches& batches, int64_t step) {
  Batch batch;
  batches.Fill(step, &batch);
  return batch;
}

TEST_CASE("Batches: targets are a window of the tokens, inputs the same shifted by one") {
  const auto tokens = Positions(1000);
  const TrainingBatches batches(tokens, kBegin, 3, 7, 1);
  for (int64_t step = 0; step < 200; ++step) {
    const Batch batch = BatchOf(batches, step);
    REQUIRE(batch.inputs.size() == 21);
    REQUIRE(batch.targets.size() == 21);
    for (size_t b = 0; b < 3; ++b) {
      const int32_t start = batch.targets[b * 7];
      const bool fresh = (static_cast<size_t>(step) * 3 + b) % 2 == 0 || start == 0;
      REQUIRE(batch.inputs[b * 7] == (fresh ? kBegin : start - 1));
      for (size_t t = 0; t < 7; ++t) {
        REQUIRE(batch.targets[b * 7 + t] == start + static_cast<int32_t>(t));
        if (t > 0) REQUIRE(batch.inputs[b * 7 + t] == batch.targets[b * 7 + t - 1]);
      }
    }
  }
}

TEST_CASE("Batches: they are a pure function of seed and step, and differ with both") {
  const auto tokens = Positions(5000);
  const TrainingBatches one(tokens, kBegin, 4, 10, 7);
  const TrainingBatches same(tokens, kBegin, 4, 10, 7);
  const TrainingBatches other(tokens, kBegin, 4, 10, 8);
  Batch reused;
  same.Fill(999, &reused);
  int equal_seeds = 0;
  for (int64_t step = 99; step >= 0; --step) {
    same.Fill(step, &reused);
    const Batch batch = BatchOf(one, step);
    CHECK(batch.inputs == reused.inputs);
    CHECK(batch.targets == reused.targets);
    equal_seeds += batch.targets == BatchOf(other, step).targets ? 1 : 0;
    CHECK(batch.targets != BatchOf(one, step + 1).targets);
  }
  CHECK(equal_seeds == 0);
}

TEST_CASE("Batches: the stream of sequences does not depend on how many a batch takes") {
  const auto tokens = Positions(3000);
  const TrainingBatches narrow(tokens, kBegin, 1, 16, 3);
  const TrainingBatches wide(tokens, kBegin, 6, 16, 3);
  for (int64_t step = 0; step < 40; ++step) {
    const Batch batch = BatchOf(wide, step);
    for (int64_t b = 0; b < 6; ++b) {
      const Batch row = BatchOf(narrow, step * 6 + b);
      CHECK(std::equal(row.inputs.begin(), row.inputs.end(), batch.inputs.begin() + b * 16));
      CHECK(std::equal(row.targets.begin(), row.targets.end(), batch.targets.begin() + b * 16));
    }
  }
}

// Sizes around the powers of the permutation, and some where tokens and windows divide badly.
TEST_CASE("Batches: a pass has every window once, all of them from one cut") {
  const int length = 5;
  for (const int size : {5, 6, 9, 10, 11, 14, 15, 20, 24, 26, 85, 86, 90, 91, 1000, 1283}) {
    const auto tokens = Positions(size);
    const TrainingBatches batches(tokens, kBegin, 1, length, 11);
    const int64_t windows = batches.windows_per_pass();
    CHECK(windows == std::max(1, size / length - 1));
    for (int64_t pass = 0; pass < 5; ++pass) {
      std::set<int32_t> starts;
      for (int64_t i = 0; i < windows; ++i)
        starts.insert(BatchOf(batches, pass * windows + i).targets[0]);
      CHECK(static_cast<int64_t>(starts.size()) == windows);
      CHECK(*starts.rbegin() - *starts.begin() == (windows - 1) * length);
      CHECK(*starts.begin() >= 0);
      CHECK(*starts.rbegin() + length <= size);
    }
  }
}

TEST_CASE("Batches: passes have cuts and orders of their own, and see every token in time") {
  const auto tokens = Positions(103);
  const TrainingBatches batches(tokens, kBegin, 1, 10, 5);
  REQUIRE(batches.windows_per_pass() == 9);
  std::set<int32_t> offsets;
  std::set<std::vector<int32_t>> orders;
  std::vector<int> seen(tokens.size());
  for (int64_t pass = 0; pass < 100; ++pass) {
    std::vector<int32_t> starts;
    for (int64_t i = 0; i < 9; ++i) {
      const Batch batch = BatchOf(batches, pass * 9 + i);
      starts.push_back(batch.targets[0]);
      for (const int32_t target : batch.targets) ++seen[static_cast<size_t>(target)];
    }
    offsets.insert(*std::min_element(starts.begin(), starts.end()));
    orders.insert(starts);
  }
  CHECK(offsets.size() == 14);  // 0 .. 103 - 9 * 10; one missing has odds of 14 * (13/14)^100
  CHECK(orders.size() >= 99);
  CHECK(*std::min_element(seen.begin(), seen.end()) > 0);
}

// A permutation that keeps neighbours together would show as a small mean distance: for a uniform
// one of n it is n / 3 on average, with a standard deviation below n / sqrt(12 n) (n = 1023: 1 %).
TEST_CASE("Batches: the order of a pass is well mixed") {
  const auto tokens = Positions(4096);
  const TrainingBatches batches(tokens, kBegin, 1, 4, 2);
  const int64_t windows = batches.windows_per_pass();
  REQUIRE(windows == 1023);
  double distance = 0;
  int rising = 0;
  for (int64_t i = 1; i < windows; ++i) {
    const int step = (BatchOf(batches, i).targets[0] - BatchOf(batches, i - 1).targets[0]) / 4;
    distance += std::abs(step) / static_cast<double>(windows - 1);
    rising += step > 0 ? 1 : 0;
  }
  CHECK(distance == Approx(1023 / 3.0).epsilon(0.06));
  CHECK(rising == Approx(511).margin(60));
}

TEST_CASE("Batches: half of the sequences start with the begin symbol") {
  const auto tokens = Positions(10'000);
  const TrainingBatches batches(tokens, kBegin, 8, 16, 4);
  for (int64_t step = 0; step < 50; ++step) {
    const Batch batch = BatchOf(batches, step);
    const auto fresh = std::count(batch.inputs.begin(), batch.inputs.end(), kBegin);
    const bool has_first = std::count(batch.targets.begin(), batch.targets.end(), 0) > 0;
    CHECK((fresh == 4 || (has_first && fresh == 5)));
  }
}

TEST_CASE("Batches: data shorter than a sequence is refused, data of one sequence is not") {
  const auto tokens = Positions(16);
  const Thrown thrown = ThrownBy([&] { TrainingBatches(tokens, kBegin, 1, 17, 0); });
  CHECK(thrown.kind == ErrorKind::kUsage);
  CHECK(thrown.Mentions("16"));
  CHECK(thrown.Mentions("17"));
  const Batch batch = BatchOf(TrainingBatches(tokens, kBegin, 2, 16, 0), 12345);
  CHECK(std::equal(tokens.begin(), tokens.end(), batch.targets.begin() + 16));
  CHECK(ThrownBy([&] { TrainingBatches(tokens, kBegin, 0, 4, 0); }).kind == ErrorKind::kUsage);
  CHECK(ThrownBy([&] { TrainingBatches({}, kBegin, 1, 1, 0); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Validation batches: every token is a target once, in order, in fresh windows") {
  for (const int size : {1, 4, 5, 6, 10, 14, 15, 16, 29, 30, 31}) {
    const auto tokens = Positions(size);
    const ValidationBatches batches(tokens, kBegin, 3, 5);
    CHECK(batches.count() == (size + 14) / 15);
    Batch batch;
    std::vector<int32_t> seen;
    for (int64_t i = 0; i < batches.count(); ++i) {
      batches.Fill(i, &batch);
      REQUIRE(batch.inputs.size() == 15);
      REQUIRE(batch.targets.size() == 15);
      for (size_t k = 0; k < 15; ++k) {
        const int32_t target = batch.targets[k];
        const bool fresh = k % 5 == 0 || target == kNoTarget;
        CHECK(batch.inputs[k] == (fresh ? kBegin : target - 1));
        if (target != kNoTarget) seen.push_back(target);
      }
    }
    CHECK(seen == tokens);
  }
  CHECK(ThrownBy([&] { ValidationBatches({}, kBegin, 3, 5); }).kind == ErrorKind::kUsage);
}

}  // namespace
}  // namespace occam
