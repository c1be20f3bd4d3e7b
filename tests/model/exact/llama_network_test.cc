// Networks of Llama's shape: every way through them gives the same frequencies, and they are those
// of a network in double precision, to rounding.
#include <algorithm>
#include <cmath>
#include <utility>

#include "data/base/aligned_array.h"
#include "model/exact/fine_attention.h"
#include "model/exact/kernels.h"
#include "model/exact/llama_kernels.h"
#include "model/exact/network_memory.h"
#include "tests/catch.h"
#include "tests/error_kind.h"
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
      const int32_t token = escaped ? c_.llama->escape_token : symbol;
      Vector row = Row(index_.embedding, token);
      if (is(ImportedShape::kGpt2)) {
        const double mean = At(index_.embedding_means, 0, token);
        for (double& v : row) v -= mean;
        Add(Row(index_.positions, static_cast<int64_t>(t) % c_.context), &row);
      }
      x.push_back(row);
    }
    for (int l = 0; l < c_.layers; ++l) {
      const LayerIndex& at = index_.layers[static_cast<size_t>(l)];
      AddAttention(l, at, &x);
      for (Vector& row : x) AddMlp(at, &row);
    }
    Vector bits;
    for (size_t t = 0; t < symbols.size(); ++t) {
      Vector logits = Times(index_.head, Normed(x[t], index_.final_gain));
      if (is(ImportedShape::kGpt2)) Add(Row(index_.head_bias, 0), &logits);
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
    const double own = tensor.codes[static_cast<size_t>(row * spec.columns + column)] *
                       static_cast<double>(tensor.floats[static_cast<size_t>(row)]);
    return c_.llama->fine && !spec.rest ? own + At(t + 1, row, column) : own;
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
  bool is(ImportedShape kind) const { return c_.llama->kind == kind; }
  void AddMlp(const LayerIndex& at, Vector* row) const {
    const Vector h = Normed(*row, at.gain2);
    Vector u = Times(at.wu, h);
    if (is(ImportedShape::kGpt2)) {
      Add(Row(at.bu, 0), &u);
      for (double& v : u)
        v = v / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
    } else {
      const Vector g = Times(at.wg, h);
      for (size_t i = 0; i < u.size(); ++i) u[i] *= g[i] / (1 + std::exp(-g[i]));
    }
    Add(Times(at.wd, u), row);
    if (is(ImportedShape::kGpt2)) Add(Row(at.bd, 0), row);
  }
  // A head of the row, normed where the shape has it, and turned.
  Vector Turned(const Vector& all, int head, size_t position, int gain) const {
    const auto n = static_cast<size_t>(c_.head_size());
    const auto from = all.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(head) * n);
    Vector whole(from, from + static_cast<std::ptrdiff_t>(n));
    if (gain >= 0) whole = Normed(whole, gain);
    if (is(ImportedShape::kGpt2)) return whole;
    Vector out(n);
    for (size_t i = 0; i < n / 2; ++i) {
      const double angle =
          2 * M_PI * c_.llama->rotary_steps[i] * static_cast<double>(position) / 0x1p32;
      const double a = whole[i], b = whole[n / 2 + i];
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
      if (is(ImportedShape::kGpt2)) Add(Row(at.bq, 0), &q.back());
      k.push_back(Times(at.wk, h));
      v.push_back(Times(at.wv, h));
    }
    for (size_t t = 0; t < x->size(); ++t) {
      Vector out;
      for (int head = 0; head < c_.heads; ++head) {
        const int group = head / (c_.heads / c_.kv_heads);
        const Vector query = Turned(q[t], head, t, at.q_gain);
        Vector sum(n);
        double total = 0;
        const auto window = static_cast<size_t>(c_.window(l));
        const double most =
            (c_.llama->fine ? 32767.0 : 127.0) *
            static_cast<double>(model_.value_scales[static_cast<size_t>(l * c_.kv_heads + group)]);
        size_t first = t + 1 > window ? t + 1 - window : 0;
        if (is(ImportedShape::kGpt2))
          first = std::max(first, t - t % static_cast<size_t>(c_.context));
        for (size_t j = first; j <= t; ++j) {
          const Vector key = Turned(k[j], group, j, at.k_gain);
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
      if (is(ImportedShape::kGpt2)) Add(Row(at.bo, 0), &(*x)[t]);
    }
  }

  ModelConfig c_;
  ParameterIndex index_;
  std::vector<ParameterSpec> table_;
  const QuantizedModel& model_;
};

TEST_CASE("Imported network: it is the network in doubles of the same weights, to its rounding") {
  for (const auto& [name, config] : AllImportedConfigs()) {
    INFO(name);
    const QuantizedModel model = RandomLlama(config, 21);
    const auto symbols = RandomSymbols(config, 40, 22);
    const Vector reference = ReferenceLlama(model).Bits(symbols);
    const auto intervals = ScoreAll(ExactNetwork(model, Kernels::kPlain), symbols);
    double difference = 0, spread = 0, mean = 0;
    for (const double bits : reference) mean += bits / static_cast<double>(reference.size());
    int counted = 0;
    for (size_t t = 0; t < symbols.size(); ++t) {
      // A small frequency is rounded more coarsely than a fine network.
      if (config.llama->fine && intervals[t].size < 4096) continue;
      ++counted;
      const double exact = kFrequencyBits - std::log2(static_cast<double>(intervals[t].size));
      // Below the floor of frequencies nothing can be told.
      const double wanted = std::min(reference[t], double{kFrequencyBits});
      difference += std::pow(exact - wanted, 2);
      spread += std::pow(wanted - mean, 2);
    }
    // Activations, queries and keys each carry an error of 1 / (127 sqrt(12)) of their largest
    // value; some 8 of them a layer add up to a few percent of the spread. In a fine network they
    // are 128 times smaller, and what is left are norms of 12 bits.
    CHECK(counted > 10);
    CHECK(std::sqrt(difference / spread) < (config.llama->fine ? 0.0015 : 0.12));
  }
}

TEST_CASE("Imported network: plain, fast, stepped and scored are the same") {
  for (const auto& [name, config] : AllImportedConfigs()) {
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

TEST_CASE("Imported network: all of 2^18 symbols have a frequency, with all kernels the same") {
  const ModelConfig config =
      LlamaConfig(kMaxImportedVocabulary - 20, 8, 1, 1, 8, 8, 20, {0}, 20, true);
  const QuantizedModel model = RandomLlama(config, 31);
  const auto symbols = RandomSymbols(config, 8, 32);
  const ExactNetwork plain(model, Kernels::kPlain), fast(model, Kernels::kFast);
  const auto scored = ScoreAll(plain, symbols);
  CHECK((scored == ScoreAll(fast, symbols)));
  CHECK((scored == StepAll(fast, {symbols})[0]));
  ExactSession session(fast, 1);
  session.Score(0, symbols, [&](size_t, std::span<const uint32_t> frequencies) {
    uint64_t sum = 0;
    for (const uint32_t f : frequencies) sum += f;
    CHECK(sum == kFrequencyTotal);
    CHECK(*std::ranges::min_element(frequencies) >= 1);
  });
  ModelConfig larger = config;
  ++larger.vocabulary;
  CHECK_THROWS_AS(CheckConfig(larger, ErrorKind::kUsage), Error);
  larger = TestConfig(65537, 8, 1, 1, 1, 0, 20, {0});
  CHECK_THROWS_AS(CheckConfig(larger, ErrorKind::kUsage), Error);
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

TEST_CASE("Imported network: the golden digest of the other shapes") {
  Sha256 scored, stepped;
  for (const auto& [name, config] : ShapedConfigs()) {
    const ExactNetwork network(RandomLlama(config, 100), Kernels::kFast);
    const auto symbols = RandomSymbols(config, static_cast<size_t>(config.context) + 9, 101);
    scored.Update(DigestOf(ScoreAll(network, symbols)));
    stepped.Update(DigestOf(StepAll(network, {symbols})[0]));
  }
  const std::string golden = "1380f8ee70713d01d65a350e59b36b6e3807c2aa6e00de317dc34094475033a1";
  CHECK(Hex(scored.Finish()) == golden);
  CHECK(Hex(stepped.Finish()) == golden);
}

TEST_CASE("Imported network: the golden digest of fine ones") {
  Sha256 scored, stepped;
  for (const auto& [name, config] : FineConfigs()) {
    const ExactNetwork network(RandomLlama(config, 100), Kernels::kFast);
    const auto symbols = RandomSymbols(config, static_cast<size_t>(config.context) + 9, 101);
    scored.Update(DigestOf(ScoreAll(network, symbols)));
    stepped.Update(DigestOf(StepAll(network, {symbols})[0]));
  }
  const std::string golden = "08db19b7952c52f3dd7dcef2ce846e974b5bde56892d81ba40b9c0a7436fcb10";
  CHECK(Hex(scored.Finish()) == golden);
  CHECK(Hex(stepped.Finish()) == golden);
}

TEST_CASE("Imported network: lanes do not see each other, and pieces make the whole") {
  for (const auto& [name, config] : AllImportedConfigs()) {
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
      for (const auto& [name, config] : {LlamaConfigs()[1], ShapedConfigs()[1], ShapedConfigs()[3],
                                         FineConfigs()[1], FineConfigs()[5]}) {
        INFO(name);
        QuantizedModel model = RandomLlama(config, 17);
        const auto table = ParameterTable(config);
        Random random(18);
        for (size_t t = 0; t < table.size(); ++t) {
          const bool gain = table[t].coding == Coding::kFloats;
          for (float& x : model.tensors[t].floats) x = gain && scale == 1.0f ? 256.0f : scale;
          for (int8_t& code : model.tensors[t].codes)
            code = static_cast<int8_t>(table[t].most_code * (random.Below(2) == 0 ? 1 : -1));
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

// The sets of kernels that there are.
std::vector<std::unique_ptr<LlamaKernels>> KernelSets() {
  std::vector<std::unique_ptr<LlamaKernels>> sets;
  sets.push_back(MakePlainLlamaKernels());
  if (auto fast = MakeFastLlamaKernels()) sets.push_back(std::move(fast));
  return sets;
}

// Numbers as rows have them: large and small, zero, and where a row has nothing else.
std::vector<float> MixedFloats(size_t count, Random* random) {
  std::vector<float> x(count);
  const float bound = std::ldexp(1.0f, static_cast<int>(random->Below(60)) - 30);
  for (float& v : x) {
    v = random->Symmetric(bound);
    if (random->Below(9) == 0) v *= 40;
    if (random->Below(9) == 0) v = 0;
  }
  if (random->Below(12) == 0) std::ranges::fill(x, 0.0f);
  return x;
}

TEST_CASE("Imported network: every kernel gives what its plain twin gives") {
  const auto sets = KernelSets();
  Random random(41);
  for (int run = 0; run < 400; ++run) {
    const int n = 8 * (1 + static_cast<int>(random.Below(run % 20 == 0 ? 128 : 12)));
    const int rows = 1 + static_cast<int>(random.Below(3));
    const int stride = RoundUp(n, kFloatPad), wide = RoundUp(2 * n, kFloatPad);
    const auto source = MixedFloats(static_cast<size_t>(rows * wide), &random);
    const auto gain = MixedFloats(static_cast<size_t>(n), &random);
    std::vector<std::vector<float>> results;
    std::vector<std::vector<int8_t>> codes;
    for (const auto& set : sets) {
      const RowBuffer<float> x(rows, wide), y(rows, stride);
      const RowBuffer<int8_t> high(rows, RoundUp(n, kCodePad)), low(rows, RoundUp(n, kCodePad));
      std::vector<float>& result = results.emplace_back();
      std::vector<int8_t>& code = codes.emplace_back();
      std::vector<float> scales(static_cast<size_t>(rows));
      const auto keep = [&](bool floats) {
        for (int r = 0; r < rows; ++r) {
          if (floats) result.insert(result.end(), y.row(r), y.row(r) + n);
          code.insert(code.end(), high.row(r), high.row(r) + n);
          code.insert(code.end(), low.row(r), low.row(r) + n);
        }
        result.insert(result.end(), scales.begin(), scales.end());
      };
      const auto fill = [&] { std::ranges::copy(source, x.data()); };
      fill();
      set->NormWithEpsilon(x.data(), gain.data(), 1e-6f, rows, n, y.data());
      set->AddBias(gain.data(), rows, n, stride, y.data());
      keep(true);
      fill();
      set->GateToPlanes(x.data(), rows, n, high.data(), low.data(), scales.data());
      keep(false);
      fill();
      set->GeluToPlanes(x.data(), gain.data(), rows, n, high.data(), low.data(), scales.data());
      keep(false);
      fill();
      set->ToPlanes(x.data(), rows, n, high.data(), low.data(), scales.data());
      keep(false);
    }
    REQUIRE((results.front() == results.back()));
    REQUIRE((codes.front() == codes.back()));
  }
}

// A cache that is filled through a set's own Store.
struct FilledCache {
  FilledCache(const LlamaKernels& set, int capacity, int n, uint64_t seed)
      : keys(static_cast<size_t>(capacity * n)),
        values(static_cast<size_t>(capacity * n)),
        scales(static_cast<size_t>(capacity)) {
    cache = {keys.data(), values.data(), scales.data(), capacity, n};
    Random random(seed);
    std::vector<int8_t> key(static_cast<size_t>(n)), value(static_cast<size_t>(n));
    for (int slot = 0; slot < capacity; ++slot) {
      for (auto* codes : {&key, &value}) {
        for (int8_t& c : *codes)
          c = static_cast<int8_t>(random.Below(6) == 0 ? 127
                                                       : static_cast<int>(random.Below(255)) - 127);
      }
      set.Store(key.data(), value.data(), cache, slot);
      scales.data()[slot] =
          std::ldexp(1 + random.Symmetric(0.5f), static_cast<int>(random.Below(8)));
    }
  }
  AlignedArray<int8_t> keys, values;
  AlignedArray<float> scales;
  LlamaCache cache;
};

TEST_CASE("Imported network: attention is the same over every window of every ring") {
  const auto sets = KernelSets();
  Random random(43);
  for (const int n : {8, 16, 24, 32, 64, 72, 128, 256}) {
    for (const int capacity : {32, 64, 224}) {
      std::vector<std::unique_ptr<FilledCache>> caches;
      const auto seed = static_cast<uint64_t>(n * capacity);
      for (const auto& set : sets)
        caches.push_back(std::make_unique<FilledCache>(*set, capacity, n, seed));
      for (int run = 0; run < 60; ++run) {
        const auto last = static_cast<int64_t>(random.Below(1000));
        const auto count =
            1 + static_cast<int64_t>(random.Below(static_cast<uint64_t>(capacity - 16)));
        // Several queries, each with a window of its own within that of all of them.
        const size_t together = 1 + random.Below(kLlamaQueries);
        std::vector<std::vector<int8_t>> codes(together);
        std::vector<LlamaQuery> queries(together);
        for (size_t q = 0; q < together; ++q) {
          for (int k = 0; k < n; ++k)
            codes[q].push_back(static_cast<int8_t>(static_cast<int>(random.Below(255)) - 127));
          const int64_t begin = std::max<int64_t>(0, last - count + 1);
          const auto size = static_cast<uint64_t>(last - begin + 1);
          const auto first = begin + static_cast<int64_t>(q == 0 ? 0 : random.Below(size));
          const auto seen = static_cast<uint64_t>(last - first + 1);
          const auto end = first + static_cast<int64_t>(q == 0 ? seen - 1 : random.Below(seen));
          queries[q] = {codes[q].data(), std::ldexp(1.0f, -static_cast<int>(random.Below(20))),
                        first, end};
        }
        std::vector<std::vector<float>> results;
        for (size_t i = 0; i < sets.size(); ++i) {
          const auto room = static_cast<size_t>(kLlamaQueries * capacity);
          const AlignedArray<float> scores(room);
          const AlignedArray<int32_t> weights(room);
          std::vector<float>& out = results.emplace_back(together * static_cast<size_t>(n));
          for (size_t q = 0; q < together; ++q)
            queries[q].out = out.data() + q * static_cast<size_t>(n);
          sets[i]->Attend(queries, caches[i]->cache, 0.5f, {scores.data(), weights.data()});
        }
        REQUIRE((results.front() == results.back()));
      }
    }
  }
}

// What a kernel makes of one row, as numbers: codes times scales.
Vector FromPlanes(const std::vector<int8_t>& high, const std::vector<int8_t>& low, float scale) {
  Vector x;
  for (size_t i = 0; i < high.size(); ++i)
    x.push_back((128 * high[i] + low[i]) * static_cast<double>(scale));
  return x;
}

TEST_CASE("Imported network: gates are silu, GELU is its approximation, and planes keep 15 bits") {
  const std::vector<float> inputs = {-9, -5, -1, -0.25f, 0, 0.25f, 1, 9};
  for (const auto& set : KernelSets()) {
    AlignedArray<float> gates(16), inner(16), zeros(16);
    std::vector<int8_t> high(64), low(64);
    float scale = 0;
    std::ranges::copy(inputs, gates.data());
    std::ranges::fill_n(gates.data() + 8, 8, 1.0f);
    set->GateToPlanes(gates.data(), 1, 8, high.data(), low.data(), &scale);
    const Vector silu = FromPlanes(high, low, scale);
    CHECK(high[7] == 127);
    std::ranges::copy(inputs, inner.data());
    std::ranges::fill_n(zeros.data(), 8, 0.0f);
    set->GeluToPlanes(inner.data(), zeros.data(), 1, 8, high.data(), low.data(), &scale);
    const Vector gelu = FromPlanes(high, low, scale);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const double x = static_cast<double>(inputs[i]);
      // Half a code of the largest number, 9.
      CHECK(silu[i] == Approx(x / (1 + std::exp(-x))).margin(0.51 * 9 / 16256));
      CHECK(gelu[i] == Approx(x / 2 * (1 + std::erf(x / std::sqrt(2.0)))).margin(0.001));
      CHECK((low[i] >= -64 && low[i] <= 63));
    }
  }
}

// One token with nearly all attention leaves little for the others; they must not vanish.
TEST_CASE("Imported network: a sink of attention leaves the others their part") {
  constexpr int kSize = 8, kCount = 96;
  for (const auto& set : KernelSets()) {
    AlignedArray<int8_t> keys(kSize * kCount), values(kSize * kCount);
    AlignedArray<float> key_scales(kCount), scores(kLlamaQueries * kCount), out(kSize);
    AlignedArray<int32_t> weights(kLlamaQueries * kCount);
    const LlamaCache cache{keys.data(), values.data(), key_scales.data(), kCount, kSize};
    std::vector<int8_t> query(kSize), key(kSize), value(kSize);
    query[0] = 100;
    for (int i = 0; i < kCount; ++i) {
      key[0] = i == 0 ? 100 : 0;
      value[0] = i == 0 ? 0 : 100;
      set->Store(key.data(), value.data(), cache, i);
      key_scales.data()[i] = 1;
    }
    // The first key has 2^octaves times the weight of each other one.
    const auto mean = [&](float octaves) {
      const LlamaQuery one{query.data(), octaves * 2048 / 10000, 0, kCount - 1, out.data()};
      set->Attend({&one, 1}, cache, 8.0f, {scores.data(), weights.data()});
      return static_cast<double>(out.data()[0]);
    };
    const auto want = [](double octaves) {
      const double others = (kCount - 1) * std::exp2(-octaves);
      return 100 * others / (1 + others);
    };
    // Terms of 15 bits are 3.3 at 99 %, too small for 12 bits: the others' part is lost, no more.
    CHECK(mean(13.27f) == 0);
    CHECK(want(13.27) < 1);
    CHECK(mean(6.64f) == Approx(want(6.64)).epsilon(0.01));  // the first has half
    CHECK(mean(11.0f) == Approx(want(11.0)).epsilon(0.05));  // and here 95 %
  }
}

// Heads of 256 whose elements are all alike have the largest products that there are.
TEST_CASE("Imported network: a fine one's attention neither overflows nor loses the small") {
  constexpr int kSize = 256, kCount = 40;
  QuantizedModel model = RandomLlama(FineConfigs()[1].config, 5);
  REQUIRE(model.config.head_size() == kSize);
  REQUIRE(model.config.context == kCount);
  model.value_scales.assign(model.value_scales.size(), 0x1p-15f);
  const PreparedLlama network(model, MakePlainKernels(), MakePlainLlamaKernels());
  FineAttention attention(network, 1);
  std::vector<float> query(kSize, 1.0f), key(kSize), value(kSize), out(kSize);
  // The first key has 2^octaves times the weight of each other one. Of the first half of elements
  // it has the value -0.9, all others 0.8; of the others it has none.
  const auto check = [&](double octaves) {
    // Products are over the root of the size, and e is 2^1.4427.
    const double score = octaves * std::sqrt(kSize) / (kSize * std::log2(std::exp(1.0)));
    for (int i = 0; i < kCount; ++i) {
      std::ranges::fill(key, i == 0 ? static_cast<float>(score) : 0.0f);
      std::ranges::fill(value, i == 0 ? -0.9f : 0.8f);
      if (i == 0) std::fill(value.begin() + kSize / 2, value.end(), 0.0f);
      attention.Store({0, 0, 0}, 100 + i, key.data(), value.data());
    }
    attention.Attend({0, 0, 0}, query.data(), 100, 100 + kCount - 1, out.data());
    const double others = (kCount - 1) * std::exp2(-octaves);
    // A weight is rounded to 2^-16 of the largest, a value to half of its scale.
    const double margin = (kCount - 1) * 0x1p-16 + 0x1p-15;
    CHECK(static_cast<double>(out[0]) ==
          Approx((0.8 * others - 0.9) / (1 + others)).margin(margin));
    CHECK(static_cast<double>(out[kSize - 1]) ==
          Approx(0.8 * others / (1 + others)).margin(margin));
  };
  for (const double octaves : {0.0, 3.0, 6.6, 11.0, 14.0, 40.0, 5000.0}) check(octaves);
}

TEST_CASE("Imported network: codes may be views of the file, and copies own theirs") {
  const QuantizedModel model = RandomLlama(LlamaConfigs()[0].config, 9);
  const Bytes file = SerialiseModel(model);
  const auto lies_in_file = [&](const CodeArray& codes) {
    const auto* const at = reinterpret_cast<const uint8_t*>(codes.data());
    return at >= file.data() && at + codes.size() <= file.data() + file.size();
  };
  QuantizedModel view = ViewModel(file, "file");
  CHECK(ModelId(view) == ModelId(model));
  CHECK(SerialiseModel(view) == file);
  uint64_t codes = 0;
  for (const QuantizedTensor& tensor : std::as_const(view).tensors) {
    CHECK((tensor.codes.empty() || lies_in_file(tensor.codes)));
    codes += tensor.codes.size();
  }
  CHECK(codes == CodeBytes(model.config));
  const QuantizedModel copy = view;
  CHECK_FALSE(lies_in_file(copy.tensors[0].codes));
  const QuantizedModel moved = std::move(view);
  CHECK(lies_in_file(moved.tensors[0].codes));
  // What is written to is a copy; the file stays as it is.
  QuantizedModel changed = ViewModel(file, "file");
  changed.tensors[0].codes[0] = static_cast<int8_t>(changed.tensors[0].codes[0] == 0 ? 1 : 0);
  CHECK(ModelId(changed) != ModelId(model));
  CHECK(ModelId(ViewModel(file, "file")) == ModelId(model));
  // The codes are not counted.
  const uint64_t size = ModelBytes(model.config, model.tokenizer.size());
  ViewModel(file, "file", {size - codes, nullptr});
  CHECK(ThrownBy([&] {
          ViewModel(file, "file", {size - codes - 1, nullptr});
        }).kind == ErrorKind::kMemory);
  CHECK(ThrownBy([&] { ParseModel(file, "file", {size, nullptr}); }).kind == ErrorKind::kMemory);
  Bytes damaged = file;
  damaged[file.size() / 2] ^= 1;
  CHECK(ThrownBy([&] { ViewModel(damaged, "file"); }).kind == ErrorKind::kDamaged);
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
  refused([](QuantizedModel* m) { m->config.llama->kind = ImportedShape::kGpt2; });
  refused([](QuantizedModel* m) { m->config.llama->kind = ImportedShape{4}; });
  refused([](QuantizedModel* m) { m->config.llama->kind = ImportedShape::kQwen3; });
  refused([](QuantizedModel* m) { SetMemory("tiny", &m->config); });
  // Fine or not, the tensors tell otherwise.
  refused([](QuantizedModel* m) { m->config.llama->fine = true; });
  const QuantizedModel fine = RandomLlama(FineConfigs()[0].config, 9);
  CheckModel(fine, "fine");
  const auto refused_fine = [&](const auto& change) {
    QuantizedModel bad = fine;
    change(&bad);
    CHECK_THROWS_AS(CheckModel(bad, "bad"), Error);
  };
  refused_fine([](QuantizedModel* m) { m->config.llama->fine = false; });
  refused_fine([](QuantizedModel* m) { m->tensors[1].codes[5] = 64; });  // the embedding's rest
  refused_fine([](QuantizedModel* m) { m->tensors[1].codes[5] = -64; });
  refused_fine([](QuantizedModel* m) { m->tensors[1].floats[0] = 2; });
  refused_fine([](QuantizedModel* m) { m->tensors.erase(m->tensors.begin() + 1); });
}

TEST_CASE("Imported network: a flat file gives the model back, and its id") {
  for (const auto& [name, config] : AllImportedConfigs()) {
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
