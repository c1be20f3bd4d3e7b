#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <new>
#include <random>
#include <set>
#include <utility>

#include "data/base/error.h"
#include "data/base/file.h"
#include "data/base/format.h"

namespace occam {
namespace {

constexpr char kPartial[] = ".partial-";  // between a file's name and what makes a name unique
constexpr size_t kUniqueCharacters = 6;   // as mkstemp has it

Error SystemError(const std::string& what, const std::string& name) {
  return IoError(what + " " + name + ": " + std::strerror(errno));
}

void WriteFully(int fd, std::span<const uint8_t> bytes, const std::string& name) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw SystemError("cannot write", name);
    done += static_cast<size_t>(n);
  }
}

// Standard output, a device or a named pipe: what is written cannot be taken back.
class DirectSink final : public ByteSink {
 public:
  DirectSink(int fd, bool owned, std::string name)
      : fd_(fd), owned_(owned), name_(std::move(name)) {}
  DirectSink(const DirectSink&) = delete;
  DirectSink& operator=(const DirectSink&) = delete;
  ~DirectSink() override {
    if (owned_ && fd_ >= 0) ::close(fd_);
  }
  void Write(std::span<const uint8_t> bytes) override { WriteFully(fd_, bytes, name_); }
  void Commit() override {
    if (!owned_) return;
    const int fd = std::exchange(fd_, -1);
    if (::close(fd) != 0) throw SystemError("cannot write", name_);
  }
  std::string name() const override { return name_; }

 private:
  int fd_;
  bool owned_;
  std::string name_;
};

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// "FOLDER/NAME.partial-", which the temporary names of a file begin with. A long NAME loses its
// end, so that the folder takes the whole.
std::string TemporaryStart(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  const std::string folder = path.substr(0, path.size() - name.size());
  constexpr long kUsual = 255;
  const long most = ::pathconf(FolderOf(path).c_str(), _PC_NAME_MAX);
  const auto room = static_cast<size_t>(most > 0 ? most : kUsual);
  const size_t added = sizeof(kPartial) - 1 + kUniqueCharacters;
  if (name.size() + added > room) {
    size_t end = room - std::min(room, added);
    // Not within a character of UTF-8, which some file systems insist on.
    for (int i = 0; i < 3 && end > 0 && (name[end] & 0xc0) == 0x80; ++i) --end;
    name.resize(end);
  }
  return folder + name + kPartial;
}

// Calls make(name) with temporary names of `path` until one is free; the result is that one, empty
// where errno tells of another failure.
template <typename Make>
std::string TakeTemporaryName(const std::string& path, const Make& make) {
  const std::string start = TemporaryStart(path);
  std::random_device random;
  for (;;) {
    // Not copied when it is returned: what has the name by then would stay without memory for that.
    std::string name = fmt::format("{}{:06x}", start, random() & 0xffffff);
    if (make(name.c_str()) == 0) return name;
    if (errno != EEXIST) return {};
  }
}

// The temporary names that this process has made and not given up: the one thing that stays where
// it ends by force.
class TemporaryNames {
 public:
  static void Add(const std::string& name) {
    const std::lock_guard lock(Own().mutex_);
    Own().names_.insert(name);
  }
  static void GiveUp(const std::string& name) {
    const std::lock_guard lock(Own().mutex_);
    Own().names_.erase(name);
  }
  // Nobody gets the lock back.
  static void RemoveAll() {
    Own().mutex_.lock();
    for (const std::string& name : Own().names_) ::unlink(name.c_str());
  }

 private:
  static TemporaryNames& Own() {
    // Threads may outlive the end of main(), and who has run out of memory asks, too.
    alignas(TemporaryNames) static std::byte room[sizeof(TemporaryNames)];
    static TemporaryNames& names = *new (room) TemporaryNames;
    return names;
  }
  std::mutex mutex_;
  std::set<std::string> names_;
};

