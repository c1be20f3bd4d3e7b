// The exact network is the network of docs/architecture.md: against the same weights in double
// precision, with libm, written here again without looking at how the exact one does it.
#include <algorithm>
#include <cmath>

#include "model/rotary.h"
#include "model/row_rules.h"
#include "model/signal_rules.h"
#include "tests/catch.h"
#include "tests/model/exact/exact_testing.h"

namespace occam {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using Vector = std::vector<double>;

class ReferenceNetwork {
 public:
  explicit ReferenceNetwork(const QuantizedModel& model)
      : c_(model.config),
        index_(c_),
        table_(ParameterTable(c_)),
        rules_(c_),
        memory_(MemoryOf(model)) {
    for (size_t t = 0; t < table_.size(); ++t) {
      const QuantizedTensor& from = model.tensors[t];
      Vector& to = tensors_.emplace_back();
      for (int64_t i = 0; i < table_[t].size(); ++i) {
        const auto at = static_cast<size_t>(i);
        to.push_back(
            table_[t].coding == Coding::kFloats
                ? static_cast<double>(from.floats[at])
                : from.codes[at] *
                      static_cast<double>(from.floats[static_cast<size_t>(i / table_[t].columns)]));
      }
    }
  }

  // Bits of every symbol, in a context of this kind.
  Vector Bits(std::span<const int32_t> symbols, int kind) const {
    std::vector<Vector> x, chosen;
    std::vector<int32_t> predictions;  // of each byte
    KnownPast past;
    SignalPast seen(c_);
    seen.Clear(kind);
    for (size_t t = 0; t < symbols.size(); ++t) {
      const int32_t input = t == 0 ? c_.begin_symbol() : symbols[t - 1];
      const int32_t residual = t == 0 || !c_.residual ? 0 : predictions[t - 1];
      const int32_t symbol = t == 0 ? input : (input - residual + 256) % 256;
      Vector row = Row(index_.embedding, static_cast<size_t>(c_.has_signals() ? symbol : input));
      if (t > 0) past.Append(input);
      if (c_.has_signals()) {
        if (t > 0) seen.Append(input);
        predictions.push_back(seen.place().prediction);
        for (size_t i = 0; i < index_.signals.size(); ++i) {
          const int32_t chosen_row = RowOf(c_.signal_rules[i], SignalRowsOf(seen.place()));
          if (chosen_row == kNoRow) continue;
          Add(Row(index_.signals[i], static_cast<size_t>(chosen_row)), &row);
        }
      }
      if (c_.has_memory()) {
        chosen.push_back(Chosen(past));
        Add(Times(index_.memory_projection, chosen[t]), &row);
      }
      x.push_back(Normed(row));
    }
    for (int l = 0; l < c_.layers; ++l) {
      if (l == c_.memory_gate) {
        for (size_t t = 0; t < x.size(); ++t) AddGated(chosen[t], &x[t]);
      }
      const LayerIndex& at = index_.layers[static_cast<size_t>(l)];
      const auto h = Mixed(x, at.gain1, at.conv1);
      AddAttention(h, at, l, &x);
      const auto m = Mixed(x, at.gain2, at.conv2);
      for (size_t t = 0; t < x.size(); ++t) {
        Vector u = Times(at.wu, m[t]);
        for (double& v : u) v = v > 0 ? v * v : 0;
        Add(Times(at.wd, u), &x[t]);
      }
    }
    Vector bits;
    for (size_t t = 0; t < x.size(); ++t) {
      const Vector logits = Times(index_.head, Gained(Normed(x[t]), index_.final_gain));
      double sum = 0;
      for (const double z : logits) sum += std::exp(z);
      const int32_t shift = c_.residual ? predictions[t] : 0;
      const int32_t symbol = c_.has_signals() ? (symbols[t] - shift + 256) % 256 : symbols[t];
      bits.push_back((std::log(sum) - logits[static_cast<size_t>(symbol)]) / std::log(2.0));
    }
    return bits;
  }

