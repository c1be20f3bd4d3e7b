#include "model/exact/memory_pass.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace occam {
namespace {

constexpr int kEight = 8;  // divides every width of rows; compilers know what to do with so many

}  // namespace

MemoryPass::MemoryPass(const PreparedNetwork& network, int lanes)
    : net_(network),
      c_(network.model.config),
      tile_(c_.has_memory() ? kTileRows : 0),
      rules_(static_cast<int>(c_.memory_rules.size())),
      pasts_(static_cast<size_t>(lanes)),
      chosen_(static_cast<size_t>(tile_ * rules_)) {}

void MemoryPass::Choose(int r, int lane, int32_t input) {
  KnownPast& past = pasts_[static_cast<size_t>(lane)];
  if (input < c_.begin_symbol()) past.Append(input);
  const auto rows =
      std::span(chosen_).subspan(static_cast<size_t>(r * rules_), static_cast<size_t>(rules_));
  net_.memory.rules.Choose(past, rows);
  for (const int32_t row : rows) __builtin_prefetch(row_codes(row));
}

void MemoryPass::AddToInput(int rows, float* x, std::byte* scratch) {
  const int32_t* row = chosen_.data();
  for (int r = 0; r < rows; ++r) {
    int8_t* to = codes_.row(r);
    for (int i = 0; i < rules_; ++i) {
      const int8_t* const from = row_codes(*row++);
      for (int k = 0; k < c_.memory_width; k += kEight, to += kEight)
        std::memcpy(to, from + k, kEight);
    }
  }
  std::fill_n(scales_.data(), rows, net_.model.memory.step);
  net_.memory.projection->Apply(codes_.data(), scales_.data(), rows, true, x, scratch);
}

void MemoryPass::AddGated(int rows, float* x, std::byte* scratch) {
  const KernelSet& kernels = *net_.kernels;
  kernels.Norm(x, nullptr, rows, c_.width, normed_.data());
  kernels.Quantise(normed_.data(), rows, c_.width, normed_codes_.data(), scales_.data());
  net_.memory.gates->Apply(normed_codes_.data(), scales_.data(), rows, false, gates_.data(),
                           scratch);
  Gate(rows);
  kernels.Quantise(gated_.data(), rows, c_.memory_columns(), codes_.data(), scales_.data());
  for (int r = 0; r < rows; ++r) scales_.row(r)[0] = scales_.row(r)[0] * net_.model.memory.step;
  net_.memory.gated->Apply(codes_.data(), scales_.data(), rows, true, x, scratch);
}

void MemoryPass::Gate(int rows) {
  const int width = c_.memory_width;
  for (int r = 0; r < rows; ++r) {
    const int8_t* const codes = codes_.row(r);
    float* const gated = gated_.row(r);
    for (int i = 0; i < rules_; ++i) {
      const float gate = std::min(std::max(1.0f + gates_.row(r)[i], 0.0f), 2.0f);
      for (int k = i * width; k < (i + 1) * width; k += kEight) {
        for (int j = k; j < k + kEight; ++j) gated[j] = static_cast<float>(codes[j]) * gate;
      }
    }
  }
}

}  // namespace occam
