// The network of DESIGN.md section 3, top to bottom. N = sequences * length tokens, D the width, Q
// = D + 2 kv_width the columns of queries, keys and values side by side, M the MLP's width, V the
// vocabulary. A gradient is named d and what it is the gradient of; each Forward has its Backward
// beside it, which goes through the same lines from last to first.
#include "model/transformer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/base/error.h"
#include "model/activation.h"
#include "model/attention.h"
#include "model/convolution.h"
#include "model/embedding.h"
#include "model/norm.h"
#include "model/rotate.h"
#include "model/tensor.h"

namespace occam {
namespace {

size_t Size(int64_t n) { return static_cast<size_t>(n); }

// What the backward pass needs of the input of attention or of the MLP: h = norm(x) * gain, mixed =
// h + convolution(h).
struct MixedInput {
  MixedInput(int64_t n, const ModelConfig& c)
      : inverse_rms(Size(n)), h(n, c.width), convolved(c.conv_width > 0 ? n : 0, c.width) {}
  std::vector<float> inverse_rms;  // [N]
  Tensor h;                        // [N, D]
  Tensor convolved;                // [N, D]; without convolution none, h is used in its place
  ConstTensorView mixed() const { return convolved.size() > 0 ? convolved : h; }
};

// What the backward pass needs of a block.
struct BlockActivations {
  BlockActivations(int64_t n, const ModelConfig& c)
      : x(n, c.width),
        input(n, c),
        qkv(n, c.width + 2 * c.kv_width()),
        qk_inverse_rms(Size(n * (c.heads + c.kv_heads))),
        attended(n, c.width),
        inverse_sum(Size(n * c.heads)),
        middle(n, c.width),
        mlp_input(n, c),
        up(n, c.mlp_width()) {}
  Tensor x;                           // [N, D] into the block
  MixedInput input;                   // of attention
  Tensor qkv;                         // [N, Q], queries and keys rotated and normed
  std::vector<float> qk_inverse_rms;  // [N, heads + kv_heads]
  Tensor attended;                    // [N, D]
  std::vector<float> inverse_sum;     // [sequences, heads, length]
  Tensor middle;                      // [N, D] between attention and MLP
  MixedInput mlp_input;
  Tensor up;  // [N, M] before the activation
};

}  // namespace

struct Transformer::Impl {
  Impl(const ModelConfig& config, int sequences, int length, Precision precision);

  void ForwardMix(ConstTensorView x, const ParameterSet& w, int gain, int conv, MixedInput* a);
  void BackwardMix(ConstTensorView x, const ParameterSet& w, int gain, int conv,
                   const MixedInput& a, ParameterSet* dw);
  void ForwardBlock(const ParameterSet& w, int l, TensorView out);
  void BackwardBlock(const ParameterSet& w, int l, ParameterSet* dw);

  AttentionShape Attention(int l) const {
    return {sequences, length, c.heads, c.kv_heads, c.head_size(), c.window(l)};
  }
  // A parameter tensor or its gradient as a matrix [outputs, inputs].
  ConstTensorView Matrix(const ParameterSet& w, int i) const {
    return ViewOf(w.tensor(i), w.table()[Size(i)].columns);
  }
  TensorView Matrix(ParameterSet* w, int i) const {
    return ViewOf(w->tensor(i), w->table()[Size(i)].columns);
  }
  // wq, wk and wv lie next to each other, so that one product makes queries, keys and values.
  template <typename Set>
  auto QkvMatrix(Set& w, int l) const {
    const ParameterSpec& wq = w.table()[Size(index.layers[Size(l)].wq)];
    return ViewOf(w.values().subspan(Size(wq.offset), Size(qkv_width * c.width)), c.width);
  }

  const ModelConfig c;
  const ParameterIndex index;
  const int sequences;
  const int length;
  const int64_t n;          // N
  const int64_t qk_width;   // D + kv_width
  const int64_t qkv_width;  // Q
  const RotaryAngles angles;

  // Kept from Forward to Backward.
  std::vector<int32_t> inputs;
  Tensor embedded;                          // [N, D]
  std::vector<float> embedded_inverse_rms;  // [N]
  std::vector<BlockActivations> blocks;
  Tensor last;                          // [N, D] out of the last block
  std::vector<float> last_inverse_rms;  // [N]
  Tensor last_normed;                   // [N, D]
  Tensor logits;                        // [N, V]

