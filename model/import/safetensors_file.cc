#include "model/import/safetensors_file.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/printable.h"
#include "model/import/checked_json.h"

namespace occam {
namespace {

constexpr uint64_t kMostHeaderBytes = 100'000'000;  // the format's own bound
constexpr uint64_t kMostElements = uint64_t{1} << 40;
constexpr size_t kMostDimensions = 8;
constexpr size_t kMostFiles = 1000;

NumberType TypeOf(const std::string& name) {
  if (name == "F32") return NumberType::kF32;
  if (name == "F16") return NumberType::kF16;
  return name == "BF16" ? NumberType::kBF16 : NumberType::kOther;
}

// Whether it names a file beside the index: no folders, nothing hidden.
bool IsPlainName(const std::string& file) {
  return file.ends_with(".safetensors") && file[0] != '.' &&
         file.find_first_of("/\\:") == std::string::npos && file.find('\0') == std::string::npos;
}

}  // namespace

void AddSafetensors(std::span<const uint8_t> bytes, const std::string& name,
                    CheckpointTensors* tensors) {
  ByteReader in(bytes, name);
  const auto header_bytes = in.Get<uint64_t>();
  if (header_bytes > kMostHeaderBytes || header_bytes > in.remaining())
    throw DamagedError(fmt::format("{}: a header of {} bytes does not fit", name, header_bytes));
  const auto header = ParseJson(in.GetBytes(header_bytes), name);
  const auto data = in.GetBytes(in.remaining());
  if (!header.is_object()) throw DamagedError(name + ": the header is no JSON object");
  for (const auto& [key, value] : header.items()) {
    if (key == "__metadata__") continue;
    const std::string what = fmt::format("{}: tensor {}", name, Printable(key));
    StoredTensor tensor;
    tensor.file = name;
    tensor.type_name = JsonString(value, "dtype", what);
    tensor.type = TypeOf(tensor.type_name);
    uint64_t elements = 1;
    for (const uint64_t side : JsonNumbers(value, "shape", kMostDimensions, what)) {
      if (side > kMostElements || (side > 0 && elements > kMostElements / side))
        throw DamagedError(what + " is too large");
      elements *= side;
      tensor.shape.push_back(static_cast<int64_t>(side));
    }
    const auto offsets = JsonNumbers(value, "data_offsets", 2, what);
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data.size())
      throw DamagedError(what + " lies outside the file");
    tensor.bytes = data.subspan(offsets[0], offsets[1] - offsets[0]);
    if (tensor.type != NumberType::kOther &&
        tensor.bytes.size() != StoredBytes(tensor.type, elements))
      throw DamagedError(what + " has another number of bytes than its shape");
    tensors->Add(key, std::move(tensor));
  }
}

SafetensorsIndex ReadSafetensorsIndex(std::span<const uint8_t> bytes, const std::string& name) {
  const auto json = ParseJson(bytes, name);
  const auto& map = JsonField(json, "weight_map", name);
  if (!map.is_object()) throw DamagedError(name + ": weight_map is no object");
  SafetensorsIndex index;
  std::set<std::string> files;
  for (const auto& [tensor, value] : map.items()) {
    const std::string file = value.is_string() ? value.get<std::string>() : "";
    if (!IsPlainName(file)) {
      throw DamagedError(fmt::format("{}: tensor {} is in '{}', which is no .safetensors beside it",
                                     name, Printable(tensor), Printable(file)));
    }
    index.file_of.emplace(tensor, file);
    files.insert(file);
  }
  if (files.empty() || files.size() > kMostFiles)
    throw DamagedError(fmt::format("{} names {} files", name, files.size()));
  index.files.assign(files.begin(), files.end());
  return index;
}

void CheckIndex(const SafetensorsIndex& index, const CheckpointTensors& tensors,
                const std::string& prefix, const std::string& name) {
  for (const auto& [tensor, file] : index.file_of) {
    if (tensors.FileOf(tensor) != prefix + file) {
      throw DamagedError(
          fmt::format("{}: tensor {} is not in {}", name, Printable(tensor), Printable(file)));
    }
  }
  for (const std::string& tensor : tensors.names()) {
    if (!index.file_of.contains(tensor)) {
      throw DamagedError(fmt::format("{}: tensor {} is not in the index {}", tensors.FileOf(tensor),
                                     Printable(tensor), name));
    }
  }
}

}  // namespace occam
