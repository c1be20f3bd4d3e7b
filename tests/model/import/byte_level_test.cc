// Tokenizers in GPT-2's manner, beside Hugging Face's own encodings (make_tokenizer_fixtures.js).
#include <nlohmann/json.hpp>
#include <numeric>

#include "coder/archive/compressor.h"
#include "coder/predict/loaded_model.h"
#include "data/tokenizer/split_rules.h"
#include "data/tokenizer/table_tokenizer.h"
#include "model/import/import.h"
#include "model/import/llama_files.h"
#include "model/import/safetensors_file.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"
#include "tests/model/import/tiny_checkpoints.h"

namespace occam {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using Json = nlohmann::json;

constexpr int32_t kSpareTokens = 3;  // ids that no text has, as padded vocabularies have them

const Json& Fixtures() {
  static const Json fixtures = [] {
    const Bytes file = ReadFile(OCCAM_TOKENIZER_FIXTURES);
    return Json::parse(file.begin(), file.end());
  }();
  return fixtures;
}

TokenTable TableOf(const Json& definition) {
  const auto tokens = static_cast<int32_t>(definition["model"]["vocab"].size()) + kSpareTokens;
  return ReadTokenizerJson(BytesOfText(definition.dump()), tokens, "tokenizer.json");
}
TableTokenizer TokenizerOf(const TokenTable& table) {
  return {table.tokens, table.merges, table.rules};
}

Bytes FromHex(const std::string& hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

const std::vector<std::pair<std::string, SplitRule>> kRules = {{"gpt2", SplitRule::kGpt2},
                                                               {"smollm2", SplitRule::kDigits},
                                                               {"llama3", SplitRule::kLlama3},
                                                               {"qwen3", SplitRule::kQwen}};

TEST_CASE("Byte level: texts are cut and encoded as Hugging Face's own library does it") {
  size_t merged = 0;
  for (const auto& [name, rule] : kRules) {
    const TokenTable table = TableOf(Fixtures()["tokenizers"][name]);
    CHECK(table.rules == TableRules{rule, name == "llama3"});
    CHECK(table.escapes == (name == "smollm2" ? 5 : 0));
    const TableTokenizer tokenizer = TokenizerOf(table);
    for (const Json& wanted : Fixtures()["cases"]) {
      if (wanted["tokenizer"] != name) continue;
      const Bytes text = FromHex(wanted["text"]);
      INFO(name << " " << wanted["text"]);
      std::vector<size_t> pieces;
      std::string_view left(reinterpret_cast<const char*>(text.data()), text.size());
      while (!left.empty()) {
        pieces.push_back(SplitBytes(left, rule));
        left.remove_prefix(pieces.back());
      }
      CHECK(pieces == wanted["pieces"].get<std::vector<size_t>>());
      CHECK(tokenizer.Encode(text) == wanted["ids"].get<std::vector<int32_t>>());
      merged += text.size() - wanted["ids"].size();
    }
  }
  CHECK(merged > 1000);  // else nothing was told
}

TEST_CASE("Byte level: any bytes come back, a million of one letter too") {
  for (const auto& [name, rule] : kRules) {
    INFO(name);
    const TableTokenizer tokenizer = TokenizerOf(TableOf(Fixtures()["tokenizers"][name]));
    Random random(3);
    Bytes all(70'000);
    for (uint8_t& byte : all) byte = static_cast<uint8_t>(random.Below(256));
    Bytes mixed;
    for (int i = 0; i < 20'000; ++i)
      mixed.push_back(static_cast<uint8_t>("a 1\n\xc3\xa9\xe4'"[random.Below(8)]));
    for (const Bytes& text : {Bytes(1'000'000, 'a'), Bytes(1'000'000, ' '), Bytes(300'000, '\n'),
                              Bytes(300'000, '7'), all, mixed}) {
      const auto tokens = tokenizer.Encode(text);
      CHECK((tokenizer.Decode(tokens) == text));
    }
    const Bytes form = tokenizer.Serialise();
    CHECK(form[0] == kWideTableKind);
    CHECK(LoadTokenizer(form, "m")->Encode(mixed) == tokenizer.Encode(mixed));
    CHECK(LoadTokenizer(form, "m")->Serialise() == form);
    for (const size_t at : {size_t{1}, size_t{2}}) {
      Bytes other = form;
      other[at] = 5;
      CHECK(ThrownBy([&] { LoadTokenizer(other, "m"); }).Mentions("newer Occam"));
    }
  }
}

TEST_CASE("Byte level: added tokens and what is too long for a table are text") {
  Json definition = Fixtures()["tokenizers"]["qwen3"];
  Json& vocabulary = definition["model"]["vocab"];
  const auto size = static_cast<int32_t>(vocabulary.size());
  vocabulary["<|endoftext|>"] = size;
  vocabulary[std::string(256, 'y')] = size + 1;
  vocabulary["\u4e2d"] = size + 2;  // not in the characters of bytes
  definition["added_tokens"] = Json::parse(
      R"([{"id": 300, "content": "x", "special": false}, {"content": "<|endoftext|>", "special": true}])");
  definition["added_tokens"][1]["id"] = size;
  const TokenTable table = TableOf(definition);
  const TableTokenizer tokenizer = TokenizerOf(table);
  for (const int32_t id : {300, size, size + 1, size + 2, size + 3}) CHECK(tokenizer.is_silent(id));
  const Bytes text = BytesOfText("<|endoftext|> \u4e2d" + std::string(600, 'y'));
  CHECK(tokenizer.Decode(tokenizer.Encode(text)) == text);
}

TEST_CASE("Byte level: other ways to cut text are refused by name") {
  const auto refused = [](const char* pre_tokenizer, const std::string& word) {
    INFO(pre_tokenizer);
    Json definition = Fixtures()["tokenizers"]["gpt2"];
    definition["pre_tokenizer"] = Json::parse(pre_tokenizer);
    const Thrown thrown = ThrownBy([&] { TableOf(definition); });
    CHECK(thrown.kind.has_value());
    CHECK(thrown.Mentions(word));
  };
  refused(R"({"type": "Whitespace"})", "Whitespace");
  refused(R"({"type": "ByteLevel", "use_regex": false})", "ByteLevel");
  refused(R"({"type": "Sequence", "pretokenizers": []})", "without parts");
  refused(R"({"type": "Sequence", "pretokenizers": 3})", "no list");
  refused(
      R"({"type": "Sequence", "pretokenizers": [{"type": "Punctuation"}, {"type": "ByteLevel"}]})",
      "Punctuation");
  refused(R"({"type": "Sequence", "pretokenizers": [{"type": "Digits"}, {"type": "ByteLevel"}]})",
          "Digits");
  refused(R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\d+"},
             "behavior": "Isolated"}, {"type": "ByteLevel", "use_regex": false}]})",
          "\\d+");
  refused(R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"String": " "},
             "behavior": "Isolated"}, {"type": "ByteLevel", "use_regex": false}]})",
          "Regex");
  Json removed = Fixtures()["tokenizers"]["qwen3"]["pre_tokenizer"];
  removed["pretokenizers"][0]["behavior"] = "Removed";
  refused(removed.dump().c_str(), "pattern");
  Json suffix = Fixtures()["tokenizers"]["gpt2"];
  suffix["model"]["end_of_word_suffix"] = "</w>";
  CHECK(ThrownBy([&] { TableOf(suffix); }).Mentions("end_of_word_suffix"));
}

TEST_CASE("Byte level: a network with such a tokenizer codes any bytes") {
  ImportSource source;
  source.table = TableOf(Fixtures()["tokenizers"]["smollm2"]);
  const auto tokens = static_cast<int64_t>(source.table.tokens.size()) - source.table.escapes;
  CheckpointTensors tensors;
  const Bytes file = SafetensorsBytes(RandomTensors(tokens, 3));
  AddSafetensors(file, "model", &tensors);
  source.weights = ReadLlamaFolder(BytesOfText(TinyConfig(tokens)), "config.json", &tensors);
  const Bytes text = BytesOfText("They've said: 12 x 345 = 4140! \u4e2d\u6587\n");
  const LoadedModel loaded(ImportModel(source, 0, text), Kernels::kFast);
  Bytes bytes(600);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  for (const Bytes& original : {text, bytes}) {
    const Bytes archive = CompressBytes(original, &loaded.codec_model());
    CHECK((DecompressBytes(archive, &loaded.codec_model(), 2) == original));
  }
}

}  // namespace
}  // namespace occam
