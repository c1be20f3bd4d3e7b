#include "model/network/reference/network.h"

#include "model/network/reference/layers.h"
#include "model/row_rules.h"
#include "model/signal_rules.h"

namespace occam::reference {
namespace {

size_t Size(int n) { return static_cast<size_t>(n); }

// norm(x) * gain, then beside it its convolution.
struct Mix {
  Matrix x, normed, h, mixed;
};

struct Block {
  Mix input;
  Matrix q_turned, k_turned;  // rotated, not yet normed
  AttentionInput qkv;
  Matrix attended;
  Mix mlp_input;
  Matrix up, activated;
};

class Network {
 public:
  Network(const ModelConfig& config, const Tensors& weights, size_t length, const Omit& omit)
      : c_(config), index_(config), w_(weights), length_(length), omit_(omit) {}

  Matrix Forward(std::span<const int32_t> inputs) {
    symbols_.assign(inputs.begin(), inputs.end());
    if (c_.has_signals()) ChooseRows(inputs);
    embedded_ = EmbeddingForward(weight(index_.embedding), symbols_);
    for (size_t i = 0; i < index_.signals.size() && !omit_.signal_rows; ++i)
      embedded_ = Sum(embedded_, EmbeddingForward(weight(index_.signals[i]), signal_rows_[i]));
    if (c_.has_memory()) RecallInto(inputs, &embedded_);
    Matrix x = Norm(embedded_, Size(c_.width), omit_.embedding_norm);
    blocks_.resize(Size(c_.layers));
    for (int l = 0; l < c_.layers; ++l) x = ForwardBlock(l, ForwardGate(l, x));
    last_ = x;
    last_normed_ = Norm(last_, Size(c_.width), omit_.final_norm);
    last_gained_ = GainForward(last_normed_, weight(index_.final_gain));
    return Turned(LinearForward(last_gained_, weight(index_.head)), 1);
  }

  Tensors Backward(const Matrix& dbytes) {
    for (const Matrix& w : w_) dw_.emplace_back(w.rows, w.columns);
    const Matrix dlogits = Turned(dbytes, -1);
    const Matrix dgained =
        LinearBackward(last_gained_, weight(index_.head), dlogits, gradient(index_.head));
    const Matrix dnormed =
        GainBackward(last_normed_, weight(index_.final_gain), dgained, gradient(index_.final_gain));
    Matrix dx = NormGradient(last_, Size(c_.width), dnormed, omit_.final_norm);
    for (int l = c_.layers - 1; l >= 0; --l) dx = BackwardGate(l, BackwardBlock(l, dx));
    const Matrix dembedded = NormGradient(embedded_, Size(c_.width), dx, omit_.embedding_norm);
    EmbeddingBackward(symbols_, dembedded, gradient(index_.embedding));
    for (size_t i = 0; i < index_.signals.size() && !omit_.signal_rows; ++i)
      EmbeddingBackward(signal_rows_[i], dembedded, gradient(index_.signals[i]));
    if (c_.has_memory() && !omit_.memory_input) {
      const int projection = index_.memory_projection;
      const Matrix drecalled =
          LinearBackward(recalled_, weight(projection), dembedded, gradient(projection));
      RecallBackward(rows_, drecalled, &dw_.back());
    }
    return dw_;
  }

 private:
  const Matrix& weight(int i) const { return w_[Size(i)]; }
  Matrix* gradient(int i) { return &dw_[Size(i)]; }
  size_t head_size() const { return Size(c_.head_size()); }
  size_t window(int l) const { return omit_.window ? length_ : Size(c_.window(l)); }

  static Matrix Norm(const Matrix& x, size_t size, bool omitted) {
    return omitted ? x : NormForward(x, size);
  }
  static Matrix NormGradient(const Matrix& x, size_t size, const Matrix& dy, bool omitted) {
    return omitted ? dy : NormBackward(x, size, dy);
  }
  Matrix Turn(const Matrix& x) const {
    return omit_.rotary ? x : RotateForward(x, head_size(), length_);
  }
  Matrix TurnBack(const Matrix& dy) const {
    return omit_.rotary ? dy : RotateBackward(dy, head_size(), length_);
  }

  Matrix Shift(const Matrix& k) const {
    return omit_.key_shift ? k : ShiftForward(k, head_size(), length_);
  }
  Matrix ShiftBack(const Matrix& dk) const {
    return omit_.key_shift ? dk : ShiftBackward(dk, head_size(), length_);
  }

