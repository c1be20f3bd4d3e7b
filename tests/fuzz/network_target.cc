// A network of any shape with any weights that the contract allows: fast kernels, plain kernels and
// single steps give the same frequencies. The input chooses shape, weights and symbols.
#include <cmath>
#include <vector>

#include "model/exact/network.h"
#include "model/parameters.h"
#include "tests/fuzz/target.h"

namespace occam::fuzz {
namespace {

// One of the shapes that are imported, with head sizes apart from the width.
void MakeImported(Choices* in, ModelConfig* c) {
  c->mlp_factor = 1;
  c->conv_width = 0;
  LlamaShape& shape = c->llama.emplace();
  shape.kind = static_cast<ImportedShape>(1 + in->Below(kImportedShapes));
  shape.head_size = 8 * (1 + in->Below(5));
  shape.mlp_width = 8 * (1 + in->Below(6));
  shape.escapes = in->Coin() ? 1 + in->Below(c->vocabulary - 1) : 0;
  if (shape.escapes > kMaxEscapes) shape.escapes = kMaxEscapes;
  shape.begin_token = in->Below(c->embedding_rows());
  shape.escape_token = shape.escapes > 0 ? in->Below(c->embedding_rows()) : 0;
  shape.tied_head = in->Coin();
  shape.epsilon = std::ldexp(1.0f, -in->Below(61));
  shape.fine = in->Coin();
  for (int i = 0; shape.turns() && i < shape.head_size / 2; ++i)
    shape.rotary_steps.push_back(static_cast<uint32_t>(in->Below(65536)) << 14);
}

ModelConfig ChosenShape(Choices* in) {
  ModelConfig c;
  c.vocabulary = 2 + in->Below(40) + (in->Coin() ? 257 : 0);
  c.heads = 1 + in->Below(3);
  c.width = 8 * c.heads * (1 + in->Below(4));
  c.kv_heads = in->Coin() ? c.heads : 1;
  c.mlp_factor = 1 + in->Below(3);
  c.conv_width = in->Below(5);
  c.context = 1 + in->Below(70);
  c.layers = 1 + in->Below(2);
  for (int l = 0; l < c.layers; ++l) c.windows.push_back(in->Below(80));
  if (in->Below(4) == 3) {
    c.vocabulary = 256;
    SetSignals("patches", &c);
    c.record_width = 1 + in->Below(9);
    c.record_height = 1 + in->Below(9);
    c.residual = in->Coin();
    if (in->Coin()) {
      SetSignals("jpeg", &c);
      c.lattice_qualities.resize(static_cast<size_t>(1 + in->Below(2)));
      c.record_width = 8 * (1 + in->Below(3));
      c.record_height = 8;
    }
  } else if (in->Coin()) {
    MakeImported(in, &c);
  }
  return c;
}

// Floats at the bounds of the contract or anywhere within, of at most 16 significant bits.
class Floats {
 public:
  Floats(Choices* in, bool extreme) : in_(*in), extreme_(extreme) {}
  // Of magnitude 2^low to 2^high.
  float Scale(int low, int high) {
    if (extreme_) return std::ldexp(1.0f, in_.Coin() ? high : low);
    const int exponent = low + in_.Below(high - low);
    return std::ldexp(1.0f + static_cast<float>(in_.Below(1 << 15)) / (1 << 15), exponent);
  }
  float Gain() { return (in_.Coin() ? -1.0f : 1.0f) * Scale(-60, 8); }

 private:
  Choices& in_;
  bool extreme_;
};

QuantizedModel ChosenModel(Choices* in) {
  QuantizedModel model;
  model.config = ChosenShape(in);
  model.tokenizer = {1};
  Floats floats(in, in->Coin());
  const bool extreme_codes = in->Coin();
  for (const ParameterSpec& spec : ParameterTable(model.config)) {
    QuantizedTensor& tensor = model.tensors.emplace_back();
    const bool coded = spec.coding == Coding::kRowCodes;
    for (int64_t i = 0; i < (coded ? spec.rows : spec.size()); ++i) {
      const bool zero = in->Below(16) == 0;
      tensor.floats.push_back(zero ? 0.0f : coded ? floats.Scale(-60, 0) : floats.Gain());
    }
    for (int64_t i = 0; coded && i < spec.size(); ++i) {
      const int most = spec.most_code;
      const int code =
          extreme_codes ? (in->Coin() ? most : -most) : in->Byte() % (2 * most + 1) - most;
      tensor.codes.push_back(static_cast<int8_t>(code));
    }
  }
  for (int i = 0; i < model.config.layers * model.config.kv_heads; ++i) {
    if (!model.config.llama) model.key_scales.push_back(floats.Scale(-40, 20));
    model.value_scales.push_back(floats.Scale(-40, 20));
  }
  return model;
}

using Frequencies = std::vector<uint32_t>;

Frequencies Scored(const ExactNetwork& network, std::span<const int32_t> symbols) {
  Frequencies all;
  ExactSession session(network, 1);
  session.Reset(0);
  session.Score(0, symbols, [&](size_t, std::span<const uint32_t> frequencies) {
    all.insert(all.end(), frequencies.begin(), frequencies.end());
  });
  return all;
}

// The first of three lanes, whose others step along with other symbols.
Frequencies Stepped(const ExactNetwork& network, std::span<const int32_t> symbols) {
  const auto vocabulary = static_cast<size_t>(network.config().vocabulary);
  Frequencies all;
  Frequencies step(3 * vocabulary);
  ExactSession session(network, 3);
  for (int lane = 0; lane < 3; ++lane) session.Reset(lane);
  std::vector<int32_t> previous(3, 0);
  for (size_t i = 0; i < symbols.size(); ++i) {
    session.Step(previous, step);
    uint64_t sum = 0;
    for (size_t symbol = 0; symbol < vocabulary; ++symbol) {
      Require(step[symbol] >= 1, "every symbol can come");
      sum += step[symbol];
    }
    Require(sum == kFrequencyTotal, "frequencies sum to their total");
    all.insert(all.end(), step.begin(), step.begin() + static_cast<std::ptrdiff_t>(vocabulary));
    previous = {symbols[i], symbols[symbols.size() - 1 - i], symbols[i / 2]};
  }
  return all;
}

}  // namespace
}  // namespace occam::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace occam::fuzz;  // NOLINT
  using namespace occam;        // NOLINT
  Choices in({data, size});
  const QuantizedModel model = ChosenModel(&in);
  CheckModel(model, "a model within the contract");
  const ExactNetwork fast(model, Kernels::kFast);
  const ExactNetwork plain(model, Kernels::kPlain);
  std::vector<int32_t> symbols;
  for (int i = 0; i < 90; ++i) symbols.push_back(in.Below(model.config.vocabulary));
  const Frequencies scored = Scored(fast, symbols);
  Require(scored == Scored(plain, symbols), "fast and plain kernels agree");
  Require(scored == Stepped(fast, symbols), "scoring and stepping agree");
  Require(scored == Stepped(plain, symbols), "stepping with plain kernels agrees");
  return 0;
}
