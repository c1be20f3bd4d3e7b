#include "data/base/file_lock.h"

#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>

#include "data/base/file.h"
#include "tests/catch.h"
#include "tests/error_kind.h"
#include "tests/temporary_folder.h"

namespace occam {
namespace {

using Outcome = FileLock::Outcome;

TEST_CASE("FileLock: one holds it, the next is told who, and gets it afterwards") {
  const TemporaryFolder folder;
  const std::string path = folder / "run.lock";
  {
    const FileLock first(path);
    CHECK(first.outcome() == Outcome::kHeld);
    const FileLock second(path);
    CHECK(second.outcome() == Outcome::kTaken);
    CHECK_THAT(second.holder(), StartsWith("process " + std::to_string(::getpid())));
  }
  CHECK(folder.size() == 0);
  CHECK(FileLock(path).outcome() == Outcome::kHeld);
}

TEST_CASE("FileLock: who is refused leaves the file to its holder") {
  const TemporaryFolder folder;
  const std::string path = folder / "run.lock";
  const FileLock first(path);
  CHECK(FileLock(path).outcome() == Outcome::kTaken);
  CHECK(FileLock(path).outcome() == Outcome::kTaken);
  CHECK(folder.size() == 1);
}

TEST_CASE("FileLock: a file that a killed process left is taken over") {
  const TemporaryFolder folder;
  const std::string path = folder / "run.lock";
  const std::string old = "process 1 on a machine with a long name\n";
  WriteFile(path, {reinterpret_cast<const uint8_t*>(old.data()), old.size()});
  const FileLock lock(path);
  CHECK(lock.outcome() == Outcome::kHeld);
  CHECK_THAT(FileLock(path).holder(), StartsWith("process " + std::to_string(::getpid())));
}

TEST_CASE("FileLock: a file that its holder removes meanwhile is not mistaken for the lock") {
  const TemporaryFolder folder;
  const std::string path = folder / "run.lock";
  int calls = 0;
  const FileLock lock(path, [&](int, int) {
    if (calls++ == 0) ::unlink(path.c_str());
    return 0;
  });
  CHECK(calls == 2);
  CHECK(lock.outcome() == Outcome::kHeld);
  CHECK(folder.size() == 1);
}

TEST_CASE("FileLock: a file system without locks is told, and nothing waits") {
  const TemporaryFolder folder;
  for (const int number : {ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL}) {
    const FileLock lock(folder / "run.lock", [&](int, int) {
      errno = number;
      return -1;
    });
    CHECK(lock.outcome() == Outcome::kUnsupported);
  }
  CHECK(folder.size() == 0);
}

TEST_CASE("FileLock: where no file can be made, that is an output error") {
  const TemporaryFolder folder;
  CHECK(ThrownBy([&] { FileLock(folder / "none/run.lock"); }).kind == ErrorKind::kIo);
}

}  // namespace
}  // namespace occam
