#include "model/import/float_llama.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

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
  int64_t elements() const { return static_cast<int64_t>(values_.size() / positions_); }

 private:
  size_t positions_;
  std::vector<double> values_;
};

Columns Times(const std::vector<float>& w, const Columns& x) {
  const int64_t inputs = x.elements();
  const auto outputs = static_cast<int64_t>(w.size()) / inputs;
  Columns y(outputs, x.positions());
  for (int64_t j = 0; j < outputs; ++j) {
    double* const out = y.row(j);
    for (int64_t k = 0; k < inputs; ++k) {
      const double weight = w[static_cast<size_t>(j * inputs + k)];
      const double* const in = x.row(k);
      for (size_t t = 0; t < x.positions(); ++t) out[t] += weight * in[t];
    }
  }
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

void Turn(int64_t head_size, double theta, Columns* x) {
  const int64_t pairs = head_size / 2;
  for (int64_t i = 0; i < x->elements(); i += head_size) {
    for (int64_t p = 0; p < pairs; ++p) {
      const double step =
          std::pow(theta, -2.0 * static_cast<double>(p) / static_cast<double>(head_size));
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

std::vector<double> FloatLogits(const LlamaWeights& w, std::span<const int32_t> inputs,
                                std::vector<LlamaMaxima>* maxima) {
  const size_t positions = inputs.size();
  Columns x(w.width, positions);
  for (size_t t = 0; t < positions; ++t) {
    for (int64_t i = 0; i < w.width; ++i)
      x.row(i)[t] = w.embedding[static_cast<size_t>(inputs[t] * w.width + i)];
  }
  for (size_t l = 0; l < w.layers.size(); ++l) {
    const LlamaLayerWeights& layer = w.layers[l];
    LlamaMaxima* const seen = maxima == nullptr ? nullptr : &(*maxima)[l];
    Columns h = Normed(x, w.epsilon);
    if (seen) Grow(h, &seen->attention_inputs);
    Scale(layer.gain1, &h);
    Columns q = Times(layer.wq, h), k = Times(layer.wk, h);
    const Columns v = Times(layer.wv, h);
    Turn(w.head_size, w.theta, &q);
    Turn(w.head_size, w.theta, &k);
    if (seen) Grow(q, &seen->queries), Grow(k, &seen->keys), Grow(v, &seen->values);
    Add(Times(layer.wo, Attended(w, q, k, v)), &x);
    h = Normed(x, w.epsilon);
    if (seen) Grow(h, &seen->mlp_inputs);
    Scale(layer.gain2, &h);
    Columns gated = Times(layer.wg, h);
    const Columns u = Times(layer.wu, h);
    for (int64_t i = 0; i < gated.elements(); ++i) {
      for (size_t t = 0; t < positions; ++t) {
        double& g = gated.row(i)[t];
        g = g / (1 + std::exp(-g)) * u.row(i)[t];
      }
    }
    if (seen) Grow(gated, &seen->gated);
    Add(Times(layer.wd, gated), &x);
  }
  Columns h = Normed(x, w.epsilon);
  Scale(w.final_gain, &h);
  const Columns columns = Times(w.output(), h);
  std::vector<double> logits(positions * static_cast<size_t>(w.tokens));
  for (size_t t = 0; t < positions; ++t) {
    for (int64_t i = 0; i < w.tokens; ++i)
      logits[t * static_cast<size_t>(w.tokens) + static_cast<size_t>(i)] = columns.row(i)[t];
  }
  return logits;
}

}  // namespace occam
