#include "child_process.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <exception>

#include "data/base/error.h"

namespace occam {
namespace {

[[noreturn]] void Work(int out, std::span<const std::byte> result,
                       const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    ::_exit(1);
  }
  const ssize_t written = ::write(out, result.data(), result.size());
  ::_exit(written == static_cast<ssize_t>(result.size()) ? 0 : 1);
}

}  // namespace

void RunInChild(const char* what, std::span<std::byte> result, const std::function<void()>& work) {
  std::fflush(stdout);
  int ends[2];
  if (::pipe(ends) != 0) throw IoError("cannot make a pipe");
  const pid_t child = ::fork();
  if (child < 0) throw IoError("cannot start a process");
  if (child == 0) Work(ends[1], result, work);
  ::close(ends[1]);
  size_t got = 0;
  for (ssize_t n; (n = ::read(ends[0], result.data() + got, result.size() - got)) > 0;)
    got += static_cast<size_t>(n);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0 || got != result.size()) throw InternalError(fmt::format("{} failed", what));
}

}  // namespace occam
