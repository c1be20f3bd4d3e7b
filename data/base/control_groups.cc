#include "data/base/control_groups.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace occam {
namespace {

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

bool Lists(const std::string& names, const std::string& controller) {
  const std::vector<std::string> list = Split(names, ',');
  return std::ranges::find(list, controller) != list.end();
}

// A mounted hierarchy of control groups: its group `root` is seen at `folder`.
struct Hierarchy {
  std::string root, folder;
  bool version2 = false;
};

// A line of mountinfo is "ID PARENT DEVICE ROOT FOLDER OPTIONS [TAGS...] - TYPE SOURCE OPTIONS".
std::vector<Hierarchy> FindHierarchies(const std::string& controller, const std::string& mounts) {
  std::vector<Hierarchy> found;
  for (const std::string& line : Split(mounts, '\n')) {
    const std::vector<std::string> fields = Split(line, ' ');
    const auto dash = std::ranges::find(fields, "-");
    if (dash - fields.begin() < 6 || fields.end() - dash < 4) continue;
    const bool version2 = dash[1] == "cgroup2";
    if (version2 || (dash[1] == "cgroup" && Lists(dash[3], controller)))
      found.push_back({fields[3], fields[4], version2});
  }
  return found;
}

// Returns the group of the process within the hierarchy, from its lines "ID:CONTROLLERS:GROUP";
// version 2 is the line without controllers. "/" where the hierarchy shows no such group, as
// inside a container, whose mount begins at its own group.
std::string GroupIn(const Hierarchy& hierarchy, const std::string& controller,
                    const std::string& groups) {
  for (const std::string& line : Split(groups, '\n')) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (hierarchy.version2 ? !controllers.empty() : !Lists(controllers, controller)) continue;
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

std::string ReadSystemText(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  // An iterator over the stream would throw where it cannot be read.
  std::getline(file, text, '\0');
  return text;
}

std::vector<GroupFolder> FindGroupFolders(const std::string& controller, const std::string& groups,
                                          const std::string& mounts) {
  std::vector<GroupFolder> folders;
  for (const Hierarchy& hierarchy : FindHierarchies(controller, mounts)) {
    // From the group of the process outwards to the hierarchy's root, whose name is then empty.
    std::string group = GroupIn(hierarchy, controller, groups);
    for (;; group.erase(group.rfind('/'))) {
      folders.push_back({hierarchy.folder + group, hierarchy.version2});
      if (group.empty()) break;
    }
  }
  return folders;
}

std::optional<double> GroupMemoryLimit(const std::string& groups, const std::string& mounts) {
  std::optional<double> least;
  for (const GroupFolder& folder : FindGroupFolders("memory", groups, mounts)) {
    const char* const name = folder.version2 ? "/memory.max" : "/memory.limit_in_bytes";
    std::istringstream in(ReadSystemText(folder.path + name));
    double bytes = 0;
    // "max", and in version 1 a number near 2^63, mean none; neither is less than what there is.
    if (in >> bytes && bytes > 0) least = std::min(least.value_or(bytes), bytes);
  }
  return least;
}

}  // namespace occam
