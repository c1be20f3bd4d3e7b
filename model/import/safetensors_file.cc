#include "model/import/safetensors_file.h"

#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
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

size_t BytesOf(const std::string& type) {
  if (type == "F32") return 4;
  return type == "F16" || type == "BF16" ? 2 : 0;
}

// IEEE 754 binary16.
float HalfFloat(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const auto mantissa = static_cast<float>(bits & 1023);
  float value = 0;
  if (exponent == 31) {
    value = mantissa == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else {
    value = std::ldexp(1024 + mantissa, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  return text + "]";
}

}  // namespace

SafetensorsFile::SafetensorsFile(std::span<const uint8_t> bytes, std::string name)
    : name_(std::move(name)) {
  ByteReader in(bytes, name_);
  const auto header_bytes = in.Get<uint64_t>();
  if (header_bytes > kMostHeaderBytes || header_bytes > in.remaining())
    throw DamagedError(fmt::format("{}: a header of {} bytes does not fit", name_, header_bytes));
  const auto header = ParseJson(in.GetBytes(header_bytes), name_);
  const auto data = in.GetBytes(in.remaining());
  if (!header.is_object()) throw DamagedError(name_ + ": the header is no JSON object");
  for (const auto& [key, value] : header.items()) {
    if (key == "__metadata__") continue;
    const std::string what = fmt::format("{}: tensor {}", name_, Printable(key));
    Tensor tensor;
    tensor.type = JsonString(value, "dtype", what);
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
    const size_t size = BytesOf(tensor.type);
    if (size != 0 && tensor.bytes.size() != elements * size)
      throw DamagedError(what + " has another number of bytes than its shape");
    tensors_.emplace(key, std::move(tensor));
  }
}

std::vector<float> SafetensorsFile::Take(const std::string& tensor,
                                         const std::vector<int64_t>& shape) {
  const auto found = tensors_.find(tensor);
  if (found == tensors_.end()) throw DamagedError(name_ + ": tensor " + tensor + " is missing");
  Tensor& t = found->second;
  if (BytesOf(t.type) == 0) {
    throw DamagedError(fmt::format("{}: tensor {} is of type {}; F32, F16 and BF16 are supported",
                                   name_, tensor, Printable(t.type)));
  }
  if (t.shape != shape) {
    throw DamagedError(fmt::format("{}: tensor {} has the shape {}, where {} belongs", name_,
                                   tensor, ShapeText(t.shape), ShapeText(shape)));
  }
  std::vector<float> values;
  values.reserve(t.bytes.size() / BytesOf(t.type));
  ByteReader in(t.bytes, name_);
  while (in.remaining() > 0) {
    const float value = t.type == "F32" ? in.GetFloat()
                        : t.type == "F16"
                            ? HalfFloat(in.Get<uint16_t>())
                            : std::bit_cast<float>(uint32_t{in.Get<uint16_t>()} << 16);
    if (!std::isfinite(value)) {
      throw DamagedError(
          fmt::format("{}: tensor {} has a value that is not finite", name_, tensor));
    }
    values.push_back(value);
  }
  t.taken = true;
  return values;
}

std::vector<std::string> SafetensorsFile::left() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) {
    if (!tensor.taken) names.push_back(name);
  }
  return names;
}

}  // namespace occam
