// All weights of a network as the training passes read them. They change once a step, and serve all
// of its sequences.
#ifndef OCCAM_MODEL_NETWORK_NETWORK_WEIGHTS_H_
#define OCCAM_MODEL_NETWORK_NETWORK_WEIGHTS_H_

#include <optional>
#include <vector>

#include "data/base/thread_team.h"
#include "model/config.h"
#include "model/memory_rows.h"
#include "model/network/matmul.h"
#include "model/network/mix.h"
#include "model/network/tensor.h"
#include "model/parameters.h"

namespace occam {

// View of the weights as the passes see them: the parameters of the table and, where the
// network has a memory, its rows.
struct WeightsView {
  // NOLINTNEXTLINE(google-explicit-constructor)
  WeightsView(const ParameterSet& parameters_in, MemoryView memory_in = {})
      : parameters(parameters_in), memory(memory_in) {}

  const ParameterSet& parameters;
  MemoryView memory;
};

class NetworkWeights {
 public:
  struct Layer {
    MixWeights mix1, mix2;
    LinearWeights wqkv, wo, wu, wd;  // wq, wk and wv in one: queries, keys, values side by side
  };

  // Projections are there where the network has a memory, gates where it has a gate.
  struct Memory {
    MemoryView rows;
    std::optional<LinearWeights> projection, gated;
    ConstTensorView gates;  // [R, D]
  };

  // Throws as LinearWeights.
  NetworkWeights(const ModelConfig& config, Precision precision);

  // Takes over new values: those of linear layers in bfloat16 are copied, the others referred to.
  // Throws kInternal for a memory of another size.
  void Set(const WeightsView& weights, ThreadTeam* team);

  const Layer& layer(int l) const { return layers_[static_cast<size_t>(l)]; }
  ConstTensorView embedding() const { return embedding_; }  // [V + 1, D]
  // A table of each rule of signals, in their order.
  const std::vector<ConstTensorView>& signals() const { return signals_; }
  const Memory& memory() const { return memory_; }
  const MixWeights& final_gain() const { return final_gain_; }
  const LinearWeights& head() const { return head_; }

 private:
  ModelConfig config_;
  ParameterIndex index_;
  ConstTensorView embedding_;
  std::vector<ConstTensorView> signals_;
  std::vector<Layer> layers_;
  Memory memory_;
  MixWeights final_gain_;
  LinearWeights head_;
};

// A tensor of the set as a matrix of rows of its columns; `i` may be -1, for one without rows.
ConstTensorView MatrixOf(const ParameterSet& set, int i);
TensorView MatrixOf(ParameterSet* set, int i);

// wq, wk and wv, which lie next to each other, as one matrix [D + 2 kv_width, D].
ConstTensorView QkvOf(const ParameterSet& set, const LayerIndex& layer);
TensorView QkvOf(ParameterSet* set, const LayerIndex& layer);

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_NETWORK_WEIGHTS_H_
