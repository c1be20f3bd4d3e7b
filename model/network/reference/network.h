// The whole network of docs/architecture.md from the twins of model/network/reference/layers.h:
// what the training network must compute, in double, with its gradients. Slow; for tests.
#ifndef OCCAM_MODEL_NETWORK_REFERENCE_NETWORK_H_
#define OCCAM_MODEL_NETWORK_REFERENCE_NETWORK_H_

#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"
#include "model/memory_rows.h"
#include "model/network/reference/matrix.h"
#include "model/parameters.h"

namespace occam::reference {

// Parts left out, so that a test can show that it would notice.
struct Omit {
  bool rotary = false;
  bool key_shift = false;
  bool window = false;
  bool convolution1 = false;
  bool convolution2 = false;
  bool embedding_norm = false;
  bool norm1 = false;
  bool norm2 = false;
  bool query_norm = false;
  bool key_norm = false;
  bool final_norm = false;
  bool memory_input = false;
  bool memory_gate = false;
  bool signal_rows = false;
  bool residual = false;  // logits of symbols are taken for those of bytes
};

// A matrix for each tensor of ParameterTable, [rows, columns]; where the network has a memory, then
// one of its rows, [memory_rows, memory_width].
using Tensors = std::vector<Matrix>;
Tensors TensorsOf(const ParameterSet& parameters);
Tensors TensorsOf(const ParameterSet& parameters, const MemoryRows& memory,
                  const ModelConfig& config);

struct Step {
  Matrix logits;         // [sequences * length, V]
  double loss_nats = 0;  // summed over tokens
  Tensors gradients;     // of loss_nats; empty unless asked for
};

// inputs in [0, V] and targets in [0, V), [sequences * length] each.
Step RunNetwork(const ModelConfig& config, const Tensors& weights, std::span<const int32_t> inputs,
                std::span<const int32_t> targets, size_t length, bool with_gradients,
                const Omit& omit = {});

}  // namespace occam::reference

#endif  // OCCAM_MODEL_NETWORK_REFERENCE_NETWORK_H_
