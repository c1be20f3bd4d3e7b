#include "data/corpus.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "data/archive.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/file_list.h"

namespace occam {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kValidationLimit = 10'000'000;  // "at most 10 MB", as train --help says
constexpr int64_t kValidationShare = 20;          // one part in 20 is 5 %
constexpr size_t kReadPiece = 1 << 20;

struct NamedCorpus {
  const char* name;
  uint64_t size_bytes;
};
constexpr NamedCorpus kNamedCorpora[] = {{"enwik8", 100'000'000}, {"enwik9", 1'000'000'000}};

const NamedCorpus* FindNamed(const std::string& name) {
  for (const NamedCorpus& corpus : kNamedCorpora) {
    if (name == corpus.name) return &corpus;
  }
  return nullptr;
}

const char* Environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr || *value == '\0' ? nullptr : value;
}

std::vector<std::string> FilesOf(const std::string& where) {
  if (where == "-") return {where};  // standard input, as OpenSource has it
  const NamedCorpus* named = FindNamed(where);
  if (named == nullptr || FileExists(where)) {
    std::vector<std::string> paths;
    for (const ListedFile& file : ListFiles(where)) paths.push_back(file.path);
    return paths;
  }
  const std::string path = CachePath(where);
  if (!FileExists(path)) {
    throw IoError(fmt::format("{} is not in the cache ({}); run tools/fetch_enwik.sh {}", where,
                              path, named->name));
  }
  std::error_code error;
  if (fs::file_size(path, error) != named->size_bytes) {
    throw DamagedError(fmt::format("{} has not the {} bytes of {}; run tools/fetch_enwik.sh {}",
                                   path, named->size_bytes, where, named->name));
  }
  return {path};
}

// Of the files as they are; what is unpacked grows from there.
size_t TotalSize(const std::vector<std::string>& files) {
  size_t total = 0;
  for (const std::string& path : files) {
    std::error_code no_regular_file;
    const uintmax_t size = fs::file_size(path, no_regular_file);
    if (!no_regular_file) total += size;
  }
  return total;
}

void AppendAll(ByteSource& source, Bytes* bytes) {
  for (;;) {
    const size_t before = bytes->size();
    bytes->resize(before + kReadPiece);
    const size_t n = source.Read(std::span(*bytes).subspan(before));
    bytes->resize(before + n);
    if (n < kReadPiece) return;
  }
}

int64_t CheckedCount(const std::string& text, int64_t size_bytes, const std::string& what) {
  const int64_t count = ParseCount(text, what);
  if (count < 1 || count > size_bytes) {
    throw UsageError(
        fmt::format("{}: '{}' is not within the {} bytes of the data", what, text, size_bytes));
  }
  return count;
}

std::string Show(const ByteRange& range) { return fmt::format("{}:{}", range.begin, range.end); }

bool Overlap(const ByteRange& a, const ByteRange& b) { return a.begin < b.end && b.begin < a.end; }

}  // namespace

std::span<const uint8_t> Corpus::Part(const ByteRange& range) const {
  return std::span(bytes).subspan(static_cast<size_t>(range.begin),
                                  static_cast<size_t>(range.size()));
}

Sha256Digest Corpus::DigestOf(const ByteRange& range) const { return Sha256Of(Part(range)); }

std::string CachePath(const std::string& name) {
  if (FindNamed(name) == nullptr) throw UsageError("there is no corpus named " + name);
  if (const char* folder = Environment("OCCAM_CACHE")) return fmt::format("{}/{}", folder, name);
  if (const char* folder = Environment("XDG_CACHE_HOME"))
    return fmt::format("{}/occam/{}", folder, name);
  if (const char* folder = Environment("HOME"))
    return fmt::format("{}/.cache/occam/{}", folder, name);
  throw UsageError("no cache folder: set OCCAM_CACHE to a folder for " + name);
}

std::vector<std::string> CorpusFiles(const std::string& where) {
  std::vector<std::string> files = FilesOf(where);
  if (files.size() == 1 && IsSetName(files[0])) files.push_back(DescriptionPath(files[0]));
  return files;
}

Corpus LoadCorpus(const std::string& where) {
  Corpus corpus;
  corpus.name = where;
  const std::vector<std::string> files = FilesOf(where);
  if (files.size() == 1 && IsSetName(files[0])) corpus.set = LoadDescription(files[0]);
  if (corpus.set) {
    corpus.bytes = ReadFile(files[0]);
    CheckSet(*corpus.set, corpus.bytes, files[0]);
  } else {
    corpus.bytes.reserve(TotalSize(files) + kReadPiece);
    for (const std::string& path : files) {
      AppendAll(*Unpacked(OpenSource(path)), &corpus.bytes);
    }
  }
  if (corpus.bytes.empty()) throw UsageError(where + " is empty: there is nothing to read");
  return corpus;
}

Split MakeSplit(int64_t size_bytes, const std::string& train_text, const std::string& val_text) {
  constexpr const char* kTrain = "the training part";
  constexpr const char* kValidation = "the validation part";
  const auto is_range = [](const std::string& text) { return text.find(':') != std::string::npos; };
  if (size_bytes < 2) throw UsageError("one byte cannot be split into two parts");

  Split split;
  if (is_range(val_text)) {
    split.validation = ParseByteRange(val_text, size_bytes, kValidation);
  } else {
    const int64_t tail =
        val_text.empty() ? std::clamp<int64_t>(size_bytes / kValidationShare, 1, kValidationLimit)
                         : CheckedCount(val_text, size_bytes, kValidation);
    split.validation = {size_bytes - tail, size_bytes};
  }

  if (is_range(train_text)) {
    split.train = ParseByteRange(train_text, size_bytes, kTrain);
  } else if (!train_text.empty()) {
    split.train = {0, CheckedCount(train_text, size_bytes, kTrain)};
  } else if (split.validation.begin > 0) {
    split.train = {0, split.validation.begin};
  } else {
    split.train = {split.validation.end, size_bytes};
  }

  if (split.train.size() < 1) throw UsageError("the validation part leaves nothing to train on");
  if (Overlap(split.train, split.validation)) {
    throw UsageError(fmt::format("the training part {} overlaps the validation part {}{}",
                                 Show(split.train), Show(split.validation),
                                 val_text.empty() ? "; choose the validation part, too" : ""));
  }
  return split;
}

Split SplitOf(const Corpus& corpus, const std::string& train_text, const std::string& val_text) {
  if (!corpus.set) {
    return MakeSplit(static_cast<int64_t>(corpus.bytes.size()), train_text, val_text);
  }
  if (!train_text.empty() || !val_text.empty()) {
    throw UsageError(corpus.name +
                     " is a prepared set with parts of its own: they are not chosen again, but "
                     "prepared anew");
  }
  if (corpus.set->train_bytes == 0) {
    throw UsageError(corpus.name + " has no training part: all of it is for validation");
  }
  return {corpus.set->train(), corpus.set->validation()};
}

}  // namespace occam
