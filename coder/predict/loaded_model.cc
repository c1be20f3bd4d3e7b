#include "coder/predict/loaded_model.h"

#include <utility>

#include "coder/weights/model_codec.h"
#include "data/base/error.h"
#include "data/base/file.h"
#include "model/exact/network_memory.h"

namespace occam {

QuantizedModel ReadModel(std::span<const uint8_t> file, const std::string& name,
                         const ReadLimits& limits) {
  const uint64_t network_bytes = PreparedBytes(ReadModelHead(file, name).config);
  RequireMemory(network_bytes, limits.memory_bytes, name);
  const ReadLimits left{limits.memory_bytes - network_bytes, limits.keep_on};
  return IsCodedModel(file) ? DecodeModel(file, name, left) : ParseModel(file, name, left);
}

OpenedModel OpenModel(const std::string& path, const ReadLimits& limits) {
  MappedFile file = MappedFile::Open(path);
  if (IsModelFile(file.bytes())) {
    const ModelConfig config = ReadModelHead(file.bytes(), path).config;
    if (config.llama) {
      const uint64_t network_bytes = PreparedBytes(config);
      RequireMemory(network_bytes, limits.memory_bytes, path);
      const ReadLimits left{limits.memory_bytes - network_bytes, limits.keep_on};
      QuantizedModel model = ViewModel(file.bytes(), path, left);
      return {std::move(file), std::move(model)};
    }
  }
  const auto source = OpenSource(path);
  const Bytes bytes = ReadWithin(*source, limits.memory_bytes);
  if (!IsModelFile(bytes) && !IsCodedModel(bytes))
    throw DamagedError(path + " is no model file (.occm)");
  return {{}, ReadModel(bytes, path, limits)};
}

LoadedModel::LoadedModel(OpenedModel opened, Kernels kernels)
    : file_(std::move(opened.file)),
      network_(std::move(opened.model), kernels),
      codec_model_(NetworkCodecModel(network_)) {
  if (!file_.bytes().empty()) codec_model_.model_bytes -= CodeBytes(network_.config());
}

}  // namespace occam
