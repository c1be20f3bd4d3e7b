#include "data/base/file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>
#include <utility>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

constexpr size_t kReadPiece = 1 << 20;
constexpr char kPartial[] = ".partial-";  // between a file's name and what mkstemp makes unique

Error SystemError(const std::string& what, const std::string& name) {
  return IoError(what + " " + name + ": " + std::strerror(errno));
}

class FdSource final : public ByteSource {
 public:
  FdSource(int fd, bool owned, std::string name, const std::atomic<bool>* stop)
      : fd_(fd), owned_(owned), name_(std::move(name)), stop_(stop) {
    struct stat info {};
    if (::fstat(fd_, &info) == 0 && S_ISREG(info.st_mode)) {
      attributes_ = {info.st_mode & 0777u, info.st_atim, info.st_mtim};
      // Standard input may have been read in part before.
      start_ = std::max<off_t>(0, ::lseek(fd_, 0, SEEK_CUR));
      size_bytes_ = static_cast<uint64_t>(std::max<off_t>(0, info.st_size - start_));
    }
  }
  FdSource(const FdSource&) = delete;
  FdSource& operator=(const FdSource&) = delete;
  ~FdSource() override {
    if (owned_) ::close(fd_);
  }

  size_t Read(std::span<uint8_t> out) override {
    size_t done = 0;
    while (done < out.size()) {
      if (stop_ != nullptr && !size_bytes_) AwaitBytes();
      const ssize_t n = ::read(fd_, out.data() + done, out.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw SystemError("cannot read", name_);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }
  std::optional<uint64_t> size_bytes() const override { return size_bytes_; }
  bool Seek(uint64_t position) override {
    if (!size_bytes_) return false;
    const auto offset = start_ + static_cast<off_t>(std::min(position, *size_bytes_));
    if (::lseek(fd_, offset, SEEK_SET) < 0) throw SystemError("cannot read", name_);
    return true;
  }
  std::optional<FileAttributes> attributes() const override {
    if (!owned_ || !size_bytes_) return std::nullopt;
    return attributes_;
  }
  std::string name() const override { return name_; }

 private:
  // Until there is something to read, or the end. A signal between a look at `stop_` and a blocking
  // read would be lost, hence the polling.
  void AwaitBytes() const {
    constexpr int kPatience_ms = 200;
    pollfd waiting{fd_, POLLIN, 0};
    for (int ready = 0; ready == 0 || (ready < 0 && errno == EINTR);) {
      if (*stop_) throw IoError("reading " + name_ + " was interrupted");
      ready = ::poll(&waiting, 1, kPatience_ms);
    }
  }

  int fd_;
  bool owned_;
  std::string name_;
  const std::atomic<bool>* stop_;
  FileAttributes attributes_;
  off_t start_ = 0;
  std::optional<uint64_t> size_bytes_;  // from start_ on; of a regular file
};

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

// A file without a name, of which nothing stays however this process ends; -1 where there is no
// such thing (or no /proc, through which it would get its name).
int OpenNameless(const std::string& folder) {
  if (::access("/proc/self/fd", X_OK) != 0) return -1;
  return ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

// Writes to a file without a name, or with a temporary one, until Commit() names it.
class AtomicFileSink final : public ByteSink {
 public:
  AtomicFileSink(std::string path, bool overwrite) : path_(std::move(path)), overwrite_(overwrite) {
    fd_ = OpenNameless(FolderOf(path_));
    if (fd_ < 0) {
      temporary_ = path_ + kPartial + "XXXXXX";
      fd_ = ::mkstemp(temporary_.data());
    }
    if (fd_ < 0) throw SystemError("cannot create a file beside", path_);
    // Says that somebody writes here, for as long as this process lives; see RemoveLeftovers.
    // Where locks do not work, leftovers stay.
    ::flock(fd_, LOCK_EX | LOCK_NB);
    const mode_t mask = ::umask(0);
    ::umask(mask);
    ::fchmod(fd_, 0666 & ~mask);
  }
  AtomicFileSink(const AtomicFileSink&) = delete;
  AtomicFileSink& operator=(const AtomicFileSink&) = delete;
  ~AtomicFileSink() override {
    if (fd_ >= 0) ::close(fd_);
    if (!committed_ && !temporary_.empty()) ::unlink(temporary_.c_str());
  }

  void Write(std::span<const uint8_t> bytes) override { WriteFully(fd_, bytes, path_); }

  void SetAttributes(const FileAttributes& attributes) override {
    ::fchmod(fd_, attributes.permissions);
    attributes_ = attributes;
  }

  void Commit() override {
    if (attributes_) {
      const std::timespec times[2] = {attributes_->accessed, attributes_->modified};
      ::futimens(fd_, times);
    }
    if (::fsync(fd_) != 0) throw SystemError("cannot write", path_);
    if (temporary_.empty()) NameTemporarily();
    const int fd = std::exchange(fd_, -1);
    if (::close(fd) != 0) throw SystemError("cannot write", path_);
    if (overwrite_ || !LinkToNewName()) {
      if (::rename(temporary_.c_str(), path_.c_str()) != 0)
        throw SystemError("cannot write", path_);
      committed_ = true;
    }
    SyncFolder();
  }
  std::string name() const override { return path_; }

 private:
  // rename() replaces a file at once, but needs a name to begin with.
  void NameTemporarily() {
    const std::string nameless = fmt::format("/proc/self/fd/{}", fd_);
    std::random_device random;
    for (;;) {
      const std::string name = fmt::format("{}{}{:06x}", path_, kPartial, random() & 0xffffff);
      if (::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
        temporary_ = name;
        return;
      }
      if (errno != EEXIST) throw SystemError("cannot write", path_);
    }
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

  // Makes the new name itself survive a crash. Some file systems refuse to sync folders; the data
  // is synced anyway.
  void SyncFolder() const {
    const int fd = ::open(FolderOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    ::fsync(fd);
    ::close(fd);
  }

  std::string path_;
  std::string temporary_;  // empty: the file has no name
  bool overwrite_;
  std::optional<FileAttributes> attributes_;
  int fd_ = -1;
  bool committed_ = false;
};

void RemoveUnlessLocked(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  struct stat info {};
  const bool regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  if (regular && ::flock(fd, LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
  ::close(fd);
}

class SpanSource final : public ByteSource {
 public:
  SpanSource(std::span<const uint8_t> bytes, std::string name)
      : bytes_(bytes), name_(std::move(name)) {}
  size_t Read(std::span<uint8_t> out) override {
    const size_t n = std::min(out.size(), bytes_.size() - position_);
    if (n > 0) std::memcpy(out.data(), bytes_.data() + position_, n);
    position_ += n;
    return n;
  }
  std::optional<uint64_t> size_bytes() const override { return bytes_.size(); }
  bool Seek(uint64_t position) override {
    position_ = static_cast<size_t>(std::min<uint64_t>(position, bytes_.size()));
    return true;
  }
  std::string name() const override { return name_; }

 private:
  std::span<const uint8_t> bytes_;
  std::string name_;
  size_t position_ = 0;
};

class VectorSink final : public ByteSink {
 public:
  explicit VectorSink(Bytes* out) : out_(out) {}
  void Write(std::span<const uint8_t> bytes) override {
    out_->insert(out_->end(), bytes.begin(), bytes.end());
  }
  void Commit() override {}
  std::string name() const override { return "memory"; }

 private:
  Bytes* out_;
};

}  // namespace

std::unique_ptr<ByteSource> OpenSource(const std::string& path, const std::atomic<bool>* stop) {
  if (path == "-") return std::make_unique<FdSource>(STDIN_FILENO, false, "standard input", stop);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw SystemError("cannot open", path);
  auto source = std::make_unique<FdSource>(fd, true, path, stop);
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    throw IoError(path + " is a directory; name the files in it");
  }
  return source;
}

std::unique_ptr<ByteSink> OpenSink(const std::string& path, bool overwrite) {
  if (path == "-") return std::make_unique<DirectSink>(STDOUT_FILENO, false, "standard output");
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) throw IoError(path + " is a directory; name a file to write");
    if (!S_ISREG(info.st_mode)) {
      const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (fd < 0) throw SystemError("cannot open", path);
      return std::make_unique<DirectSink>(fd, true, path);
    }
    if (!overwrite) throw IoError(path + " exists already; use -f to overwrite it");
  }
  return std::make_unique<AtomicFileSink>(path, overwrite);
}

std::unique_ptr<ByteSource> MemorySource(std::span<const uint8_t> bytes, std::string name) {
  return std::make_unique<SpanSource>(bytes, std::move(name));
}

std::unique_ptr<ByteSink> MemorySink(Bytes* out) { return std::make_unique<VectorSink>(out); }

Bytes ReadAll(ByteSource& source) {
  Bytes bytes;
  // With room for the piece that finds the end, lest the last one doubles the memory.
  if (source.size_bytes()) bytes.reserve(*source.size_bytes() + kReadPiece);
  for (;;) {
    const size_t before = bytes.size();
    bytes.resize(before + kReadPiece);
    const size_t n = source.Read(std::span(bytes).subspan(before));
    bytes.resize(before + n);
    if (n < kReadPiece) return bytes;
  }
}

Bytes ReadFile(const std::string& path) { return ReadAll(*OpenSource(path)); }

void WriteFile(const std::string& path, std::span<const uint8_t> bytes) {
  const auto sink = OpenSink(path, /*overwrite=*/true);
  sink->Write(bytes);
  sink->Commit();
}

void RemoveLeftovers(const std::string& path) {
  const std::filesystem::path whole(path);
  const std::string start = whole.filename().string() + kPartial;
  std::filesystem::path folder = whole.parent_path();
  if (folder.empty()) folder = ".";
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (name.size() == start.size() + 6 && name.starts_with(start)) {
      RemoveUnlessLocked(entries->path().string());
    }
  }
}

}  // namespace occam
