#include "coder/predict/loaded_model.h"

#include "coder/weights/model_codec.h"
#include "model/exact/network_memory.h"

namespace occam {

QuantizedModel ReadModel(std::span<const uint8_t> file, const std::string& name,
                         const ReadLimits& limits) {
  const uint64_t network_bytes = PreparedBytes(ReadModelHead(file, name).config);
  RequireMemory(network_bytes, limits.memory_bytes, name);
  const ReadLimits left{limits.memory_bytes - network_bytes, limits.keep_on};
  return IsCodedModel(file) ? DecodeModel(file, name, left) : ParseModel(file, name, left);
}

}  // namespace occam
