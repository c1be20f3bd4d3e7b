#include "data/base/processors.h"

#include <sched.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "data/base/control_groups.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

namespace occam {
namespace {

void Write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

std::string Version2Mount(const std::string& folder, const std::string& root = "/") {
  return "24 1 0:20 / /proc rw - proc proc rw\n30 24 0:26 " + root + " " + folder +
         " rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
}

std::string Version1Mount(const std::string& folder, const std::string& controllers) {
  return "31 24 0:27 / " + folder + " rw - cgroup cgroup rw," + controllers + "\n";
}

TEST_CASE("Processors: the least quota of a group and of those around it counts, version 2") {
  const TemporaryFolder folder;
  const std::string mounts = Version2Mount(folder.path());
  const std::string groups = "0::/batch/job\n";
  CHECK(!CpuQuota(groups, mounts));
  Write(folder / "batch/job/cpu.max", "max 100000\n");
  CHECK(!CpuQuota(groups, mounts));
  Write(folder / "batch/cpu.max", "300000 100000\n");
  CHECK(CpuQuota(groups, mounts) == 3.0);
  Write(folder / "batch/job/cpu.max", "150000 100000\n");
  CHECK(CpuQuota(groups, mounts) == 1.5);
  Write(folder / "cpu.max", "50000 100000\n");
  CHECK(CpuQuota(groups, mounts) == 0.5);
  Write(folder / "other/cpu.max", "10000 100000\n");
  CHECK(CpuQuota(groups, mounts) == 0.5);
}

TEST_CASE("Processors: a mount that begins within the hierarchy shows the groups below it") {
  const TemporaryFolder folder;
  Write(folder / "job/cpu.max", "200000 100000\n");
  CHECK(CpuQuota("0::/docker/123/job\n", Version2Mount(folder.path(), "/docker/123")) == 2.0);
  // Elsewhere than the mount: what the mount shows is all that can be known.
  Write(folder / "cpu.max", "400000 100000\n");
  CHECK(CpuQuota("0::/somewhere\n", Version2Mount(folder.path(), "/docker/123")) == 4.0);
}

TEST_CASE("Processors: a group whose quota cannot be read has none") {
  const TemporaryFolder folder;
  // A folder opens as a file does, and fails when it is read.
  std::filesystem::create_directories(folder / "job/cpu.max");
  CHECK(!CpuQuota("0::/job\n", Version2Mount(folder.path())));
  Write(folder / "cpu.max", "50000 100000\n");
  CHECK(CpuQuota("0::/job\n", Version2Mount(folder.path())) == 0.5);
}

TEST_CASE("Processors: the least quota counts, version 1") {
  const TemporaryFolder folder;
  const std::string groups = "3:cpuset:/set\n2:cpu,cpuacct:/job\n0::/\n";
  const std::string mounts =
      Version1Mount(folder / "cpuset", "cpuset") + Version1Mount(folder / "cpu", "cpuacct,cpu");
  CHECK(!CpuQuota(groups, mounts));
  Write(folder / "cpu/job/cpu.cfs_period_us", "100000\n");
  Write(folder / "cpu/job/cpu.cfs_quota_us", "-1\n");
  CHECK(!CpuQuota(groups, mounts));
  Write(folder / "cpu/job/cpu.cfs_quota_us", "250000\n");
  CHECK(CpuQuota(groups, mounts) == 2.5);
  Write(folder / "cpuset/job/cpu.cfs_period_us", "100000\n");
  Write(folder / "cpuset/job/cpu.cfs_quota_us", "1000\n");
  CHECK(CpuQuota(groups, mounts) == 2.5);
}

TEST_CASE("Processors: what cannot be understood is no quota") {
  const TemporaryFolder folder;
  CHECK(!CpuQuota("", ""));
  CHECK(!CpuQuota("nonsense\n:\n0:\n", "30 24 0:26 /\n - - -\n"));
  Write(folder / "cpu.max", "0 0\n");
  CHECK(!CpuQuota("0::/\n", Version2Mount(folder.path())));
  Write(folder / "cpu.max", "");
  CHECK(!CpuQuota("0::/\n", Version2Mount(folder.path())));
}

TEST_CASE("Processors: the affinity of the process bounds their number") {
  CHECK(ProcessorCount() >= 1);
  int found = 0;
  // In a thread of its own: its affinity ends with it.
  std::thread([&] {
    cpu_set_t all, one;
    if (::sched_getaffinity(0, sizeof(all), &all) != 0) return;
    CPU_ZERO(&one);
    int first = 0;
    while (!CPU_ISSET(first, &all)) ++first;
    CPU_SET(first, &one);
    if (::sched_setaffinity(0, sizeof(one), &one) == 0) found = ProcessorCount();
  }).join();
  CHECK(found == 1);
}

TEST_CASE("Memory: the least limit of a group and of those around it counts, both versions") {
  const TemporaryFolder folder;
  const std::string mounts = Version2Mount(folder.path());
  CHECK(!GroupMemoryLimit("0::/batch/job\n", mounts));
  Write(folder / "batch/job/memory.max", "max\n");
  CHECK(!GroupMemoryLimit("0::/batch/job\n", mounts));
  Write(folder / "batch/memory.max", "4000000\n");
  CHECK(GroupMemoryLimit("0::/batch/job\n", mounts) == 4e6);
  Write(folder / "batch/job/memory.max", "1000000\n");
  CHECK(GroupMemoryLimit("0::/batch/job\n", mounts) == 1e6);
  Write(folder / "one/job/memory.limit_in_bytes", "2000000\n");
  const std::string first = Version1Mount(folder / "one", "memory");
  CHECK(GroupMemoryLimit("5:memory:/job\n", first) == 2e6);
  CHECK(!GroupMemoryLimit("5:cpu:/job\n", Version1Mount(folder / "one", "cpu")));
}

}  // namespace
}  // namespace occam
