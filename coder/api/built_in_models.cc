#include "coder/api/built_in_models.h"

#include <array>
#include <memory>
#include <mutex>
#include <string>

// The assembler reads the file; C++20 has no way of its own. The path comes from CMakeLists.txt.
#define OCCAM_BUILD_IN(symbol, file)                        \
  asm(".pushsection .rodata\n"                              \
      ".balign 16\n" #symbol                                \
      ":\n"                                                 \
      ".incbin \"" OCCAM_PRETRAINED "/" file "\"\n" #symbol \
      "_end:\n"                                             \
      ".popsection\n");                                     \
  extern "C" const uint8_t symbol[];                        \
  extern "C" const uint8_t symbol##_end[]

OCCAM_BUILD_IN(occam_wiki_800k, "wiki-800K.occm");
OCCAM_BUILD_IN(occam_wiki_200k, "wiki-200K.occm");
OCCAM_BUILD_IN(occam_wiki_3200k, "wiki-3.2M.occm");

#undef OCCAM_BUILD_IN

namespace occam {
namespace {

constexpr size_t kCount = 3;
constexpr size_t kKernels = 2;

// What is known of a built-in model once somebody asked.
struct Kept {
  std::once_flag id_known;
  Sha256Digest id;
  std::array<std::once_flag, kKernels> are_loaded;
  std::array<std::unique_ptr<const LoadedModel>, kKernels> loaded;
};

// Never destroyed: a thread may still code while the process ends.
Kept& KeptOf(const BuiltInModel& model) {
  static auto* const kept = new std::array<Kept, kCount>;
  return kept->at(static_cast<size_t>(&model - BuiltInModels().data()));
}

std::string NameOf(const BuiltInModel& model) {
  return std::string("the built-in model ") + model.name;
}

}  // namespace

const Sha256Digest& IdOf(const BuiltInModel& model) {
  Kept& kept = KeptOf(model);
  std::call_once(kept.id_known, [&] { kept.id = ModelId(ParseModel(model.file, NameOf(model))); });
  return kept.id;
}

std::span<const BuiltInModel> BuiltInModels() {
  static const std::array<BuiltInModel, kCount> kModels = {{
      {"wiki-800K", {occam_wiki_800k, occam_wiki_800k_end}},
      {"wiki-200K", {occam_wiki_200k, occam_wiki_200k_end}},
      {"wiki-3.2M", {occam_wiki_3200k, occam_wiki_3200k_end}},
  }};
  return kModels;
}

const BuiltInModel* FindBuiltIn(const FileHeader& file) {
  for (const BuiltInModel& candidate : BuiltInModels()) {
    if (file.Names(IdOf(candidate))) return &candidate;
  }
  return nullptr;
}

std::optional<ModelHead> BuiltInHead(const FileHeader& file) {
  const BuiltInModel* const found = FindBuiltIn(file);
  if (found == nullptr) return std::nullopt;
  return ReadModelHead(found->file, found->name);
}

const LoadedModel& LoadedBuiltIn(const BuiltInModel& model, Kernels kernels) {
  Kept& kept = KeptOf(model);
  const auto place = static_cast<size_t>(kernels == Kernels::kPlain);
  std::call_once(kept.are_loaded.at(place), [&] {
    kept.loaded.at(place) =
        std::make_unique<LoadedModel>(ParseModel(model.file, NameOf(model)), kernels);
  });
  return *kept.loaded.at(place);
}

}  // namespace occam
