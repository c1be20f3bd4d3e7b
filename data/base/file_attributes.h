// The attributes of a file beside its bytes and its name: who may use it, and when it was used.
#ifndef OCCAM_DATA_BASE_FILE_ATTRIBUTES_H_
#define OCCAM_DATA_BASE_FILE_ATTRIBUTES_H_

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <vector>

namespace occam {

struct FileAttributes {
  uint32_t permissions = 0;  // the lower nine bits of the mode
  uid_t owner = 0;
  gid_t group = 0;
  // The access list (POSIX 1003.1e, draft 17) as Linux stores it: the extended attribute
  // system.posix_acl_access. Empty: none.
  std::vector<uint8_t> access_list;
  std::timespec accessed{};
  std::timespec modified{};

  // The file's identity, and how long it was; no copy has these.
  dev_t device = 0;
  ino_t inode = 0;
  uint64_t size_bytes = 0;
};

// Returns the attributes of an open file; `info` is what fstat(2) says of it.
FileAttributes AttributesOf(int fd, const struct stat& info);

// Gives an open file these attributes as far as this process may and the file system can. Where the
// group cannot be kept, group and others get what both had; where an access list cannot be kept,
// they get nothing. So nobody may read or write it who could not before, as with gzip and xz.
void GiveAttributes(int fd, const FileAttributes& attributes);

// Returns the permissions of a new file: 0666 but for the bits of the process's umask, which stays
// untouched; 0600 where the system does not tell the umask.
mode_t NewFilePermissions();

}  // namespace occam

#endif  // OCCAM_DATA_BASE_FILE_ATTRIBUTES_H_
