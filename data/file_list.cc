#include "data/file_list.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "data/base/error.h"

namespace occam {
namespace {

namespace fs = std::filesystem;

// Which of a folder's files are taken; all where there are no extensions.
struct Wanted {
  const std::vector<std::string>& extensions;
  size_t left_out = 0;

  bool Takes(const fs::path& path) {
    if (extensions.empty()) return true;
    std::string extension = path.extension().string();
    std::ranges::transform(extension, extension.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const bool hidden = path.filename().string().starts_with('.');
    const bool takes = !hidden && std::ranges::find(extensions, extension) != extensions.end();
    left_out += takes ? 0 : 1;
    return takes;
  }
};

void AddFiles(const std::string& path, Wanted* wanted, std::vector<ListedFile>* files) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    files->push_back({path, fs::path(path).filename().string()});
    return;
  }
  fs::recursive_directory_iterator entries(path, error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    std::error_code unknown;  // such as a link to nothing: no regular file
    if (!entries->is_regular_file(unknown)) continue;
    const fs::path& entry = entries->path();
    if (!wanted->Takes(entry)) continue;
    files->push_back({entry.string(), entry.lexically_relative(path).string()});
  }
  if (error) throw IoError("cannot read the folder " + path + ": " + error.message());
}

std::vector<std::string> Matches(const std::string& pattern) {
  glob_t result{};
  const int status = ::glob(pattern.c_str(), GLOB_ERR | GLOB_NOSORT, nullptr, &result);
  std::vector<std::string> paths(result.gl_pathv, result.gl_pathv + result.gl_pathc);
  ::globfree(&result);
  if (status == GLOB_NOMATCH) throw IoError("no file matches " + pattern);
  if (status != 0) throw IoError("cannot read the folders of " + pattern);
  return paths;
}

}  // namespace

bool FileExists(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::none) {
    throw IoError("cannot look at " + path + ": " + error.message());
  }
  return fs::exists(status);
}

std::vector<ListedFile> ListFiles(const std::string& where) {
  size_t left_out = 0;
  return ListFiles(where, {}, &left_out);
}

std::vector<ListedFile> ListFiles(const std::string& where,
                                  const std::vector<std::string>& extensions, size_t* left_out) {
  Wanted wanted{extensions};
  std::vector<ListedFile> files;
  if (FileExists(where)) {
    AddFiles(where, &wanted, &files);
  } else if (where.find_first_of("*?[") != std::string::npos) {
    for (const std::string& path : Matches(where)) AddFiles(path, &wanted, &files);
  } else {
    throw IoError("cannot open " + where + ": no such file or folder");
  }
  const auto by_path = [](const ListedFile& a, const ListedFile& b) { return a.path < b.path; };
  const auto same = [](const ListedFile& a, const ListedFile& b) { return a.path == b.path; };
  std::sort(files.begin(), files.end(), by_path);
  files.erase(std::unique(files.begin(), files.end(), same), files.end());
  *left_out += wanted.left_out;
  return files;
}

}  // namespace occam
