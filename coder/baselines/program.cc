#include "coder/baselines/program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "coder/baselines/classical_codec.h"
#include "data/base/format.h"

namespace occam {
namespace {

constexpr char kOutputName[] = "standard output";
constexpr int kCannotStart = 127;  // the child's exit code, as shells have it

// In the child, where only what is safe after fork may be called.
[[noreturn]] void BecomeProgram(const char* folder, const char* program, char* const* arguments) {
  // The parent may block what a user's Ctrl-C sends to both.
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0 && ::chdir(folder) == 0) {
    const int output = ::open(kOutputName, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (output >= 0 && ::dup2(null, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 &&
        ::dup2(null, STDERR_FILENO) >= 0)
      ::execv(program, arguments);
  }
  ::_exit(kCannotStart);
}

}  // namespace

std::string FindProgram(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string file = folder + "/" + name;
    std::error_code error;
    if (!folder.empty() && std::filesystem::is_regular_file(file, error) &&
        ::access(file.c_str(), X_OK) == 0)
      return std::filesystem::absolute(file);
  }
  return "";
}

std::string FirstLine(const std::string& text, const std::string& end) {
  std::istringstream lines(text);
  std::string line;
  while (line.empty() && std::getline(lines, line)) continue;
  return line.substr(0, line.find(end));
}

WorkFolder::WorkFolder() {
  std::error_code error;
  const std::filesystem::path under = std::filesystem::temp_directory_path(error);
  path_ = (under / "occam-XXXXXX").string();
  if (error || ::mkdtemp(path_.data()) == nullptr) {
    throw IoError(fmt::format("cannot make a folder {}: {}", path_,
                              error ? error.message() : std::strerror(errno)));
  }
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string WorkFolder::Run(const std::string& program, const std::vector<std::string>& arguments,
                            int good_code) const {
  std::vector<std::string> texts = {program};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) BecomeProgram(path_.c_str(), program.c_str(), pointers.data());
  if (child < 0) throw IoError(fmt::format("cannot start {}: {}", program, std::strerror(errno)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR)
      throw IoError(fmt::format("cannot wait for {}: {}", program, std::strerror(errno)));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotStart)
    throw IoError("cannot start " + program);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != good_code) throw CodecFailure(program);
  const Bytes output = ReadFile(path_ + "/" + kOutputName);
  return {output.begin(), output.end()};
}

}  // namespace occam