 private:
  const Vector& T(int t) const { return tensors_[static_cast<size_t>(t)]; }
  Vector Row(int t, size_t row) const {
    const auto n = static_cast<ptrdiff_t>(table_[static_cast<size_t>(t)].columns);
    const auto begin = T(t).begin() + static_cast<ptrdiff_t>(row) * n;
    return {begin, begin + n};
  }
  Vector Chosen(const KnownPast& past) const {
    std::vector<int32_t> rows(rules_.count());
    rules_.Choose(past, rows);
    const auto width = static_cast<ptrdiff_t>(c_.memory_width);
    Vector chosen;
    for (const int32_t row : rows) {
      const auto begin = memory_.values.begin() + row * width;
      chosen.insert(chosen.end(), begin, begin + width);
    }
    return chosen;
  }
  void AddGated(Vector rows, Vector* x) const {
    const Vector gates = Times(index_.memory_gates, Normed(*x));
    for (size_t i = 0; i < rows.size(); ++i)
      rows[i] *= std::clamp(1 + gates[i / static_cast<size_t>(c_.memory_width)], 0.0, 2.0);
    Add(Times(index_.memory_gated, rows), x);
  }
  Vector Times(int t, const Vector& v) const {
    Vector y(static_cast<size_t>(table_[static_cast<size_t>(t)].rows));
    for (size_t j = 0; j < y.size(); ++j) {
      for (size_t k = 0; k < v.size(); ++k) y[j] += T(t)[j * v.size() + k] * v[k];
    }
    return y;
  }
  static Vector Normed(Vector v) {
    double sum = 0;
    for (const double a : v) sum += a * a;
    for (double& a : v) a /= std::sqrt(sum / static_cast<double>(v.size()));
    return v;
  }
  Vector Gained(Vector v, int gain) const {
    for (size_t i = 0; i < v.size(); ++i) v[i] *= T(gain)[i];
    return v;
  }
  static void Add(const Vector& y, Vector* x) {
    for (size_t i = 0; i < y.size(); ++i) (*x)[i] += y[i];
  }
  std::vector<Vector> Mixed(const std::vector<Vector>& x, int gain, int conv) const {
    std::vector<Vector> h;
    for (const Vector& v : x) h.push_back(Gained(Normed(v), gain));
    std::vector<Vector> out = h;
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t back = 0; back < static_cast<size_t>(c_.conv_width) && back <= t; ++back) {
        const Vector w = Row(conv, static_cast<size_t>(c_.conv_width) - 1 - back);
        for (size_t i = 0; i < w.size(); ++i) out[t][i] += w[i] * h[t - back][i];
      }
    }
    return out;
  }
  Vector Turned(const Vector& all, int head, size_t position) const {
    const auto n = static_cast<size_t>(c_.head_size());
    const auto frequencies = RotaryFrequencies(c_.head_size() / 2);
    Vector out(n);
    for (size_t i = 0; i < n / 2; ++i) {
      const double angle = 2 * M_PI * frequencies[i] * static_cast<double>(position) / 65536;
      const double a = all[static_cast<size_t>(head) * n + i];
      const double b = all[static_cast<size_t>(head) * n + n / 2 + i];
      out[i] = a * std::cos(angle) - b * std::sin(angle);
      out[n / 2 + i] = a * std::sin(angle) + b * std::cos(angle);
    }
    return Normed(out);
  }
  // The still pairs are those of the position before.
  Vector Key(const std::vector<Vector>& k, int group, size_t position) const {
    const size_t pairs = static_cast<size_t>(c_.head_size()) / 2;
    Vector key = Turned(k[position], group, position);
    const Vector before =
        position > 0 ? Turned(k[position - 1], group, position - 1) : Vector(2 * pairs);
    for (size_t i = (pairs + 1) / 2; i < pairs; ++i) {
      key[i] = before[i];
      key[pairs + i] = before[pairs + i];
    }
    return key;
  }
  void AddAttention(const std::vector<Vector>& h, const LayerIndex& at, int l,
                    std::vector<Vector>* x) const {
    const auto n = static_cast<size_t>(c_.head_size());
    std::vector<Vector> q, k, v;
    for (const Vector& row : h) {
      q.push_back(Times(at.wq, row));
      k.push_back(Times(at.wk, row));
      v.push_back(Times(at.wv, row));
    }
    for (size_t t = 0; t < h.size(); ++t) {
      Vector out;
      for (int head = 0; head < c_.heads; ++head) {
        const int group = head / (c_.heads / c_.kv_heads);
        const Vector query = Turned(q[t], head, t);
        Vector sum(n);
        double total = 0;
        const auto window = static_cast<size_t>(c_.window(l));
        for (size_t j = t + 1 > window ? t + 1 - window : 0; j <= t; ++j) {
          const Vector key = Key(k, group, j);
          double product = 0;
          for (size_t i = 0; i < n; ++i) product += query[i] * key[i];
          const double weight = std::exp(product * 3 / std::sqrt(static_cast<double>(n)));
          total += weight;
          for (size_t i = 0; i < n; ++i)
            sum[i] += weight * v[j][static_cast<size_t>(group) * n + i];
        }
        for (const double s : sum) out.push_back(s / total);
      }
      Add(Times(at.wo, out), &(*x)[t]);
    }
  }

  ModelConfig c_;
  ParameterIndex index_;
  std::vector<ParameterSpec> table_;
  std::vector<Vector> tensors_;
  RowRules rules_;
  MemoryRows memory_;
};

TEST_CASE("Exact network: it is the float network of the same weights, to its rounding") {
  for (const auto& [name, config] : AllConfigs()) {
    INFO(name);
    const QuantizedModel model = RandomModel(config, 21);
    const ExactNetwork network(model, Kernels::kPlain);
    const auto symbols = RandomSymbols(config, 70, 22);
    for (int kind = 0; kind < config.kind_count(); ++kind) {
      const Vector reference = ReferenceNetwork(model).Bits(symbols, kind);
      const auto intervals = ScoreAll(network, symbols, kind);
      double difference = 0;
      double spread = 0;
      double mean = 0;
      for (const double bits : reference) mean += bits / static_cast<double>(reference.size());
      for (size_t t = 0; t < symbols.size(); ++t) {
        const double exact = kFrequencyBits - std::log2(static_cast<double>(intervals[t].size));
        difference += std::pow(exact - reference[t], 2);
        spread += std::pow(reference[t] - mean, 2);
      }
      // 8-bit activations, keys and values and queries each carry an error of about 1 / (127
      // sqrt(12)) of their largest value, 1 % of a typical one; some 10 roundings a layer in 2 to 7
      // layers add up to a few percent. Leaving out any part of the network gives an error as large
      // as the spread.
      CHECK(std::sqrt(difference / spread) < 0.12);
    }
  }
}

}  // namespace
}  // namespace occam
