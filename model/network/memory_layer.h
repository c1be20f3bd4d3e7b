// The memory's part of the training network (docs/spec/memory.md, section 3): rows that positions
// recall enter at the input and before the gated block. There are N = sequences * length
// positions, R rules, and rows of m numbers.
#ifndef OCCAM_MODEL_NETWORK_MEMORY_LAYER_H_
#define OCCAM_MODEL_NETWORK_MEMORY_LAYER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"
#include "model/network/network_weights.h"
#include "model/network/operand.h"
#include "model/network/tensor.h"
#include "model/network/workspace.h"
#include "model/parameters.h"
#include "model/row_rules.h"

namespace occam {

// The rows that each position of some sequences recalled, and the gradients of what they gave. This
// part of a memory's gradient grows with the positions, not with the tables.
struct RecalledRows {
  RecalledRows(const ModelConfig& config, int64_t positions)
      : rows(static_cast<size_t>(positions) * config.memory_rules.size()),
        gradients(positions, config.memory_columns()) {}
  std::vector<int32_t> rows;  // [N, R]
  Tensor gradients;           // [N, R m]
};

// Memory of both passes, allocated once; nothing in a network without a memory. What takes a block
// of rows is called for each, by several threads; x and dx are the block's [rows, D].
class MemoryLayer {
 public:
  MemoryLayer(const ModelConfig& config, int sequences, int length, Workspace* workspace);

  // Chooses rows for inputs [sequences, length], each sequence a context of its own.
  void Choose(std::span<const int32_t> inputs);

  // x += the projection of the recalled rows.
  void ForwardInput(const RowBlock& b, const NetworkWeights::Memory& w, int thread, TensorView x);
  // Goes back from dx of the sum: the rows' gradients += (= without a gate).
  void BackwardInput(const RowBlock& b, const NetworkWeights::Memory& w, int thread,
                     ConstTensorView dx, RecalledRows* d);
  // Returns the projection's gradient to be, once all blocks went backward.
  WeightGradient InputGradient(ParameterSet* dw);

  // x += the other projection of the gated rows.
  void ForwardGate(const RowBlock& b, const NetworkWeights::Memory& w, int thread, TensorView x);
  // Goes back from dx of the sum to dx of what was before it, and to the rows' gradients.
  void BackwardGate(const RowBlock& b, const NetworkWeights::Memory& w, int thread, TensorView dx,
                    RecalledRows* d);
  // Computes the gradients of the gates' weights and of the projection, once all blocks went
  // backward.
  void AddGateGradients(ParameterSet* dw);

  std::span<const int32_t> rows() const { return rows_; }

 private:
  const ModelConfig c_;
  const ParameterIndex index_;
  const RowRules rules_;
  const int sequences_, length_;
  Workspace& workspace_;

  const int64_t columns_ = c_.memory_columns();  // R m
  const int64_t rule_count_ = static_cast<int64_t>(rules_.count());
  // Rows of the buffers: N, or none where there is no memory or no gate.
  const int64_t n_ = c_.has_memory() ? int64_t{sequences_} * length_ : 0;
  const int64_t gated_n_ = c_.has_gate() ? n_ : 0;
  std::vector<int32_t> rows_ = std::vector<int32_t>(static_cast<size_t>(n_ * rule_count_));
  Tensor recalled_{n_, columns_};
  Tensor gated_{gated_n_, columns_};
  OperandTensor recalled_operand_{n_, columns_, workspace_.precision()};
  OperandTensor gated_operand_{gated_n_, columns_, workspace_.precision()};
  Tensor normed_{gated_n_, c_.width};  // what gates see
  std::vector<float> inverse_rms_ = std::vector<float>(static_cast<size_t>(gated_n_));
  Tensor gates_{gated_n_, rule_count_};
  Tensor dgates_{gated_n_, rule_count_};
  Tensor dgated_{n_, columns_};  // of the projection at the input, too
  Tensor dnormed_{gated_n_, c_.width};
  OperandTensor dinput_{n_, c_.width, workspace_.precision()};         // of the sum at the input
  OperandTensor doutput_{gated_n_, c_.width, workspace_.precision()};  // and at the gate
};

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_MEMORY_LAYER_H_
