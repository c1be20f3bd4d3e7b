// The network of docs/architecture.md, top to bottom; transformer_buffers.h says what is kept and
// its shapes. A gradient is named d and what it is the gradient of; each Forward has its Backward
// beside it, which goes through the same lines from last to first. What lies between two ForEach is
// done by one thread; within, threads share blocks of rows, heads, and pieces of the gradients of
// weights. A block of rows goes through as many layers as it can without others, in a near cache.
#include "model/network/transformer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/base/error.h"
#include "model/network/activation.h"
#include "model/network/attention.h"
#include "model/network/embedding.h"
#include "model/network/memory_layer.h"
#include "model/network/mix.h"
#include "model/network/norm.h"
#include "model/network/rotate.h"
#include "model/network/signal_layer.h"
#include "model/network/tensor.h"
#include "model/network/transformer_buffers.h"

namespace occam {
namespace {

using ThreadScratch = Workspace::ThreadScratch;

size_t Size(int64_t n) { return static_cast<size_t>(n); }

}  // namespace

struct Transformer::Impl : TransformerBuffers {
  Impl(const ModelConfig& config, int sequences, int length, Workspace* workspace);

  void ForwardAttention(const NetworkWeights::Layer& w, int l);
  void BackwardAttention(const NetworkWeights::Layer& w, int l, ParameterSet* dw);
  void ForwardMlp(const NetworkWeights::Layer& w, int l);
  void BackwardMlp(const NetworkWeights::Layer& w, int l, ParameterSet* dw);
  void BackwardMix(const Tensor& x, const std::vector<float>& inverse_rms, const MixWeights& w,
                   const RowBlock& b, ThreadScratch* scratch);
  void AddMixGradients(int gain, int taps, ParameterSet* dw);
  void ForwardRecall(const NetworkWeights::Memory& w, int l);
  void BackwardRecall(const NetworkWeights::Memory& w, int l, ParameterSet* dw, RecalledRows* d);
  void BackwardEmbedding(const NetworkWeights::Memory& w, ParameterSet* dw, RecalledRows* d);

  template <typename Job>
  void ForEachBlock(std::initializer_list<WeightGradient> gradients, Job&& job) {
    workspace.ForEachBlock(sequences, length, gradients, job);
  }
  // job(shape, part, sums, scratch) for every sequence and key/value head: the shape of one;
  // part(x, first, columns) gives its rows and columns of x, where those of all heads begin at
  // `first`, `columns` for each; sums(inverse_sum) its place there.
  template <typename Job>
  void ForEachHead(int l, std::initializer_list<WeightGradient> gradients, Job&& job);

  // The rows of the block's sequence.
  ConstTensorView SequenceOf(const RowBlock& b, const Tensor& x) const {
    return x.view().Rows(b.sequence * length, length);
  }
  // Of values [N, per_row], those of the block.
  template <typename Values>
  auto Part(const RowBlock& b, Values& values, int64_t per_row = 1) const {
    return std::span(values).subspan(Size(b.first * per_row), Size(b.rows() * per_row));
  }
  // Of values [N], those of the block's sequence.
  template <typename Values>
  auto SequencePart(const RowBlock& b, Values& values) const {
    return std::span(values).subspan(Size(b.sequence * length), Size(length));
  }
  Tensor& XAfter(int l) { return l + 1 < c.layers ? blocks[Size(l + 1)].x : last; }

