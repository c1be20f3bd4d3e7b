#include "model/import/token_table.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/printable.h"
#include "model/import/checked_json.h"

namespace occam {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kSpace = "\xe2\x96\x81";  // U+2581
constexpr int32_t kControlTokens = 3;                // of llama2.c: unknown, begin, end
constexpr size_t kMostMerges = size_t{1} << 20;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The byte of "<0xNN>".
std::optional<char> ByteOf(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  const int high = HexDigit(text[3]), low = HexDigit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

std::string WithSpaces(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const bool space = text.starts_with(kSpace);
    plain += space ? ' ' : text[0];
    text.remove_prefix(space ? kSpace.size() : 1);
  }
  return plain;
}

// Gives each byte sequence to one token: `bytes_last` tokens, those of <0xNN>, yield to others.
// Then adds a token for each byte that has none.
void Complete(const std::vector<bool>& of_byte, std::optional<int32_t> unknown,
              const std::string& name, TokenTable* table) {
  for (std::string& text : table->tokens) {
    if (text.size() > kMaxTokenBytes) text.clear();
  }
  std::set<std::string, std::less<>> seen;
  for (const bool bytes : {false, true}) {
    for (size_t i = 0; i < table->tokens.size(); ++i) {
      std::string& text = table->tokens[i];
      if (of_byte[i] == bytes && !text.empty() && !seen.insert(text).second) text.clear();
    }
  }
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    if (seen.contains(text)) continue;
    if (table->escapes++ == 0) {
      const auto silent = std::ranges::find(table->tokens, std::string());
      if (!unknown && silent == table->tokens.end()) {
        throw UsageError(
            fmt::format("{}: byte {} has no token, and no token is free to escape it", name, byte));
      }
      table->escape_token =
          unknown ? *unknown : static_cast<int32_t>(silent - table->tokens.begin());
    }
    table->tokens.push_back(text);
  }
}

// Refuses what changes the text in another way than spaces.
void CheckNormaliser(const Json& normaliser, const std::string& name) {
  const std::string what = name + ": the normalizer";
  const std::string type = JsonString(normaliser, "type", what);
  if (type == "Sequence") {
    const Json& parts = JsonField(normaliser, "normalizers", what);
    if (!parts.is_array()) throw DamagedError(name + ": the normalizer is no list");
    for (const Json& part : parts) CheckNormaliser(part, name);
    return;
  }
  if (type != "Prepend" && type != "Replace" && type != "NFC")
    throw UsageError(fmt::format("{}: the normalizer {} is not supported", name, Printable(type)));
}

// Ids of added tokens. In SentencePiece's manner one that is not special would be text of its own.
std::set<int32_t> AddedTokens(const Json& json, bool byte_level, const std::string& name) {
  std::set<int32_t> added;
  if (!Present(json, "added_tokens")) return added;
  const Json& list = *json.find("added_tokens");
  if (!list.is_array()) throw DamagedError(name + ": added_tokens is no list");
  for (const Json& token : list) {
    if (!byte_level && !JsonBool(token, "special", false)) {
      throw UsageError(fmt::format("{}: the added token {} is not special; such are not supported",
                                   name, Printable(JsonString(token, "content", name))));
    }
    added.insert(JsonCount(token, "id", name));
  }
  return added;
}

// The characters by which GPT-2's encoder writes bytes (Radford et al., 2019, its code): those
// that can be seen are themselves, the others in order are U+0100 and the next.
std::map<std::string, char, std::less<>> ByteCharacters() {
  std::map<std::string, char, std::less<>> bytes;
  int others = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const bool seen = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
    const int code = seen ? byte : 256 + others++;
    std::string text;
    if (code < 128) {
      text = static_cast<char>(code);
    } else {
      text = {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
    }
    bytes.emplace(text, static_cast<char>(byte));
  }
  return bytes;
}

// The bytes of a token that is written in those characters; none where one is not of them.
std::optional<std::string> FromByteCharacters(
    const std::map<std::string, char, std::less<>>& characters, std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    const size_t size = static_cast<uint8_t>(text[0]) < 128 ? 1 : 2;
    const auto found = characters.find(text.substr(0, size));
    if (found == characters.end()) return std::nullopt;
    bytes += found->second;
    text.remove_prefix(std::min(size, text.size()));
  }
  return bytes;
}

