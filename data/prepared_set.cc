#include "data/prepared_set.h"

#include <bit>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "data/base/digest.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/file_list.h"
#include "data/json_text.h"

namespace occam {
namespace {

using Json = nlohmann::ordered_json;  // in the order in which it is written here

constexpr char kFormat[] = "occam prepared set";
constexpr int kVersion = 1;
constexpr char kSuffix[] = ".set";

int64_t Ones(std::span<const uint8_t> bytes) {
  int64_t ones = 0;
  for (const uint8_t byte : bytes) ones += std::popcount(byte);
  return ones;
}

const char* NameOf(LostBit bit) { return bit == LostBit::kTop ? "top" : "bottom"; }

Json ToJson(const SetDescription& d) {
  Json json{{"format", kFormat},
            {"version", kVersion},
            {"kind", d.kind},
            {"method", d.method},
            {"record_bytes", d.record_bytes}};
  if (d.rows > 0) json["shape"] = {d.rows, d.columns};
  if (d.sample_rate_hz > 0) json["sample_rate_hz"] = d.sample_rate_hz;
  json["train_bytes"] = d.train_bytes;
  json["validation_bytes"] = d.validation_bytes;
  json["sha256"] = d.sha256;
  json["train_sha256"] = d.train_sha256;
  json["validation_sha256"] = d.validation_sha256;
  if (d.lost_bits) {
    json["lost_bits"] = {{"bit", NameOf(d.lost_bits->bit)},
                         {"train_ones", d.lost_bits->train_ones},
                         {"validation_ones", d.lost_bits->validation_ones},
                         {"sha256", d.lost_bits->sha256}};
  }
  json["sources"] = Json::array();
  for (const SetInput& s : d.sources) {
    json["sources"].push_back(
        {{"name", s.name}, {"sha256", s.sha256}, {"part", s.part}, {"bytes", s.bytes}});
  }
  return json;
}

SetDescription FromJson(const Json& json) {
  SetDescription d;
  json.at("kind").get_to(d.kind);
  json.at("method").get_to(d.method);
  json.at("record_bytes").get_to(d.record_bytes);
  if (json.contains("shape")) {
    json.at("shape").at(0).get_to(d.rows);
    json.at("shape").at(1).get_to(d.columns);
  }
  d.sample_rate_hz = json.value("sample_rate_hz", 0);
  json.at("train_bytes").get_to(d.train_bytes);
  json.at("validation_bytes").get_to(d.validation_bytes);
  json.at("sha256").get_to(d.sha256);
  json.at("train_sha256").get_to(d.train_sha256);
  json.at("validation_sha256").get_to(d.validation_sha256);
  if (json.contains("lost_bits")) {
    const Json& lost = json.at("lost_bits");
    d.lost_bits = {lost.at("bit") == NameOf(LostBit::kTop) ? LostBit::kTop : LostBit::kBottom,
                   lost.at("train_ones"), lost.at("validation_ones"), lost.at("sha256")};
  }
  for (const Json& s : json.at("sources")) {
    d.sources.push_back({s.at("name"), s.at("sha256"), s.at("part"), s.at("bytes")});
  }
  return d;
}

bool IsSound(const SetDescription& d) {
  return d.record_bytes >= 1 && d.train_bytes >= 0 && d.validation_bytes >= 0 &&
         d.train_bytes % d.record_bytes == 0 && d.validation_bytes % d.record_bytes == 0;
}

std::span<const uint8_t> Part(std::span<const uint8_t> bytes, const ByteRange& range) {
  return bytes.subspan(static_cast<size_t>(range.begin), static_cast<size_t>(range.size()));
}

}  // namespace

bool IsSetName(const std::string& path) {
  const std::filesystem::path name = std::filesystem::path(path).filename();
  return name.extension() == kSuffix;
}

std::string DescriptionPath(const std::string& set_path) { return set_path + ".json"; }
std::string LostBitsPath(const std::string& set_path) { return set_path + ".lost"; }
std::vector<std::string> FilesOfSet(const std::string& set_path) {
  return {set_path, DescriptionPath(set_path), LostBitsPath(set_path)};
}

void SetDigests(PreparedSet* set) {
  SetDescription& d = set->description;
  d.sha256 = Hex(Sha256Of(set->bytes));
  d.train_sha256 = Hex(Sha256Of(Part(set->bytes, d.train())));
  d.validation_sha256 = Hex(Sha256Of(Part(set->bytes, d.validation())));
}

void TakeLostBits(LostBit which, PreparedSet* set) {
  SetDescription& d = set->description;
  const auto bytes = std::span(set->bytes);
  const auto train_bytes = static_cast<size_t>(d.train_bytes);
  set->lost = TakeLostBits(bytes.first(train_bytes), which);
  const Bytes validation = TakeLostBits(bytes.subspan(train_bytes), which);
  LostBitsDescription lost{which, Ones(set->lost), Ones(validation), ""};
  set->lost.insert(set->lost.end(), validation.begin(), validation.end());
  lost.sha256 = Hex(Sha256Of(set->lost));
  d.lost_bits = lost;
  SetDigests(set);
}

void CheckSetPath(const std::string& path, bool overwrite) {
  if (!IsSetName(path)) throw UsageError("a prepared set is called NAME.set, not " + path);
  for (const std::string& file : FilesOfSet(path)) {
    if (!overwrite && FileExists(file)) throw IoError(file + " exists already: -f overwrites it");
    if (std::error_code error; std::filesystem::is_directory(file, error))
      throw IoError(file + " is a directory; name another set to write");
  }
}

void SaveSet(const std::string& path, const PreparedSet& set, bool overwrite) {
  CheckSetPath(path, overwrite);
  const std::string text = JsonText(ToJson(set.description), 1) + "\n";
  const Bytes description(text.begin(), text.end());
  std::vector<NamedContents> files = {{path, set.bytes}};
  if (set.description.lost_bits) files.push_back({LostBitsPath(path), set.lost});
  files.push_back({DescriptionPath(path), description});
  for (const std::string& file : FilesOfSet(path)) RemoveLeftovers(file);
  WriteTogether(files);
  if (set.description.lost_bits) return;
  // Bits of an older set, of which the new description says nothing.
  std::error_code error;
  std::filesystem::remove(LostBitsPath(path), error);
  if (error) throw IoError("cannot remove " + LostBitsPath(path) + ": " + error.message());
}

SetDescription LoadDescription(const std::string& set_path) {
  const std::string description_path = DescriptionPath(set_path);
  if (!FileExists(description_path)) {
    throw IoError(
        fmt::format("{} has no description {}: make the set anew, or give the file "
                    "another name to use it as plain bytes",
                    set_path, description_path));
  }
  const Bytes text = ReadFile(description_path);
  try {
    const Json json = Json::parse(text.begin(), text.end());
    if (json.at("format") == kFormat && json.at("version") != kVersion) {
      throw DamagedError(fmt::format("{} has version {}, this program reads version {}",
                                     description_path, json.at("version").dump(), kVersion));
    }
    SetDescription description = FromJson(json);
    if (json.at("format") == kFormat && IsSound(description)) return description;
  } catch (const nlohmann::json::exception&) {
    // Told below.
  }
  throw DamagedError(description_path + " does not describe a prepared set; make the set anew");
}

void CheckSet(const SetDescription& description, std::span<const uint8_t> bytes,
              const std::string& path) {
  const auto told = static_cast<uint64_t>(description.validation().end);
  if (bytes.size() == told && Hex(Sha256Of(bytes)) == description.sha256) return;
  throw DamagedError(
      fmt::format("{} does not hold the {} bytes that {} describes; make the set anew, or give the "
                  "file another name to use it as plain bytes",
                  path, told, DescriptionPath(path)));
}

}  // namespace occam
