#include "coder/api/restoring_costs.h"

#include "coder/api/built_in_models.h"
#include "coder/weights/model_codec.h"

namespace occam {

std::optional<RestoringCosts> KnownRestoringCosts(const FileInfo& file, const std::string& name) {
  std::optional<ModelHead> head;
  if (file.header.embeds_model) {
    head = ReadModelHead(file.model, name + ", its model");
  } else if (file.header.has_model()) {
    head = BuiltInHead(file.header);
  }
  if (file.header.has_model() && !head) return std::nullopt;
  return CostsOfRestoring(file, head ? &*head : nullptr);
}

Sha256Digest KnownModelId(const FileInfo& file) {
  if (file.header.version != kShortVersion || !file.header.has_model()) return file.header.model_id;
  if (const BuiltInModel* const found = FindBuiltIn(file.header)) return found->id;
  return file.header.model_id;
}

}  // namespace occam
