// Where a command gets its model: a checkpoint (.h5) or a model file (.occm), told apart by their
// first bytes, or the program itself.
#ifndef OCCAM_TOOLS_MODEL_SOURCE_H_
#define OCCAM_TOOLS_MODEL_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "data/base/digest.h"
#include "model/checkpoint/checkpoint.h"
#include "model/quantized_model.h"

namespace occam {

struct ModelSource {
  std::string path;                      // of a built-in model: what messages call it
  QuantizedModel model;                  // what codes
  std::optional<Checkpoint> checkpoint;  // where the file is one
};

// An empty path is the default of the built-in models. Throws kIo and kDamaged.
ModelSource LoadModel(const std::string& path);

// The built-in model of this id, if there is one.
std::optional<QuantizedModel> FindBuiltInModel(const Sha256Digest& id);

}  // namespace occam

#endif  // OCCAM_TOOLS_MODEL_SOURCE_H_
