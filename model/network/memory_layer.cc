#include "model/network/memory_layer.h"

#include "model/network/norm.h"
#include "model/network/recall.h"

namespace occam {

MemoryLayer::MemoryLayer(const ModelConfig& config, int sequences, int length, Workspace* workspace)
    : c_(config),
      index_(config),
      rules_(config),
      sequences_(sequences),
      length_(length),
      workspace_(*workspace) {}

void MemoryLayer::Choose(std::span<const int32_t> inputs) {
  const auto length = static_cast<size_t>(length_);
  workspace_.ForEach(sequences_, {}, [&](int sequence, Workspace::ThreadScratch&) {
    const size_t first = static_cast<size_t>(sequence) * length;
    rules_.ChooseAll(inputs.subspan(first, length), c_.begin_symbol(),
                     std::span(rows_).subspan(first * rules_.count(), length * rules_.count()));
  });
}

void MemoryLayer::ForwardInput(const RowBlock& b, const NetworkWeights::Memory& w, int thread,
                               TensorView x) {
  const TensorView recalled = b.Of(recalled_.view());
  const auto rows = std::span(rows_).subspan(static_cast<size_t>(b.first) * rules_.count(),
                                             static_cast<size_t>(b.rows()) * rules_.count());
  RecallForward(w.rows, c_.memory_width, rows, recalled);
  workspace_.linear().Forward(thread, ToOperand(recalled, b.Of(recalled_operand_)), *w.projection,
                              x, Result::kAdd);
}

void MemoryLayer::BackwardInput(const RowBlock& b, const NetworkWeights::Memory& w, int thread,
                                ConstTensorView dx, RecalledRows* d) {
  const TensorView out = b.Of(d->gradients.view());
  const TensorView part = c_.has_gate() ? b.Of(dgated_.view()) : out;
  workspace_.linear().BackwardInput(thread, ToOperand(dx, b.Of(dinput_)), *w.projection, part);
  if (!c_.has_gate()) return;
  for (int64_t r = 0; r < out.rows; ++r) {
    for (int64_t i = 0; i < columns_; ++i) out.row(r)[i] += part.row(r)[i];
  }
}

WeightGradient MemoryLayer::InputGradient(ParameterSet* dw) {
  return {dinput_, recalled_operand_, MatrixOf(dw, index_.memory_projection)};
}

void MemoryLayer::ForwardGate(const RowBlock& b, const NetworkWeights::Memory& w, int thread,
                              TensorView x) {
  const TensorView normed = b.Of(normed_.view()), gated = b.Of(gated_.view());
  Copy(x, normed);
  NormForward(
      normed, c_.width, normed,
      std::span(inverse_rms_).subspan(static_cast<size_t>(b.first), static_cast<size_t>(b.rows())));
  GateForward(normed, w.gates, b.Of(recalled_.view()), b.Of(gates_.view()), gated);
  workspace_.linear().Forward(thread, ToOperand(gated, b.Of(gated_operand_)), *w.gated, x,
                              Result::kAdd);
}

void MemoryLayer::BackwardGate(const RowBlock& b, const NetworkWeights::Memory& w, int thread,
                               TensorView dx, RecalledRows* d) {
  const TensorView dgated = b.Of(dgated_.view()), dnormed = b.Of(dnormed_.view());
  workspace_.linear().BackwardInput(thread, ToOperand(dx, b.Of(doutput_)), *w.gated, dgated);
  GateBackward(w.gates, b.Of(recalled_.view()), b.Of(gates_.view()), dgated, b.Of(dgates_.view()),
               b.Of(d->gradients.view()), dnormed);
  NormBackward(
      b.Of(normed_.view()), c_.width,
      std::span(inverse_rms_).subspan(static_cast<size_t>(b.first), static_cast<size_t>(b.rows())),
      dnormed);
  for (int64_t r = 0; r < dx.rows; ++r) {
    for (int64_t i = 0; i < dx.columns; ++i) dx.row(r)[i] += dnormed.row(r)[i];
  }
}

void MemoryLayer::AddGateGradients(ParameterSet* dw) {
  const TensorView dgates = MatrixOf(dw, index_.memory_gates);
  const WeightGradient projection{doutput_, gated_operand_, MatrixOf(dw, index_.memory_gated)};
  workspace_.ForEach(static_cast<int>(dgates.rows), std::span(&projection, 1),
                     [&](int rule, Workspace::ThreadScratch&) {
                       GateWeightBackward(normed_, dgates_, rule,
                                          {dgates.row(rule), static_cast<size_t>(dgates.columns)});
                     });
}

}  // namespace occam
