// The signals' part of the training network (docs/spec/signals.md, section 3): rows that are added
// to embeddings, and logits of symbols that become those of bytes. There are N = sequences * length
// positions.
#ifndef OCCAM_MODEL_NETWORK_SIGNAL_LAYER_H_
#define OCCAM_MODEL_NETWORK_SIGNAL_LAYER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"
#include "model/network/network_weights.h"
#include "model/network/tensor.h"
#include "model/network/workspace.h"
#include "model/parameters.h"
#include "model/signal_rules.h"

namespace occam {

// Memory of both passes, allocated once; nothing in a network without signals. What takes a block
// of rows is called for each, by several threads.
class SignalLayer {
 public:
  SignalLayer(const ModelConfig& config, int sequences, int length, Workspace* workspace);

  // Takes inputs [sequences, length], bytes or begin symbols, each sequence a context of its own.
  // They become symbols.
  void Choose(std::span<int32_t> inputs);

  // x [rows of the block, D] += the chosen rows.
  void ForwardInput(const RowBlock& b, std::span<const ConstTensorView> tables, TensorView x) const;
  // The tables' gradients = those of the columns [begin, begin + count) of dx [N, D].
  void BackwardInput(ConstTensorView dx, int64_t begin, int64_t count, ParameterSet* dw) const;

  // Logits [rows of the block, 256] of symbols become those of bytes.
  void MakeBytes(const RowBlock& b, TensorView logits) const;
  // dlogits of bytes become those of symbols.
  void MakeSymbols(const RowBlock& b, ConstTensorView dlogits, TensorView dsymbols) const;

 private:
  // The row of a rule for each position.
  std::span<const int32_t> RowsOf(size_t rule) const {
    return std::span(rows_).subspan(rule * predictions_.size(), predictions_.size());
  }

  const ModelConfig c_;
  const ParameterIndex index_;
  const int sequences_, length_;
  Workspace& workspace_;
  std::vector<SignalPast> pasts_;     // of each sequence
  std::vector<int32_t> predictions_;  // [N], of the byte to come
  std::vector<int32_t> rows_;         // [rules, N]
};

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_SIGNAL_LAYER_H_
