// A model out of a file, ready to code.
#ifndef OCCAM_CODER_PREDICT_LOADED_MODEL_H_
#define OCCAM_CODER_PREDICT_LOADED_MODEL_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "coder/predict/codec_model.h"
#include "coder/predict/network_predictor.h"
#include "data/base/mapped_file.h"
#include "data/base/memory.h"
#include "model/exact/network.h"
#include "model/quantized_model.h"

namespace occam {

// A model file, flat or coded. Throws kDamaged, `name` in the message. Throws kMemory where file,
// model and network do not fit into the limit, before there is room for any of it.
QuantizedModel ReadModel(std::span<const uint8_t> file, const std::string& name,
                         const ReadLimits& limits = {});

// A model out of a file of a name. A large one that is flat, of an imported network, is not copied:
// its codes are views of the mapped file.
struct OpenedModel {
  MappedFile file;  // maps nothing where the model owns its codes
  QuantizedModel model;
};
// Throws as ReadModel, and kIo. What is mapped is not counted.
OpenedModel OpenModel(const std::string& path, const ReadLimits& limits = {});

// A network together with what the container knows of it: a model that was not given beside the
// file.
class LoadedModel {
 public:
  // Throws as ReadModel.
  LoadedModel(std::span<const uint8_t> file, const std::string& name, Kernels kernels,
              const ReadLimits& limits = {})
      : LoadedModel(ReadModel(file, name, limits), kernels) {}
  LoadedModel(QuantizedModel model, Kernels kernels)
      : LoadedModel(OpenedModel{{}, std::move(model)}, kernels) {}
  LoadedModel(OpenedModel opened, Kernels kernels);
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;

  const ExactNetwork& network() const { return network_; }
  const CodecModel& codec_model() const { return codec_model_; }

 private:
  MappedFile file_;  // of the network's codes
  ExactNetwork network_;
  CodecModel codec_model_;
};

}  // namespace occam

#endif  // OCCAM_CODER_PREDICT_LOADED_MODEL_H_
