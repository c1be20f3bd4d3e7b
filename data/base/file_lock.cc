#include "data/base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {

FileLock::FileLock(std::string path, const LockCall& lock) : path_(std::move(path)) {
  while (true) {
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd_ < 0) throw IoError("cannot create " + path_ + ": " + std::strerror(errno));
    const int result = lock ? lock(fd_, LOCK_EX | LOCK_NB) : ::flock(fd_, LOCK_EX | LOCK_NB);
    if (result != 0 && errno == EWOULDBLOCK) {
      outcome_ = Outcome::kTaken;
      holder_ = ReadHolder();
      ::close(std::exchange(fd_, -1));
      return;
    }
    if (result != 0) outcome_ = Outcome::kUnsupported;
    // Between open and flock the holder may have removed the file: this lock would be on none.
    if (result != 0 || IsNamed()) break;
    ::close(fd_);
  }
  WriteHolder();
}

FileLock::~FileLock() {
  if (fd_ < 0) return;
  // In this order: what has this name is still the file that is locked.
  ::unlink(path_.c_str());
  ::close(fd_);
}

bool FileLock::IsNamed() const {
  struct stat open {};
  struct stat named {};
  return ::fstat(fd_, &open) == 0 && ::stat(path_.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

std::string FileLock::ReadHolder() const {
  std::array<char, 256> text{};
  const ssize_t count = ::pread(fd_, text.data(), text.size(), 0);
  const std::string line(text.data(), count > 0 ? static_cast<size_t>(count) : 0);
  return line.substr(0, line.find('\n'));
}

// For people alone: a full disk is no reason to fail here.
void FileLock::WriteHolder() const {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  const std::string line = fmt::format("process {} on {}\n", ::getpid(), host.data());
  if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, line.data(), line.size(), 0) < 0) return;
}

}  // namespace occam