  const ModelConfig c;
  const ParameterIndex index;
  const int sequences;
  const int length;
  const int64_t qk_width;  // D + kv_width
  const RotaryAngles angles;
  // Of each thread, the keys of a head as attention sees them [length, head size], and their
  // gradient.
  std::vector<Tensor> shifted_keys, dshifted_keys;
  Workspace& workspace;
  LinearLayers& linear;
  MemoryLayer memory;
  SignalLayer signals;
};

Transformer::Impl::Impl(const ModelConfig& config, int sequences_in, int length_in,
                        Workspace* workspace_in)
    : TransformerBuffers(int64_t{sequences_in} * length_in,
                         Workspace::Blocks(sequences_in, length_in), config,
                         workspace_in->precision()),
      c(config),
      index(config),
      sequences(sequences_in),
      length(length_in),
      qk_width(c.width + c.kv_width()),
      angles(length, c.head_size()),
      workspace(*workspace_in),
      linear(workspace_in->linear()),
      memory(config, sequences_in, length_in, workspace_in),
      signals(config, sequences_in, length_in, workspace_in) {
  for (int i = 0; i < workspace.team()->size(); ++i) {
    shifted_keys.emplace_back(length, c.head_size());
    dshifted_keys.emplace_back(length, c.head_size());
  }
}

// --- attention: x += attention(queries, keys, values) wo -----------------------------------------

template <typename Job>
void Transformer::Impl::ForEachHead(int l, std::initializer_list<WeightGradient> gradients,
                                    Job&& job) {
  const int group = c.heads / c.kv_heads;
  const AttentionShape shape{1, length, group, 1, c.head_size(), c.window(l)};
  workspace.ForEach(sequences * c.kv_heads, gradients, [&](int item, ThreadScratch& scratch) {
    const int64_t sequence = item / c.kv_heads, head = item % c.kv_heads;
    const auto part = [&](auto x, int64_t first, int64_t columns) {
      return x.Rows(sequence * length, length).Columns(first + head * columns, columns);
    };
    const auto sums = [&](auto& inverse_sum) {
      return std::span(inverse_sum)
          .subspan(Size((sequence * c.heads + head * group) * length), Size(group * length));
    };
    job(shape, part, sums, scratch);
  });
}

void Transformer::Impl::ForwardAttention(const NetworkWeights::Layer& w, int l) {
  Activations& a = blocks[Size(l)];
  ForEachBlock({}, [&](const RowBlock& b, ThreadScratch& scratch) {
    MixForward(SequenceOf(b, a.x), w.mix1, b.positions, SequencePart(b, a.x_inverse_rms),
               b.Of(a.mixed1), &scratch.mix);
    linear.Forward(scratch.thread, b.Of(a.mixed1), w.wqkv, b.Of(a.qkv.view()), Result::kReplace);
    const TensorView queries_and_keys = b.Of(a.qkv.view()).Columns(0, qk_width);
    RotateForward(angles, b.positions.begin, queries_and_keys);
    NormForward(queries_and_keys, c.head_size(), queries_and_keys,
                Part(b, a.qk_inverse_rms, c.heads + c.kv_heads));
  });
  const int64_t q_columns = c.width / c.kv_heads, kv_columns = c.head_size();
  ForEachHead(
      l, {}, [&](const AttentionShape& shape, auto part, auto sums, ThreadScratch& scratch) {
        const ConstTensorView qkv = a.qkv;
        Tensor& keys = shifted_keys[Size(scratch.thread)];
        ShiftStillPairs(part(qkv, c.width, kv_columns), keys);
        AttentionForward(shape, part(qkv, 0, q_columns), keys, part(qkv, qk_width, kv_columns),
                         part(a.attended.view(), 0, q_columns), sums(a.inverse_sum),
                         &scratch.attention);
      });
  ForEachBlock({}, [&](const RowBlock& b, ThreadScratch& scratch) {
    const TensorView middle = b.Of(a.middle.view());
    Copy(b.Of(a.x.view()), middle);
    linear.Forward(scratch.thread, ToOperand(b.Of(a.attended.view()), b.Of(attended)), w.wo, middle,
                   Result::kAdd);
  });
}

// dx of what is between attention and MLP becomes dx of the block's input: the residual connection
// leaves it in place. BackwardMlp has made dmiddle, dattended and the operand `attended`.
void Transformer::Impl::BackwardAttention(const NetworkWeights::Layer& w, int l, ParameterSet* dw) {
  const LayerIndex& i = index.layers[Size(l)];
  Activations& a = blocks[Size(l)];
  const int64_t q_columns = c.width / c.kv_heads, kv_columns = c.head_size();
  ForEachHead(l, {{dmiddle, attended, MatrixOf(dw, i.wo)}},
              [&](const AttentionShape& shape, auto part, auto sums, ThreadScratch& scratch) {
                const ConstTensorView qkv = a.qkv;
                const TensorView d = dqkv;
                Tensor& keys = shifted_keys[Size(scratch.thread)];
                Tensor& dkeys = dshifted_keys[Size(scratch.thread)];
                ShiftStillPairs(part(qkv, c.width, kv_columns), keys);
                AttentionBackward(shape, part(qkv, 0, q_columns), keys,
                                  part(qkv, qk_width, kv_columns),
                                  part(a.attended.view(), 0, q_columns), sums(a.inverse_sum),
                                  part(dattended.view(), 0, q_columns), part(d, 0, q_columns),
                                  dkeys, part(d, qk_width, kv_columns), &scratch.attention);
                UnshiftStillPairs(dkeys, part(d, c.width, kv_columns));
              });
  ForEachBlock({}, [&](const RowBlock& b, ThreadScratch& scratch) {
    const TensorView d = b.Of(dqkv.view());
    const TensorView dqk = d.Columns(0, qk_width);
    NormBackward(b.Of(a.qkv.view()).Columns(0, qk_width), c.head_size(),
                 Part(b, a.qk_inverse_rms, c.heads + c.kv_heads), dqk);
    RotateBackward(angles, b.positions.begin, dqk);
    linear.BackwardInput(scratch.thread, ToOperand(d, b.Of(dqkv_operand)), w.wqkv,
                         b.Of(dmixed.view()));
  });
  ForEachBlock({{dqkv_operand, a.mixed1, QkvOf(dw, i)}},
               [&](const RowBlock& b, ThreadScratch& scratch) {
                 BackwardMix(a.x, a.x_inverse_rms, w.mix1, b, &scratch);
               });
  AddMixGradients(i.gain1, i.conv1, dw);
}

// --- MLP: x += relu(mixed wu)^2 wd ---------------------------------------------------------------

void Transformer::Impl::ForwardMlp(const NetworkWeights::Layer& w, int l) {
  Activations& a = blocks[Size(l)];
  ForEachBlock({}, [&](const RowBlock& b, ThreadScratch& scratch) {
    const TensorView up = scratch.wide.view().Rows(0, b.rows());
    const OperandView squared = scratch.activated.Rows(0, b.rows());
    const TensorView out = b.Of(XAfter(l).view());
    MixForward(SequenceOf(b, a.middle), w.mix2, b.positions, SequencePart(b, a.middle_inverse_rms),
               b.Of(a.mixed2), &scratch.mix);
    linear.Forward(scratch.thread, b.Of(a.mixed2), w.wu, up, Result::kReplace);
    ReluSquareForward(up, b.Of(a.relu), squared);
    Copy(b.Of(a.middle.view()), out);
    linear.Forward(scratch.thread, squared, w.wd, out, Result::kAdd);
  });
}

// dx of the block's output becomes dx of what is between attention and MLP, and goes on through wo.
void Transformer::Impl::BackwardMlp(const NetworkWeights::Layer& w, int l, ParameterSet* dw) {
  const LayerIndex& i = index.layers[Size(l)];
  Activations& a = blocks[Size(l)];
  ForEachBlock({}, [&](const RowBlock& b, ThreadScratch& scratch) {
    const TensorView dsquared = scratch.wide.view().Rows(0, b.rows());
    linear.BackwardInput(scratch.thread, ToOperand(b.Of(dx.view()), b.Of(dout)), w.wd, dsquared);
    ReluSquareBackward(b.Of(a.relu), dsquared, b.Of(dup), b.Of(activated));
    linear.BackwardInput(scratch.thread, b.Of(dup), w.wu, b.Of(dmixed.view()));
  });
  ForEachBlock({{dout, activated, MatrixOf(dw, i.wd)}, {dup, a.mixed2, MatrixOf(dw, i.wu)}},
               [&](const RowBlock& b, ThreadScratch& scratch) {
                 BackwardMix(a.middle, a.middle_inverse_rms, w.mix2, b, &scratch);
                 linear.BackwardInput(scratch.thread, ToOperand(b.Of(dx.view()), b.Of(dmiddle)),
                                      w.wo, b.Of(dattended.view()));
                 ToOperand(b.Of(a.attended.view()), b.Of(attended));
               });
  AddMixGradients(i.gain2, i.conv2, dw);
}

// --- h = norm(x) * gain; mixed = h + convolution(h) ----------------------------------------------

// A block's dx += for dmixed; its share of the weights' gradients goes to dmix_weights.
void Transformer::Impl::BackwardMix(const Tensor& x, const std::vector<float>& inverse_rms,
                                    const MixWeights& w, const RowBlock& b,
                                    ThreadScratch* scratch) {
  const int64_t rows = 1 + w.taps.rows;
  MixBackward(SequenceOf(b, x), w, b.positions, SequencePart(b, inverse_rms), SequenceOf(b, dmixed),
              dx.view().Rows(b.sequence * length, length),
              dmix_weights.view().Rows(b.number * rows, rows), &scratch->mix);
}

// The sum of all blocks' shares, in their order. `taps` is -1 where there are none.
void Transformer::Impl::AddMixGradients(int gain, int taps, ParameterSet* dw) {
  const TensorView dgain = MatrixOf(dw, gain), dtaps = MatrixOf(dw, taps);
  Clear(dgain);
  Clear(dtaps);
  const TensorView shares = dmix_weights;
  const int64_t rows = 1 + dtaps.rows;
  for (int64_t r = 0; r < Workspace::Blocks(sequences, length) * rows; ++r) {
    float* const sum = r % rows == 0 ? dgain.row(0) : dtaps.row(r % rows - 1);
    for (int64_t j = 0; j < c.width; ++j) sum[j] += shares.row(r)[j];
  }
}

// --- before the gated block: x += (recalled rows * gates) projection -----------------------------

void Transformer::Impl::ForwardRecall(const NetworkWeights::Memory& w, int l) {
  if (l != c.memory_gate) return;
  ForEachBlock({}, [&](const RowBlock& b, ThreadScratch& scratch) {
    memory.ForwardGate(b, w, scratch.thread, b.Of(blocks[Size(l)].x.view()));
  });
}

void Transformer::Impl::BackwardRecall(const NetworkWeights::Memory& w, int l, ParameterSet* dw,
                                       RecalledRows* d) {
  if (l != c.memory_gate) return;
  ForEachBlock({}, [&](const RowBlock& b, ThreadScratch& scratch) {
    memory.BackwardGate(b, w, scratch.thread, b.Of(dx.view()), d);
  });
  memory.AddGateGradients(dw);
}

// --- the whole network: embedding, norm, blocks, norm, gain, head --------------------------------

std::span<const float> Transformer::Forward(const NetworkWeights& w,
                                            std::span<const int32_t> inputs) {
  Impl& m = *impl_;
  if (inputs.size() != m.inputs.size()) throw InternalError("inputs are not [sequences, length]");
  std::ranges::copy(inputs, m.inputs.begin());

  if (m.c.has_memory()) m.memory.Choose(m.inputs);
  if (m.c.has_signals()) m.signals.Choose(m.inputs);  // which are symbols from here on
  m.ForEachBlock({}, [&](const RowBlock& b, ThreadScratch& scratch) {
    const TensorView x = b.Of(m.blocks[0].x.view());
    EmbeddingForward(w.embedding(), m.Part(b, m.inputs), x);
    m.signals.ForwardInput(b, w.signals(), x);
    if (m.c.has_memory()) m.memory.ForwardInput(b, w.memory(), scratch.thread, x);
    NormForward(x, m.c.width, x, m.Part(b, m.embedded_inverse_rms));
  });
  for (int l = 0; l < m.c.layers; ++l) {
    m.ForwardRecall(w.memory(), l);
    m.ForwardAttention(w.layer(l), l);
    m.ForwardMlp(w.layer(l), l);
  }
  m.ForEachBlock({}, [&](const RowBlock& b, ThreadScratch& scratch) {
    MixForward(m.SequenceOf(b, m.last), w.final_gain(), b.positions,
               m.SequencePart(b, m.last_inverse_rms), b.Of(m.last_normed), &scratch.mix);
    m.linear.Forward(scratch.thread, b.Of(m.last_normed), w.head(), b.Of(m.logits.view()),
                     Result::kReplace);
    m.signals.MakeBytes(b, b.Of(m.logits.view()));
  });
  return {m.logits.data(), Size(m.logits.size())};
}

void Transformer::Backward(const NetworkWeights& w, std::span<const float> dlogits,
                           ParameterSet* dw, RecalledRows* recalled) {
  Impl& m = *impl_;
  if (m.c.has_memory() &&
      (recalled == nullptr || recalled->rows.size() != m.memory.rows().size())) {
    throw InternalError("there is no place for the gradients of the memory's rows");
  }
  if (dlogits.size() != Size(m.logits.size())) {
    throw InternalError("dlogits are not [sequences, length, V]");
  }
  const ConstTensorView dlogits_rows = ViewOf(dlogits, m.c.vocabulary);

  m.ForEachBlock({}, [&](const RowBlock& b, ThreadScratch& scratch) {
    ConstTensorView dsymbols = b.Of(dlogits_rows);
    if (m.c.residual) {  // in the place of the logits, which have served
      m.signals.MakeSymbols(b, dsymbols, b.Of(m.logits.view()));
      dsymbols = b.Of(m.logits.view());
    }
    m.linear.BackwardInput(scratch.thread, ToOperand(dsymbols, b.Of(m.dlogits)), w.head(),
                           b.Of(m.dmixed.view()));
    Clear(b.Of(m.dx.view()));
    m.BackwardMix(m.last, m.last_inverse_rms, w.final_gain(), b, &scratch);
  });
  m.AddMixGradients(m.index.final_gain, /*taps=*/-1, dw);
  for (int l = m.c.layers - 1; l >= 0; --l) {
    m.BackwardMlp(w.layer(l), l, dw);
    m.BackwardAttention(w.layer(l), l, dw);
    m.BackwardRecall(w.memory(), l, dw, recalled);
  }
  m.BackwardEmbedding(w.memory(), dw, recalled);
  if (m.c.has_memory()) std::ranges::copy(m.memory.rows(), recalled->rows.begin());
}

// Beside it, the gradient of the head, which nothing waited for.
void Transformer::Impl::BackwardEmbedding(const NetworkWeights::Memory& w, ParameterSet* dw,
                                          RecalledRows* d) {
  ForEachBlock({{dlogits, last_normed, MatrixOf(dw, index.head)}}, [&](const RowBlock& b,
                                                                       ThreadScratch& scratch) {
    NormBackward(b.Of(blocks[0].x.view()), c.width, Part(b, embedded_inverse_rms), b.Of(dx.view()));
    if (c.has_memory()) memory.BackwardInput(b, w, scratch.thread, b.Of(dx.view()), d);
  });
  const WeightGradient projection = memory.InputGradient(dw);
  const TensorView dtable = MatrixOf(dw, index.embedding);
  const int64_t columns = 16;  // a cache line of each row
  workspace.ForEach(
      static_cast<int>((c.width + columns - 1) / columns),
      std::span(&projection, c.has_memory() ? 1 : 0), [&](int item, ThreadScratch&) {
        const int64_t begin = item * columns, count = std::min(columns, c.width - begin);
        Clear(dtable.Columns(begin, count));
        EmbeddingBackward(inputs, dx.view().Columns(begin, count), dtable.Columns(begin, count));
        signals.BackwardInput(dx, begin, count, dw);
      });
}

Transformer::Transformer(const ModelConfig& config, int sequences, int length, Workspace* workspace)
    : impl_(std::make_unique<Impl>(config, sequences, length, workspace)) {}

Transformer::~Transformer() = default;

Calibration Transformer::KeyValueMaxima() const {
  const Impl& m = *impl_;
  const int64_t size = m.c.head_size();
  const auto largest = [&](ConstTensorView x) {
    float max = 0;
    for (int64_t r = 0; r < x.rows; ++r) {
      for (int64_t i = 0; i < x.columns; ++i) max = std::max(max, std::fabs(x.row(r)[i]));
    }
    return max;
  };
  Calibration maxima;
  for (const Activations& block : m.blocks) {
    const ConstTensorView qkv = block.qkv;
    for (int h = 0; h < m.c.kv_heads; ++h) {
      maxima.key_maxima.push_back(largest(qkv.Columns(m.c.width + h * size, size)));
      maxima.value_maxima.push_back(largest(qkv.Columns(m.qk_width + h * size, size)));
    }
  }
  return maxima;
}

}  // namespace occam
