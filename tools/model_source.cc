#include "tools/model_source.h"

#include <utility>

#include "coder/api/built_in_models.h"
#include "coder/weights/model_codec.h"
#include "data/base/error.h"
#include "model/quantize.h"

namespace occam {

namespace {

QuantizedModel Parse(const BuiltInModel& model) {
  return ParseModel(model.file, std::string("built-in ") + model.name);
}

}  // namespace

ModelSource LoadModel(const std::string& path) {
  ModelSource source;
  source.path = path;
  if (path.empty()) {
    const BuiltInModel& standard = BuiltInModels().front();
    source.path = std::string("built-in ") + standard.name;
    source.model = Parse(standard);
    return source;
  }
  if (IsCheckpoint(path)) {
    source.checkpoint = LoadCheckpoint(path);
    const Checkpoint& c = *source.checkpoint;
    source.model = Quantise(c.config, c.weights, c.calibration, c.tokenizer, c.memory);
    return source;
  }
  const Bytes bytes = ReadFile(path);
  if (!IsModelFile(bytes) && !IsCodedModel(bytes)) {
    throw DamagedError(path + " is neither a checkpoint (.h5) nor a model (.occm)");
  }
  source.model = IsCodedModel(bytes) ? DecodeModel(bytes, path) : ParseModel(bytes, path);
  return source;
}

Model LoadDoorModel(const std::string& path, bool plain_kernels) {
  if (path.empty()) return Model::BuiltIn("", plain_kernels);
  return Model::FromMemory(SerialiseModel(LoadModel(path).model), plain_kernels);
}

}  // namespace occam
