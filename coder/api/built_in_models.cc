#include "coder/api/built_in_models.h"

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

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

OCCAM_BUILD_IN(occam_broad_800k, "broad-800K.occm");
OCCAM_BUILD_IN(occam_broad_200k, "broad-200K.occm");
OCCAM_BUILD_IN(occam_broad_3200k, "broad-3.2M.occm");
OCCAM_BUILD_IN(occam_wiki_800k, "wiki-800K.occm");
OCCAM_BUILD_IN(occam_wiki_200k, "wiki-200K.occm");
OCCAM_BUILD_IN(occam_wiki_3200k, "wiki-3.2M.occm");

#undef OCCAM_BUILD_IN

namespace occam {
namespace {

constexpr size_t kCount = 6;
constexpr size_t kKernels = 2;

// What is known of a built-in model once somebody asked.
struct Kept {
  std::array<std::once_flag, kKernels> are_loaded;
  std::array<std::unique_ptr<const LoadedModel>, kKernels> loaded;
};

// Never destroyed: a thread may still code while the process ends.
Kept& KeptOf(const BuiltInModel& model) {
  static auto* const kept = new std::array<Kept, kCount>;
  return kept->at(static_cast<size_t>(&model - BuiltInModels().data()));
}

consteval Sha256Digest Digest(std::string_view hex) {
  Sha256Digest digest{};
  for (size_t i = 0; i < hex.size(); ++i) {
    const int value = hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10;
    digest.at(i / 2) = static_cast<uint8_t>(digest.at(i / 2) * 16 + value);
  }
  return digest;
}

}  // namespace

std::span<const BuiltInModel> BuiltInModels() {
  static const std::array<BuiltInModel, kCount> kModels = {{
      {"broad-800K",
       Digest("60abc7fd864c72b11f816da98d8eaf3de2e762eaeb5c0ca19ef9e0ba247dfaf4"),
       {occam_broad_800k, occam_broad_800k_end}},
      {"broad-200K",
       Digest("72e5883feab01c0f49d1dc3623e976de636ee9de2b8d4a90964a8366d6956c2d"),
       {occam_broad_200k, occam_broad_200k_end}},
      {"broad-3.2M",
       Digest("6d62f411cd3a0ba531bf0feebe84571f28b97688b2cba4eb47e84473f684cc27"),
       {occam_broad_3200k, occam_broad_3200k_end}},
      {"wiki-800K",
       Digest("597b9fdcd2a529c353a738101f6f6ef2a0521c1a11b700f896c35e332702dd90"),
       {occam_wiki_800k, occam_wiki_800k_end}},
      {"wiki-200K",
       Digest("2fd7d4c8e84abfe1167bfaa6a3f3e1ead0cc154cde13140c18879cf0dfd32d1a"),
       {occam_wiki_200k, occam_wiki_200k_end}},
      {"wiki-3.2M",
       Digest("dd61970100a58881203c039a08a0fd43c788a15d0ef70ef56bdce6b014239b22"),
       {occam_wiki_3200k, occam_wiki_3200k_end}},
  }};
  return kModels;
}

const BuiltInModel* FindBuiltIn(const FileHeader& file) {
  for (const BuiltInModel& candidate : BuiltInModels()) {
    if (file.Names(candidate.id)) return &candidate;
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
        std::make_unique<LoadedModel>(model.file, std::string("built-in ") + model.name, kernels);
  });
  return *kept.loaded.at(place);
}

}  // namespace occam
