#include "tools/last_resort.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <exception>
#include <new>

#include "data/base/file.h"
#include "tools/exit_code.h"

#ifdef __GLIBC__
#include <execinfo.h>
#endif

namespace occam {
namespace {

std::atomic<bool> out_of_memory{false};
std::terminate_handler usual_end = nullptr;

void NoteOutOfMemory() {
  out_of_memory = true;
  throw std::bad_alloc();
}

// Takes no memory.
[[noreturn]] void End() {
  if (!out_of_memory) usual_end();
  std::fputs("occam: out of memory\n", stderr);
  std::fflush(stderr);
  RemoveUnfinished();
  ::_exit(ExitCode(ErrorKind::kMemory));
}

}  // namespace

void PrepareLastResort() {
  std::set_new_handler(NoteOutOfMemory);
  usual_end = std::set_terminate(End);
#ifdef __GLIBC__
  // glibc loads what unwinds its own frames when an exception first passes one, and aborts where
  // there is no memory for that then. This loads it now.
  void* frame = nullptr;
  ::backtrace(&frame, 1);
#endif
}

}  // namespace occam
