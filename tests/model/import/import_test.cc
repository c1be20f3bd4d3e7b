// Public checkpoints, good and hostile.
#include "model/import/import.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "coder/archive/compressor.h"
#include "coder/predict/continuation.h"
#include "coder/predict/loaded_model.h"
#include "coder/weights/model_codec.h"
#include "data/tokenizer/table_tokenizer.h"
#include "model/import/float_llama.h"
#include "model/import/llama_files.h"
#include "model/import/quantise_llama.h"
#include "model/import/safetensors_file.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/import/tiny_checkpoints.h"
#include "tests/temporary_folder.h"

namespace occam {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

ImportSource TinySource(uint64_t seed) {
  ImportSource source;
  source.weights =
      ReadLlamaFolder(BytesOfText(TinyConfig(kTinyTokens)),
                      SafetensorsBytes(RandomTensors(kTinyTokens, seed)), "config.json", "model");
  source.table = ReadTokenizerJson(BytesOfText(TinyTokenizer()), kTinyTokens, "tokenizer.json");
  return source;
}

const Bytes kText = BytesOfText("the theATth e the Ahe the t the thetheA e");

Thrown ReadingFolder(const std::string& config, const TinyTensors& tensors) {
  return ThrownBy([&] {
    ReadLlamaFolder(BytesOfText(config), SafetensorsBytes(tensors), "config.json", "model");
  });
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("Import: tensors are the same in all three types") {
  const TinyTensors tensors = RandomTensors(kTinyTokens, 1);
  const auto read = [&](const std::string& type) {
    TinyTensors typed = tensors;
    for (auto& [name, tensor] : typed) tensor.type = type;
    return ReadLlamaFolder(BytesOfText(TinyConfig(kTinyTokens)), SafetensorsBytes(typed), "c", "m");
  };
  const LlamaWeights whole = read("F32");
  for (const char* type : {"BF16", "F16"}) {
    const LlamaWeights w = read(type);
    CHECK(w.embedding == whole.embedding);
    CHECK(w.layers[1].wd == whole.layers[1].wd);
    CHECK(w.final_gain == whole.final_gain);
  }
  CHECK(whole.embedding == tensors.at("model.embed_tokens.weight").values);
  CHECK(whole.head.empty());
}

TEST_CASE("Import: a tied head may have either name, or both if they are the same") {
  TinyTensors tensors = RandomTensors(kTinyTokens, 1);
  tensors["lm_head.weight"] = tensors.at("model.embed_tokens.weight");
  CHECK_FALSE(ReadingFolder(TinyConfig(kTinyTokens), tensors).kind);
  tensors["lm_head.weight"].values[3] += 1;
  CHECK(ReadingFolder(TinyConfig(kTinyTokens), tensors).Mentions("differ"));
  tensors.erase("model.embed_tokens.weight");
  CHECK_FALSE(ReadingFolder(TinyConfig(kTinyTokens), tensors).kind);
}

TEST_CASE("Import: tensors that are missing, extra, misshaped or not finite are named") {
  const std::string config = TinyConfig(kTinyTokens);
  const std::string name = "model.layers.1.mlp.up_proj.weight";
  const auto refused = [&](const auto& change, const std::string& word) {
    TinyTensors tensors = RandomTensors(kTinyTokens, 1);
    change(&tensors);
    const Thrown thrown = ReadingFolder(config, tensors);
    CHECK(thrown.kind == ErrorKind::kDamaged);
    CHECK(thrown.Mentions(name));
    CHECK(thrown.Mentions(word));
  };
  refused([&](TinyTensors* t) { t->erase(name); }, "missing");
  refused([&](TinyTensors* t) { (*t)[name].shape = {16, 20}; }, "shape");
  refused([&](TinyTensors* t) { (*t)[name].type = "I64"; }, "I64");
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    refused([&](TinyTensors* t) { (*t)[name].values[7] = bad; }, "not finite");
  TinyTensors extra = RandomTensors(kTinyTokens, 1);
  extra["model.layers.0.self_attn.q_norm.weight"] = {{1}, {1.0f}};
  CHECK(ReadingFolder(config, extra).Mentions("q_norm"));
}

TEST_CASE("Import: what the network does not have is refused by name") {
  const TinyTensors tensors = RandomTensors(kTinyTokens, 1);
  const std::string config = TinyConfig(kTinyTokens);
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& word,
                           ErrorKind kind) {
    INFO(to);
    const Thrown thrown = ReadingFolder(Replaced(config, from, to), tensors);
    CHECK(thrown.kind == kind);
    CHECK(thrown.Mentions(word));
    CHECK(thrown.Mentions("config.json"));
  };
  constexpr auto kUsage = ErrorKind::kUsage, kDamaged = ErrorKind::kDamaged;
  refused(R"("model_type": "llama")", R"("model_type": "mamba")", "mamba", kUsage);
  refused(R"("rope_scaling": null)", R"("rope_scaling": {"type": "yarn"})", "rope_scaling", kUsage);
  refused(R"("silu")", R"("gelu")", "gelu", kUsage);
  refused(R"("bos_token_id": 1)", R"("bos_token_id": 1, "attention_bias": true)", "attention_bias",
          kUsage);
  refused(R"("bos_token_id": 1)", R"("bos_token_id": 99)", "begin token", kDamaged);
  refused(R"("hidden_size": 16)", R"("hidden_size": 1000000000)", "width", kDamaged);
  refused(R"("hidden_size": 16)", R"("hidden_size": -16)", "hidden_size", kDamaged);
  refused(R"("hidden_size": 16)", R"("hidden_size": "16")", "hidden_size", kDamaged);
  refused(R"("num_hidden_layers": 2)", R"("num_hidden_layers": 2000000000)", "layers", kDamaged);
  refused(R"("num_attention_heads": 4)", R"("num_attention_heads": 0)", "heads", kDamaged);
  refused(R"("rms_norm_eps": 1e-5)", R"("rms_norm_eps": 0)", "epsilon", kDamaged);
  refused(R"("vocab_size": 12)", R"("vocab_size": 4000000000)", "vocab_size", kDamaged);
  CHECK(ReadingFolder("[" + config, tensors).Mentions("no JSON"));
  CHECK(ReadingFolder("[]", tensors).kind == kDamaged);
}

TEST_CASE("Import: hostile headers of safetensors allocate nothing and are damaged") {
  const auto refused = [](uint64_t length, const std::string& header, size_t data) {
    INFO(header);
    ByteWriter file;
    file.Put(length);
    file.PutBytes(BytesOfText(header));
    file.PutBytes(Bytes(data));
    CHECK(ThrownBy([&] { SafetensorsFile(file.bytes(), "hostile"); }).kind == ErrorKind::kDamaged);
  };
  for (const uint64_t length : {uint64_t{0}, uint64_t{3}, uint64_t{1} << 62, ~uint64_t{0}})
    refused(length, "{}", 0);
  const auto tensor = [&](const std::string& fields) {
    const std::string header = "{\"t\": {" + fields + "}}";
    refused(header.size(), header, 16);
  };
  tensor(R"("dtype": "F32", "shape": [4], "data_offsets": [0, 17])");
  tensor(R"("dtype": "F32", "shape": [4], "data_offsets": [16, 0])");
  tensor(R"("dtype": "F32", "shape": [4], "data_offsets": [0, 18446744073709551615])");
  tensor(R"("dtype": "F32", "shape": [4], "data_offsets": [-4, 12])");
  tensor(R"("dtype": "F32", "shape": [4], "data_offsets": [0])");
  tensor(R"("dtype": "F32", "shape": [5], "data_offsets": [0, 16])");
  tensor(R"("dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 16])");
  tensor(R"("dtype": "F32", "shape": [1.5], "data_offsets": [0, 16])");
  tensor(R"("dtype": "F32", "shape": 4, "data_offsets": [0, 16])");
  tensor(R"("dtype": 32, "shape": [4], "data_offsets": [0, 16])");
  tensor(R"("shape": [4], "data_offsets": [0, 16])");
  refused(1, "[", 0);
  const std::string deep(100'000, '[');
  refused(deep.size(), deep, 0);
  const Bytes good = SafetensorsBytes(RandomTensors(kTinyTokens, 1));
  for (size_t n = 0; n < good.size(); n += good.size() / 50) {
    const std::span cut(good.data(), n);
    CHECK(ThrownBy([&] {
            ReadLlamaFolder(BytesOfText(TinyConfig(kTinyTokens)), cut, "c", "m");
          }).kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Import: a llama2.c file is read whole or not at all") {
  const Bytes good = TinyLlama2c(kTinyLlama2cTokens, 2);
  const LlamaWeights w = ReadLlama2c(good, "net.bin");
  CHECK(w.layers.size() == 2);
  CHECK(w.head.empty());
  // Neighbouring rows of a head stand half a head apart: row 1 of the file is row 4.
  const size_t wq = 28 + 4 * (static_cast<size_t>(kTinyLlama2cTokens) * 16 + 2 * 16);
  ByteReader row{std::span(good).subspan(wq + 16 * 4), "row 1"};
  CHECK(w.layers[0].wq[4 * 16] == row.GetFloat());
  const auto damaged = [](Bytes bytes) {
    CHECK(ThrownBy([&] { ReadLlama2c(bytes, "net.bin"); }).kind == ErrorKind::kDamaged);
  };
  for (size_t n = 0; n < good.size(); n += 997)
    damaged({good.begin(), good.begin() + static_cast<ptrdiff_t>(n)});
  Bytes longer = good;
  longer.resize(good.size() + 4);
  damaged(longer);
  for (size_t number = 0; number < 7; ++number) {
    for (const int value : {0, 1, 0x7f, 0xff}) {
      Bytes changed = good;
      changed.at(number * 4 + 3) = static_cast<uint8_t>(value == 0 ? 0x80 : value);
      damaged(changed);
    }
  }
  Bytes nan = good;
  nan[30] = nan[31] = 0xff;
  damaged(nan);
}

TEST_CASE("Import: tokens of llama2.c are bytes, and pairs merge by score") {
  const TokenTable table = ReadLlama2cTokens(TinyLlama2cTokens(), kTinyLlama2cTokens, "tok.bin");
  CHECK(table.escapes == 0);
  const TableTokenizer tokenizer(table.tokens, table.merges);
  CHECK(tokenizer.is_silent(0));
  CHECK(tokenizer.Encode(BytesOfText("thet\n")) == std::vector<int32_t>{260, 261, 13});
  const Bytes good = TinyLlama2cTokens();
  for (size_t n = 0; n < good.size(); n += 61) {
    const std::span cut(good.data(), n);
    CHECK(ThrownBy([&] { ReadLlama2cTokens(cut, kTinyLlama2cTokens, "t"); }).kind ==
          ErrorKind::kDamaged);
  }
  CHECK(ThrownBy([&] { ReadLlama2cTokens(good, kTinyLlama2cTokens - 1, "t"); }).kind ==
        ErrorKind::kDamaged);
  Bytes endless = good;
  endless[8] = endless[9] = endless[10] = endless[11] = 0xff;  // the length of the first token
  CHECK(ThrownBy([&] { ReadLlama2cTokens(endless, kTinyLlama2cTokens, "t"); }).kind ==
        ErrorKind::kDamaged);
}

TEST_CASE("Import: a tokenizer.json is a table, with escapes for the bytes that it lacks") {
  const TokenTable table =
      ReadTokenizerJson(BytesOfText(TinyTokenizer()), kTinyTokens, "tokenizer.json");
  CHECK(table.escapes == 256 - 5);  // A, t, h, e and the space have tokens
  CHECK(table.escape_token == 0);
  const TableTokenizer tokenizer(table.tokens, table.merges);
  CHECK(tokenizer.Encode(BytesOfText(" theA")) == std::vector<int32_t>{11, 4});
  const Bytes special = BytesOfText("<s>\xe2\x96\x81");  // text, and the sign for spaces itself
  CHECK(tokenizer.Decode(tokenizer.Encode(special)) == special);
  CHECK(tokenizer.Encode(special).size() == 6);

  const auto refused = [](const std::string& from, const std::string& to, const std::string& word,
                          ErrorKind kind) {
    INFO(to);
    const Thrown thrown = ThrownBy([&] {
      ReadTokenizerJson(BytesOfText(Replaced(TinyTokenizer(), from, to)), kTinyTokens, "t.json");
    });
    CHECK(thrown.kind == kind);
    CHECK(thrown.Mentions(word));
  };
  constexpr auto kUsage = ErrorKind::kUsage, kDamaged = ErrorKind::kDamaged;
  refused(R"("type": "BPE")", R"("type": "Unigram")", "Unigram", kUsage);
  refused(R"("type": "Replace")", R"("type": "NFC")", "NFC", kUsage);
  refused(R"("pre_tokenizer": null)", R"("pre_tokenizer": {"type": "ByteLevel"})", "ByteLevel",
          kUsage);
  refused(R"("special": true)", R"("special": false)", "<unk>", kUsage);
  refused(R"("A": 4)", R"("A": 5)", "impossible id", kDamaged);
  refused(R"("A": 4)", R"("A": 12)", "impossible id", kDamaged);
  refused(R"("t h")", R"("t x")", "merge", kDamaged);
  refused(R"("t h")", "17", "merge", kDamaged);
  refused(R"("merges")", R"("mergers")", "merges", kDamaged);
}

TEST_CASE("Import: smoothing changes nothing but the rounding") {
  const ImportSource source = TinySource(5);
  LlamaWeights smooth = source.weights;
  std::vector<LlamaMaxima> maxima(2);
  std::vector<int32_t> inputs;
  Random random(6);
  for (int i = 0; i < 50; ++i) inputs.push_back(static_cast<int32_t>(random.Below(kTinyTokens)));
  const auto want = FloatLogits(source.weights, inputs, &maxima);
  Smooth(maxima, &smooth);
  CHECK_FALSE(smooth.layers[0].wk == source.weights.layers[0].wk);
  const auto got = FloatLogits(smooth, inputs);
  double difference = 0, largest = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    difference = std::max(difference, std::fabs(got[i] - want[i]));
    largest = std::max(largest, std::fabs(want[i]));
  }
  // Weights are floats: each product's scale is rounded to 2^-24.
  CHECK(difference < 1e-5 * largest);
}

TEST_CASE("Import: a tiny checkpoint loses little, and codes any bytes") {
  for (const bool from_llama2c : {false, true}) {
    ImportSource source = TinySource(7);
    if (from_llama2c) {
      source.weights = ReadLlama2c(TinyLlama2c(kTinyLlama2cTokens, 7), "net.bin");
      source.table = ReadLlama2cTokens(TinyLlama2cTokens(), kTinyLlama2cTokens, "tok.bin");
    }
    const QuantizedModel model = ImportModel(source, 0, kText);
    CHECK(model.config.context == 64);
    CHECK(model.config.mlp_width() == 24);
    const ImportLoss loss = MeasureLoss(source, model, kText);
    CHECK(loss.tokens > 10);
    CHECK(loss.divergence_bits >= 0);
    // Widths of 16 round coarsely: no more than a percent is asked for.
    CHECK(loss.percent() < 1);

    const LoadedModel loaded(model, Kernels::kFast);
    Random random(8);
    Bytes bytes = kText;
    for (int i = 0; i < 3000; ++i)
      bytes.push_back(static_cast<uint8_t>(i % 3 == 0 ? random.Below(256) : "the A"[i % 5]));
    for (const Bytes& original : {Bytes(), kText, bytes}) {
      const Bytes file = CompressBytes(original, &loaded.codec_model());
      CHECK((DecompressBytes(file, &loaded.codec_model(), 2) == original));
    }
    Continuation continuation(loaded.codec_model());
    continuation.Feed(kText);
    SymbolSampler sampler({});
    for (int i = 0; i < 200; ++i) CHECK_FALSE(continuation.Next(&sampler).empty());
    uint64_t sum = 0;
    for (const uint32_t frequency : continuation.Frequencies()) sum += frequency;
    CHECK(sum == kFrequencyTotal);
  }
}

TEST_CASE("Import: an imported model goes through its coded form") {
  const QuantizedModel model = ImportModel(TinySource(9), 32, kText);
  const Bytes coded = EncodeModel(model).bytes;
  CHECK(SerialiseModel(DecodeModel(coded, "coded")) == SerialiseModel(model));
}

TEST_CASE("Import: wrong contexts and empty calibration texts are refused") {
  const ImportSource source = TinySource(1);
  CHECK(ThrownBy([&] { ImportModel(source, 65, kText); }).kind == ErrorKind::kUsage);
  CHECK(ThrownBy([&] { ImportModel(source, -1, kText); }).kind == ErrorKind::kUsage);
  CHECK(ThrownBy([&] { ImportModel(source, 0, {}); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Import: a path is a folder, a .bin, or nothing that can be imported") {
  const TemporaryFolder folder;
  CHECK(ThrownBy([&] { ReadCheckpointOf(folder / "none", ""); }).kind == ErrorKind::kIo);
  CHECK(ThrownBy([&] { ReadCheckpointOf(folder.path(), ""); }).Mentions("config.json"));
  WriteFile(folder / "net.bin", TinyLlama2c(kTinyLlama2cTokens, 2));
  CHECK(ThrownBy([&] { ReadCheckpointOf(folder / "net.bin", ""); }).Mentions("tok*.bin"));
  WriteFile(folder / "tok9.bin", TinyLlama2cTokens());
  CHECK(ReadCheckpointOf(folder / "net.bin", "").weights.width == 16);
  CHECK(ReadCheckpointOf(folder.path(), folder / "tok9.bin").weights.width == 16);
  WriteFile(folder / "config.json", BytesOfText(TinyConfig(kTinyTokens)));
  WriteFile(folder / "model.safetensors.index.json", BytesOfText("{}"));
  CHECK(ThrownBy([&] { ReadCheckpointOf(folder.path(), ""); }).Mentions("several files"));
  WriteFile(folder / "model.safetensors", SafetensorsBytes(RandomTensors(kTinyTokens, 1)));
  WriteFile(folder / "tokenizer.json", BytesOfText(TinyTokenizer()));
  CHECK(ReadCheckpointOf(folder.path(), "").weights.heads == 4);
}

}  // namespace
}  // namespace occam
