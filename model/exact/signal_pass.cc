#include "model/exact/signal_pass.h"

#include <algorithm>
#include <array>

namespace occam {
namespace {

constexpr size_t kBytes = 256;

}  // namespace

SignalPass::SignalPass(const PreparedNetwork& network, int lanes)
    : net_(network), c_(network.model.config), found_each_(c_.signal_rules.size() + 1) {
  if (!c_.has_signals()) return;
  pasts_.assign(static_cast<size_t>(lanes), SignalPast(c_, network.lattices));
  found_.resize(kTileRows * found_each_);
  predictions_.resize(kTileRows);
  nothing_.resize(static_cast<size_t>(RoundUp(c_.width, kFloatPad)));
}

void SignalPass::Choose(int r, int lane, int32_t input) {
  SignalPast& past = pasts_[static_cast<size_t>(lane)];
  int32_t symbol = c_.begin_symbol();
  if (input >= symbol) {
    past.Clear(input - symbol);
  } else {
    symbol = c_.residual ? ResidualOf(input, past.place().prediction) : input;
    past.Append(input);
  }
  const SignalPlace& place = past.place();
  const float** found = &found_[static_cast<size_t>(r) * found_each_];
  *found = net_.embedding.row(symbol);
  const SignalRows rows = SignalRowsOf(place);
  for (size_t i = 0; i < c_.signal_rules.size(); ++i) {
    const int32_t row = RowOf(c_.signal_rules[i], rows);
    *++found = row == kNoRow ? nothing_.data() : net_.signals[i].row(row);
  }
  predictions_[static_cast<size_t>(r)] = place.prediction;
}

void SignalPass::Embed(int rows, float* x) const {
  net_.kernels->Sum(found_.data(), static_cast<int>(found_each_), rows, c_.width, x);
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
