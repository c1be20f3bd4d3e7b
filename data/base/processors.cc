#include "data/base/processors.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace occam {
namespace {

// Empty where the file cannot be read. An iterator over the stream would throw then.
std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  std::getline(file, text, '\0');
  return text;
}

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

bool ListsCpu(const std::string& names) {
  const std::vector<std::string> list = Split(names, ',');
  return std::ranges::find(list, "cpu") != list.end();
}

// Version 2: "MAXIMUM PERIOD" in microseconds, where MAXIMUM may be "max".
std::optional<double> QuotaOfVersion2(const std::string& folder) {
  std::istringstream in(ReadText(folder + "/cpu.max"));
  double maximum = 0, period = 0;
  if (!(in >> maximum >> period) || maximum <= 0 || period <= 0) return std::nullopt;
  return maximum / period;
}

// Version 1: two files, where a quota of -1 means none.
std::optional<double> QuotaOfVersion1(const std::string& folder) {
  std::istringstream quota_in(ReadText(folder + "/cpu.cfs_quota_us"));
  std::istringstream period_in(ReadText(folder + "/cpu.cfs_period_us"));
  double quota = 0, period = 0;
  if (!(quota_in >> quota) || !(period_in >> period) || quota <= 0 || period <= 0)
    return std::nullopt;
  return quota / period;
}

// A mounted hierarchy of control groups: its group `root` is seen at `folder`.
struct Hierarchy {
  std::string root, folder;
  bool version2 = false;
};

// A line of mountinfo is "ID PARENT DEVICE ROOT FOLDER OPTIONS [TAGS...] - TYPE SOURCE OPTIONS".
std::vector<Hierarchy> FindHierarchies(const std::string& mounts) {
  std::vector<Hierarchy> found;
  for (const std::string& line : Split(mounts, '\n')) {
    const std::vector<std::string> fields = Split(line, ' ');
    const auto dash = std::ranges::find(fields, "-");
    if (dash - fields.begin() < 6 || fields.end() - dash < 4) continue;
    const bool version2 = dash[1] == "cgroup2";
    if (version2 || (dash[1] == "cgroup" && ListsCpu(dash[3])))
      found.push_back({fields[3], fields[4], version2});
  }
  return found;
}

// Returns the group of the process within the hierarchy, from its lines "ID:CONTROLLERS:GROUP";
// version 2 is the line without controllers. "/" where the hierarchy shows no such group, as
// inside a container, whose mount begins at its own group.
std::string GroupIn(const Hierarchy& hierarchy, const std::string& groups) {
  for (const std::string& line : Split(groups, '\n')) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (hierarchy.version2 ? !controllers.empty() : !ListsCpu(controllers)) continue;
    std::string group = line.substr(second + 1);
    if (hierarchy.root != "/") {
      if (!group.starts_with(hierarchy.root)) return "/";
      group.erase(0, hierarchy.root.size());
    }
    return group.starts_with("/") ? group : "/" + group;
  }
  return "/";
}

}  // namespace

std::optional<double> CpuQuota(const std::string& groups, const std::string& mounts) {
  std::optional<double> least;
  for (const Hierarchy& hierarchy : FindHierarchies(mounts)) {
    // From the group of the process outwards to the hierarchy's root, whose name is then empty.
    for (std::string group = GroupIn(hierarchy, groups);; group.erase(group.rfind('/'))) {
      const std::string folder = hierarchy.folder + group;
      const auto quota = hierarchy.version2 ? QuotaOfVersion2(folder) : QuotaOfVersion1(folder);
      if (quota) least = std::min(least.value_or(*quota), *quota);
      if (group.empty()) break;
    }
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
  const auto quota = CpuQuota(ReadText("/proc/self/cgroup"), ReadText("/proc/self/mountinfo"));
  if (quota && *quota < count) count = std::max(1, static_cast<int>(std::ceil(*quota)));
  return count;
}

}  // namespace occam
