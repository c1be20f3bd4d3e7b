// JSON from strangers: every access is checked, and what is wrong is kDamaged with the name of the
// file and of the field.
#ifndef OCCAM_MODEL_IMPORT_CHECKED_JSON_H_
#define OCCAM_MODEL_IMPORT_CHECKED_JSON_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

namespace occam {

nlohmann::json ParseJson(std::span<const uint8_t> bytes, const std::string& name);

// The field of an object. `what` begins the message. Present throws nothing: whether the field is
// there and not null.
bool Present(const nlohmann::json& object, const char* field);
const nlohmann::json& JsonField(const nlohmann::json& object, const char* field,
                                const std::string& what);
std::string JsonString(const nlohmann::json& object, const char* field, const std::string& what);
// A whole number in [0, 2^31).
int32_t JsonCount(const nlohmann::json& object, const char* field, const std::string& what);
double JsonDouble(const nlohmann::json& object, const char* field, const std::string& what);
bool JsonBool(const nlohmann::json& object, const char* field, bool without);
std::vector<uint64_t> JsonNumbers(const nlohmann::json& object, const char* field, size_t most,
                                  const std::string& what);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_CHECKED_JSON_H_
