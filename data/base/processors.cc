#include "data/base/processors.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <thread>

#include "data/base/control_groups.h"

namespace occam {
namespace {

// Version 2: "MAXIMUM PERIOD" in microseconds, where MAXIMUM may be "max".
std::optional<double> QuotaOfVersion2(const std::string& folder) {
  std::istringstream in(ReadSystemText(folder + "/cpu.max"));
  double maximum = 0, period = 0;
  if (!(in >> maximum >> period) || maximum <= 0 || period <= 0) return std::nullopt;
  return maximum / period;
}

// Version 1: two files, where a quota of -1 means none.
std::optional<double> QuotaOfVersion1(const std::string& folder) {
  std::istringstream quota_in(ReadSystemText(folder + "/cpu.cfs_quota_us"));
  std::istringstream period_in(ReadSystemText(folder + "/cpu.cfs_period_us"));
  double quota = 0, period = 0;
  if (!(quota_in >> quota) || !(period_in >> period) || quota <= 0 || period <= 0)
    return std::nullopt;
  return quota / period;
}

}  // namespace

std::optional<double> CpuQuota(const std::string& groups, const std::string& mounts) {
  std::optional<double> least;
  for (const GroupFolder& folder : FindGroupFolders("cpu", groups, mounts)) {
    const auto quota =
        folder.version2 ? QuotaOfVersion2(folder.path) : QuotaOfVersion1(folder.path);
    if (quota) least = std::min(least.value_or(*quota), *quota);
  }
  return least;
}

int ProcessorCount() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int granted = ::sched_getaffinity(0, sizeof(set), &set) == 0
                          ? CPU_COUNT(&set)
                          : static_cast<int>(std::thread::hardware_concurrency());
  int count = std::max(1, granted);
  const auto quota =
      CpuQuota(ReadSystemText("/proc/self/cgroup"), ReadSystemText("/proc/self/mountinfo"));
  if (quota && *quota < count) count = std::max(1, static_cast<int>(std::ceil(*quota)));
  return count;
}

}  // namespace occam
