// Networks of Llama's shape: every way through them gives the same frequencies, and they are those
// of a network in double precision, to rounding.
#include <algorithm>
#include <cmath>

#include "data/base/aligned_array.h"
#include "model/exact/kernels.h"
#include "model/exact/llama_kernels.h"
#include "model/exact/network_memory.h"
#include "tests/catch.h"
#include "tests/model/exact/llama_testing.h"

namespace occam {

bool operator==(const SymbolInterval& a, const SymbolInterval& b);  // in exact_network_test.cc

namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using Vector = std::vector<double>;

// Written again, with libm, from docs/spec/import.md's purpose and not from its steps.
class ReferenceLlama {
 public:
  explicit ReferenceLlama(const QuantizedModel& model)
      : c_(model.config), index_(c_), table_(ParameterTable(c_)), model_(model) {}

  Vector Bits(std::span<const int32_t> symbols) const {
    std::vector<Vector> x;
    for (size_t t = 0; t < symbols.size(); ++t) {
      const int32_t symbol = t == 0 ? c_.llama->begin_token : symbols[t - 1];
      const bool escaped = symbol >= c_.embedding_rows();
      x.push_back(Row(index_.embedding, escaped ? c_.llama->escape_token : symbol));
    }
    for (int l = 0; l < c_.layers; ++l) {
      const LayerIndex& at = index_.layers[static_cast<size_t>(l)];
      AddAttention(l, at, &x);
      for (Vector& row : x) {
        const Vector h = Normed(row, at.gain2);
        Vector g = Times(at.wg, h);
        const Vector u = Times(at.wu, h);
        for (size_t i = 0; i < g.size(); ++i) g[i] = g[i] / (1 + std::exp(-g[i])) * u[i];
        Add(Times(at.wd, g), &row);
      }
    }
    Vector bits;
    for (size_t t = 0; t < symbols.size(); ++t) {
      const Vector logits = Times(index_.head, Normed(x[t], index_.final_gain));
      const auto tokens = static_cast<size_t>(c_.embedding_rows());
      const auto escape = static_cast<size_t>(c_.llama->escape_token);
      double sum = 0;
      for (const double z : logits) sum += std::exp(z);
      // The escape's own symbol has what one byte has.
      const auto symbol = static_cast<size_t>(symbols[t]);
      const bool shared = c_.llama->escapes > 0 && (symbol >= tokens || symbol == escape);
      const double own = shared ? logits[escape] - std::log(256.0) : logits[symbol];
      if (c_.llama->escapes > 0)
        sum += std::exp(logits[escape]) * ((c_.llama->escapes + 1) / 256.0 - 1);
      bits.push_back((std::log(sum) - own) / std::log(2.0));
    }
    return bits;
  }

 private:
  double At(int t, int64_t row, int64_t column) const {
    const ParameterSpec& spec = table_[static_cast<size_t>(t)];
    const QuantizedTensor& tensor = model_.tensors[static_cast<size_t>(t)];
    if (spec.coding == Coding::kFloats)
      return static_cast<double>(tensor.floats[static_cast<size_t>(column)]);
    return tensor.codes[static_cast<size_t>(row * spec.columns + column)] *
           static_cast<double>(tensor.floats[static_cast<size_t>(row)]);
  }
  Vector Row(int t, int64_t row) const {
    Vector v;
    for (int64_t i = 0; i < table_[static_cast<size_t>(t)].columns; ++i) v.push_back(At(t, row, i));
    return v;
  }
  Vector Times(int t, const Vector& x) const {
    Vector y;
    for (int64_t j = 0; j < table_[static_cast<size_t>(t)].rows; ++j) {
      double sum = 0;
      for (size_t k = 0; k < x.size(); ++k) sum += At(t, j, static_cast<int64_t>(k)) * x[k];
      y.push_back(sum);
    }
    return y;
  }
  Vector Normed(Vector v, int gain) const {
    double sum = 0;
    for (const double a : v) sum += a * a;
    const double size =
        std::sqrt(sum / static_cast<double>(v.size()) + static_cast<double>(c_.llama->epsilon));
    for (size_t i = 0; i < v.size(); ++i) v[i] *= At(gain, 0, static_cast<int64_t>(i)) / size;
    return v;
  }
  static void Add(const Vector& y, Vector* x) {
    for (size_t i = 0; i < y.size(); ++i) (*x)[i] += y[i];
  }
  Vector Turned(const Vector& all, int head, size_t position) const {
    const auto n = static_cast<size_t>(c_.head_size());
    Vector out(n);
    for (size_t i = 0; i < n / 2; ++i) {
      const double angle =
          2 * M_PI * c_.llama->rotary_steps[i] * static_cast<double>(position) / 0x1p32;
      const double a = all[static_cast<size_t>(head) * n + i];
      const double b = all[static_cast<size_t>(head) * n + n / 2 + i];
      out[i] = a * std::cos(angle) - b * std::sin(angle);
      out[n / 2 + i] = a * std::sin(angle) + b * std::cos(angle);
    }
    return out;
  }
  void AddAttention(int l, const LayerIndex& at, std::vector<Vector>* x) const {
    const auto n = static_cast<size_t>(c_.head_size());
    std::vector<Vector> q, k, v;
    for (const Vector& row : *x) {
      const Vector h = Normed(row, at.gain1);
      q.push_back(Times(at.wq, h));
      k.push_back(Times(at.wk, h));
      v.push_back(Times(at.wv, h));
    }
    for (size_t t = 0; t < x->size(); ++t) {
      Vector out;
      for (int head = 0; head < c_.heads; ++head) {
        const int group = head / (c_.heads / c_.kv_heads);
        const Vector query = Turned(q[t], head, t);
        Vector sum(n);
        double total = 0;
        const auto window = static_cast<size_t>(c_.window(l));
        const double most =
            127.0 *
            static_cast<double>(model_.value_scales[static_cast<size_t>(l * c_.kv_heads + group)]);
        for (size_t j = t + 1 > window ? t + 1 - window : 0; j <= t; ++j) {
          const Vector key = Turned(k[j], group, j);
          double product = 0;
          for (size_t i = 0; i < n; ++i) product += query[i] * key[i];
          const double weight = std::exp(product / std::sqrt(static_cast<double>(n)));
          total += weight;
          for (size_t i = 0; i < n; ++i)
            sum[i] += weight * std::clamp(v[j][static_cast<size_t>(group) * n + i], -most, most);
        }
        for (const double s : sum) out.push_back(s / total);
      }
      Add(Times(at.wo, out), &(*x)[t]);
    }
  }

