#include "data/base/file_plan.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

bool Status(const std::string& path, bool written, struct stat* info) {
  if (path == "-") return ::fstat(written ? STDOUT_FILENO : STDIN_FILENO, info) == 0;
  return ::stat(path.c_str(), info) == 0;
}

}  // namespace

// False where nothing can be lost: no regular file, or not even a folder for it.
bool FilePlan::Find(const std::string& path, Use use, Place* place) {
  struct stat info {};
  if (Status(path, use == Use::kWrite, &info)) {
    *place = {info.st_dev, info.st_ino, ""};
    return S_ISREG(info.st_mode);
  }
  const std::filesystem::path whole(path);
  const std::string folder = whole.parent_path().string();
  if (::stat(folder.empty() ? "." : folder.c_str(), &info) != 0) return false;
  *place = {info.st_dev, info.st_ino, whole.filename().string()};
  return true;
}

bool FilePlan::Conflict(const Entry& a, const Entry& b) {
  if (a.use == Use::kWrite || b.use == Use::kWrite) return true;
  const bool removed = a.use == Use::kRemove || b.use == Use::kRemove;
  // An input may be removed once it was read.
  return removed && a.role != b.role;
}

void FilePlan::Add(const std::string& path, const std::string& role, Use use) {
  Place place;
  if (!Find(path, use, &place)) return;
  const Entry entry{path, role, use};
  std::vector<Entry>& known = files_[place];
  for (const Entry& other : known) {
    if (other == entry) return;
    if (!Conflict(entry, other)) continue;
    const bool written = entry.use == Use::kWrite || other.use == Use::kWrite;
    const std::string both = other.path == path
                                 ? fmt::format("{} is {} and {}", path, other.role, role)
                                 : fmt::format("{}, {}, is the same file as {}, {},", other.path,
                                               other.role, path, role);
    throw UsageError(fmt::format("{} and would be {}; nothing was done", both,
                                 written ? "overwritten" : "removed"));
  }
  known.push_back(entry);
}

}  // namespace occam
