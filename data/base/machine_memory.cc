#include "data/base/machine_memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "data/base/control_groups.h"
#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/memory.h"
#include "data/base/units.h"

namespace occam {

uint64_t MachineMemory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  uint64_t bytes = UINT64_MAX;
  if (pages > 0 && page_bytes > 0)
    bytes = SaturatingProduct(static_cast<uint64_t>(pages), static_cast<uint64_t>(page_bytes));
  const auto group =
      GroupMemoryLimit(ReadSystemText("/proc/self/cgroup"), ReadSystemText("/proc/self/mountinfo"));
  if (group && *group < static_cast<double>(bytes)) bytes = static_cast<uint64_t>(*group);
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    bytes = std::min<uint64_t>(bytes, limit.rlim_cur);
  return bytes;
}

void RequireMachineMemory(uint64_t needed_bytes, const std::string& name) {
  const uint64_t there = MachineMemory();
  if (needed_bytes <= there) return;
  throw MemoryError(fmt::format("{} needs {} of memory or more, and there are {}", name,
                                FormatBytes(static_cast<double>(needed_bytes)),
                                FormatBytes(static_cast<double>(there))));
}

}  // namespace occam