// A file without a name, of which nothing stays however this process ends; -1 where there is no
// such thing (or no /proc, through which it would get its name).
int OpenNameless(const std::string& folder) {
  if (::access("/proc/self/fd", X_OK) != 0) return -1;
  return ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

// Makes a name itself survive a crash. Some file systems refuse to sync folders; the data is synced
// anyway.
void SyncFolder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

// Writes to a file without a name, or with a temporary one, which nobody else may read, until
// Commit() names it.
class AtomicFileSink final : public ByteSink {
 public:
  AtomicFileSink(std::string path, bool overwrite) : path_(std::move(path)), overwrite_(overwrite) {
    fd_ = OpenNameless(FolderOf(path_));
    if (fd_ < 0) {
      temporary_ = TemporaryStart(path_) + std::string(kUniqueCharacters, 'X');
      fd_ = ::mkstemp(temporary_.data());
      if (fd_ >= 0) AddTemporary();
    }
    if (fd_ < 0) throw SystemError("cannot create a file beside", path_);
    // Says that somebody writes here, for as long as this process lives; see RemoveLeftovers.
    // Where locks do not work, leftovers stay.
    ::flock(fd_, LOCK_EX | LOCK_NB);
  }
  AtomicFileSink(const AtomicFileSink&) = delete;
  AtomicFileSink& operator=(const AtomicFileSink&) = delete;
  ~AtomicFileSink() override {
    if (fd_ >= 0) ::close(fd_);
    if (!renamed_ && !temporary_.empty()) {
      ::unlink(temporary_.c_str());
      TemporaryNames::GiveUp(temporary_);
    }
    if (!replaced_.empty()) ::unlink(replaced_.c_str());
  }

  void Write(std::span<const uint8_t> bytes) override { WriteFully(fd_, bytes, path_); }
  void SetAttributes(const FileAttributes& attributes) override { attributes_ = attributes; }

  void Commit() override {
    Complete();
    if (overwrite_ || !LinkToNewName()) Rename();
    SyncFolder(FolderOf(path_));
  }
  std::string name() const override { return path_; }

  // Does all of Commit that a full disk can refuse: the file has its bytes, its attributes and a
  // temporary name.
  void Complete() {
    if (attributes_) {
      GiveAttributes(fd_, *attributes_);
    } else {
      ::fchmod(fd_, NewFilePermissions());
    }
    if (::fsync(fd_) != 0) throw SystemError("cannot write", path_);
    if (temporary_.empty()) NameTemporarily();
    const int fd = std::exchange(fd_, -1);
    if (::close(fd) != 0) throw SystemError("cannot write", path_);
  }

  // After Complete(): replaces what has the name, and can be undone until the sink ends. A file
  // system without links cannot undo it.
  void Replace() {
    replaced_ =
        TakeTemporaryName(path_, [&](const char* name) { return ::link(path_.c_str(), name); });
    nothing_replaced_ = replaced_.empty() && errno == ENOENT;
    Rename();
  }
  void Undo() {
    if (nothing_replaced_) ::unlink(path_.c_str());
    if (!replaced_.empty() && ::rename(replaced_.c_str(), path_.c_str()) == 0) replaced_.clear();
  }

 private:
  // rename() replaces a file at once, but needs a name to begin with.
  void NameTemporarily() {
    const std::string nameless = fmt::format("/proc/self/fd/{}", fd_);
    temporary_ = TakeTemporaryName(path_, [&](const char* name) {
      return ::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW);
    });
    if (temporary_.empty()) throw SystemError("cannot write", path_);
    TemporaryNames::Add(temporary_);
  }

  // In the constructor: without memory for the note nothing may stay.
  void AddTemporary() {
    try {
      TemporaryNames::Add(temporary_);
    } catch (...) {
      ::unlink(temporary_.c_str());
      ::close(fd_);
      throw;
    }
  }

  void Rename() {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw SystemError("cannot write", path_);
    renamed_ = true;
    TemporaryNames::GiveUp(temporary_);
  }

  // link() refuses an existing name, so a file that appeared meanwhile is not lost; the temporary
  // name goes in the destructor. On file systems that have no links (FAT), makes sure as well as
  // can be that the name is free, and returns false.
  bool LinkToNewName() const {
    if (::link(temporary_.c_str(), path_.c_str()) == 0) return true;
    const bool has_links = errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS;
    if (has_links) throw SystemError("cannot write", path_);
    if (::access(path_.c_str(), F_OK) == 0) throw IoError(path_ + " exists already");
    return false;
  }

  std::string path_;
  std::string temporary_;  // empty: the file has no name
  std::string replaced_;   // the name of what Replace() replaced; empty: none
  bool nothing_replaced_ = false;
  bool overwrite_;
  std::optional<FileAttributes> attributes_;
  int fd_ = -1;
  bool renamed_ = false;
};

