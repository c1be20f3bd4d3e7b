#include "data/mixture.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "tests/catch.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

constexpr int32_t kBegin = 1'000'000;
constexpr int32_t kApart = 100'000;  // token / kApart is the source, token % kApart the position

std::vector<int32_t> Positions(int count, int source) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  std::iota(tokens.begin(), tokens.end(), source * kApart);
  return tokens;
}

TrainingSource Source(const std::vector<int32_t>& tokens, double share, int64_t record_bytes) {
  return {.share = share, .record_bytes = record_bytes, .train_tokens = tokens};
}

TEST_CASE("Mixture: of kinds every sequence begins with the begin symbol of its source's kind") {
  const auto first = Positions(200, 0), second = Positions(200, 1);
  std::vector<TrainingSource> sources = {Source(first, 1, 1), Source(second, 2, 1)};
  sources[1].kind = 3;
  const MixedBatches batches(sources, kBegin, 4, 10, 7, Contexts::kAllFresh);
  Batch batch;
  std::set<int32_t> begins;
  for (int64_t step = 0; step < 50; ++step) {
    batches.Fill(step, &batch);
    for (size_t b = 0; b < 4; ++b) {
      const int32_t begin = batch.inputs[b * 10];
      CHECK(begin == kBegin + (batch.targets[b * 10] / kApart == 1 ? 3 : 0));
      begins.insert(begin);
    }
  }
  CHECK(begins.size() == 2);
}

TEST_CASE("Batches: those of records start at records, all fresh, each record once a pass") {
  const auto tokens = Positions(120, 0);
  // Records as long as a window, shorter and longer.
  for (const auto& [record, windows] : {std::pair{10, 12}, std::pair{5, 11}, std::pair{20, 12}}) {
    const TrainingBatches batches(tokens, kBegin, 1, 10, 3, record);
    REQUIRE(batches.windows_per_pass() == windows);
    std::set<int32_t> offsets;
    Batch batch;
    for (int64_t pass = 0; pass < 40; ++pass) {
      std::set<int32_t> starts;
      for (int64_t i = 0; i < windows; ++i) {
        batches.Fill(pass * windows + i, &batch);
        CHECK(batch.inputs[0] == kBegin);
        CHECK(batch.inputs[1] == batch.targets[0]);
        starts.insert(batch.targets[0]);
      }
      CHECK(static_cast<int>(starts.size()) == windows);
      for (const int32_t start : starts) CHECK(start % std::min(record, 10) == 0);
      offsets.insert(*starts.begin());
    }
    CHECK(offsets == (record == 5 ? std::set<int32_t>{0, 5, 10} : std::set<int32_t>{0}));
  }
}

