// The training network of docs/architecture.md: float, forward and backward. Its last bits may
// differ from machine to machine; what codes is the exact network (model/exact/).
#ifndef OCCAM_MODEL_NETWORK_TRANSFORMER_H_
#define OCCAM_MODEL_NETWORK_TRANSFORMER_H_

#include <cstdint>
#include <memory>
#include <span>

#include "model/calibration.h"
#include "model/config.h"
#include "model/network/memory_layer.h"
#include "model/network/network_weights.h"
#include "model/network/workspace.h"
#include "model/parameters.h"

namespace occam {

// Activations for `sequences` x `length` tokens, allocated once; weights, gradients and the
// workspace stay with the caller. One call at a time; several networks may share a workspace, each
// called from another item of its team's. The result does not depend on the threads.
class Transformer {
 public:
  // `workspace` must outlive it; `length` is at most config.context.
  Transformer(const ModelConfig& config, int sequences, int length, Workspace* workspace);
  ~Transformer();
  Transformer(const Transformer&) = delete;
  Transformer& operator=(const Transformer&) = delete;

  // inputs [sequences, length], in [0, V] (V is the begin symbol), already shifted by one; every
  // sequence starts at position 0 with nothing before it. Returns logits [sequences, length, V],
  // valid until the next call.
  std::span<const float> Forward(const NetworkWeights& weights, std::span<const int32_t> inputs);

  // Goes back from dlogits [sequences, length, V] of the last Forward, with the same weights.
  // Overwrites `gradients` with those of every parameter of the table. `recalled` [sequences *
  // length] is needed where the network has a memory, and gets those of the rows of each position.
  void Backward(const NetworkWeights& weights, std::span<const float> dlogits,
                ParameterSet* gradients, RecalledRows* recalled = nullptr);

  // The largest magnitudes of the last Forward.
  Calibration KeyValueMaxima() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_TRANSFORMER_H_
