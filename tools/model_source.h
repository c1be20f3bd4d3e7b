// Where a command gets its model: a checkpoint (.h5) or a model file (.occm), told apart by their
// first bytes.
#ifndef OCCAM_TOOLS_MODEL_SOURCE_H_
#define OCCAM_TOOLS_MODEL_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "model/checkpoint.h"
#include "model/exact/quantized_model.h"

namespace occam {

struct ModelSource {
  std::string path;
  QuantizedModel model;                  // what codes
  std::optional<Checkpoint> checkpoint;  // where the file is one
};

// Throws kIo and kDamaged.
ModelSource LoadModel(const std::string& path);

}  // namespace occam

#endif  // OCCAM_TOOLS_MODEL_SOURCE_H_
