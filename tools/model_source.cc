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
  if (!path.empty()) return LoadModel(*OpenSource(path));
  const BuiltInModel& standard = BuiltInModels().front();
  return {std::string("built-in ") + standard.name, Parse(standard), std::nullopt};
}

ModelSource LoadModel(ByteSource& source) {
  const std::string name = source.name();
  const Bytes bytes = ReadAll(source);
  if (IsCheckpoint(bytes)) {
    Checkpoint c = LoadCheckpoint(bytes, name);
    QuantizedModel model = Quantise(c.config, c.weights, c.calibration, c.tokenizer, c.memory);
    return {name, std::move(model), std::move(c)};
  }
  if (IsCodedModel(bytes)) return {name, DecodeModel(bytes, name), std::nullopt};
  if (IsModelFile(bytes)) return {name, ParseModel(bytes, name), std::nullopt};
  throw DamagedError(name + " is neither a checkpoint (.h5) nor a model (.occm)");
}

Model LoadDoorModel(const std::string& path, bool plain_kernels) {
  if (path.empty()) return Model::BuiltIn("", plain_kernels);
  return Model::FromMemory(SerialiseModel(LoadModel(path).model), plain_kernels);
}

}  // namespace occam
