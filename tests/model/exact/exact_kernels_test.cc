// Single kernels at the edges of what a configuration allows, where whole networks would be too
// large for a test: the fast ones against the plain ones, and both against what must come out.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "data/base/aligned_array.h"
#include "data/base/frequency.h"
#include "data/base/random.h"
#include "model/exact/contract.h"
#include "model/exact/kernels.h"
#include "tests/catch.h"

namespace occam {
namespace {

// Plain, and fast where there are any.
std::vector<std::unique_ptr<KernelSet>> AllKernels() {
  std::vector<std::unique_ptr<KernelSet>> all;
  all.push_back(MakePlainKernels());
  if (auto fast = MakeFastKernels()) all.push_back(std::move(fast));
  return all;
}

TEST_CASE(
    "Kernels: the largest sums of a linear layer are exact, for one row and for a whole tile") {
  constexpr int kInputs = 65536;
  constexpr int kOutputs = 8;
  for (const int sign : {1, -1}) {
    const std::vector<int8_t> codes(kInputs * kOutputs, static_cast<int8_t>(63 * sign));
    const std::vector<float> scales(kOutputs, 1.0f);
    for (const auto& kernels : AllKernels()) {
      INFO(kernels->name());
      const auto linear = kernels->MakeLinear(codes, scales, kOutputs, kInputs);
      const RowBuffer<int8_t> x(kTileRows, kInputs);
      std::fill_n(x.data(), kTileRows * kInputs, int8_t{127});
      const RowBuffer<float> y(kTileRows, RoundUp(kOutputs, kFloatPad));
      const std::vector<float> x_scales(kTileRows, 1.0f);
      const AlignedArray<std::byte> scratch(linear->scratch_bytes());
      for (const int rows : {1, 7, kTileRows}) {
        linear->Apply(x.data(), x_scales.data(), rows, false, y.data(), scratch.data());
        for (int r = 0; r < rows; ++r) {
          // 127 * 63 * 65536, a float as it is.
          REQUIRE(y.row(r)[0] == static_cast<float>(sign) * 524353536.0f);
          REQUIRE(y.row(r)[kOutputs - 1] == y.row(r)[0]);
        }
      }
    }
  }
}

TEST_CASE("Kernels: sums of rows are made from the first one on, whatever their number") {
  constexpr int kTable = 90;
  for (const int n : {8, 40, 96, 200}) {
    const RowBuffer<float> table(kTable, RoundUp(n, kFloatPad));
    Random random(static_cast<uint64_t>(n));
    for (int i = 0; i < kTable * table.stride(); ++i)
      table.data()[i] = random.Symmetric(1.0f) * static_cast<float>(1 + random.Below(1000));
    for (const int count : {1, 2, 8}) {
      for (const int rows : {1, 5, kTileRows}) {
        std::vector<const float*> addends;
        for (int i = 0; i < rows * count; ++i)
          addends.push_back(table.row(static_cast<int>(random.Below(kTable))));
        for (const auto& kernels : AllKernels()) {
          const RowBuffer<float> y(kTileRows, RoundUp(n, kFloatPad));
          kernels->Sum(addends.data(), count, rows, n, y.data());
          INFO(kernels->name() << " n " << n << " count " << count << " rows " << rows);
          for (int r = 0; r < rows; ++r) {
            for (int i = 0; i < n; ++i) {
              float sum = addends[static_cast<size_t>(r * count)][i];
              for (int k = 1; k < count; ++k)
                sum = sum + addends[static_cast<size_t>(r * count + k)][i];
              REQUIRE(y.row(r)[i] == sum);
            }
          }
        }
      }
    }
  }
}

// What a linear layer of random weights makes of random rows, padding and what is added to
// included.
std::vector<float> RandomProduct(const KernelSet& kernels, int outputs, int inputs, int rows,
                                 bool add) {
  Random random(static_cast<uint64_t>(outputs * 1000 + inputs));
  std::vector<int8_t> codes(static_cast<size_t>(outputs * inputs));
  for (int8_t& code : codes) code = static_cast<int8_t>(static_cast<int>(random.Below(127)) - 63);
  std::vector<float> scales(static_cast<size_t>(outputs));
  for (float& scale : scales) scale = 1.0f + random.Symmetric(0.5f);
  const RowBuffer<int8_t> x(kTileRows, RoundUp(inputs, kCodePad));
  for (int i = 0; i < kTileRows * RoundUp(inputs, kCodePad); ++i) {
    x.data()[i] = static_cast<int8_t>(static_cast<int>(random.Below(255)) - 127);
  }
  std::vector<float> x_scales(kTileRows);
  for (float& scale : x_scales) scale = 1.0f + random.Symmetric(0.5f);
  const RowBuffer<float> y(kTileRows, RoundUp(outputs, kFloatPad));
  for (int r = 0; r < kTileRows; ++r) {
    for (int j = 0; j < outputs; ++j) y.row(r)[j] = random.Symmetric(1e5f);
  }
  const auto linear = kernels.MakeLinear(codes, scales, outputs, inputs);
  const AlignedArray<std::byte> scratch(linear->scratch_bytes());
  linear->Apply(x.data(), x_scales.data(), rows, add, y.data(), scratch.data());
  std::vector<float> result;
  for (int r = 0; r < kTileRows; ++r) {
    result.insert(result.end(), y.row(r), y.row(r) + outputs);
  }
  return result;
}

TEST_CASE(
    "Kernels: linear layers of every shape and number of rows are the same, and leave others") {
  const auto all = AllKernels();
  for (const int outputs : {1, 16, 40, 57, 144}) {
    for (const int inputs : {8, 24, 64, 72, 200}) {
      for (const int rows : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, kTileRows}) {
        for (const bool add : {false, true}) {
          const auto want = RandomProduct(*all.front(), outputs, inputs, rows, add);
          for (const auto& kernels : all) {
            INFO(kernels->name() << ", " << rows << " x [" << outputs << ", " << inputs << "]");
            REQUIRE((RandomProduct(*kernels, outputs, inputs, rows, add) == want));
          }
        }
      }
    }
  }
}

TEST_CASE("Kernels: the norm of the largest width has room for its sum of squares") {
  constexpr int kWidth = 4096;
  for (const auto& kernels : AllKernels()) {
    const std::vector<float> x(kWidth, -3.0f);
    std::vector<float> y(kWidth);
    kernels->Norm(x.data(), nullptr, 1, kWidth, y.data());
    CHECK(y.front() == Approx(-1.0f).epsilon(1e-6));
    CHECK(y.back() == y.front());
  }
}

TEST_CASE("Kernels: what is too small for a norm is zero, and quantises to zero") {
  for (const auto& kernels : AllKernels()) {
    // The second row is too small, the first and the last are not.
    std::vector<float> x(3 * 16, 0x1.fffffep-101f);
    std::vector<float> y(3 * 16, 1.0f);
    std::vector<int8_t> codes(3 * kCodePad, 1);
    std::vector<float> scales(3, 1.0f);
    x[3] = -0x1p-100f;
    x[40] = 0x1p-100f;
    kernels->Norm(x.data(), nullptr, 3, 16, y.data());
    CHECK(y[3] < -0.9f);
    CHECK((std::vector<float>(y.begin() + 16, y.begin() + 32) == std::vector<float>(16, 0.0f)));
    CHECK(y[40] > 0.9f);
    kernels->Quantise(x.data(), 3, 16, codes.data(), scales.data());
    CHECK(scales[0] > 0.0f);
    CHECK(scales[1] == 0.0f);
    CHECK(scales[2] == scales[0]);
    CHECK(codes[3] == -127);
    CHECK(codes[kCodePad] == 0);
    CHECK(codes[2 * kCodePad + 8] == 127);
  }
}

TEST_CASE("Kernels: heads of any size and number are turned, normed and quantised the same") {
  for (const int size : {8, 16, 24, 32, 40, 64, 256}) {
    for (const int kv_heads : {1, 3}) {
      constexpr int kRows = 7;
      const int heads = 2 * kv_heads;
      const int width = RoundUp((heads + kv_heads) * size, kFloatPad);
      std::vector<std::vector<float>> results;
      for (const auto& kernels : AllKernels()) {
        INFO(kernels->name() << ", heads of " << size << ", " << kv_heads << " of keys");
        Random random(static_cast<uint64_t>(size));
        std::vector<float> x(static_cast<size_t>(kRows * width));
        for (float& v : x) v = random.Symmetric(5.0f);
        std::fill_n(x.begin() + size, size, 0.0f);  // a query of nothing
        std::vector<float> cosine(static_cast<size_t>(kRows * size / 2));
        std::vector<float> sine(cosine.size());
        for (float& v : cosine) v = random.Symmetric(1.0f);
        for (float& v : sine) v = random.Symmetric(1.0f);
        std::vector<int8_t> codes(static_cast<size_t>(kRows * heads * size));
        std::vector<float>& out = results.emplace_back(static_cast<size_t>(kRows * heads));
        const HeadRows rows{x.data(),    x.data() + heads * size,
                            width,       cosine.data(),
                            sine.data(), kRows,
                            heads,       kv_heads,
                            size};
        kernels->PrepareHeads(rows, codes.data(), heads * size, out.data());
        CHECK(out[0] > 0.0f);
        CHECK(out[1] == 0.0f);
        out.insert(out.end(), codes.begin(), codes.end());
        for (int r = 0; r < kRows; ++r) {
          const float* const keys = x.data() + r * width + heads * size;
          out.insert(out.end(), keys, keys + kv_heads * size);
        }
      }
      for (const auto& result : results) CHECK((result == results.front()));
    }
  }
}

TEST_CASE("Kernels: attention over the largest window is exact, whatever the temperature") {
  constexpr int kHead = 8;
  constexpr int kPositions = 65536;
  constexpr int kCapacity = RoundUp(kPositions + kTileRows - 1, kCacheBlock);
  std::vector<std::vector<float>> results;
  for (const auto& kernels : AllKernels()) {
    const AlignedArray<uint8_t> keys(size_t{kCapacity} * kHead);
    const AlignedArray<uint8_t> values(size_t{kCapacity} * kHead);
    const CacheRing ring{keys.data(), values.data(), kCapacity, kHead};
    Random random(1);
    for (int p = 0; p < kPositions; ++p) {
      float key[kHead], value[kHead];
      for (int i = 0; i < kHead; ++i) {
        key[i] = random.Symmetric(80.0f);  // beyond 63, so that some are clamped
        value[i] = i == 0 ? 63.0f : random.Symmetric(80.0f);
      }
      kernels->Store(key, 1.0f, value, 1.0f, ring, p);
    }
    const AlignedArray<int32_t> products(kQueryGroup * (kCapacity + 2 * kCacheBlock));
    const AlignedArray<uint8_t> weights(kQueryGroup * (kCapacity + 2 * kCacheBlock));
    constexpr int kRows = 21;
    std::vector<int8_t> queries(kRows * kHead);
    for (int8_t& code : queries) code = static_cast<int8_t>(random.Symmetric(127.9f));
    const int8_t extreme[kHead] = {127, -127, 5, 100, -3, 127, 127, -90};
    std::copy_n(extreme, kHead, queries.begin());
    std::vector<float>& out = results.emplace_back();
    for (const float factor : {0.0f, 1e-30f, 0.01f, 1.0f, 1e30f}) {
      struct Case {
        int64_t position;
        int window;
        int rows;
      };
      for (const Case& c : {Case{kPositions - 1, kPositions, 1}, Case{77, 1, 1}, Case{33, 3, 1},
                            Case{65001, 25002, 1}, Case{0, 64, kRows}, Case{50, 40, kRows},
                            Case{1000, 512, kRows}, Case{1031, 1, kRows}}) {
        float sums[kRows * kHead];
        kernels->Attend(
            {queries.data(), kHead, &factor, 0, sums, kHead, c.rows, c.position, c.window}, ring,
            128.0f, {products.data(), weights.data()});
        out.insert(out.end(), sums, sums + c.rows * kHead);
        // The first dim of all values is 63, and so is every mean of them, but for weights below a
        // half, which are lost one by one; random keys leave less than a tenth to those.
        for (int r = 0; r < c.rows; ++r) CHECK(sums[r * kHead] == Approx(63.0f).epsilon(0.1));
      }
    }
  }
  for (const auto& result : results) CHECK(result == results.front());
}

TEST_CASE("Kernels: frequencies of any vocabulary are at least 1, sum to 2^24 and are the same") {
  for (const int n : {2, 3, 15, 16, 17, 255, 511, 513, 4097, 65536}) {
    for (const float spread : {0.0f, 1e-30f, 1.0f, 20.0f, 1e9f}) {
      std::vector<std::vector<uint32_t>> results;
      for (const auto& kernels : AllKernels()) {
        INFO(kernels->name() << ", " << n << " symbols, spread " << spread);
        Random random(static_cast<uint64_t>(n));
        const auto padded = static_cast<size_t>(RoundUp(n, kFloatPad));
        std::vector<float> logits(padded);
        for (int i = 0; i < n; ++i) logits[static_cast<size_t>(i)] = random.Symmetric(spread);
        std::vector<uint32_t>& f = results.emplace_back(padded);
        std::vector<uint32_t> scratch(padded);
        std::vector<SymbolInterval> intervals;
        for (const int symbol : {0, 1, n / 3, n - 1}) {
          intervals.push_back(kernels->Interval(logits.data(), n, symbol, scratch.data()));
        }
        const auto likeliest = static_cast<int32_t>(
            std::max_element(logits.begin(), logits.begin() + n) - logits.begin());
        const SymbolInterval best = kernels->Interval(logits.data(), n, likeliest, scratch.data());
        kernels->Frequencies(logits.data(), n, f.data());
        f.resize(static_cast<size_t>(n));
        uint64_t sum = 0;
        for (const uint32_t x : f) {
          REQUIRE(x >= 1);
          sum += x;
        }
        REQUIRE(sum == kFrequencyTotal);
        size_t next = 0;
        for (const int symbol : {0, 1, n / 3, n - 1}) {
          REQUIRE(intervals[next].start ==
                  std::accumulate(f.begin(), f.begin() + symbol, uint32_t{0}));
          REQUIRE(intervals[next++].size == f[static_cast<size_t>(symbol)]);
        }
        REQUIRE(best.start == std::accumulate(f.begin(), f.begin() + likeliest, uint32_t{0}));
        REQUIRE(best.size == f[static_cast<size_t>(likeliest)]);
      }
      for (const auto& result : results) CHECK((result == results.front()));
    }
  }
}

TEST_CASE("Contract: the attention's power of two is within 1.7 % of the true one and falls") {
  int32_t last = 32712;
  for (int t = 0; t <= contract::kMaxTerm; ++t) {
    const int32_t term = contract::AttentionTerm(t);
    REQUIRE(term >= 0);
    REQUIRE(term <= 32712);
    // Octaves meet to a step of rounding.
    REQUIRE(term <= last + 1);
    last = term;
    const double exact = 32768 * std::exp2(-t / 2048.0);
    REQUIRE(std::fabs(term - exact) <= 0.017 * exact + 1);
  }
}

TEST_CASE(
    "Contract: the output's power of two is close to the true one, at most 2^21, and ends at "
    "zero") {
  CHECK(contract::OutputTerm(0.0f) == 1 << 21);
  CHECK(contract::OutputTerm(-22.0f) == 0);
  CHECK(contract::OutputTerm(-1e30f) == 0);
  int32_t last = 1 << 21;
  for (int i = 0; i <= 24 * 4096; ++i) {
    const float x = -static_cast<float>(i) / 4096;
    const int32_t term = contract::OutputTerm(x);
    REQUIRE(term <= last);
    last = term;
    const double exact = std::exp2(21 + static_cast<double>(x));
    REQUIRE(std::fabs(term - exact) <= 0.5 + 6e-7 * exact);
  }
}

}  // namespace
}  // namespace occam
