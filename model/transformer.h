// The training network of DESIGN.md section 3: float, forward and backward. Its last bits may
// differ from machine to machine; what codes is the exact network (model/exact/).
#ifndef OCCAM_MODEL_TRANSFORMER_H_
#define OCCAM_MODEL_TRANSFORMER_H_

#include <cstdint>
#include <memory>
#include <span>

#include "model/calibration.h"
#include "model/config.h"
#include "model/matmul.h"
#include "model/parameters.h"

namespace occam {

// Activations for `sequences` x `length` tokens, allocated once; the weights and gradients stay
// with the caller. One thread at a time; its result does not depend on which thread, nor on how
// many others run beside it.
class Transformer {
 public:
  // Throws as LinearLayers.
  Transformer(const ModelConfig& config, int sequences, int length, Precision precision);
  ~Transformer();
  Transformer(const Transformer&) = delete;
  Transformer& operator=(const Transformer&) = delete;

  // inputs [sequences, length], in [0, V] (V is the begin symbol), already shifted by one; every
  // sequence starts at position 0 with nothing before it. Returns logits [sequences, length, V],
  // valid until the next call.
  std::span<const float> Forward(const ParameterSet& weights, std::span<const int32_t> inputs);

  // For the last Forward with the same weights: dlogits [sequences, length, V]; adds the gradient
  // of every parameter to `gradients`.
  void Backward(const ParameterSet& weights, std::span<const float> dlogits,
                ParameterSet* gradients);

  // The largest magnitudes of the last Forward.
  Calibration KeyValueMaxima() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace occam

#endif  // OCCAM_MODEL_TRANSFORMER_H_
