#include "model/import/checkpoint_tensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "data/base/byte_order.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/printable.h"

namespace occam {
namespace {

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

float GetNumber(NumberType type, ByteReader* in) {
  if (type == NumberType::kF32) return in->GetFloat();
  const auto bits = in->Get<uint16_t>();
  return type == NumberType::kF16 ? HalfFloat(bits)
                                  : std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

// Appends a number, or a block of them.
void GetNumbers(NumberType type, ByteReader* in, std::vector<float>* values) {
  if (type != NumberType::kQ8) return values->push_back(GetNumber(type, in));
  const float scale = HalfFloat(in->Get<uint16_t>());
  for (const uint8_t byte : in->GetBytes(kQ8Block))
    values->push_back(static_cast<float>(static_cast<int8_t>(byte)) * scale);
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  return text + "]";
}

}  // namespace

uint64_t StoredBytes(NumberType type, uint64_t numbers) {
  if (type == NumberType::kOther) return 0;
  if (type == NumberType::kQ8) return numbers / kQ8Block * (2 + kQ8Block);
  return numbers * (type == NumberType::kF32 ? 4 : 2);
}

void CheckpointTensors::Add(const std::string& name, StoredTensor tensor) {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) {
    throw DamagedError(fmt::format("{}: the tensor {} is in {}, too", tensor.file, Printable(name),
                                   found->second.tensor.file));
  }
  tensors_.emplace(name, Entry{std::move(tensor)});
}

std::string CheckpointTensors::FileOf(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? "" : found->second.tensor.file;
}

std::vector<std::string> CheckpointTensors::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : tensors_) names.push_back(name);
  return names;
}

std::vector<float> CheckpointTensors::Take(const std::string& name,
                                           const std::vector<int64_t>& shape) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    const std::string where = tensors_.empty() ? "" : tensors_.begin()->second.tensor.file + ": ";
    throw DamagedError(where + "tensor " + name + " is missing");
  }
  const StoredTensor& tensor = found->second.tensor;
  const std::string what = tensor.file + ": tensor " + name;
  if (tensor.type == NumberType::kOther) {
    throw DamagedError(fmt::format("{} is of type {}; F32, F16, BF16 and Q8_0 are supported", what,
                                   Printable(tensor.type_name)));
  }
  if (tensor.shape != shape) {
    throw DamagedError(fmt::format("{} has the shape {}, where {} belongs", what,
                                   ShapeText(tensor.shape), ShapeText(shape)));
  }
  std::vector<float> values;
  values.reserve(tensor.bytes.size() / StoredBytes(tensor.type, kQ8Block) * kQ8Block);
  ByteReader in(tensor.bytes, what);
  while (in.remaining() > 0) GetNumbers(tensor.type, &in, &values);
  if (!std::ranges::all_of(values, [](float x) { return std::isfinite(x); }))
    throw DamagedError(what + " has a value that is not finite");
  found->second.taken = true;
  return values;
}

void CheckpointTensors::RequireNoneLeft(std::span<const char* const> unused_endings) const {
  const auto is_unused = [&](const std::string& name) {
    return std::ranges::any_of(unused_endings,
                               [&](const char* ending) { return name.ends_with(ending); });
  };
  for (const auto& [name, entry] : tensors_) {
    if (entry.taken || is_unused(name)) continue;
    throw DamagedError(fmt::format("{}: a network of this shape has no place for the tensor {}",
                                   entry.tensor.file, Printable(name)));
  }
}

}  // namespace occam
