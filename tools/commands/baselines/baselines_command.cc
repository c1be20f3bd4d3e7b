// occam baselines: runs the program occam-baselines that lies beside this one.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "data/base/error.h"
#include "data/base/format.h"
#include "tools/command.h"

namespace occam {

int BaselinesCommand(int, const char* const* argv) {
  const auto program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "occam-baselines";
  ::execv(program.c_str(), const_cast<char* const*>(argv));
  throw IoError(fmt::format("cannot run {}: {}; the build's target occam-baselines makes it",
                            program.string(), std::strerror(errno)));
}

}  // namespace occam