// The patterns of Llama 3 and of Qwen 2 and 3, but for how many digits go together.
constexpr std::string_view kLinePatternHead =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})";
constexpr std::string_view kLinePatternTail =
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::optional<SplitRule> RuleOfPattern(std::string_view pattern) {
  if (!pattern.starts_with(kLinePatternHead) || !pattern.ends_with(kLinePatternTail))
    return std::nullopt;
  pattern.remove_prefix(kLinePatternHead.size());
  if (pattern == kLinePatternTail) return SplitRule::kQwen;
  if (pattern == "{1,3}" + std::string(kLinePatternTail)) return SplitRule::kLlama3;
  return std::nullopt;
}

// The parts of a pre-tokenizer in order.
void AddParts(const Json& part, const std::string& what, std::vector<const Json*>* parts) {
  if (JsonString(part, "type", what) != "Sequence") return parts->push_back(&part);
  const Json& list = JsonField(part, "pretokenizers", what);
  if (!list.is_array()) throw DamagedError(what + " is no list");
  for (const Json& inner : list) AddParts(inner, what, parts);
}

// Throws kUsage by name where it is none of those that there are rules for.
SplitRule RuleOf(const Json& pre_tokenizer, const std::string& name) {
  const std::string what = name + ": the pre_tokenizer";
  std::vector<const Json*> parts;
  AddParts(pre_tokenizer, what, &parts);
  const auto refuse = [&](const std::string& part) {
    return UsageError(fmt::format("{} {} is not supported", what, Printable(part)));
  };
  if (parts.empty()) throw refuse("without parts");
  const auto type_of = [&](const Json* part) { return JsonString(*part, "type", what); };
  const Json& last = *parts.back();
  if (type_of(&last) != "ByteLevel") throw refuse(type_of(&last));
  const bool words = JsonBool(last, "use_regex", true);
  if (parts.size() == 1 && words) return SplitRule::kGpt2;
  const std::string first = type_of(parts[0]);
  if (parts.size() == 2 && first == "Digits" && words &&
      JsonBool(*parts[0], "individual_digits", false))
    return SplitRule::kDigits;
  if (parts.size() != 2 || first != "Split" || words) throw refuse(first);
  const std::string pattern =
      JsonString(JsonField(*parts[0], "pattern", what), "Regex", what + ", its pattern");
  const auto rule = RuleOfPattern(pattern);
  if (!rule || JsonString(*parts[0], "behavior", what) != "Isolated" ||
      JsonBool(*parts[0], "invert", false))
    throw refuse("pattern " + pattern);
  return *rule;
}

// "left right", or a list of two.
std::pair<std::string, std::string> PartsOf(const Json& merge, const std::string& name) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  if (merge.is_string()) {
    const auto text = merge.get<std::string>();
    const size_t space = text.find(' ');
    if (space != std::string::npos && space + 1 < text.size())
      return {text.substr(0, space), text.substr(space + 1)};
  }
  throw DamagedError(name + ": a merge is no pair of tokens");
}

}  // namespace