  ModelConfig c_;
  ParameterIndex index_;
  std::vector<ParameterSpec> table_;
  const QuantizedModel& model_;
};

TEST_CASE("Imported network: it is the network in doubles of the same weights, to its rounding") {
  for (const auto& [name, config] : LlamaConfigs()) {
    INFO(name);
    const QuantizedModel model = RandomLlama(config, 21);
    const auto symbols = RandomSymbols(config, 40, 22);
    const Vector reference = ReferenceLlama(model).Bits(symbols);
    const auto intervals = ScoreAll(ExactNetwork(model, Kernels::kPlain), symbols);
    double difference = 0, spread = 0, mean = 0;
    for (const double bits : reference) mean += bits / static_cast<double>(reference.size());
    for (size_t t = 0; t < symbols.size(); ++t) {
      const double exact = kFrequencyBits - std::log2(static_cast<double>(intervals[t].size));
      // Below the floor of frequencies nothing can be told.
      const double wanted = std::min(reference[t], double{kFrequencyBits});
      difference += std::pow(exact - wanted, 2);
      spread += std::pow(wanted - mean, 2);
    }
    // Activations, queries and keys each carry an error of 1 / (127 sqrt(12)) of their largest
    // value; some 8 of them a layer add up to a few percent of the spread.
    CHECK(std::sqrt(difference / spread) < 0.12);
  }
}

TEST_CASE("Imported network: plain, fast, stepped and scored are the same") {
  for (const auto& [name, config] : LlamaConfigs()) {
    INFO(name);
    const QuantizedModel model = RandomLlama(config, 1);
    const auto symbols = RandomSymbols(config, static_cast<size_t>(config.context) + 70, 2);
    const ExactNetwork plain(model, Kernels::kPlain), fast(model, Kernels::kFast);
    const auto scored = ScoreAll(plain, symbols);
    CHECK((scored == ScoreAll(fast, symbols)));
    CHECK((scored == StepAll(plain, {symbols})[0]));
    CHECK((scored == StepAll(fast, {symbols})[0]));
  }
}

TEST_CASE("Imported network: the golden digest of contract 4") {
  // While contract 4 is not frozen, another digest here is a change of docs/spec/import.md.
  Sha256 scored, stepped;
  for (const auto& [name, config] : LlamaConfigs()) {
    const ExactNetwork network(RandomLlama(config, 100), Kernels::kFast);
    const auto symbols = RandomSymbols(config, static_cast<size_t>(config.context), 101);
    scored.Update(DigestOf(ScoreAll(network, symbols)));
    stepped.Update(DigestOf(StepAll(network, {symbols})[0]));
  }
  const std::string golden = "12745fcd128c598bc02419dbf7f24a16092415fc77dc4cb5cd01a4b0f8feaf96";
  CHECK(Hex(scored.Finish()) == golden);
  CHECK(Hex(stepped.Finish()) == golden);
}

TEST_CASE("Imported network: lanes do not see each other, and pieces make the whole") {
  for (const auto& [name, config] : LlamaConfigs()) {
    INFO(name);
    const ExactNetwork network(RandomLlama(config, 3), Kernels::kFast);
    std::vector<std::vector<int32_t>> lanes;
    for (size_t i = 0; i < 66; ++i)
      lanes.push_back(RandomSymbols(config, 30 - std::min<size_t>(i, 25), i));
    const auto stepped = StepAll(network, lanes);
    for (const size_t i : {size_t{0}, size_t{31}, size_t{65}})
      CHECK((stepped[i] == ScoreAll(network, lanes[i])));
    const auto symbols = RandomSymbols(config, 150, 6);
    ExactSession session(network, 1);
    std::vector<SymbolInterval> pieces(symbols.size());
    session.Score(0, symbols, pieces);  // of another context, which is forgotten
    session.Reset(0);
    for (size_t at = 0, piece = 1; at < symbols.size(); piece = piece * 3 % 101) {
      const size_t n = std::min(piece, symbols.size() - at);
      session.Score(0, std::span(symbols).subspan(at, n), std::span(pieces).subspan(at, n));
      at += n;
    }
    CHECK((pieces == ScoreAll(network, symbols)));
  }
}

TEST_CASE("Imported network: models at the contract's bounds run without overflow, and agree") {
  for (const float scale : {1.0f, 0x1p-60f, 0.0f}) {
    for (const float value_scale : {0x1p-40f, 0x1p20f}) {
      const ModelConfig config = LlamaConfigs()[1].config;
      QuantizedModel model = RandomLlama(config, 17);
      const auto table = ParameterTable(config);
      Random random(18);
      for (size_t t = 0; t < table.size(); ++t) {
        const bool gain = table[t].coding == Coding::kFloats;
        for (float& x : model.tensors[t].floats) x = gain && scale == 1.0f ? 256.0f : scale;
        for (int8_t& code : model.tensors[t].codes) code = random.Below(2) == 0 ? 127 : -127;
      }
      for (float& s : model.value_scales) s = value_scale;
      CheckModel(model, "extreme");
      const auto symbols = RandomSymbols(config, 100, 19);
      const auto plain = ScoreAll(ExactNetwork(model, Kernels::kPlain), symbols);
      CHECK((plain == ScoreAll(ExactNetwork(model, Kernels::kFast), symbols)));
      for (const SymbolInterval& interval : plain) {
        REQUIRE(interval.size >= 1);
        REQUIRE(interval.start + interval.size <= kFrequencyTotal);
      }
    }
  }
}

TEST_CASE("Imported network: a code of 127 is exact in products on every instruction set") {
  const auto plain = MakePlainKernels();
  const auto fast = MakeFastKernels();
  for (const int outputs : {1, 40, 57}) {
    for (const int inputs : {8, 200, 65536}) {
      std::vector<int8_t> codes(static_cast<size_t>(outputs) * static_cast<size_t>(inputs));
      Random random(static_cast<uint64_t>(inputs));
      for (int8_t& code : codes) code = random.Below(8) == 0 ? -127 : 127;
      const std::vector<float> scales(static_cast<size_t>(outputs), 1.0f),
          x_scales(kTileRows, 1.0f);
      const RowBuffer<int8_t> x(kTileRows, RoundUp(inputs, kCodePad));
      std::fill_n(x.data(), kTileRows * RoundUp(inputs, kCodePad), int8_t{127});
      std::vector<std::vector<float>> results;
      for (const auto* kernels : {plain.get(), fast.get()}) {
        if (kernels == nullptr) continue;
        const auto layer = kernels->MakeLinear(codes, scales, outputs, inputs);
        const RowBuffer<float> y(kTileRows, RoundUp(outputs, kFloatPad));
        const AlignedArray<std::byte> scratch(layer->scratch_bytes());
        constexpr int kRows = 11;
        layer->Apply(x.data(), x_scales.data(), kRows, false, y.data(), scratch.data());
        std::vector<float>& values = results.emplace_back();
        for (int r = 0; r < kRows; ++r) values.insert(values.end(), y.row(r), y.row(r) + outputs);
      }
      CHECK((results.front() == results.back()));
      CHECK(results.front()[0] != 0);
    }
  }
}

TEST_CASE("Imported network: the gate is silu, and planes keep 15 bits") {
  const std::vector<float> gates = {-100, -5, -1, -0.25f, 0, 0.25f, 1, 100};
  const std::vector<float> ones(gates.size(), 1.0f);
  std::vector<float> gated(gates.size());
  Gate(gates.data(), ones.data(), static_cast<int>(gates.size()), gated.data());
  for (size_t i = 0; i < gates.size(); ++i) {
    const double x = gates[i];
    // The polynomial is right to 4.4e-7.
    CHECK(gated[i] == Approx(x / (1 + std::exp(-x))).epsilon(1e-6).margin(1e-12));
  }
  Random random(5);
  std::vector<float> x(64);
  for (float& v : x) v = random.Symmetric(3.0f);
  x[7] = -3.0f;
  std::vector<int8_t> high(64), low(64);
  const float scale = QuantisePlanes(x.data(), 64, high.data(), low.data());
  CHECK(high[7] == -127);
  for (size_t i = 0; i < x.size(); ++i) {
    CHECK(std::fabs(static_cast<float>(128 * high[i] + low[i]) * scale - x[i]) <= scale * 0.501f);
    CHECK((low[i] >= -64 && low[i] <= 63));
  }
}

// One token with nearly all attention leaves little for the others; they must not vanish.
TEST_CASE("Imported network: a sink of attention leaves the others their part") {
  constexpr int kSize = 8, kCount = 100;
  std::vector<int8_t> query(kSize), keys(kSize * kCount), values(kSize * kCount);
  std::vector<float> key_scales(kCount, 1.0f), scores(kCount), out(kSize);
  std::vector<int32_t> weights(kCount);
  query[0] = keys[0] = 100;
  for (int i = 1; i < kCount; ++i) values[static_cast<size_t>(i * kSize)] = 100;
  const LlamaCache cache{keys.data(), values.data(), key_scales.data(), kCount, kSize};
  // The first key has 2^13.3 times the weight of each other one: 99 % of all.
  const float factor = 13.27f * 2048 / 10000;
  AttendByToken(query.data(), factor, cache, 0, kCount - 1, 8.0f, scores.data(), weights.data(),
                out.data());
  const double others = 99 * std::exp2(-13.27);
  const double want = 100 * others / (1 + others);
  // Terms of 15 bits are 3.3 here, too small for 12 bits: the others' part is lost, and no more.
  CHECK(out[0] == 0);
  CHECK(want < 1);
  const float nearer = 6.64f * 2048 / 10000;  // the first has half
  AttendByToken(query.data(), nearer, cache, 0, kCount - 1, 8.0f, scores.data(), weights.data(),
                out.data());
  const double half = 99 * std::exp2(-6.64);
  CHECK(out[0] == Approx(100 * half / (1 + half)).epsilon(0.01));
  const float sink = 11.0f * 2048 / 10000;  // the first has 95 %
  AttendByToken(query.data(), sink, cache, 0, kCount - 1, 8.0f, scores.data(), weights.data(),
                out.data());
  const double rest = 99 * std::exp2(-11.0);
  CHECK(out[0] == Approx(100 * rest / (1 + rest)).epsilon(0.05));
}

TEST_CASE("Imported network: what the contract does not allow is damaged") {
  const ModelConfig config = LlamaConfigs()[1].config;
  const QuantizedModel good = RandomLlama(config, 9);
  CheckModel(good, "good");
  const auto refused = [&](const auto& change) {
    QuantizedModel bad = good;
    change(&bad);
    CHECK_THROWS_AS(CheckModel(bad, "bad"), Error);
  };
  refused([](QuantizedModel* m) { m->tensors[0].codes[5] = -128; });
  refused([](QuantizedModel* m) { m->key_scales.assign(m->value_scales.size(), 1.0f); });
  refused([](QuantizedModel* m) { m->value_scales.pop_back(); });
  refused([](QuantizedModel* m) { m->config.context = kMaxLlamaContext + 1; });
  refused([](QuantizedModel* m) { m->config.mlp_factor = 2; });
  refused([](QuantizedModel* m) { m->config.llama->epsilon = 0; });
  refused([](QuantizedModel* m) { m->config.llama->rotary_steps.pop_back(); });
  refused([](QuantizedModel* m) { m->config.llama->mlp_width = 12; });
  refused([](QuantizedModel* m) { m->config.llama->begin_token = 300; });
  refused([](QuantizedModel* m) { m->config.llama->escapes = 257; });
  refused([](QuantizedModel* m) { m->config.llama->head_size = 12; });
  refused([](QuantizedModel* m) { SetMemory("tiny", &m->config); });
}

TEST_CASE("Imported network: a flat file gives the model back, and its id") {
  for (const auto& [name, config] : LlamaConfigs()) {
    INFO(name);
    const QuantizedModel model = RandomLlama(config, 4);
    const Bytes file = SerialiseModel(model);
    CHECK(file[12] == kMemoryContract);
    const QuantizedModel read = ParseModel(file, "test");
    CHECK(read.config == config);
    CHECK(ModelId(read) == ModelId(model));
    CHECK(SerialiseModel(read) == file);
  }
}

}  // namespace
}  // namespace occam
