#include "data/prepare.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>
#include <utility>

#include "data/base/digest.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/random.h"
#include "data/corpus.h"
#include "data/image.h"
#include "data/patches.h"
#include "data/speech.h"

namespace occam {
namespace {

std::string GroupOf(const ListedFile& file, char group_by) {
  if (group_by == 0) return file.path;
  const std::string name = std::filesystem::path(file.name).filename().string();
  return name.substr(0, name.find(group_by));
}

// Which files belong to the validation part.
std::vector<bool> Parts(const std::vector<ListedFile>& files, const FileSplit& split) {
  if (files.empty()) throw UsageError("there is no file to prepare");
  std::vector<std::string> groups;
  for (const ListedFile& file : files) groups.push_back(GroupOf(file, split.group_by));
  // Files are sorted already, by their names.
  if (split.group_by != 0) std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  if (split.validation_files < 0 || split.validation_files > static_cast<int64_t>(groups.size())) {
    throw UsageError(fmt::format("{} {} cannot be held out of {}", split.validation_files,
                                 split.group_by == 0 ? "files" : "groups of files", groups.size()));
  }
  const std::set<std::string> held_out(groups.end() - split.validation_files, groups.end());
  std::vector<bool> parts;
  for (const ListedFile& file : files) {
    parts.push_back(held_out.contains(GroupOf(file, split.group_by)));
  }
  return parts;
}

void RequirePatch(const GrayImage& image, const std::string& path) {
  if (image.columns >= kPatchColumns && image.rows >= kPatchRows) return;
  throw UsageError(fmt::format("{} has {} x {} pixels, less than a patch of {} x {}", path,
                               image.columns, image.rows, kPatchColumns, kPatchRows));
}

std::string SplitText(const FileSplit& split) {
  return fmt::format("files sorted by name, the last {} {} for validation", split.validation_files,
                     split.group_by == 0
                         ? std::string("files")
                         : fmt::format("groups of equal name before '{}'", split.group_by));
}

// Reads all files, those of the training part first; `decode` makes the bytes of a file from its
// contents, its index, whether it is held out, and its path.
template <typename Decode>
void AddFiles(const std::vector<ListedFile>& files, const FileSplit& split,
              const PreparationProgress& progress, PreparedSet* set, const Decode& decode) {
  const std::vector<bool> held_out = Parts(files, split);
  size_t done = 0;
  for (const bool validation : {false, true}) {
    for (size_t i = 0; i < files.size(); ++i) {
      if (held_out[i] != validation) continue;
      if (progress) progress(done++, files[i].path);
      const Bytes file = ReadFile(files[i].path);
      const Bytes bytes = decode(file, i, validation, files[i].path);
      set->bytes.insert(set->bytes.end(), bytes.begin(), bytes.end());
      const auto size = static_cast<int64_t>(bytes.size());
      SetDescription& d = set->description;
      (validation ? d.validation_bytes : d.train_bytes) += size;
      d.sources.push_back(
          {files[i].name, Hex(Sha256Of(file)), validation ? "validation" : "train", size});
    }
  }
  SetDigests(set);
}

}  // namespace

std::vector<ListedFile> ListInputs(const std::vector<std::string>& inputs, FileKind kind,
                                   size_t* left_out) {
  const std::vector<std::string> extensions =
      kind == FileKind::kImages
          ? std::vector<std::string>{".png", ".jpg", ".jpeg", ".jpe", ".pnm", ".pgm", ".ppm"}
          : std::vector<std::string>{".flac", ".wav"};
  size_t others = 0;
  std::vector<ListedFile> files;
  for (const std::string& input : inputs) {
    const std::vector<ListedFile> found = ListFiles(input, extensions, &others);
    files.insert(files.end(), found.begin(), found.end());
  }
  if (left_out != nullptr) *left_out = others;
  std::set<std::string> seen;
  std::erase_if(files, [&](const ListedFile& file) { return !seen.insert(file.path).second; });
  std::stable_sort(files.begin(), files.end(),
                   [](const ListedFile& a, const ListedFile& b) { return a.name < b.name; });
  return files;
}

std::vector<UnusableFile> RemoveUnusable(FileKind kind, std::vector<ListedFile>* files,
                                         const PreparationProgress& progress) {
  std::vector<UnusableFile> unusable;
  std::vector<ListedFile> usable;
  for (size_t i = 0; i < files->size(); ++i) {
    const std::string& path = (*files)[i].path;
    if (progress) progress(i, path);
    const Bytes file = ReadFile(path);
    try {
      if (kind == FileKind::kImages) {
        RequirePatch(DecodeImage(file, path), path);
      } else {
        DecodeSpeech(file, path);
      }
      usable.push_back((*files)[i]);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kDamaged && error.kind() != ErrorKind::kUsage) throw;
      unusable.push_back({path, error.what()});
    }
  }
  if (usable.empty() && !unusable.empty())
    throw UsageError("none of the files can be used, such as: " + unusable.front().why);
  *files = std::move(usable);
  return unusable;
}

