#include "coder/archive/model_header.h"

#include <algorithm>
#include <bit>
#include <span>

#include "data/base/digest.h"
#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

constexpr uint64_t kWorthwhileChunks = 32;  // of a lane

std::string ShortId(const Sha256Digest& id) { return Hex(std::span(id).first(kShortIdBytes)); }

}  // namespace

FileHeader HeaderFor(const CodecModel* model, ContextMode mode, uint32_t lanes,
                     std::span<const uint8_t> dictionary) {
  if (!dictionary.empty() && !MayHaveDictionary(mode))
    throw UsageError(fmt::format("a dictionary is for mode adaptive, not {}", ModeName(mode)));
  const auto header_of = [&](uint32_t context, int32_t vocabulary) {
    FileHeader header =
        lanes == 0 ? DefaultHeader(context, mode, vocabulary) : HeaderOfLanes(context, mode, lanes);
    if (!dictionary.empty()) header.dictionary_id = DictionaryIdOf(UsedOf(dictionary));
    return header;
  };
  if (model == nullptr) return header_of(kDefaultContext, 256);
  if (!model->tokenizer && model->vocabulary != 256) {
    throw UsageError(fmt::format("the model has a vocabulary of {} and no tokenizer that makes it",
                                 model->vocabulary));
  }
  FileHeader header = header_of(model->context, model->vocabulary);
  header.contract_version = model->contract_version;
  if (!header.has_dictionary()) header.tokenizer_id = model->tokenizer_id;
  header.model_id = model->model_id;
  return header;
}

uint32_t WorthwhileLanes(uint32_t context, uint64_t bytes) {
  const uint64_t lane =
      std::min<uint64_t>(kWorthwhileChunks * context, kMostJudgedBytes / kDefaultLanes);
  return static_cast<uint32_t>(
      std::bit_floor(std::clamp<uint64_t>(bytes / lane, 1, kDefaultLanes)));
}

FileHeader HeaderFor(const CodecModel* model, const CodecOptions& options, uint64_t bytes) {
  uint32_t lanes = options.lanes;
  if (options.mode == ContextMode::kAdaptive) {
    // Without a model a segment is one lane, whatever the header says.
    if (model == nullptr) lanes = 0;
    if (model != nullptr && lanes == 0) lanes = WorthwhileLanes(model->context, bytes);
  }
  return HeaderFor(model, options.mode, lanes, options.dictionary);
}

void CheckModelFits(const FileHeader& header, const CodecModel* model, const std::string& name) {
  if (model == nullptr) {
    throw UsageError(
        fmt::format("{} needs the model {}, which is neither in the file nor built in; give the "
                    "model that it was made with",
                    name, ShortId(header.model_id)));
  }
  if (!header.Names(model->model_id)) {
    throw DamagedError(fmt::format("{} needs the model {}, but {} was given", name,
                                   ShortId(header.model_id), ShortId(model->model_id)));
  }
  if (model->contract_version != header.contract_version) {
    throw DamagedError(fmt::format("{} was made by numeric contract {}, this program follows {}",
                                   name, header.contract_version, model->contract_version));
  }
  if (model->context != header.context ||
      (header.version != kShortVersion && !header.has_dictionary() &&
       model->tokenizer_id != header.tokenizer_id) ||
      (!model->tokenizer && model->vocabulary != 256)) {
    throw DamagedError(
        fmt::format("{} uses its model with context {}, which does not fit", name, header.context));
  }
  if (header.mode >= ContextMode::kAdaptive && model->vocabulary != 256)
    throw DamagedError(name + " is adaptive, and its model's symbols are no bytes");
}

std::span<const uint8_t> UsedOf(std::span<const uint8_t> dictionary) {
  return dictionary.last(std::min(dictionary.size(), kMaxDictionaryBytes));
}

std::span<const uint8_t> DictionaryFor(const FileHeader& header,
                                       std::span<const uint8_t> dictionary,
                                       const std::string& name) {
  if (!header.has_dictionary()) return {};
  if (dictionary.empty()) {
    throw UsageError(fmt::format("{} needs the dictionary {}; give the one that it was made with",
                                 name, Hex(header.dictionary_id)));
  }
  const auto used = UsedOf(dictionary);
  const DictionaryId id = DictionaryIdOf(used);
  if (id != header.dictionary_id) {
    throw DamagedError(fmt::format("{} needs the dictionary {}, but {} was given", name,
                                   Hex(header.dictionary_id), Hex(id)));
  }
  return used;
}

}  // namespace occam