  // Used and forgotten.
  Tensor activated;  // [N, M]
  Tensor dx;         // [N, D] of the residual stream, from the last block down to the embedding
  Tensor dmixed;     // [N, D]
  Tensor dh;         // [N, D]
  Tensor dqkv;       // [N, Q]
  Tensor dattended;  // [N, D]
  Tensor dup;        // [N, M]
  LinearLayers linear;
  AttentionScratch attention_scratch;
};

Transformer::Impl::Impl(const ModelConfig& config, int sequences_in, int length_in,
                        Precision precision)
    : c(config),
      index(config),
      sequences(sequences_in),
      length(length_in),
      n(int64_t{sequences} * length),
      qk_width(c.width + c.kv_width()),
      qkv_width(c.width + 2 * c.kv_width()),
      angles(length, c.head_size()),
      inputs(Size(n)),
      embedded(n, c.width),
      embedded_inverse_rms(Size(n)),
      last(n, c.width),
      last_inverse_rms(Size(n)),
      last_normed(n, c.width),
      logits(n, c.vocabulary),
      activated(n, c.mlp_width()),
      dx(n, c.width),
      dmixed(n, c.width),
      dh(n, c.width),
      dqkv(n, qkv_width),
      dattended(n, c.width),
      dup(n, c.mlp_width()),
      linear(precision),
      attention_scratch(precision) {
  for (int l = 0; l < c.layers; ++l) blocks.emplace_back(n, c);
  for (const LayerIndex& layer : index.layers) {
    if (layer.wk != layer.wq + 1 || layer.wv != layer.wk + 1) {
      throw InternalError("the parameter table separates wq, wk and wv");
    }
  }
}

// --- h = norm(x) * gain; h += convolution(h) -----------------------------------------------------

void Transformer::Impl::ForwardMix(ConstTensorView x, const ParameterSet& w, int gain, int conv,
                                   MixedInput* a) {
  NormForward(x, w.tensor(gain), a->h, a->inverse_rms);
  if (c.conv_width > 0) ConvolutionForward(a->h, Matrix(w, conv), length, a->convolved);
}

// dx += for dmixed.
void Transformer::Impl::BackwardMix(ConstTensorView x, const ParameterSet& w, int gain, int conv,
                                    const MixedInput& a, ParameterSet* dw) {
  if (c.conv_width > 0) {
    ConvolutionBackward(a.h, Matrix(w, conv), length, dmixed, dh, Matrix(dw, conv));
  }
  NormBackward(x, w.tensor(gain), a.inverse_rms, c.conv_width > 0 ? dh : dmixed, dx,
               dw->tensor(gain));
}

// --- a block: x += attention(...) wo; x += relu(h wu)^2 wd ---------------------------------------

void Transformer::Impl::ForwardBlock(const ParameterSet& w, int l, TensorView out) {
  const LayerIndex& i = index.layers[Size(l)];
  BlockActivations& a = blocks[Size(l)];
  const TensorView qkv = a.qkv;
  const TensorView q = qkv.Columns(0, c.width);                  // [N, D]
  const TensorView k = qkv.Columns(c.width, c.kv_width());       // [N, kv_width]
  const TensorView v = qkv.Columns(qk_width, c.kv_width());      // [N, kv_width]
  const TensorView queries_and_keys = qkv.Columns(0, qk_width);  // [N, D + kv_width]

  ForwardMix(a.x, w, i.gain1, i.conv1, &a.input);
  linear.Forward(a.input.mixed(), QkvMatrix(w, l), qkv, Result::kReplace);
  RotateForward(angles, queries_and_keys);
  HeadNormForward(queries_and_keys, c.head_size(), a.qk_inverse_rms);
  AttentionForward(Attention(l), q, k, v, a.attended, a.inverse_sum, &attention_scratch);
  Copy(a.x, a.middle);
  linear.Forward(a.attended, Matrix(w, i.wo), a.middle, Result::kAdd);

  ForwardMix(a.middle, w, i.gain2, i.conv2, &a.mlp_input);
  linear.Forward(a.mlp_input.mixed(), Matrix(w, i.wu), a.up, Result::kReplace);
  ReluSquareForward(a.up, activated);
  Copy(a.middle, out);
  linear.Forward(activated, Matrix(w, i.wd), out, Result::kAdd);
}

// dx of the block's output becomes dx of its input: the residual connections leave it in place.
void Transformer::Impl::BackwardBlock(const ParameterSet& w, int l, ParameterSet* dw) {
  const LayerIndex& i = index.layers[Size(l)];
  const BlockActivations& a = blocks[Size(l)];
  const ConstTensorView qkv = a.qkv;
  const TensorView dqk = dqkv.view().Columns(0, qk_width);

  ReluSquareForward(a.up, activated);  // cheaper to do again than to keep
  linear.Backward(activated, Matrix(w, i.wd), dx, dup, Result::kReplace, Matrix(dw, i.wd));
  ReluSquareBackward(a.up, dup);
  linear.Backward(a.mlp_input.mixed(), Matrix(w, i.wu), dup, dmixed, Result::kReplace,
                  Matrix(dw, i.wu));
  BackwardMix(a.middle, w, i.gain2, i.conv2, a.mlp_input, dw);

  linear.Backward(a.attended, Matrix(w, i.wo), dx, dattended, Result::kReplace, Matrix(dw, i.wo));
  AttentionBackward(Attention(l), qkv.Columns(0, c.width), qkv.Columns(c.width, c.kv_width()),
                    qkv.Columns(qk_width, c.kv_width()), a.attended, a.inverse_sum, dattended,
                    dqkv.view().Columns(0, c.width), dqkv.view().Columns(c.width, c.kv_width()),
                    dqkv.view().Columns(qk_width, c.kv_width()), &attention_scratch);
  HeadNormBackward(qkv.Columns(0, qk_width), c.head_size(), a.qk_inverse_rms, dqk);
  RotateBackward(angles, dqk);
  linear.Backward(a.input.mixed(), QkvMatrix(w, l), dqkv, dmixed, Result::kReplace,
                  QkvMatrix(*dw, l));
  BackwardMix(a.x, w, i.gain1, i.conv1, a.input, dw);
}

// --- the whole network: embedding, norm, blocks, norm, gain, head --------------------------------

std::span<const float> Transformer::Forward(const ParameterSet& w,
                                            std::span<const int32_t> inputs) {
  Impl& m = *impl_;
  if (inputs.size() != m.inputs.size()) throw InternalError("inputs are not [sequences, length]");
  std::copy(inputs.begin(), inputs.end(), m.inputs.begin());
  const auto x = [&](int l) { return l < m.c.layers ? m.blocks[Size(l)].x.view() : m.last.view(); };

  EmbeddingForward(m.Matrix(w, m.index.embedding), inputs, m.embedded);
  NormForward(m.embedded, {}, x(0), m.embedded_inverse_rms);
  for (int l = 0; l < m.c.layers; ++l) m.ForwardBlock(w, l, x(l + 1));
  NormForward(m.last, w.tensor(m.index.final_gain), m.last_normed, m.last_inverse_rms);
  m.linear.Forward(m.last_normed, m.Matrix(w, m.index.head), m.logits, Result::kReplace);
  return {m.logits.data(), Size(m.logits.size())};
}

void Transformer::Backward(const ParameterSet& w, std::span<const float> dlogits,
                           ParameterSet* dw) {
  Impl& m = *impl_;
  if (dlogits.size() != Size(m.logits.size())) {
    throw InternalError("dlogits are not [sequences, length, V]");
  }
  const TensorView dlast_normed = m.dmixed;

  m.linear.Backward(m.last_normed, m.Matrix(w, m.index.head), ViewOf(dlogits, m.c.vocabulary),
                    dlast_normed, Result::kReplace, m.Matrix(dw, m.index.head));
  Clear(m.dx);
  NormBackward(m.last, w.tensor(m.index.final_gain), m.last_inverse_rms, dlast_normed, m.dx,
               dw->tensor(m.index.final_gain));
  for (int l = m.c.layers - 1; l >= 0; --l) m.BackwardBlock(w, l, dw);
  const TensorView dembedded = m.dh;
  Clear(dembedded);
  NormBackward(m.embedded, {}, m.embedded_inverse_rms, m.dx, dembedded, {});
  EmbeddingBackward(m.inputs, dembedded, m.Matrix(dw, m.index.embedding));
}

Transformer::Transformer(const ModelConfig& config, int sequences, int length, Precision precision)
    : impl_(std::make_unique<Impl>(config, sequences, length, precision)) {}

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
  for (const BlockActivations& block : m.blocks) {
    const ConstTensorView qkv = block.qkv;
    for (int h = 0; h < m.c.kv_heads; ++h) {
      maxima.key_maxima.push_back(largest(qkv.Columns(m.c.width + h * size, size)));
      maxima.value_maxima.push_back(largest(qkv.Columns(m.qk_width + h * size, size)));
    }
  }
  return maxima;
}

}  // namespace occam
