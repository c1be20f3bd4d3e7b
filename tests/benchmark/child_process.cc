#include "child_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "data/base/error.h"
#include "data/base/format.h"

namespace occam {
namespace {

class Pipe {
 public:
  Pipe() {
    if (::pipe(ends_) != 0) throw IoError("cannot make a pipe");
  }
  Pipe(Pipe&& other) noexcept {
    std::ranges::copy(other.ends_, ends_);
    std::ranges::fill(other.ends_, -1);
  }
  Pipe& operator=(Pipe&&) = delete;
  ~Pipe() {
    CloseReading();
    CloseWriting();
  }
  void CloseReading() { Close(&ends_[0]); }
  void CloseWriting() { Close(&ends_[1]); }
  // Bytes read until the span is full or no process can write any more.
  size_t Read(std::span<std::byte> bytes) {
    size_t got = 0;
    for (ssize_t n; got < bytes.size() &&
                    (n = ::read(ends_[0], bytes.data() + got, bytes.size() - got)) > 0;) {
      got += static_cast<size_t>(n);
    }
    return got;
  }
  bool Write(std::span<const std::byte> bytes) {
    return ::write(ends_[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  }

 private:
  static void Close(int* end) {
    if (*end >= 0) ::close(*end);
    *end = -1;
  }
  int ends_[2] = {-1, -1};
};

// `ready` takes a byte of each child that waits; `go` ends when all do.
[[noreturn]] void Work(Pipe* ready, Pipe* go, Pipe* out, std::span<const std::byte> result,
                       const std::function<void(const WaitForAll&)>& work) {
  go->CloseWriting();
  std::byte byte{};
  try {
    work([&] {
      if (!ready->Write({&byte, 1})) throw IoError("cannot write to a pipe");
      ready->CloseWriting();
      go->Read({&byte, 1});
    });
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    ::_exit(1);
  }
  ready->CloseWriting();
  ::_exit(out->Write(result) ? 0 : 1);
}

}  // namespace

void RunInChildren(const char* what, int count, std::span<std::byte> result,
                   std::span<std::byte> results,
                   const std::function<void(const WaitForAll&)>& work) {
  std::fflush(stdout);
  Pipe ready, go;
  std::vector<Pipe> outs;
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    outs.emplace_back();
    children.push_back(::fork());
    if (children.back() < 0) throw IoError("cannot start a process");
    if (children.back() == 0) Work(&ready, &go, &outs.back(), result, work);
    outs.back().CloseWriting();
  }
  ready.CloseWriting();
  std::vector<std::byte> bytes(static_cast<size_t>(count));
  ready.Read(bytes);  // until all wait, or have ended
  go.CloseWriting();
  bool well = true;
  for (size_t i = 0; i < outs.size(); ++i) {
    well &= outs[i].Read(results.subspan(i * result.size(), result.size())) == result.size();
    int status = 0;
    ::waitpid(children[i], &status, 0);
    well &= status == 0;
  }
  if (!well) throw InternalError(fmt::format("{} failed", what));
}

}  // namespace occam