PreparedSet PrepareImages(const std::vector<ListedFile>& files, const FileSplit& split,
                          const PatchChoice& choice, const PreparationProgress& progress) {
  PreparedSet set;
  SetDescription& d = set.description;
  d.kind = "images";
  d.method = fmt::format(
      "gray = (R + G + B) / 3 rounded down; patches of {} rows x {} columns, row-major, whole ones "
      "of the grid from the top left{}{}; {}",
      kPatchRows, kPatchColumns,
      choice.grids > 1
          ? fmt::format("; for training also of {} grids further down and right, every "
                        "second one mirrored",
                        choice.grids - 1)
          : "",
      choice.per_photograph > 0 ? fmt::format(", at most {} a photograph, chosen by seed {}",
                                              choice.per_photograph, choice.seed)
                                : "",
      SplitText(split));
  d.record_bytes = kPatchBytes;
  d.rows = kPatchRows;
  d.columns = kPatchColumns;
  const auto decode = [&](const Bytes& file, size_t index, bool validation, const auto& path) {
    const GrayImage image = DecodeImage(file, path);
    Random random(choice.seed, index);
    RequirePatch(image, path);
    Bytes patches = CutPatches(image, choice.per_photograph, &random);
    for (int grid = 1; grid < choice.grids && !validation; ++grid) {
      const Bytes more =
          CutPatches(ShiftedForGrid(image, grid, choice.grids), choice.per_photograph, &random);
      patches.insert(patches.end(), more.begin(), more.end());
    }
    return patches;
  };
  AddFiles(files, split, progress, &set, decode);
  return set;
}

PreparedSet PrepareSpeech(const std::vector<ListedFile>& files, const FileSplit& split,
                          const PreparationProgress& progress) {
  PreparedSet set;
  set.description.kind = "audio";
  set.description.method =
      fmt::format("8-bit samples: (sample of 16 bits >> 8) + 128; files one after the other; {}",
                  SplitText(split));
  set.description.sample_rate_hz = kSpeechSampleRateHz;
  AddFiles(files, split, progress, &set,
           [](const Bytes& file, size_t, bool, const std::string& path) {
             return DecodeSpeech(file, path);
           });
  return set;
}

PreparedSet PrepareRandom(int64_t bytes, uint64_t seed, int64_t validation_bytes) {
  if (bytes < 1 || validation_bytes < 0 || validation_bytes > bytes) {
    throw UsageError(fmt::format("{} random bytes with {} for validation cannot be made", bytes,
                                 validation_bytes));
  }
  PreparedSet set;
  Random random(seed);
  uint64_t number = 0;
  set.bytes.resize(static_cast<size_t>(bytes));
  for (size_t i = 0; i < set.bytes.size(); ++i) {
    number = i % 8 == 0 ? random.Next() : number >> 8;
    set.bytes[i] = static_cast<uint8_t>(number);
  }
  set.description.kind = "random";
  set.description.method = fmt::format("SplitMix64 with seed {}", seed);
  set.description.train_bytes = bytes - validation_bytes;
  set.description.validation_bytes = validation_bytes;
  SetDigests(&set);
  return set;
}

PreparedSet PrepareBytes(const std::string& where, const std::string& train_text,
                         const std::string& val_text) {
  const Corpus corpus = LoadCorpus(where);
  if (corpus.set) throw UsageError(where + " is a prepared set already");
  const auto size = static_cast<int64_t>(corpus.bytes.size());
  const Split split = MakeSplit(size, train_text, val_text);
  PreparedSet set;
  SetDescription& d = set.description;
  d.kind = "bytes";
  d.method =
      fmt::format("as they are: bytes {}:{} for training, {}:{} for validation", split.train.begin,
                  split.train.end, split.validation.begin, split.validation.end);
  for (const ByteRange& range : {split.train, split.validation}) {
    const auto part = corpus.Part(range);
    set.bytes.insert(set.bytes.end(), part.begin(), part.end());
  }
  d.train_bytes = split.train.size();
  d.validation_bytes = split.validation.size();
  d.sources.push_back({std::filesystem::path(where).filename().string(),
                       Hex(corpus.DigestOf({0, size})), "both",
                       split.train.size() + split.validation.size()});
  SetDigests(&set);
  return set;
}

}  // namespace occam
