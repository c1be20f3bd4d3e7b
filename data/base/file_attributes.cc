#include "data/base/file_attributes.h"

#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace occam {
namespace {

constexpr char kAccessList[] = "system.posix_acl_access";

std::vector<uint8_t> AccessListOf(int fd) {
  const ssize_t size = ::fgetxattr(fd, kAccessList, nullptr, 0);
  if (size <= 0) return {};
  std::vector<uint8_t> list(static_cast<size_t>(size));
  const ssize_t got = ::fgetxattr(fd, kAccessList, list.data(), list.size());
  list.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return list;
}

}  // namespace

FileAttributes AttributesOf(int fd, const struct stat& info) {
  return {.permissions = info.st_mode & 0777u,
          .owner = info.st_uid,
          .group = info.st_gid,
          .access_list = AccessListOf(fd),
          .accessed = info.st_atim,
          .modified = info.st_mtim,
          .device = info.st_dev,
          .inode = info.st_ino,
          .size_bytes = static_cast<uint64_t>(info.st_size)};
}

void GiveAttributes(int fd, const FileAttributes& attributes) {
  const auto keep = static_cast<uid_t>(-1);
  mode_t mode = attributes.permissions;
  // Only root can give files away. Who reads another's file owns the copy.
  [[maybe_unused]] const int owned = ::fchown(fd, attributes.owner, keep);
  const bool same_group = ::fchown(fd, keep, attributes.group) == 0;
  if (!same_group) {
    const mode_t both = (mode >> 3) & mode & 07u;
    mode = (mode & 0700u) | both << 3 | both;
  }
  const auto& list = attributes.access_list;
  if (list.empty()) {
    // A folder may give its own list to what is made in it, and chmod would put that in force.
    ::fremovexattr(fd, kAccessList);
  } else if (!same_group || ::fsetxattr(fd, kAccessList, list.data(), list.size(), 0) != 0) {
    mode &= 0700u;
  }
  ::fchmod(fd, mode);
  const std::timespec times[2] = {attributes.accessed, attributes.modified};
  ::futimens(fd, times);
}

// umask(2) tells the mask only by changing it, and so for all threads.
mode_t NewFilePermissions() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    constexpr char kName[] = "Umask:";
    if (!line.starts_with(kName)) continue;
    return 0666u & ~static_cast<mode_t>(std::strtoul(line.c_str() + sizeof(kName) - 1, nullptr, 8));
  }
  return 0600u;
}

}  // namespace occam
