// The frame of occam_decoder and occam_encoder: a failure becomes one line and an exit code. It
// needs nothing that these smallest programs do not need anyway.
#ifndef OCCAM_TOOLS_SMALL_PROGRAM_H_
#define OCCAM_TOOLS_SMALL_PROGRAM_H_

#include <cstdio>
#include <new>
#include <system_error>

#include "data/base/printable.h"
#include "data/base/standard_descriptors.h"
#include "occam/error.h"
#include "tools/exit_code.h"

namespace occam {

// Runs work() and returns the exit code of the program called `name`.
template <typename Work>
int RunSmallProgram(const char* name, const Work& work) {
  OpenStandardDescriptors();
  const auto fail = [&](ErrorKind kind, const char* why) {
    try {
      std::fprintf(stderr, "%s: %s\n", name, Printable(why).c_str());
      return ExitCode(kind);
    } catch (const std::bad_alloc&) {
      std::fprintf(stderr, "%s: out of memory\n", name);
      return ExitCode(ErrorKind::kMemory);
    }
  };
  try {
    work();
  } catch (const Error& error) {
    return fail(error.kind(), error.what());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "%s: out of memory\n", name);
    return ExitCode(ErrorKind::kMemory);
  } catch (const std::system_error& error) {
    return fail(ErrorKind::kIo, error.what());
  } catch (const std::exception& error) {
    return fail(ErrorKind::kInternal, error.what());
  }
  return 0;
}

}  // namespace occam

#endif  // OCCAM_TOOLS_SMALL_PROGRAM_H_