void RemoveUnlessLocked(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  struct stat info {};
  const bool regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  if (regular && ::flock(fd, LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
  ::close(fd);
}

Error IsFolder(const std::string& path) {
  return IoError(path + " is a directory; name a file to write");
}

}  // namespace

std::unique_ptr<ByteSink> OpenSink(const std::string& path, bool overwrite) {
  if (path == "-") return std::make_unique<DirectSink>(STDOUT_FILENO, false, "standard output");
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) throw IsFolder(path);
    if (!S_ISREG(info.st_mode)) {
      const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (fd < 0) throw SystemError("cannot open", path);
      return std::make_unique<DirectSink>(fd, true, path);
    }
    if (!overwrite) throw IoError(path + " exists already; use -f to overwrite it");
  } else if (errno == ENAMETOOLONG) {
    throw SystemError("cannot create", path);
  }
  return std::make_unique<AtomicFileSink>(path, overwrite);
}

void RemoveUnfinished() { TemporaryNames::RemoveAll(); }

void WriteFile(const std::string& path, std::span<const uint8_t> bytes) {
  const auto sink = OpenSink(path, /*overwrite=*/true);
  sink->Write(bytes);
  sink->Commit();
}

void WriteTogether(std::span<const NamedContents> files) {
  std::vector<std::unique_ptr<AtomicFileSink>> sinks;
  for (const NamedContents& file : files) {
    if (std::error_code error; std::filesystem::is_directory(file.path, error))
      throw IsFolder(file.path);
    sinks.push_back(std::make_unique<AtomicFileSink>(file.path, /*overwrite=*/true));
    sinks.back()->Write(file.bytes);
  }
  for (const auto& sink : sinks) sink->Complete();
  size_t done = 0;
  try {
    for (; done < sinks.size(); ++done) sinks[done]->Replace();
  } catch (...) {
    while (done > 0) sinks[--done]->Undo();
    throw;
  }
  for (const NamedContents& file : files) SyncFolder(FolderOf(file.path));
}

void RemoveLeftovers(const std::string& path) {
  const std::string start = std::filesystem::path(TemporaryStart(path)).filename().string();
  std::error_code error;
  std::filesystem::directory_iterator entries(FolderOf(path), error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (name.size() == start.size() + kUniqueCharacters && name.starts_with(start)) {
      RemoveUnlessLocked(entries->path().string());
    }
  }
}

void RemoveRead(const std::string& path, const FileAttributes& opened) {
  struct stat now {};
  if (::stat(path.c_str(), &now) != 0) throw SystemError("cannot remove", path);
  const bool same_file = now.st_dev == opened.device && now.st_ino == opened.inode;
  const bool same_bytes = static_cast<uint64_t>(now.st_size) == opened.size_bytes &&
                          now.st_mtim.tv_sec == opened.modified.tv_sec &&
                          now.st_mtim.tv_nsec == opened.modified.tv_nsec;
  if (!same_file || !same_bytes)
    throw IoError(path + " was changed while it was read, so it is not removed");
  if (::unlink(path.c_str()) != 0) throw SystemError("cannot remove", path);
}

}  // namespace occam