TEST_CASE("Batches: records that do not fit contexts, or are not whole, are refused") {
  const auto tokens = Positions(120, 0);
  const Thrown unfit = ThrownBy([&] { TrainingBatches(tokens, kBegin, 1, 10, 3, 12); });
  CHECK(unfit.kind == ErrorKind::kUsage);
  CHECK(unfit.Mentions("12"));
  CHECK(ThrownBy([&] { TrainingBatches(tokens, kBegin, 1, 10, 3, 50); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Mixture: a single source gives the batches that it gives alone") {
  const auto tokens = Positions(5000, 0);
  const std::vector<TrainingSource> sources{Source(tokens, 1, 1)};
  const MixedBatches mixed(sources, kBegin, 6, 16, 9);
  const TrainingBatches alone(tokens, kBegin, 6, 16, 9);
  Batch one;
  Batch other;
  for (int64_t step = 0; step < 500; ++step) {
    mixed.Fill(step, &one);
    alone.Fill(step, &other);
    CHECK(one.inputs == other.inputs);
    CHECK(one.targets == other.targets);
  }
  CHECK(mixed.share(0) == 1);
  CHECK(mixed.SequencesOf(0, 12345) == 12345);
}

TEST_CASE("Mixture: every stretch of sequences has of each source what its share asks for") {
  const auto text = Positions(9000, 0);
  const auto image = Positions(800, 1);
  const auto audio = Positions(3000, 2);
  const std::vector<TrainingSource> sources{Source(text, 3, 1), Source(image, 1.5, 8),
                                            Source(audio, 0.7, 1)};
  const MixedBatches batches(sources, kBegin, 5, 8, 1);
  CHECK(batches.share(0) + batches.share(1) + batches.share(2) == 1);
  Batch batch;
  int64_t counts[3] = {};
  for (int64_t step = 0; step < 1000; ++step) {
    batches.Fill(step, &batch);
    for (size_t b = 0; b < 5; ++b) {
      const int32_t source = batch.targets[b * 8] / kApart;
      ++counts[source];
      for (size_t t = 1; t < 8; ++t) {
        REQUIRE(batch.targets[b * 8 + t] == batch.targets[b * 8] + static_cast<int32_t>(t));
      }
      if (source == 1) {
        CHECK(batch.targets[b * 8] % 8 == 0);
        CHECK(batch.inputs[b * 8] == kBegin);
      }
    }
    for (size_t i = 0; i < 3; ++i) {
      const double expected = static_cast<double>((step + 1) * 5) * batches.share(i);
      REQUIRE(std::abs(static_cast<double>(counts[i]) - expected) < 2);
      REQUIRE(batches.SequencesOf(i, (step + 1) * 5) == counts[i]);
    }
  }
  CHECK(batches.share(1) == Approx(1.5 / 5.2).margin(1.0 / kMixtureCycle));
}

TEST_CASE("Mixture: each source is seen in passes of its own, half of a text in fresh contexts") {
  const auto text = Positions(1000, 0);
  const auto image = Positions(100, 1);
  const std::vector<TrainingSource> sources{Source(text, 1, 1), Source(image, 1, 10)};
  const MixedBatches batches(sources, kBegin, 4, 10, 1);
  REQUIRE(batches.source(1).windows_per_pass() == 10);
  Batch batch;
  std::vector<int32_t> records;
  int fresh = 0;
  for (int64_t step = 0; step < 50; ++step) {
    batches.Fill(step, &batch);
    for (size_t b = 0; b < 4; ++b) {
      if (batch.targets[b * 10] >= kApart) {
        records.push_back(batch.targets[b * 10]);
      } else {
        fresh += batch.inputs[b * 10] == kBegin ? 1 : 0;
      }
    }
  }
  REQUIRE(records.size() == 100);
  for (size_t pass = 0; pass < 10; ++pass) {
    const std::set<int32_t> seen(records.begin() + static_cast<long>(pass * 10),
                                 records.begin() + static_cast<long>(pass * 10 + 10));
    CHECK(seen.size() == 10);
  }
  CHECK(fresh >= 50);
  CHECK(fresh <= 51);  // one more where a window starts at token 0
}

TEST_CASE("Mixture: shares in any proportion become those of the cycle, and stay so") {
  std::vector<TrainingSource> sources{Source({}, 20, 1), Source({}, 10, 1), Source({}, 10, 1)};
  for (int i = 0; i < 2; ++i) {
    SetShares(&sources);
    CHECK(sources[0].share == 0.5);
    CHECK(sources[1].share == 0.25);
    CHECK(sources[2].share == 0.25);
  }
  // Thirds cannot be: the first has what is left over.
  for (TrainingSource& source : sources) source.share = 1;
  for (int i = 0; i < 2; ++i) {
    SetShares(&sources);
    CHECK(sources[0].share == 342.0 / kMixtureCycle);
    CHECK(sources[2].share == 341.0 / kMixtureCycle);
  }
}

TEST_CASE("Sources: a plain one is called and known as itself, a mixture by a text of all") {
  TrainingSource plain;
  plain.data_name = "a.txt";
  plain.train_sha256 = "digest";
  CHECK_FALSE(IsMixture({&plain, 1}));
  CHECK(DataName({&plain, 1}) == "a.txt");
  CHECK(DataDigest({&plain, 1}) == "digest");
  std::vector<TrainingSource> mixture{plain, plain};
  mixture[0].name = std::string("a");
  mixture[0].share = 0.75;
  mixture[1].name = std::string("b");
  mixture[1].share = 0.25;
  CHECK(IsMixture(mixture));
  CHECK(DataName(mixture) == "a=a.txt:0.75 b=a.txt:0.25");
  const std::string digest = DataDigest(mixture);
  CHECK(digest.size() == 64);
  mixture[1].record_bytes = 2;
  CHECK(DataDigest(mixture) != digest);
}

TEST_CASE("Mixture: weights are shares of a cycle, and those that cannot be are refused") {
  const auto quotas = [](std::vector<double> weights) { return MixtureQuotas(weights); };
  CHECK(quotas({1}) == std::vector<int64_t>{1024});
  CHECK(quotas({0.5, 0.25, 0.25}) == std::vector<int64_t>{512, 256, 256});
  CHECK(quotas({20, 10, 10}) == std::vector<int64_t>{512, 256, 256});
  CHECK(quotas({1, 1, 1}) == std::vector<int64_t>{342, 341, 341});
  for (const std::vector<double>& weights :
       {std::vector<double>{}, {1, 0}, {1, -1}, {1, std::nan("")}, {1, HUGE_VAL}, {1, 1e-4}}) {
    CHECK(ThrownBy([&] { MixtureQuotas(weights); }).kind == ErrorKind::kUsage);
  }
}

}  // namespace
}  // namespace occam
