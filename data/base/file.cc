#include "data/base/file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "data/base/error.h"

namespace occam {
namespace {

constexpr size_t kReadPiece = 1 << 20;

Error SystemError(const std::string& what, const std::string& name) {
  return IoError(what + " " + name + ": " + std::strerror(errno));
}

class FdSource final : public ByteSource {
 public:
  FdSource(int fd, bool owned, std::string name, const std::atomic<bool>* stop)
      : fd_(fd), owned_(owned), name_(std::move(name)), stop_(stop) {
    struct stat info {};
    if (::fstat(fd_, &info) == 0 && S_ISREG(info.st_mode)) {
      attributes_ = AttributesOf(fd_, info);
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

}  // namespace occam
