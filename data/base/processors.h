// The number of processors that a process may use.
#ifndef OCCAM_DATA_BASE_PROCESSORS_H_
#define OCCAM_DATA_BASE_PROCESSORS_H_

#include <optional>
#include <string>

namespace occam {

// Returns the number of processors that this process may use, at least 1. They are those of its
// affinity mask, or fewer where its control groups (cgroups, as of containers and batch systems)
// grant it less time; a quota of 1.5 processors counts as 2.
int ProcessorCount();

// More threads than this for each processor only take memory and time: none are started.
constexpr int kMaxThreadsPerProcessor = 4;

// Returns the smallest quota, in processors, of a process's control groups and of all that these
// lie in, for version 1 and version 2; none where none is set. The arguments are the contents of
// /proc/self/cgroup and of /proc/self/mountinfo. Groups that cannot be read count as without quota.
std::optional<double> CpuQuota(const std::string& groups, const std::string& mounts);

}  // namespace occam

#endif  // OCCAM_DATA_BASE_PROCESSORS_H_