  // What inputs stand for, and the rows that are added to their embeddings.
  void ChooseRows(std::span<const int32_t> inputs) {
    predictions_.resize(inputs.size());
    SignalPast past(c_);
    std::vector<int32_t> rows(inputs.size() * c_.signal_rules.size());
    for (size_t first = 0; first < inputs.size(); first += length_) {
      ChooseSignals(
          c_, inputs.subspan(first, length_), &past,
          {std::span(symbols_).subspan(first, length_),
           std::span(predictions_).subspan(first, length_),
           rows.empty() ? std::span<int32_t>() : std::span(rows).subspan(first), inputs.size()});
    }
    for (size_t i = 0; i < c_.signal_rules.size(); ++i) {
      const auto begin = rows.begin() + static_cast<ptrdiff_t>(i * inputs.size());
      signal_rows_.emplace_back(begin, begin + static_cast<ptrdiff_t>(inputs.size()));
    }
  }
  // Rows whose column i moves by `sign` times the prediction, modulo 256.
  Matrix Turned(const Matrix& x, int32_t sign) const {
    if (!c_.residual || omit_.residual) return x;
    Matrix y(x.rows, x.columns);
    for (size_t r = 0; r < x.rows; ++r) {
      for (int32_t i = 0; i < 256; ++i)
        y.at(r, Size((i + sign * predictions_[r]) & 255)) = x.at(r, Size(i));
    }
    return y;
  }

  // The rows that each sequence's positions recall; x += their projection.
  void RecallInto(std::span<const int32_t> inputs, Matrix* x) {
    const RowRules rules(c_);
    rows_.resize(inputs.size() * rules.count());
    for (size_t first = 0; first < inputs.size(); first += length_) {
      rules.ChooseAll(inputs.subspan(first, length_), c_.begin_symbol(),
                      std::span(rows_).subspan(first * rules.count(), length_ * rules.count()));
    }
    recalled_ = RecallForward(w_.back(), rules.count(), rows_);
    if (!omit_.memory_input)
      *x = Sum(*x, LinearForward(recalled_, weight(index_.memory_projection)));
  }
  // Before block l, x + the projection of the gated rows, where it is the gated one.
  Matrix ForwardGate(int l, const Matrix& x) {
    if (l != c_.memory_gate || omit_.memory_gate) return x;
    before_gate_ = x;
    gate_normed_ = NormForward(x, Size(c_.width));
    gates_ = LinearForward(gate_normed_, weight(index_.memory_gates));
    gated_ = reference::GateForward(recalled_, gates_);
    return Sum(x, LinearForward(gated_, weight(index_.memory_gated)));
  }
  Matrix BackwardGate(int l, const Matrix& dx) {
    if (l != c_.memory_gate || omit_.memory_gate) return dx;
    const int projection = index_.memory_gated, weights = index_.memory_gates;
    const Matrix dgated = LinearBackward(gated_, weight(projection), dx, gradient(projection));
    Matrix dgates;
    RecallBackward(rows_, reference::GateBackward(recalled_, gates_, dgated, &dgates), &dw_.back());
    const Matrix dnormed = LinearBackward(gate_normed_, weight(weights), dgates, gradient(weights));
    return Sum(dx, NormBackward(before_gate_, Size(c_.width), dnormed));
  }

  Mix ForwardMix(const Matrix& x, int gain, int conv, bool omit_norm, bool omit_convolution) {
    Mix m;
    m.x = x;
    m.normed = Norm(x, Size(c_.width), omit_norm);
    m.h = GainForward(m.normed, weight(gain));
    m.mixed = conv < 0 || omit_convolution ? m.h : ConvolutionForward(m.h, weight(conv), length_);
    return m;
  }
  Matrix BackwardMix(const Mix& m, int gain, int conv, bool omit_norm, bool omit_convolution,
                     const Matrix& dmixed) {
    const Matrix dh = conv < 0 || omit_convolution
                          ? dmixed
                          : ConvolutionBackward(m.h, weight(conv), length_, dmixed, gradient(conv));
    return NormGradient(m.x, Size(c_.width),
                        GainBackward(m.normed, weight(gain), dh, gradient(gain)), omit_norm);
  }

