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
  std::set<std::string, std::less<>> seen;
  for (const bool bytes : {false, true}) {
    for (size_t i = 0; i < table->tokens.size(); ++i) {
      std::string& text = table->tokens[i];
      if (of_byte[i] == bytes && !text.empty() && !seen.insert(text).second) text.clear();
    }
  }
  for (const std::string& text : table->tokens) {
    if (text.size() > kMaxTokenBytes)
      throw UsageError(name + ": a token of more than 255 bytes is not supported");
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
  if (type != "Prepend" && type != "Replace")
    throw UsageError(fmt::format("{}: the normalizer {} is not supported", name, Printable(type)));
}

std::set<int32_t> SpecialTokens(const Json& json, const std::string& name) {
  std::set<int32_t> special;
  if (!Present(json, "added_tokens")) return special;
  const Json& added = *json.find("added_tokens");
  if (!added.is_array()) throw DamagedError(name + ": added_tokens is no list");
  for (const Json& token : added) {
    if (!JsonBool(token, "special", false)) {
      throw UsageError(fmt::format("{}: the added token {} is not special; such are not supported",
                                   name, Printable(JsonString(token, "content", name))));
    }
    special.insert(JsonCount(token, "id", name));
  }
  return special;
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
  if (Present(json, "pre_tokenizer")) {
    throw UsageError(fmt::format("{}: the pre_tokenizer {} is not supported", name,
                                 Printable(JsonString(*json.find("pre_tokenizer"), "type", name))));
  }
  const Json& vocabulary = JsonField(model, "vocab", name);
  if (!vocabulary.is_object()) throw DamagedError(name + ": vocab is no object");
  const std::set<int32_t> special = SpecialTokens(json, name);

  TokenTable table;
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
    if (special.contains(static_cast<int32_t>(id))) continue;
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
  std::set<std::pair<uint16_t, uint16_t>> pairs;
  for (const Json& merge : merges) {
    const auto [left, right] = PartsOf(merge, name);
    const auto a = ids.find(left), b = ids.find(right), made = ids.find(left + right);
    if (a == ids.end() || b == ids.end() || made == ids.end())
      throw DamagedError(name + ": a merge is not of tokens");
    const auto silent = [&](int32_t id) { return table.tokens[static_cast<size_t>(id)].empty(); };
    if (silent(a->second) || silent(b->second) || silent(made->second)) continue;
    const TokenPair pair{static_cast<uint16_t>(a->second), static_cast<uint16_t>(b->second)};
    if (pairs.emplace(pair.left, pair.right).second) table.merges.push_back(pair);
  }
  return table;
}

TokenTable ReadLlama2cTokens(std::span<const uint8_t> bytes, int32_t tokens,
                             const std::string& name) {
  ByteReader in(bytes, name);
  in.Get<uint32_t>();  // of the longest token
  TokenTable table;
  std::vector<float> scores;
  std::vector<bool> of_byte;
  for (int32_t id = 0; id < tokens; ++id) {
    scores.push_back(in.GetFloat());
    const auto text = in.GetBytes(in.Get<uint32_t>());
    std::string token(text.begin(), text.end());
    const std::optional<char> byte = ByteOf(token);
    of_byte.push_back(byte.has_value());
    if (id < kControlTokens) token.clear();
    table.tokens.push_back(byte ? std::string(1, *byte) : token);
  }
  if (in.remaining() > 0) throw DamagedError(name + " has more tokens than the network");
  if (!std::ranges::all_of(scores, [](float x) { return x == x; }))
    throw DamagedError(name + " has a score that is no number");
  Complete(of_byte, 0, name, &table);

  std::map<std::string, int32_t, std::less<>> ids;  // of tokens that merges make and take
  for (size_t i = 0; i < of_byte.size(); ++i) {
    if (!of_byte[i] && !table.tokens[i].empty())
      ids.emplace(table.tokens[i], static_cast<int32_t>(i));
  }
  std::vector<int32_t> order(static_cast<size_t>(tokens));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int32_t a, int32_t b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  for (const int32_t id : order) {
    const std::string_view text = table.tokens[static_cast<size_t>(id)];
    if (of_byte[static_cast<size_t>(id)]) continue;
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const auto left = ids.find(text.substr(0, cut)), right = ids.find(text.substr(cut));
      if (left == ids.end() || right == ids.end()) continue;
      table.merges.push_back(
          {static_cast<uint16_t>(left->second), static_cast<uint16_t>(right->second)});
    }
  }
  if (table.merges.size() > kMostMerges) throw DamagedError(name + " has too many merges");
  return table;
}

}  // namespace occam
