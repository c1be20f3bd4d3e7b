#include "tools/model_source.h"

#include <utility>

#include "coder/api/built_in_models.h"
#include "coder/predict/loaded_model.h"
#include "coder/weights/model_codec.h"
#include "data/base/error.h"
#include "data/base/mapped_file.h"
#include "model/quantize.h"

namespace occam {

namespace {

Options OptionsFor(bool plain_kernels, uint64_t memory_bytes) {
  Options options;
  options.plain_kernels = plain_kernels;
  options.memory = memory_bytes;
  return options;
}

}  // namespace

ModelSource LoadModel(const std::string& path, const ReadLimits& limits) {
  if (!path.empty()) return LoadModel(*OpenSource(path), limits);
  const BuiltInModel& standard = BuiltInModels().front();
  const std::string name = std::string("built-in ") + standard.name;
  return {name, ReadModel(standard.file, name), std::nullopt};
}

ModelSource LoadModel(ByteSource& source, const ReadLimits& limits) {
  const std::string name = source.name();
  const Bytes bytes = ReadWithin(source, limits.memory_bytes);
  if (IsCheckpoint(bytes)) {
    Checkpoint c = LoadCheckpoint(bytes, name, limits.memory_bytes);
    QuantizedModel model = Quantise(c.config, c.weights, c.calibration, c.tokenizer, c.memory);
    return {name, std::move(model), std::move(c)};
  }
  if (IsCodedModel(bytes) || IsModelFile(bytes))
    return {name, ReadModel(bytes, name, limits), std::nullopt};
  throw DamagedError(name + " is neither a checkpoint (.h5) nor a model (.occm)");
}

Model LoadDoorModel(const std::string& path, bool plain_kernels, uint64_t memory_bytes) {
  if (path.empty()) return Model::BuiltIn("", plain_kernels);
  const auto begin = MappedFile::Open(path);
  if (IsModelFile(begin.bytes()) || IsCodedModel(begin.bytes()))
    return Model::FromFile(path, OptionsFor(plain_kernels, memory_bytes));
  // Of a checkpoint nothing else stays.
  return DoorModelOf(LoadModel(path, {memory_bytes, nullptr}).model, plain_kernels, memory_bytes);
}

Model DoorModelOf(const QuantizedModel& model, bool plain_kernels, uint64_t memory_bytes) {
  const Bytes file = SerialiseModel(model);  // what the door reads
  BytesReader reader(file);
  return Model::FromReader(reader, OptionsFor(plain_kernels, memory_bytes));
}

}  // namespace occam
