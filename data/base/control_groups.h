// The control groups (cgroups) of a process, as of containers and batch systems.
#ifndef OCCAM_DATA_BASE_CONTROL_GROUPS_H_
#define OCCAM_DATA_BASE_CONTROL_GROUPS_H_

#include <optional>
#include <string>
#include <vector>

namespace occam {

struct GroupFolder {
  std::string path;
  bool version2 = false;  // of the control groups
};

// Returns the folders of the groups that limit a process by this controller ("cpu", "memory"), each
// group before those that it lies in. The other arguments are the contents of /proc/self/cgroup and
// of /proc/self/mountinfo. Version 2 groups have all controllers.
std::vector<GroupFolder> FindGroupFolders(const std::string& controller, const std::string& groups,
                                          const std::string& mounts);

// Returns a file's text up to the first NUL, empty where it cannot be read.
std::string ReadSystemText(const std::string& path);

// Returns the smallest limit of memory, in bytes, of a process's control groups; none where none is
// set. The arguments are as above. Groups that cannot be read count as without limit.
std::optional<double> GroupMemoryLimit(const std::string& groups, const std::string& mounts);

}  // namespace occam

#endif  // OCCAM_DATA_BASE_CONTROL_GROUPS_H_
