#include "coder/explain/parts.h"

#include <algorithm>
#include <cmath>

#include "data/base/format.h"

namespace occam::explain {
namespace {

constexpr size_t kPartCharacters = 4096;  // what a browser draws at once

// A cost as one character of a string of JSON: a square root, since small costs are told apart
// more finely. The codes leave out < and \.
char CostCode(float bits) {
  const double level = std::round(kCostScale * std::sqrt(std::max(0.0, static_cast<double>(bits))));
  int code = 35 + static_cast<int>(std::min(level, 89.0));
  if (code >= '<') ++code;
  if (code >= '\\') ++code;
  return static_cast<char>(code);
}

std::string Part(const Explanation& e, std::span<const Character> characters, bool text) {
  std::string shown, costs, deciders, beside;
  for (const Character& c : characters) {
    shown += text ? JsonOf(e.bytes, c) : fmt::format("{:02x}", e.bytes[c.begin]);
    costs += CostCode(c.bits);
    if (!e.decided_by.empty()) deciders += static_cast<char>('0' + static_cast<int>(c.by));
    if (!e.beside.empty()) beside += CostCode(c.beside_bits);
  }
  std::string json =
      fmt::format(R"({{"o":{},"t":"{}","c":"{}")", characters.front().begin, shown, costs);
  if (!e.decided_by.empty()) json += fmt::format(R"(,"d":"{}")", deciders);
  if (!e.beside.empty()) json += fmt::format(R"(,"b":"{}")", beside);
  return json + "}";
}

size_t LinesOf(const Explanation& e, std::span<const Character> characters, bool text) {
  constexpr size_t kColumns = 100;
  if (!text) return 1 + 3 * characters.size() / kColumns;
  size_t lines = 1, column = 0;
  for (const Character& c : characters) {
    const bool ends = e.bytes[c.begin] == '\n' || ++column == kColumns;
    lines += ends ? 1 : 0;
    if (ends) column = 0;
  }
  return lines;
}

}  // namespace

Parts PartsOf(const Explanation& e, std::span<const Character> characters, bool text) {
  Parts parts;
  for (size_t i = 0; i * kPartCharacters < characters.size(); ++i) {
    const auto rest = characters.subspan(i * kPartCharacters);
    const auto part = rest.first(std::min(rest.size(), kPartCharacters));
    parts.scripts += fmt::format("<script type=\"application/json\" id=\"p{}\">{}</script>\n", i,
                                 Part(e, part, text));
    const char* const comma = i == 0 ? "" : ",";
    parts.begins += comma + std::to_string(part.front().begin);
    parts.lines += comma + std::to_string(LinesOf(e, part, text));
  }
  return parts;
}

std::string Quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '"' || c == '\\' || c == '<')
      result += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      result += c;
  }
  return result + "\"";
}

}  // namespace occam::explain
