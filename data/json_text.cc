#include "data/json_text.h"

#include <nlohmann/json.hpp>

#include "data/base/format.h"

namespace occam {
namespace {

using Json = nlohmann::ordered_json;

bool IsUtf8(const Json& text) {
  try {
    text.dump();
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

std::string Escaped(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte < 0x80 ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return text;
}

void EscapeStrings(Json* json) {
  if (json->is_string() && !IsUtf8(*json)) *json = Escaped(json->get<std::string>());
  if (!json->is_structured()) return;
  for (Json& item : *json) EscapeStrings(&item);
}

}  // namespace

std::string JsonText(Json json, int indent) {
  EscapeStrings(&json);
  // Of the control characters the library escapes those below U+0020.
  std::string text;
  for (const char c : json.dump(indent)) {
    const bool of_c1 =
        !text.empty() && text.back() == '\xc2' && static_cast<unsigned char>(c) < 0xa0;
    if (of_c1) text.pop_back();
    if (of_c1 || c == '\x7f') {
      text += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace occam
