#include "data/base/cpu.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>

#include "data/base/error.h"
#include "tests/catch.h"

namespace occam {
namespace {

constexpr int kUsageExit = 100;

// UsableIsa() reads its variable once a process, so each limit gets a process of its own. Returns
// the value of the instruction set, or kUsageExit.
int UsableIsaUnder(const char* limit) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (limit == nullptr) {
      ::unsetenv("OCCAM_MAX_ISA");
    } else {
      ::setenv("OCCAM_MAX_ISA", limit, 1);
    }
    int code = 0;
    try {
      code = static_cast<int>(UsableIsa());
    } catch (const Error& error) {
      code = error.kind() == ErrorKind::kUsage ? kUsageExit : kUsageExit + 1;
    }
    ::_exit(code);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

TEST_CASE("Cpu: OCCAM_MAX_ISA limits the instruction set, and never adds one") {
  const int all = UsableIsaUnder(nullptr);
  CHECK(all <= static_cast<int>(Isa::kAmx));
  CHECK(UsableIsaUnder("") == all);
  for (int limit = 0; limit <= static_cast<int>(Isa::kAmx); ++limit)
    CHECK(UsableIsaUnder(IsaName(static_cast<Isa>(limit))) == std::min(limit, all));
}

TEST_CASE("Cpu: a limit that is no instruction set is refused") {
  for (const char* limit : {"avx2", "AVX", "AVX512", "1"})
    CHECK(UsableIsaUnder(limit) == kUsageExit);
}

TEST_CASE("Cpu: every instruction set has a name of its own") {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Isa::kAmx); ++i) names.insert(IsaName(static_cast<Isa>(i)));
  CHECK(names.size() == static_cast<size_t>(Isa::kAmx) + 1);
  CHECK(names.count("?") == 0);
}

}  // namespace
}  // namespace occam
