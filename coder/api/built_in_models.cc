#include "coder/api/built_in_models.h"

// The assembler reads the file; C++20 has no way of its own. The path comes from CMakeLists.txt.
asm(".pushsection .rodata\n"
    ".balign 16\n"
    "occam_wiki_800k:\n"
    ".incbin \"" OCCAM_PRETRAINED
    "/wiki-800K.occm\"\n"
    "occam_wiki_800k_end:\n"
    ".popsection\n");

extern "C" const uint8_t occam_wiki_800k[];
extern "C" const uint8_t occam_wiki_800k_end[];

namespace occam {

std::span<const BuiltInModel> BuiltInModels() {
  static const BuiltInModel kModels[] = {
      {"wiki-800K", {occam_wiki_800k, occam_wiki_800k_end}},
  };
  return kModels;
}

std::optional<ModelHead> BuiltInHead(const Sha256Digest& model_id) {
  for (const BuiltInModel& candidate : BuiltInModels()) {
    if (ModelId(ParseModel(candidate.file, candidate.name)) == model_id)
      return ReadModelHead(candidate.file, candidate.name);
  }
  return std::nullopt;
}

}  // namespace occam