  Matrix ForwardBlock(int l, const Matrix& x) {
    const LayerIndex& i = index_.layers[Size(l)];
    Block& b = blocks_[Size(l)];
    b.input = ForwardMix(x, i.gain1, i.conv1, omit_.norm1, omit_.convolution1);
    b.q_turned = Turn(LinearForward(b.input.mixed, weight(i.wq)));
    b.k_turned = Turn(LinearForward(b.input.mixed, weight(i.wk)));
    b.qkv.q = Norm(b.q_turned, head_size(), omit_.query_norm);
    b.qkv.k = Shift(Norm(b.k_turned, head_size(), omit_.key_norm));
    b.qkv.v = LinearForward(b.input.mixed, weight(i.wv));
    b.attended = AttentionForward(b.qkv, head_size(), length_, window(l));
    const Matrix middle = Sum(x, LinearForward(b.attended, weight(i.wo)));
    b.mlp_input = ForwardMix(middle, i.gain2, i.conv2, omit_.norm2, omit_.convolution2);
    b.up = LinearForward(b.mlp_input.mixed, weight(i.wu));
    b.activated = ReluSquareForward(b.up);
    return Sum(middle, LinearForward(b.activated, weight(i.wd)));
  }

  Matrix BackwardBlock(int l, const Matrix& dout) {
    const LayerIndex& i = index_.layers[Size(l)];
    const Block& b = blocks_[Size(l)];
    const Matrix dactivated = LinearBackward(b.activated, weight(i.wd), dout, gradient(i.wd));
    const Matrix dup = ReluSquareBackward(b.up, dactivated);
    const Matrix dmlp = LinearBackward(b.mlp_input.mixed, weight(i.wu), dup, gradient(i.wu));
    const Matrix dmiddle = Sum(
        dout, BackwardMix(b.mlp_input, i.gain2, i.conv2, omit_.norm2, omit_.convolution2, dmlp));

    const Matrix dattended = LinearBackward(b.attended, weight(i.wo), dmiddle, gradient(i.wo));
    const AttentionInput d = AttentionBackward(b.qkv, head_size(), length_, window(l), dattended);
    const Matrix dq = TurnBack(NormGradient(b.q_turned, head_size(), d.q, omit_.query_norm));
    const Matrix dk =
        TurnBack(NormGradient(b.k_turned, head_size(), ShiftBack(d.k), omit_.key_norm));
    const Matrix& h = b.input.mixed;
    const Matrix dmixed = Sum(LinearBackward(h, weight(i.wq), dq, gradient(i.wq)),
                              Sum(LinearBackward(h, weight(i.wk), dk, gradient(i.wk)),
                                  LinearBackward(h, weight(i.wv), d.v, gradient(i.wv))));
    return Sum(dmiddle,
               BackwardMix(b.input, i.gain1, i.conv1, omit_.norm1, omit_.convolution1, dmixed));
  }

  const ModelConfig& c_;
  const ParameterIndex index_;
  const Tensors& w_;
  const size_t length_;
  const Omit omit_;
  Tensors dw_;
  Matrix embedded_, last_, last_normed_, last_gained_;
  std::vector<Block> blocks_;
  // Of signals, for each position.
  std::vector<int32_t> symbols_, predictions_;
  std::vector<std::vector<int32_t>> signal_rows_;  // of each rule
  // Of the memory.
  std::vector<int32_t> rows_;
  Matrix recalled_, before_gate_, gate_normed_, gates_, gated_;
};

}  // namespace

Tensors TensorsOf(const ParameterSet& parameters) {
  Tensors tensors;
  for (size_t i = 0; i < parameters.table().size(); ++i) {
    tensors.emplace_back(parameters.tensor(static_cast<int>(i)),
                         static_cast<size_t>(parameters.table()[i].columns));
  }
  return tensors;
}

Tensors TensorsOf(const ParameterSet& parameters, const MemoryRows& memory,
                  const ModelConfig& config) {
  Tensors tensors = TensorsOf(parameters);
  if (config.has_memory())
    tensors.emplace_back(memory.values, static_cast<size_t>(config.memory_width));
  return tensors;
}

Step RunNetwork(const ModelConfig& config, const Tensors& weights, std::span<const int32_t> inputs,
                std::span<const int32_t> targets, size_t length, bool with_gradients,
                const Omit& omit) {
  Network network(config, weights, length, omit);
  Step step;
  step.logits = network.Forward(inputs);
  step.loss_nats = CrossEntropyForward(step.logits, targets);
  if (with_gradients) {
    step.gradients = network.Backward(CrossEntropyBackward(step.logits, targets));
  }
  return step;
}

}  // namespace occam::reference
