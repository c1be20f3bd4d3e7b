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
#include "model/import/double_heads.h"
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

LlamaWeights ReadTiny(const std::string& config, std::span<const uint8_t> file) {
  CheckpointTensors tensors;
  AddSafetensors(file, "model", &tensors);
  return ReadLlamaFolder(BytesOfText(config), "config.json", &tensors);
}

ImportSource TinySource(uint64_t seed) {
  ImportSource source;
  source.weights =
      ReadTiny(TinyConfig(kTinyTokens), SafetensorsBytes(RandomTensors(kTinyTokens, seed)));
  source.table = ReadTokenizerJson(BytesOfText(TinyTokenizer()), kTinyTokens, "tokenizer.json");
  return source;
}

const Bytes kText = BytesOfText("the theATth e the Ahe the t the thetheA e");

Thrown ReadingFolder(const std::string& config, const TinyTensors& tensors) {
  return ThrownBy([&] { ReadTiny(config, SafetensorsBytes(tensors)); });
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
    return ReadTiny(TinyConfig(kTinyTokens), SafetensorsBytes(typed));
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

TEST_CASE("Import: the memory that it takes is told by the sizes of the files") {
  const TemporaryFolder folder;
  WriteFile(folder / "model.safetensors", Bytes(1000));
  WriteFile(folder / "tokenizer.json", Bytes(5000));
  CHECK(ImportMemory(folder.path()) == 5000);
  CHECK(ImportMemory(folder / "model.safetensors") == 5000);
  WriteFile(folder / "model.gguf", Bytes(1000));
  CHECK(ImportMemory(folder / "model.gguf") == 9000);
  CHECK(ThrownBy([&] { ImportMemory(folder / "none"); }).kind == ErrorKind::kIo);
}

TEST_CASE("Import: contexts are the usual ones where nothing else is asked for") {
  ImportSource source = TinySource(1);
  CHECK(ImportModel(source, 0, kText).config.context == 64);
  source.weights.context = 4 * kUsualContext;
  CHECK(ImportModel(source, 0, kText).config.context == kUsualContext);
  CHECK(ImportModel(source, 2 * kUsualContext, kText).config.context == 2 * kUsualContext);
}

TEST_CASE("Import: a model in a flat file is not copied, and codes as one that is") {
  const TemporaryFolder folder;
  const QuantizedModel model = ImportModel(TinySource(1), 0, kText);
  WriteFile(folder / "flat.occm", SerialiseModel(model));
  WriteFile(folder / "coded.occm", EncodeModel(model).bytes);
  OpenedModel flat = OpenModel(folder / "flat.occm");
  CHECK_FALSE(flat.file.bytes().empty());
  CHECK(OpenModel(folder / "coded.occm").file.bytes().empty());
  const LoadedModel mapped(std::move(flat), Kernels::kFast);
  const LoadedModel copied(model, Kernels::kFast);
  CHECK(mapped.network().id() == copied.network().id());
  CHECK(mapped.codec_model().model_bytes + CodeBytes(model.config) ==
        copied.codec_model().model_bytes);
  CHECK(CompressBytes(kText, &mapped.codec_model()) == CompressBytes(kText, &copied.codec_model()));
  WriteFile(folder / "none.occm", kText);
  CHECK(ThrownBy([&] { OpenModel(folder / "none.occm"); }).kind == ErrorKind::kDamaged);
  CHECK(ThrownBy([&] { OpenModel(folder / "missing.occm"); }).kind == ErrorKind::kIo);
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
  for (const char* kind : {"yarn", "linear", "dynamic", "llama3", "longrope"}) {
    for (const char* field : {"type", "rope_type"}) {
      refused(R"("rope_scaling": null)",
              fmt::format(R"("rope_scaling": {{"{}": "{}", "factor": 2}})", field, kind), kind,
              kUsage);
    }
  }
  refused(R"("rope_scaling": null)", R"("rope_scaling": {"factor": 2})", "has no type", kDamaged);
  const auto added = [&](const std::string& field, const std::string& word) {
    refused(R"("bos_token_id": 1)", R"("bos_token_id": 1, )" + field, word, kUsage);
  };
  added(R"("attn_logit_softcapping": 50.0)", "attn_logit_softcapping");
  added(R"("final_logit_softcapping": 30.0)", "final_logit_softcapping");
  added(R"("num_local_experts": 8)", "num_local_experts");
  added(R"("num_experts": 128)", "num_experts");
  added(R"("sliding_window": 63)", "sliding_window");
  added(R"("layer_types": ["full_attention", "sliding_attention"])", "sliding_attention");
  added(R"("partial_rotary_factor": 0.5)", "partial_rotary_factor");
  added(R"("residual_multiplier": 0.22)", "residual_multiplier");
  added(R"("rope_parameters": {"rope_type": "yarn", "rope_theta": 1e6})", "yarn");
  added(R"("quantization_config": {"bits": 4})", "quantization_config");
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
  refused(R"("vocab_size": 12)", R"("vocab_size": 262145)", "vocabulary", kDamaged);
  CHECK(ReadingFolder("[" + config, tensors).Mentions("no JSON"));
  CHECK(ReadingFolder("[]", tensors).kind == kDamaged);
}

TEST_CASE("Import: what changes nothing is let be, and new names of the rotary base are known") {
  const Bytes file = SafetensorsBytes(RandomTensors(kTinyTokens, 1));
  const auto with = [&](const std::string& fields) {
    return ReadTiny(Replaced(TinyConfig(kTinyTokens), R"("rope_scaling": null)", fields), file);
  };
  CHECK(with(R"("sliding_window": 64, "num_experts": 0, "final_logit_softcapping": null)").theta ==
        10000);
  CHECK(with(R"("sliding_window": 8, "use_sliding_window": false)").theta == 10000);
  CHECK(with(R"("layer_types": ["full_attention", "full_attention"])").theta == 10000);
  CHECK(with(R"("rope_parameters": {"rope_type": "default", "rope_theta": 500000.0})").theta ==
        500000);
}

// Deals the tensors out to files in turn.
std::vector<TinyTensors> Shards(const TinyTensors& tensors, size_t count) {
  std::vector<TinyTensors> shards(count);
  size_t i = 0;
  for (const auto& [name, tensor] : tensors) shards[i++ % count][name] = tensor;
  return shards;
}

std::string ShardName(size_t i) { return fmt::format("model-{:05}-of-00003.safetensors", i + 1); }

std::string IndexText(const std::vector<TinyTensors>& shards) {
  std::string map;
  for (size_t i = 0; i < shards.size(); ++i) {
    for (const auto& [name, tensor] : shards[i])
      map += fmt::format(R"({}"{}": "{}")", map.empty() ? "" : ", ", name, ShardName(i));
  }
  return R"({"metadata": {"total_size": 1}, "weight_map": {)" + map + "}}";
}

TEST_CASE("Import: a checkpoint in several files is the one of a single file") {
  const TinyTensors whole = RandomTensors(kTinyTokens, 4);
  const std::vector<TinyTensors> shards = Shards(whole, 3);
  const TemporaryFolder folder;
  const auto write_index = [&](const std::string& text) {
    WriteFile(folder / "model.safetensors.index.json", BytesOfText(text));
  };
  const auto write_shard = [&](size_t i, const TinyTensors& tensors) {
    WriteFile(folder / ShardName(i), SafetensorsBytes(tensors));
  };
  const auto thrown = [&] { return ThrownBy([&] { ReadCheckpointOf(folder.path(), ""); }); };
  WriteFile(folder / "config.json", BytesOfText(TinyConfig(kTinyTokens)));
  WriteFile(folder / "tokenizer.json", BytesOfText(TinyTokenizer()));
  for (size_t i = 0; i < 3; ++i) write_shard(i, shards[i]);
  write_index(IndexText(shards));
  const LlamaWeights read = ReadCheckpointOf(folder.path(), "").weights;
  const LlamaWeights want = ReadTiny(TinyConfig(kTinyTokens), SafetensorsBytes(whole));
  CHECK(read.embedding == want.embedding);
  CHECK(read.layers[1].wd == want.layers[1].wd);
  CHECK(read.final_gain == want.final_gain);

  const auto damaged = [&](const std::string& word) {
    INFO(word);
    const Thrown t = thrown();
    CHECK(t.kind == ErrorKind::kDamaged);
    CHECK(t.Mentions(word));
    CHECK(t.message.find('\n') == std::string::npos);
  };
  // A tensor in another file than the index says, one in two files, one that is not indexed.
  TinyTensors changed = shards[0];
  const auto moved = changed.extract(changed.begin());
  write_shard(0, changed);
  damaged("is not in " + ShardName(0));
  TinyTensors doubled = shards[1];
  doubled[moved.key()] = moved.mapped();
  write_shard(0, shards[0]);
  write_shard(1, doubled);
  damaged("too");
  doubled.erase(moved.key());
  doubled["stranger"] = moved.mapped();
  write_shard(1, doubled);
  damaged("stranger");
  // One that no file has.
  write_shard(1, shards[1]);
  write_index(Replaced(IndexText(shards), "weight_map\": {",
                       "weight_map\": {\"ghost\": \"" + ShardName(0) + "\", "));
  damaged("ghost");
  for (const char* hostile :
       {"../model-00001-of-00003.safetensors", "/etc/passwd", "", ".safetensors", "a/b.safetensors",
        "model.bin", "..\\\\x.safetensors", "x\\u0000.safetensors"}) {
    write_index(Replaced(IndexText(shards), ShardName(0), hostile));
    damaged("no .safetensors beside it");
  }
  for (const char* wrong : {"", "[]", "{}", R"({"weight_map": 3})", R"({"weight_map": {}})",
                            R"({"weight_map": {"a": 7}})"}) {
    write_index(wrong);
    CHECK(thrown().kind == ErrorKind::kDamaged);
  }
  write_index(Replaced(IndexText(shards), ShardName(2), "model-9.safetensors"));
  CHECK(thrown().kind == ErrorKind::kIo);
}

TEST_CASE("Import: hostile headers of safetensors allocate nothing and are damaged") {
  const auto refused = [](uint64_t length, const std::string& header, size_t data) {
    INFO(header);
    ByteWriter file;
    file.Put(length);
    file.PutBytes(BytesOfText(header));
    file.PutBytes(Bytes(data));
    CheckpointTensors tensors;
    CHECK(ThrownBy([&] { AddSafetensors(file.bytes(), "hostile", &tensors); }).kind ==
          ErrorKind::kDamaged);
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
    CHECK(ThrownBy([&] { ReadTiny(TinyConfig(kTinyTokens), cut); }).kind == ErrorKind::kDamaged);
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
  const TableTokenizer tokenizer(table.tokens, table.merges, table.rules);
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
  const TableTokenizer tokenizer(table.tokens, table.merges, table.rules);
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
  refused(R"("type": "Replace")", R"("type": "Lowercase")", "Lowercase", kUsage);
  refused(R"("pre_tokenizer": null)", R"("pre_tokenizer": {"type": "Whitespace"})", "Whitespace",
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

TEST_CASE("Import: heads of 8 are doubled, which changes nothing but the rounding") {
  const ImportSource source = TinySource(5);
  REQUIRE(source.weights.head_size == 8);
  LlamaWeights doubled = WithDoubledHeads(source.weights);
  CHECK(doubled.head_size == 16);
  CHECK(WithDoubledHeads(doubled).head_size == 16);
  std::vector<int32_t> inputs;
  for (int32_t i = 0; i < 60; ++i) inputs.push_back(i * i % kTinyTokens);
  const auto want = FloatLogits(source.weights, inputs), got = FloatLogits(doubled, inputs);
  double difference = 0;
  for (size_t i = 0; i < want.size(); ++i)
    difference = std::max(difference, std::fabs(got[i] - want[i]));
  CHECK(difference < 1e-5);  // weights are floats: each is rounded to 2^-24

  const QuantizedModel model = ImportModel(source, 0, kText);
  CHECK(model.config.head_size() == 16);
  const auto& steps = model.config.llama->rotary_steps;
  REQUIRE(steps.size() == 8);
  for (size_t i = 0; i < 4; ++i) CHECK(steps[i] == steps[4 + i]);
  LlamaWeights qwen3 = source.weights;
  qwen3.kind = ImportedShape::kQwen3;  // norms of heads would be others
  CHECK(WithDoubledHeads(qwen3).head_size == 8);
}

// Puts outliers in, as large networks have them. In real numbers the network stays the same.
void PutOutliers(LlamaWeights* w) {
  const auto width = static_cast<size_t>(w->width), size = static_cast<size_t>(w->head_size);
  const auto scale_column = [&](std::vector<float>* m, size_t columns, size_t column, float by) {
    for (size_t i = column; i < m->size(); i += columns) (*m)[i] *= by;
  };
  const auto scale_row = [&](std::vector<float>* m, size_t row, float by) {
    for (size_t i = 0; i < width; ++i) (*m)[row * width + i] *= by;
  };
  for (LlamaLayerWeights& layer : w->layers) {
    for (const size_t channel : {3u, 11u}) {  // gains of norms
      for (auto* gain : {&layer.gain1, &layer.gain2}) (*gain)[channel] *= 128;
      for (auto* m : {&layer.wq, &layer.wk, &layer.wv, &layer.wg, &layer.wu})
        scale_column(m, width, channel, 1.0f / 128);
    }
    for (const size_t row : {size_t{1}, size / 2 + 1}) {  // a pair of each key
      for (int32_t g = 0; g < w->kv_heads; ++g)
        scale_row(&layer.wk, static_cast<size_t>(g) * size + row, 16);
      for (int32_t h = 0; h < w->heads; ++h)
        scale_row(&layer.wq, static_cast<size_t>(h) * size + row, 1.0f / 16);
    }
    scale_row(&layer.wu, 5, 8);  // a channel of the MLP
    scale_column(&layer.wd, static_cast<size_t>(w->mlp_width), 5, 1.0f / 8);
  }
}

TEST_CASE("Import: outliers of gains, keys and the MLP are smoothed away") {
  ImportSource source = TinySource(7);
  const double before = MeasureLoss(source, ImportModel(source, 0, kText), kText).percent();
  PutOutliers(&source.weights);
  const double after = MeasureLoss(source, ImportModel(source, 0, kText), kText).percent();
  // The network without smoothing, its values scaled by what they are.
  std::vector<LlamaMaxima> maxima(source.weights.layers.size());
  std::vector<int32_t> inputs;
  for (int32_t i = 0; i < 64; ++i) inputs.push_back(3 + i * i % (kTinyTokens - 3));
  FloatLogits(source.weights, inputs, &maxima);
  std::vector<double> values;
  for (const LlamaMaxima& layer : maxima) {
    for (int32_t g = 0; g < source.weights.kv_heads; ++g) {
      const auto head = layer.values.begin() + std::ptrdiff_t{g} * source.weights.head_size;
      values.push_back(*std::max_element(head, head + source.weights.head_size));
    }
  }
  const QuantizedModel rough = QuantiseLlama(source.weights, source.table, 64, values);
  const double unsmoothed = MeasureLoss(source, rough, kText).percent();
  INFO(before << " " << after << " " << unsmoothed);
  CHECK(after < 1);
  CHECK(after < 2 * before + 0.1);
  CHECK(unsmoothed > 3 * after);
}

// What a network finds most probable, token after token; next(tokens) gives the logits after them.
std::vector<int32_t> Greedy(size_t count, const auto& next) {
  std::vector<int32_t> tokens;
  while (tokens.size() < count) {
    const auto logits = next(tokens);
    tokens.push_back(static_cast<int32_t>(std::ranges::max_element(logits) - logits.begin()));
  }
  return tokens;
}

TEST_CASE("Import: a fine model is the checkpoint nearly to the digit, and tells its story") {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    ImportSource source = TinySource(seed);
    const QuantizedModel usual = ImportModel(source, 0, kText);
    const QuantizedModel model = ImportModel(source, 0, kText, ImportPrecision::kFine);
    CHECK_FALSE(usual.config.llama->fine);
    CHECK(model.config.llama->fine);
    CHECK(model.config.head_size() == 8);  // not doubled
    CHECK(ModelId(ImportModel(source, 0, kText, ImportPrecision::kUsual)) == ModelId(usual));
    // Symbols have frequencies of 1 of 2^24 at least, which costs log2(e) / 2^24 bits each, or
    // less. What is beyond that is the network's.
    const double least = std::log2(std::exp(1.0)) * model.config.vocabulary / kFrequencyTotal;
    const double loss = MeasureLoss(source, model, kText).divergence_bits - least;
    CHECK(loss < 2e-6);
    CHECK(loss < MeasureLoss(source, usual, kText).divergence_bits / 200);

    const auto story = Greedy(60, [&](const std::vector<int32_t>& tokens) {
      std::vector<int32_t> inputs = {source.weights.begin_token};
      inputs.insert(inputs.end(), tokens.begin(), tokens.end());
      const auto all = FloatLogits(source.weights, inputs);
      return std::vector<double>(all.end() - kTinyTokens, all.end());
    });
    for (const Kernels kernels : {Kernels::kPlain, Kernels::kFast}) {
      const ExactNetwork network(model, kernels);
      ExactSession session(network, 1);
      session.Reset(0);
      std::vector<uint32_t> frequencies(static_cast<size_t>(model.config.vocabulary));
      CHECK(Greedy(60, [&](const std::vector<int32_t>& tokens) {
              session.Step(std::vector{tokens.empty() ? 0 : tokens.back()}, frequencies);
              // All escapes together are the token that the checkpoint has for them.
              std::vector<uint64_t> sums(frequencies.begin(), frequencies.begin() + kTinyTokens);
              for (size_t i = kTinyTokens; i < frequencies.size(); ++i)
                sums[static_cast<size_t>(source.table.escape_token)] += frequencies[i];
              return sums;
            }) == story);
    }
  }
}

TEST_CASE("Import: a fine model goes through both forms of its file, and codes any bytes") {
  const QuantizedModel model = ImportModel(TinySource(9), 32, kText, ImportPrecision::kFine);
  const Bytes flat = SerialiseModel(model), coded = EncodeModel(model).bytes;
  CHECK(SerialiseModel(ParseModel(flat, "flat")) == flat);
  CHECK(SerialiseModel(DecodeModel(coded, "coded")) == flat);
  CHECK(ModelId(DecodeModel(coded, "coded")) == ModelId(model));
  for (size_t n = 0; n < coded.size(); n += 97)
    CHECK_THROWS_AS(DecodeModel(std::span(coded).first(n), "cut"), Error);
  const LoadedModel fast(model, Kernels::kFast), plain(model, Kernels::kPlain);
  Random random(8);
  Bytes bytes = kText;
  for (int i = 0; i < 3000; ++i)
    bytes.push_back(static_cast<uint8_t>(i % 3 == 0 ? random.Below(256) : "the A"[i % 5]));
  for (const Bytes& original : {Bytes(), kText, bytes}) {
    const Bytes file = CompressBytes(original, &fast.codec_model());
    CHECK(CompressBytes(original, &plain.codec_model()) == file);
    CHECK((DecompressBytes(file, &fast.codec_model(), 1) == original));
    CHECK((DecompressBytes(file, &plain.codec_model(), 2) == original));
  }
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

// Tokens of three bytes, more than 16 bits can number: tables, totals and escapes have to hold
// them.
TEST_CASE("Import: a vocabulary beyond 16 bits is coded and restored") {
  constexpr int32_t kTokens = 70'000;
  ImportSource source;
  source.weights = ReadTiny(TinyConfig(kTokens), SafetensorsBytes(RandomTensors(kTokens, 11)));
  source.table.tokens.resize(kTokens);
  for (int32_t i = 10; i < kTokens; ++i) {
    for (int32_t n = i, digit = 0; digit < 3; ++digit, n /= 42)
      source.table.tokens[static_cast<size_t>(i)] += static_cast<char>('A' + n % 42);
  }
  for (int byte = 0; byte < 256; ++byte)
    source.table.tokens.emplace_back(1, static_cast<char>(byte));
  source.table.escapes = 256;
  source.table.escape_token = 3;
  // "AB" is no token of its own; let the last ones be made of it.
  source.table.tokens[4] = "BB";
  const auto id = [&](const std::string& text) {
    return static_cast<uint32_t>(std::ranges::find(source.table.tokens, text) -
                                 source.table.tokens.begin());
  };
  source.table.merges = {{id("B"), id("B")}, {4, id("h")}};
  const uint32_t made = id("BBh");
  REQUIRE(made > 65536);
  const Bytes text = BytesOfText("BBhBBhBB BBh\xff\xfe BBh");
  const QuantizedModel model = ImportModel(source, 0, text);
  CHECK(model.config.vocabulary == kTokens + 256);
  CHECK(model.tokenizer[0] == kWideTableKind);
  CHECK(MeasureLoss(source, model, text).percent() < 1);
  CHECK(SerialiseModel(ParseModel(SerialiseModel(model), "wide")) == SerialiseModel(model));
  for (const Kernels kernels : {Kernels::kPlain, Kernels::kFast}) {
    const LoadedModel loaded(model, kernels);
    const Bytes file = CompressBytes(text, &loaded.codec_model());
    const LoadedModel other(model, Kernels::kFast);
    CHECK((DecompressBytes(file, &other.codec_model(), 2) == text));
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
  CHECK(ThrownBy([&] { ReadCheckpointOf(folder.path(), ""); }).Mentions("weight_map"));
  WriteFile(folder / "model.safetensors", SafetensorsBytes(RandomTensors(kTinyTokens, 1)));
  WriteFile(folder / "tokenizer.json", BytesOfText(TinyTokenizer()));
  CHECK(ReadCheckpointOf(folder.path(), "").weights.heads == 4);
}

}  // namespace
}  // namespace occam
