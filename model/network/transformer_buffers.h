// The memory of the training network (transformer.cc), allocated once. There are N = sequences *
// length tokens. D is the width, Q = D + 2 kv_width the columns of queries, keys and values side by
// side, M the MLP's width, V the vocabulary.
#ifndef OCCAM_MODEL_NETWORK_TRANSFORMER_BUFFERS_H_
#define OCCAM_MODEL_NETWORK_TRANSFORMER_BUFFERS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/config.h"
#include "model/network/operand.h"
#include "model/network/tensor.h"

namespace occam {

// Memory of what the backward pass needs of a block.
struct Activations {
  Activations(int64_t n, const ModelConfig& c, Precision precision)
      : x(n, c.width),
        x_inverse_rms(static_cast<size_t>(n)),
        mixed1(n, c.width, precision),
        qkv(n, c.width + 2 * c.kv_width()),
        qk_inverse_rms(static_cast<size_t>(n * (c.heads + c.kv_heads))),
        attended(n, c.width),
        inverse_sum(static_cast<size_t>(n * c.heads)),
        middle(n, c.width),
        middle_inverse_rms(static_cast<size_t>(n)),
        mixed2(n, c.width, precision),
        relu(n, c.mlp_width(), precision) {}
  Tensor x;                           // [N, D] into the block
  std::vector<float> x_inverse_rms;   // [N]
  OperandTensor mixed1;               // [N, D]
  Tensor qkv;                         // [N, Q], queries and keys rotated and normed
  std::vector<float> qk_inverse_rms;  // [N, heads + kv_heads]
  Tensor attended;                    // [N, D]
  std::vector<float> inverse_sum;     // [sequences, heads, length]
  Tensor middle;                      // [N, D] between attention and MLP
  std::vector<float> middle_inverse_rms;
  OperandTensor mixed2;  // [N, D]
  OperandTensor relu;    // [N, M]
};

struct TransformerBuffers {
  // `row_blocks` is how many blocks of rows give gradients of gains and convolutions.
  TransformerBuffers(int64_t n, int64_t row_blocks, const ModelConfig& c, Precision precision)
      : inputs(static_cast<size_t>(n)),
        embedded_inverse_rms(static_cast<size_t>(n)),
        last(n, c.width),
        last_inverse_rms(static_cast<size_t>(n)),
        last_normed(n, c.width, precision),
        logits(n, c.vocabulary),
        dx(n, c.width),
        dmixed(n, c.width),
        dattended(n, c.width),
        dqkv(n, c.width + 2 * c.kv_width()),
        dmix_weights(row_blocks * (1 + c.conv_width), c.width),
        dlogits(n, c.vocabulary, precision),
        dout(n, c.width, precision),
        dmiddle(n, c.width, precision),
        dup(n, c.mlp_width(), precision),
        activated(n, c.mlp_width(), precision),
        dqkv_operand(n, c.width + 2 * c.kv_width(), precision),
        attended(n, c.width, precision) {
    for (int l = 0; l < c.layers; ++l) blocks.emplace_back(n, c, precision);
  }

  // Kept from Forward to Backward.
  std::vector<int32_t> inputs;
  std::vector<float> embedded_inverse_rms;  // [N]
  std::vector<Activations> blocks;
  Tensor last;                          // [N, D] out of the last block
  std::vector<float> last_inverse_rms;  // [N]
  OperandTensor last_normed;            // [N, D]
  Tensor logits;                        // [N, V]

  // Used and forgotten. Operands of the gradients of weights are apart from what is computed beside
  // them.
  Tensor dx;                    // [N, D] of the residual stream, from the last block down
  Tensor dmixed;                // [N, D]
  Tensor dattended;             // [N, D]
  Tensor dqkv;                  // [N, Q]
  Tensor dmix_weights;          // [blocks of rows, 1 + taps, D]
  OperandTensor dlogits;        // [N, V]
  OperandTensor dout, dmiddle;  // [N, D], of what MLP and attention add
  OperandTensor dup;            // [N, M]
  OperandTensor activated;      // [N, M]
  OperandTensor dqkv_operand;   // [N, Q]
  OperandTensor attended;       // [N, D]
};

}  // namespace occam

#endif  // OCCAM_MODEL_NETWORK_TRANSFORMER_BUFFERS_H_
