// Models that are part of the library, so that compressing and restoring need no model file.
//
// A compressed file tells its model by id alone. Whatever was once the default therefore stays in
// this list: every later version decodes what an earlier one made.
#ifndef OCCAM_CODER_API_BUILT_IN_MODELS_H_
#define OCCAM_CODER_API_BUILT_IN_MODELS_H_

#include <cstdint>
#include <optional>
#include <span>

#include "coder/container/container_format.h"
#include "coder/predict/loaded_model.h"
#include "coder/weights/model_codec.h"
#include "data/base/digest.h"

namespace occam {

struct BuiltInModel {
  const char* name;               // its card is model/pretrained/NAME.md
  Sha256Digest id;                // what its card says, so that no file is parsed to compare
  std::span<const uint8_t> file;  // an .occm, flat or coded
};

// The built-in models, at least one. The first is the default.
std::span<const BuiltInModel> BuiltInModels();

// Returns the built-in model that a file names, null where there is none.
const BuiltInModel* FindBuiltIn(const FileHeader& file);

// Returns what that says of itself; nothing where there is none.
std::optional<ModelHead> BuiltInHead(const FileHeader& file);

// A built-in model, ready to code. It is loaded when somebody asks for it first, and stays until
// the process ends: many small files are restored without reading it for each. There are at most
// as many as built-in models and kernels. Any number of threads may ask at once. Throws
// std::bad_alloc, and asks anew at the next call.
const LoadedModel& LoadedBuiltIn(const BuiltInModel& model, Kernels kernels);

}  // namespace occam

#endif  // OCCAM_CODER_API_BUILT_IN_MODELS_H_
