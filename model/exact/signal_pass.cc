#include "model/exact/signal_pass.h"

#include <algorithm>
#include <array>

namespace occam {
namespace {

constexpr int kEight = 8;  // divides every width; compilers know what to do with so many
constexpr size_t kBytes = 256;

}  // namespace

SignalPass::SignalPass(const PreparedNetwork& network, int lanes)
    : net_(network), c_(network.model.config) {
  if (!c_.has_signals()) return;
  pasts_.assign(static_cast<size_t>(lanes), SignalPast(c_));
  predictions_.resize(kTileRows);
}

void SignalPass::Embed(int r, int lane, int32_t input, float* x) {
  SignalPast& past = pasts_[static_cast<size_t>(lane)];
  int32_t symbol = input;
  if (input != c_.begin_symbol()) {
    if (c_.residual) symbol = ResidualOf(input, past.place().prediction);
    past.Append(input);
  }
  std::copy_n(net_.embedding.row(symbol), c_.width, x);
  const SignalPlace& place = past.place();
  for (size_t i = 0; i < c_.signal_rules.size(); ++i) {
    const float* const row = net_.signals[i].row(SignalRowOf(c_.signal_rules[i], place));
    for (int k = 0; k < c_.width; k += kEight) {
      for (int j = k; j < k + kEight; ++j) x[j] = x[j] + row[j];
    }
  }
  predictions_[static_cast<size_t>(r)] = place.prediction;
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
