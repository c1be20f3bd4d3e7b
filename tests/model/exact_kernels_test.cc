// Single kernels at the edges of what a configuration allows, where whole networks would be too
// large for a test: the fast ones against the plain ones, and both against what must come out.
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "data/base/frequency.h"
#include "data/base/random.h"
#include "model/exact/aligned_array.h"
#include "model/exact/contract.h"
#include "model/exact/kernels.h"

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

TEST_CASE("Kernels: the norm of the largest width has room for its sum of squares") {
  constexpr int kWidth = 4096;
  for (const auto& kernels : AllKernels()) {
    const std::vector<float> x(kWidth, -3.0f);
    std::vector<float> y(kWidth);
    kernels->Norm(x.data(), nullptr, kWidth, y.data());
    CHECK(y.front() == Approx(-1.0f).epsilon(1e-6));
    CHECK(y.back() == y.front());
  }
}

TEST_CASE("Kernels: what is too small for a norm is zero, and quantises to zero") {
  for (const auto& kernels : AllKernels()) {
    std::vector<float> x(16, 0x1.fffffep-101f);
    std::vector<float> y(16, 1.0f);
    std::vector<int8_t> codes(kCodePad, 1);
    kernels->Norm(x.data(), nullptr, 16, y.data());
    CHECK(y == std::vector<float>(16, 0.0f));
    CHECK(kernels->Quantise(x.data(), 16, codes.data()) == 0.0f);
    CHECK(codes[0] == 0);
    x[3] = -0x1p-100f;
    kernels->Norm(x.data(), nullptr, 16, y.data());
    CHECK(y[3] < -0.9f);
    CHECK(kernels->Quantise(x.data(), 16, codes.data()) > 0.0f);
    CHECK(codes[3] == -127);
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
    const AlignedArray<int32_t> products(kCapacity + 2 * kCacheBlock);
    const AlignedArray<uint8_t> weights(kCapacity + 2 * kCacheBlock);
    const int8_t query[kHead] = {127, -127, 5, 100, -3, 127, 127, -90};
    std::vector<float>& out = results.emplace_back();
    for (const float factor : {0.0f, 1e-30f, 0.01f, 1.0f, 1e30f}) {
      for (const CacheWindow& window : {CacheWindow{0, kPositions - 1}, CacheWindow{77, 77},
                                        CacheWindow{31, 33}, CacheWindow{40000, 65001}}) {
        float sums[kHead];
        kernels->Attend(query, factor, ring, window, 128.0f, {products.data(), weights.data()},
                        sums);
        out.insert(out.end(), sums, sums + kHead);
        // The first dim of all values is 63, and so is every mean of them, but for weights below a
        // half, which are lost one by one; random keys leave less than a tenth to those.
        CHECK(sums[0] == Approx(63.0f).epsilon(0.1));
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
        kernels->Frequencies(logits.data(), n, f.data());
        f.resize(static_cast<size_t>(n));
        uint64_t sum = 0;
        for (const uint32_t x : f) {
          REQUIRE(x >= 1);
          sum += x;
        }
        REQUIRE(sum == kFrequencyTotal);
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
