#include "model/exact/signal_pass.h"

#include <algorithm>
#include <array>

namespace occam {
namespace {

constexpr int kEight = 8;  // divides every width; compilers know what to do with so many
constexpr size_t kBytes = 256;

}  // namespace

SignalPass::SignalPass(const PreparedNetwork& network, int lanes)
    : net_(network), c_(network.model.config), found_each_(c_.signal_rules.size() + 1) {
  if (!c_.has_signals()) return;
  pasts_.assign(static_cast<size_t>(lanes), SignalPast(c_));
  found_.resize(kTileRows * found_each_);
  predictions_.resize(kTileRows);
}

void SignalPass::Choose(int r, int lane, int32_t input) {
  SignalPast& past = pasts_[static_cast<size_t>(lane)];
  int32_t symbol = input;
  if (input != c_.begin_symbol()) {
    if (c_.residual) symbol = ResidualOf(input, past.place().prediction);
    past.Append(input);
  }
  const SignalPlace& place = past.place();
  const float** found = &found_[static_cast<size_t>(r) * found_each_];
  *found = net_.embedding.row(symbol);
  for (size_t i = 0; i < c_.signal_rules.size(); ++i)
    *++found = net_.signals[i].row(SignalRowOf(c_.signal_rules[i], place));
  predictions_[static_cast<size_t>(r)] = place.prediction;
}

void SignalPass::Embed(int rows, float* x) const {
  const int stride = RoundUp(c_.width, kFloatPad);
  for (int r = 0; r < rows; ++r, x += stride) {
    const float* const* const found = &found_[static_cast<size_t>(r) * found_each_];
    for (size_t i = 0; r + 1 < rows && i < found_each_; ++i) {
      for (int k = 0; k < c_.width; k += kFloatPad) __builtin_prefetch(found[found_each_ + i] + k);
    }
    for (int k = 0; k < c_.width; k += kEight) {
      std::array<float, kEight> sum;
      std::copy_n(found[0] + k, kEight, sum.begin());
      for (size_t i = 1; i < found_each_; ++i) {
        for (int j = 0; j < kEight; ++j) sum[static_cast<size_t>(j)] += found[i][k + j];
      }
      std::copy_n(sum.begin(), kEight, x + k);
    }
  }
}

void SignalPass::MakeBytes(int r, float* logits) const {
  if (!c_.residual) return;
  std::array<float, kBytes> symbols;
  std::copy_n(logits, kBytes, symbols.begin());
  const auto shift = static_cast<size_t>(predictions_[static_cast<size_t>(r)]);
  std::copy_n(symbols.begin(), kBytes - shift, logits + shift);
  std::copy_n(symbols.end() - static_cast<ptrdiff_t>(shift), shift, logits);
}

}  // namespace occam
