// Models that are part of the library, so that compressing and restoring need no model file.
//
// A compressed file tells its model by id alone. Whatever was once the default therefore stays in
// this list: every later version decodes what an earlier one made.
#ifndef OCCAM_CODER_API_BUILT_IN_MODELS_H_
#define OCCAM_CODER_API_BUILT_IN_MODELS_H_

#include <cstdint>
#include <optional>
#include <span>

#include "coder/weights/model_codec.h"
#include "data/base/digest.h"

namespace occam {

struct BuiltInModel {
  const char* name;               // its card is model/pretrained/NAME.md
  std::span<const uint8_t> file;  // an .occm, for ParseModel
};

// The built-in models, at least one. The first is the default.
std::span<const BuiltInModel> BuiltInModels();

// Returns what the built-in model of this id says of itself; nothing where there is none.
std::optional<ModelHead> BuiltInHead(const Sha256Digest& model_id);

}  // namespace occam

#endif  // OCCAM_CODER_API_BUILT_IN_MODELS_H_
