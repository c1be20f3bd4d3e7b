// The exit codes of the command line, by what went wrong.
#ifndef OCCAM_TOOLS_EXIT_CODE_H_
#define OCCAM_TOOLS_EXIT_CODE_H_

#include "occam/error.h"

namespace occam {

constexpr int kInterruptedExitCode = 130;  // as shells report a program ended by SIGINT

// Returns the exit code of a failure. Scripts know six codes: a lack of memory counts as input or
// output that failed, and what was cancelled as interrupted.
constexpr int ExitCode(ErrorKind kind) {
  if (kind == ErrorKind::kMemory) return static_cast<int>(ErrorKind::kIo);
  if (kind == ErrorKind::kCancelled) return kInterruptedExitCode;
  return static_cast<int>(kind);
}

}  // namespace occam

#endif  // OCCAM_TOOLS_EXIT_CODE_H_
