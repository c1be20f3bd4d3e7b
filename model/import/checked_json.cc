#include "model/import/checked_json.h"

#include <nlohmann/json.hpp>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {

using Json = nlohmann::json;

Json ParseJson(std::span<const uint8_t> bytes, const std::string& name) {
  Json json = Json::parse(bytes.begin(), bytes.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) throw DamagedError(name + " is no JSON");
  return json;
}

bool Present(const Json& object, const char* field) {
  if (!object.is_object()) return false;
  const auto found = object.find(field);
  return found != object.end() && !found->is_null();
}

const Json& JsonField(const Json& object, const char* field, const std::string& what) {
  if (!Present(object, field)) throw DamagedError(fmt::format("{} has no {}", what, field));
  return *object.find(field);
}

std::string JsonString(const Json& object, const char* field, const std::string& what) {
  const Json& value = JsonField(object, field, what);
  if (!value.is_string()) throw DamagedError(fmt::format("{}: {} is no text", what, field));
  return value.get<std::string>();
}

int32_t JsonCount(const Json& object, const char* field, const std::string& what) {
  const Json& value = JsonField(object, field, what);
  if (!value.is_number_unsigned() || value.get<uint64_t>() > INT32_MAX)
    throw DamagedError(fmt::format("{}: {} is no count", what, field));
  return static_cast<int32_t>(value.get<uint64_t>());
}

double JsonDouble(const Json& object, const char* field, const std::string& what) {
  const Json& value = JsonField(object, field, what);
  if (!value.is_number()) throw DamagedError(fmt::format("{}: {} is no number", what, field));
  return value.get<double>();
}

bool JsonBool(const Json& object, const char* field, bool without) {
  if (!Present(object, field)) return without;
  const Json& value = *object.find(field);
  return !value.is_boolean() || value.get<bool>();
}

std::vector<uint64_t> JsonNumbers(const Json& object, const char* field, size_t most,
                                  const std::string& what) {
  const Json& value = JsonField(object, field, what);
  if (!value.is_array() || value.size() > most)
    throw DamagedError(fmt::format("{}: {} is no short list", what, field));
  std::vector<uint64_t> numbers;
  for (const Json& element : value) {
    if (!element.is_number_unsigned())
      throw DamagedError(fmt::format("{}: {} has what is no whole number", what, field));
    numbers.push_back(element.get<uint64_t>());
  }
  return numbers;
}

}  // namespace occam
