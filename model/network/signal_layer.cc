#include "model/network/signal_layer.h"

#include <algorithm>
#include <array>

#include "model/network/embedding.h"

namespace occam {
namespace {

constexpr size_t kBytes = 256;

size_t Size(int64_t n) { return static_cast<size_t>(n); }

// to[(i + shift) mod 256] = from[i]; the two may be the same.
void Turn(const float* from, size_t shift, float* to) {
  std::array<float, kBytes> kept;
  std::copy_n(from, kBytes, kept.begin());
  std::copy_n(kept.begin(), kBytes - shift, to + shift);
  std::copy_n(kept.begin() + (kBytes - shift), shift, to);
}

}  // namespace

SignalLayer::SignalLayer(const ModelConfig& config, int sequences, int length, Workspace* workspace)
    : c_(config),
      index_(config),
      sequences_(sequences),
      length_(length),
      workspace_(*workspace),
      pasts_(config.has_signals() ? Size(sequences) : 0, SignalPast(config)),
      predictions_(config.has_signals() ? Size(sequences) * Size(length) : 0),
      rows_(config.signal_rules.size() * predictions_.size()) {}

void SignalLayer::Choose(std::span<int32_t> inputs) {
  workspace_.ForEach(sequences_, {}, [&](int sequence, Workspace::ThreadScratch&) {
    const size_t first = Size(sequence) * Size(length_), length = Size(length_);
    const auto symbols = inputs.subspan(first, length);
    // A rule's row stands at its position among those of all sequences.
    const auto rows = rows_.empty() ? std::span<int32_t>() : std::span(rows_).subspan(first);
    ChooseSignals(
        c_, symbols, &pasts_[Size(sequence)],
        {symbols, std::span(predictions_).subspan(first, length), rows, predictions_.size()});
  });
}

void SignalLayer::ForwardInput(const RowBlock& b, std::span<const ConstTensorView> tables,
                               TensorView x) const {
  for (size_t rule = 0; rule < tables.size(); ++rule)
    EmbeddingAdd(tables[rule], RowsOf(rule).subspan(Size(b.first), Size(b.rows())), x);
}

void SignalLayer::BackwardInput(ConstTensorView dx, int64_t begin, int64_t count,
                                ParameterSet* dw) const {
  for (size_t rule = 0; rule < index_.signals.size(); ++rule) {
    const TensorView dtable = MatrixOf(dw, index_.signals[rule]).Columns(begin, count);
    Clear(dtable);
    EmbeddingBackward(RowsOf(rule), dx.Columns(begin, count), dtable);
  }
}

void SignalLayer::MakeBytes(const RowBlock& b, TensorView logits) const {
  if (!c_.residual) return;
  for (int64_t r = 0; r < logits.rows; ++r)
    Turn(logits.row(r), Size(predictions_[Size(b.first + r)]), logits.row(r));
}

void SignalLayer::MakeSymbols(const RowBlock& b, ConstTensorView dlogits,
                              TensorView dsymbols) const {
  for (int64_t r = 0; r < dlogits.rows; ++r) {
    const size_t prediction = Size(predictions_[Size(b.first + r)]);
    Turn(dlogits.row(r), (kBytes - prediction) % kBytes, dsymbols.row(r));
  }
}

}  // namespace occam
