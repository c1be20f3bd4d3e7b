#include "model/import/float_llama.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <numeric>
#include <utility>

#include "data/base/thread_team.h"

namespace occam {
namespace {

// Rows stand side by side, [elements][positions], so that loops over positions become vectors.
class Columns {
 public:
  Columns(int64_t elements, size_t positions)
      : positions_(positions), values_(static_cast<size_t>(elements) * positions) {}
  double* row(int64_t i) { return values_.data() + static_cast<size_t>(i) * positions_; }
  const double* row(int64_t i) const {
    return values_.data() + static_cast<size_t>(i) * positions_;
  }
  size_t positions() const { return positions_; }
  std::vector<double> Take() { return std::move(values_); }
  int64_t elements() const { return static_cast<int64_t>(values_.size() / positions_); }

 private:
  size_t positions_;
  std::vector<double> values_;
};

Columns Times(const std::vector<float>& w, const Columns& x) {
  const int64_t inputs = x.elements();
  const auto outputs = static_cast<int64_t>(w.size()) / inputs;
  Columns y(outputs, x.positions());
  const auto rows = [&](int64_t first, int64_t last) {
    for (int64_t j = first; j < last; ++j) {
      double* const out = y.row(j);
      for (int64_t k = 0; k < inputs; ++k) {
        const auto weight = static_cast<double>(w[static_cast<size_t>(j * inputs + k)]);
        const double* const in = x.row(k);
        for (size_t t = 0; t < x.positions(); ++t) out[t] += weight * in[t];
      }
    }
  };
  constexpr int64_t kRows = 64;
  constexpr size_t kWorthThreads = size_t{1} << 24;  // products
  if (w.size() * x.positions() < kWorthThreads) {
    rows(0, outputs);
    return y;
  }
  ThreadTeam team(0);
  team.Run(static_cast<int>((outputs + kRows - 1) / kRows),
           [&](int item, int) { rows(item * kRows, std::min(outputs, (item + 1) * kRows)); });
  return y;
}

void Add(const Columns& y, Columns* x) {
  for (int64_t i = 0; i < x->elements(); ++i) {
    for (size_t t = 0; t < x->positions(); ++t) x->row(i)[t] += y.row(i)[t];
  }
}

void Grow(const Columns& x, std::vector<double>* maxima) {
  maxima->resize(static_cast<size_t>(x.elements()));
  for (int64_t i = 0; i < x.elements(); ++i) {
    double& most = (*maxima)[static_cast<size_t>(i)];
    for (size_t t = 0; t < x.positions(); ++t) most = std::max(most, std::fabs(x.row(i)[t]));
  }
}

Columns Normed(const Columns& x, double epsilon) {
  Columns y = x;
  for (size_t t = 0; t < x.positions(); ++t) {
    double sum = 0;
    for (int64_t i = 0; i < x.elements(); ++i) sum += x.row(i)[t] * x.row(i)[t];
    const double inverse = 1 / std::sqrt(sum / static_cast<double>(x.elements()) + epsilon);
    for (int64_t i = 0; i < x.elements(); ++i) y.row(i)[t] *= inverse;
  }
  return y;
}

void Scale(const std::vector<float>& gain, Columns* x) {
  for (int64_t i = 0; i < x->elements(); ++i) {
    for (size_t t = 0; t < x->positions(); ++t)
      x->row(i)[t] *= static_cast<double>(gain[static_cast<size_t>(i)]);
  }
}

void Turn(const LlamaWeights& w, Columns* x) {
  const int64_t pairs = w.head_size / 2;
  for (int64_t i = 0; i < x->elements(); i += w.head_size) {
    for (int64_t p = 0; p < pairs; ++p) {
      const double step = w.step_of(p);
      double* const a = x->row(i + p);
      double* const b = x->row(i + pairs + p);
      for (size_t t = 0; t < x->positions(); ++t) {
        const double angle = step * static_cast<double>(t);
        const double turned = a[t] * std::cos(angle) - b[t] * std::sin(angle);
        b[t] = a[t] * std::sin(angle) + b[t] * std::cos(angle);
        a[t] = turned;
      }
    }
  }
}

// Adds a number to each row.
void AddBias(const std::vector<float>& bias, Columns* x) {
  for (size_t i = 0; i < bias.size(); ++i) {
    double* const row = x->row(static_cast<int64_t>(i));
    for (size_t t = 0; t < x->positions(); ++t) row[t] += static_cast<double>(bias[i]);
  }
}

// Norms each head, with one gain for all.
void NormHeads(const std::vector<float>& gain, double epsilon, Columns* x) {
  const auto n = static_cast<int64_t>(gain.size());
  for (int64_t head = 0; n > 0 && head < x->elements(); head += n) {
    Columns part(n, x->positions());
    for (int64_t i = 0; i < n; ++i) std::copy_n(x->row(head + i), x->positions(), part.row(i));
    part = Normed(part, epsilon);
    Scale(gain, &part);
    for (int64_t i = 0; i < n; ++i) std::copy_n(part.row(i), x->positions(), x->row(head + i));
  }
}

// silu(gates) * inner, or gelu(inner) where there are no gates.
void Activate(const Columns* gates, Columns* inner) {
  for (int64_t i = 0; i < inner->elements(); ++i) {
    for (size_t t = 0; t < inner->positions(); ++t) {
      double& u = inner->row(i)[t];
      if (gates != nullptr) {
        const double g = gates->row(i)[t];
        u *= g / (1 + std::exp(-g));
      } else {
        const double bent = std::sqrt(2 / std::numbers::pi) * (u + 0.044715 * u * u * u);
        u = u / 2 * (1 + std::tanh(bent));
      }
    }
  }
}

Columns Inputs(const LlamaWeights& w, std::span<const int32_t> inputs) {
  Columns x(w.width, inputs.size());
  for (size_t t = 0; t < inputs.size(); ++t) {
    const auto row = std::span(w.embedding)
                         .subspan(static_cast<size_t>(inputs[t]) * static_cast<size_t>(w.width),
                                  static_cast<size_t>(w.width));
    for (size_t i = 0; i < row.size(); ++i)
      x.row(static_cast<int64_t>(i))[t] = static_cast<double>(row[i]);
    if (w.positions.empty()) continue;
    const double mean =
        std::accumulate(row.begin(), row.end(), 0.0) / static_cast<double>(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      const float position = w.positions[t * row.size() + i];
      x.row(static_cast<int64_t>(i))[t] += static_cast<double>(position) - mean;
    }
  }
  return x;
}

Columns Attended(const LlamaWeights& w, const Columns& q, const Columns& k, const Columns& v) {
  const int64_t n = w.head_size;
  Columns out(q.elements(), q.positions());
  std::vector<double> weights(q.positions());
  for (int64_t h = 0; h < w.heads; ++h) {
    const int64_t query = h * n, key = h / w.group() * n;
    for (size_t t = 0; t < q.positions(); ++t) {
      std::fill_n(weights.begin(), t + 1, 0.0);
      for (int64_t i = 0; i < n; ++i) {
        for (size_t j = 0; j <= t; ++j) weights[j] += q.row(query + i)[t] * k.row(key + i)[j];
      }
      const double largest =
          *std::max_element(weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(t) + 1);
      double sum = 0;
      for (size_t j = 0; j <= t; ++j) {
        weights[j] = std::exp((weights[j] - largest) / std::sqrt(static_cast<double>(n)));
        sum += weights[j];
      }
      for (int64_t i = 0; i < n; ++i) {
        double value = 0;
        for (size_t j = 0; j <= t; ++j) value += weights[j] * v.row(key + i)[j];
        out.row(query + i)[t] = value / sum;
      }
    }
  }
  return out;
}

}  // namespace

std::vector<double> FloatStates(const LlamaWeights& w, std::span<const int32_t> inputs,
                                std::vector<LlamaMaxima>* maxima) {
  Columns x = Inputs(w, inputs);
  for (size_t l = 0; l < w.layers.size(); ++l) {
    const LlamaLayerWeights& layer = w.layers[l];
    LlamaMaxima* const seen = maxima == nullptr ? nullptr : &(*maxima)[l];
    Columns h = Normed(x, w.epsilon);
    if (seen) Grow(h, &seen->attention_inputs);
    Scale(layer.gain1, &h);
    Columns q = Times(layer.wq, h), k = Times(layer.wk, h);
    const Columns v = Times(layer.wv, h);
    AddBias(layer.bq, &q);
    NormHeads(layer.q_gain, w.epsilon, &q);
    NormHeads(layer.k_gain, w.epsilon, &k);
    if (!w.is(ImportedShape::kGpt2)) Turn(w, &q), Turn(w, &k);
    if (seen) Grow(q, &seen->queries), Grow(k, &seen->keys), Grow(v, &seen->values);
    Add(Times(layer.wo, Attended(w, q, k, v)), &x);
    AddBias(layer.bo, &x);
    h = Normed(x, w.epsilon);
    if (seen) Grow(h, &seen->mlp_inputs);
    Scale(layer.gain2, &h);
    Columns inner = Times(layer.wu, h);
    AddBias(layer.bu, &inner);
    if (layer.wg.empty()) {
      Activate(nullptr, &inner);
    } else {
      const Columns gates = Times(layer.wg, h);
      Activate(&gates, &inner);
    }
    if (seen) Grow(inner, &seen->gated);
    Add(Times(layer.wd, inner), &x);
    AddBias(layer.bd, &x);
  }
  Columns h = Normed(x, w.epsilon);
  Scale(w.final_gain, &h);
  return h.Take();
}

std::vector<double> LogitsOf(const LlamaWeights& w, std::span<const double> states, size_t inputs,
                             size_t first, size_t count) {
  Columns h(w.width, count);
  for (int64_t i = 0; i < w.width; ++i)
    std::copy_n(states.data() + static_cast<size_t>(i) * inputs + first, count, h.row(i));
  Columns columns = Times(w.output(), h);
  AddBias(w.head_bias, &columns);
  const auto tokens = static_cast<size_t>(w.tokens);
  std::vector<double> logits(count * tokens);
  for (int64_t i = 0; i < w.tokens; ++i) {
    for (size_t t = 0; t < count; ++t)
      logits[t * tokens + static_cast<size_t>(i)] = columns.row(i)[t];
  }
  return logits;
}

std::vector<double> FloatLogits(const LlamaWeights& w, std::span<const int32_t> inputs,
                                std::vector<LlamaMaxima>* maxima) {
  return LogitsOf(w, FloatStates(w, inputs, maxima), inputs.size(), 0, inputs.size());
}

}  // namespace occam
