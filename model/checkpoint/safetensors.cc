#include "model/checkpoint/safetensors.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "data/base/byte_order.h"
#include "data/json_text.h"

namespace occam {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kAlignment = 8;         // at which the tensors begin, as the format asks
constexpr size_t kFloatsAPiece = 65536;  // that are written at a time

void WriteFloats(std::span<const float> values, ByteSink* sink) {
  for (size_t at = 0; at < values.size(); at += kFloatsAPiece) {
    ByteWriter piece;
    for (const float x : values.subspan(at, std::min(kFloatsAPiece, values.size() - at)))
      piece.PutFloat(x);
    sink->Write(piece.bytes());
  }
}

// The header's entry of a tensor that begins `*at` bytes behind the header; moves `*at` behind it.
Json Entry(const std::vector<int64_t>& shape, uint64_t* at) {
  uint64_t bytes = sizeof(float);
  for (const int64_t n : shape) bytes *= static_cast<uint64_t>(n);
  const uint64_t begin = *at;
  *at += bytes;
  return {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, *at}}};
}

}  // namespace

void WriteSafetensors(const ModelConfig& config, const ParameterSet& weights,
                      std::span<const float> memory_rows,
                      const std::map<std::string, std::string>& notes, ByteSink* sink) {
  Json header{{"__metadata__", notes}};
  uint64_t at = 0;
  for (const ParameterSpec& spec : weights.table()) {
    std::vector<int64_t> shape{spec.columns};
    if (spec.rows > 1) shape.insert(shape.begin(), spec.rows);
    header[spec.name] = Entry(shape, &at);
  }
  if (config.has_memory())
    header["memory_rows"] = Entry({config.memory_rows(), config.memory_width}, &at);

  std::string text = JsonText(header);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  ByteWriter begin;
  begin.Put(uint64_t{text.size()});
  sink->Write(begin.bytes());
  sink->Write(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  WriteFloats(weights.values(), sink);
  WriteFloats(memory_rows, sink);
}

ParameterSet Dequantised(const QuantizedModel& model) {
  ParameterSet weights(model.config);
  for (size_t i = 0; i < weights.table().size(); ++i) {
    const ParameterSpec& spec = weights.table()[i];
    const QuantizedTensor& tensor = model.tensors[i];
    const std::span<float> values = weights.tensor(static_cast<int>(i));
    if (spec.coding == Coding::kFloats) {
      std::copy(tensor.floats.begin(), tensor.floats.end(), values.begin());
      continue;
    }
    for (size_t k = 0; k < values.size(); ++k)
      values[k] = static_cast<float>(tensor.codes[k]) *
                  tensor.floats[k / static_cast<size_t>(spec.columns)];
  }
  return weights;
}

std::vector<float> DequantisedRows(const QuantizedModel& model) {
  std::vector<float> rows(model.memory.codes.size());
  std::transform(model.memory.codes.begin(), model.memory.codes.end(), rows.begin(),
                 [&](int8_t code) { return static_cast<float>(code) * model.memory.step; });
  return rows;
}

}  // namespace occam
