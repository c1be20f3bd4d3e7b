#include "tools/model_source.h"

#include <utility>

#include "coder/model_codec.h"
#include "data/base/error.h"
#include "model/quantize.h"

namespace occam {

ModelSource LoadModel(const std::string& path) {
  ModelSource source;
  source.path = path;
  if (IsCheckpoint(path)) {
    source.checkpoint = LoadCheckpoint(path);
    const Checkpoint& c = *source.checkpoint;
    source.model = Quantise(c.config, c.weights, c.calibration, c.tokenizer);
    return source;
  }
  const Bytes bytes = ReadFile(path);
  if (!IsModelFile(bytes) && !IsCodedModel(bytes)) {
    throw DamagedError(path + " is neither a checkpoint (.h5) nor a model (.occm)");
  }
  source.model = IsCodedModel(bytes) ? DecodeModel(bytes, path) : ParseModel(bytes, path);
  return source;
}

}  // namespace occam