TokenTable ReadTokenizerJson(std::span<const uint8_t> bytes, int32_t tokens,
                             const std::string& name) {
  const Json json = ParseJson(bytes, name);
  const Json& model = JsonField(json, "model", name);
  const std::string type = JsonString(model, "type", name);
  if (type != "BPE")
    throw UsageError(
        fmt::format("{}: a tokenizer of type {} is not supported", name, Printable(type)));
  if (Present(json, "normalizer")) CheckNormaliser(*json.find("normalizer"), name);
  const bool byte_level = Present(json, "pre_tokenizer");
  TokenTable table;
  if (byte_level) {
    table.rules = {RuleOf(*json.find("pre_tokenizer"), name),
                   JsonBool(model, "ignore_merges", false)};
  }
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (Present(model, affix) && !JsonString(model, affix, name).empty())
      throw UsageError(fmt::format("{}: {} is not supported", name, affix));
  }
  const Json& vocabulary = JsonField(model, "vocab", name);
  if (!vocabulary.is_object()) throw DamagedError(name + ": vocab is no object");
  const std::set<int32_t> added = AddedTokens(json, byte_level, name);
  const auto characters = ByteCharacters();

  table.tokens.resize(static_cast<size_t>(tokens));
  std::vector<bool> used(static_cast<size_t>(tokens)), of_byte(static_cast<size_t>(tokens));
  std::map<std::string, int32_t> ids;
  std::optional<int32_t> unknown;
  for (const auto& [text, value] : vocabulary.items()) {
    const bool number = value.is_number_unsigned() && value.get<uint64_t>() < table.tokens.size();
    const auto id = number ? value.get<uint64_t>() : 0;
    if (!number || used[id])
      throw DamagedError(fmt::format("{}: token {} has an impossible id", name, Printable(text)));
    used[id] = true;
    ids.emplace(text, static_cast<int32_t>(id));
    if (added.contains(static_cast<int32_t>(id))) continue;
    if (byte_level) {
      table.tokens[id] = FromByteCharacters(characters, text).value_or("");
      continue;
    }
    const std::optional<char> byte = ByteOf(text);
    of_byte[id] = byte.has_value();
    table.tokens[id] = byte ? std::string(1, *byte) : WithSpaces(text);
  }
  if (Present(model, "unk_token") && model.find("unk_token")->is_string()) {
    const auto found = ids.find(model.find("unk_token")->get<std::string>());
    if (found != ids.end()) unknown = found->second;
  }
  Complete(of_byte, unknown, name, &table);

  const Json& merges = JsonField(model, "merges", name);
  if (!merges.is_array() || merges.size() > kMostMerges)
    throw DamagedError(name + ": merges are no list");
  std::set<std::pair<uint32_t, uint32_t>> pairs;
  for (const Json& merge : merges) {
    const auto [left, right] = PartsOf(merge, name);
    const auto a = ids.find(left), b = ids.find(right), made = ids.find(left + right);
    if (a == ids.end() || b == ids.end() || made == ids.end())
      throw DamagedError(name + ": a merge is not of tokens");
    const auto silent = [&](int32_t id) { return table.tokens[static_cast<size_t>(id)].empty(); };
    if (silent(a->second) || silent(b->second) || silent(made->second)) continue;
    const TableMerge pair{static_cast<uint32_t>(a->second), static_cast<uint32_t>(b->second)};
    if (pairs.emplace(pair.left, pair.right).second) table.merges.push_back(pair);
  }
  return table;
}

Json LinePreTokenizer(SplitRule rule) {
  const std::string pattern = std::string(kLinePatternHead) +
                              (rule == SplitRule::kLlama3 ? "{1,3}" : "") +
                              std::string(kLinePatternTail);
  const Json split = {
      {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}};
  const Json bytes = {{"type", "ByteLevel"}, {"use_regex", false}};
  return {{"type", "Sequence"}, {"pretokenizers", Json::array({split, bytes})}};
}

TokenTable TableByScores(std::vector<ScoredToken> tokens, const std::string& name) {
  TokenTable table;
  std::vector<bool> of_byte;
  for (const ScoredToken& token : tokens) {
    if (token.score != token.score) throw DamagedError(name + " has a score that is no number");
    const std::optional<char> byte = ByteOf(token.text);
    of_byte.push_back(byte.has_value());
    table.tokens.push_back(byte ? std::string(1, *byte) : WithSpaces(token.text));
  }
  Complete(of_byte, 0, name, &table);

  std::map<std::string, int32_t, std::less<>> ids;  // of tokens that merges make and take
  for (size_t i = 0; i < of_byte.size(); ++i) {
    if (!of_byte[i] && !table.tokens[i].empty())
      ids.emplace(table.tokens[i], static_cast<int32_t>(i));
  }
  std::vector<int32_t> order(tokens.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int32_t a, int32_t b) {
    return tokens[static_cast<size_t>(a)].score > tokens[static_cast<size_t>(b)].score;
  });
  for (const int32_t id : order) {
    const std::string_view text = table.tokens[static_cast<size_t>(id)];
    if (of_byte[static_cast<size_t>(id)]) continue;
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const auto left = ids.find(text.substr(0, cut)), right = ids.find(text.substr(cut));
      if (left == ids.end() || right == ids.end()) continue;
      table.merges.push_back(
          {static_cast<uint32_t>(left->second), static_cast<uint32_t>(right->second)});
    }
  }
  if (table.merges.size() > kMostMerges) throw DamagedError(name + " has too many merges");
  return table;
}

TokenTable ReadLlama2cTokens(std::span<const uint8_t> bytes, int32_t tokens,
                             const std::string& name) {
  ByteReader in(bytes, name);
  in.Get<uint32_t>();  // of the longest token
  std::vector<ScoredToken> scored;
  for (int32_t id = 0; id < tokens; ++id) {
    const float score = in.GetFloat();
    const auto text = in.GetBytes(in.Get<uint32_t>());
    scored.push_back({id < kControlTokens ? "" : std::string(text.begin(), text.end()), score});
  }
  if (in.remaining() > 0) throw DamagedError(name + " has more tokens than the network");
  return TableByScores(std::move(scored), name);
}

}  // namespace occam
