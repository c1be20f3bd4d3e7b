// The source of a command's model: a checkpoint (.h5) or a model file (.occm), told apart by their
// first bytes, or the program itself.
#ifndef OCCAM_TOOLS_MODEL_SOURCE_H_
#define OCCAM_TOOLS_MODEL_SOURCE_H_

#include <optional>
#include <string>

#include "data/base/file.h"
#include "data/base/memory.h"
#include "model/checkpoint/checkpoint.h"
#include "model/quantized_model.h"
#include "occam/occam.h"

namespace occam {

struct ModelSource {
  std::string path;                      // of a built-in model: what messages call it
  QuantizedModel model;                  // what codes
  std::optional<Checkpoint> checkpoint;  // where the file is one
};

// An empty path is the default of the built-in models. The file is read once, from its begin to its
// end, so that it may be a pipe. Throws kIo and kDamaged.
// kMemory where a model, or a checkpoint with all that is in it, takes more than the limit.
ModelSource LoadModel(const std::string& path, const ReadLimits& limits = {});
ModelSource LoadModel(ByteSource& source, const ReadLimits& limits = {});

// The model for the library's door. Throws kMemory.
Model DoorModelOf(const QuantizedModel& model, bool plain_kernels, uint64_t memory_bytes);

// Loads a model for the library's door. Throws as LoadModel.
Model LoadDoorModel(const std::string& path, bool plain_kernels, uint64_t memory_bytes);

}  // namespace occam

#endif  // OCCAM_TOOLS_MODEL_SOURCE_H_
