#include "data/base/file_attributes.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "data/base/byte_order.h"
#include "data/base/file.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

namespace occam {
namespace {

struct stat StatusOf(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info;
}

mode_t ModeOf(const std::string& path) { return StatusOf(path).st_mode & 0777; }

// A file with these attributes.
std::string MakeWith(const TemporaryFolder& folder, const FileAttributes& attributes) {
  const std::string path = folder / "made";
  const auto sink = OpenSink(path, /*overwrite=*/true);
  sink->SetAttributes(attributes);
  sink->Commit();
  return path;
}

FileAttributes Mine(uint32_t permissions) {
  return {
      .permissions = permissions, .owner = ::geteuid(), .group = ::getegid(), .access_list = {}};
}

// The stored form of an access list: version 2, then tag, permissions and id of each entry.
// The user 65534 may read, the owner's group may not.
Bytes ListFor65534() {
  ByteWriter list;
  list.Put(uint32_t{2});
  const auto add = [&](uint16_t tag, uint16_t permissions, uint32_t id) {
    list.Put(tag);
    list.Put(permissions);
    list.Put(id);
  };
  const uint32_t nobody = 0xffffffff;
  add(0x01, 6, nobody);  // the owner
  add(0x02, 4, 65534);   // a user
  add(0x04, 0, nobody);  // the owner's group
  add(0x10, 4, nobody);  // the mask, which chmod and stat call the group's permissions
  add(0x20, 0, nobody);  // others
  return list.Take();
}

TEST_CASE("File attributes: a group that is kept keeps its permissions") {
  const TemporaryFolder folder;
  for (const uint32_t permissions : {0640u, 0400u, 0664u, 0777u})
    CHECK(ModeOf(MakeWith(folder, Mine(permissions))) == permissions);
}

// Calls act() in a process that may not give files away, and returns the mode of that file then.
template <typename Act>
mode_t ModeAfterUnprivileged(const std::string& path, const Act& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool mine = ::geteuid() != 0 || (::setgroups(0, nullptr) == 0 && ::setgid(65534) == 0 &&
                                           ::setuid(65534) == 0);
    if (mine) act();
    ::_exit(mine ? 0 : 1);
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  return ModeOf(path);
}

TEST_CASE("File attributes: where the group is lost, nobody may do what not everybody might") {
  const TemporaryFolder folder;
  REQUIRE(::chmod(folder.path().c_str(), 0777) == 0);
  const std::array<std::array<uint32_t, 2>, 5> cases = {
      {{0640, 0600}, {0644, 0644}, {0664, 0644}, {0604, 0600}, {0751, 0711}}};
  for (const auto& [permissions, left] : cases) {
    FileAttributes attributes = Mine(permissions);
    attributes.group = 1;  // of the system's, which no user is in
    const std::string path = folder / std::to_string(permissions);
    CHECK(ModeAfterUnprivileged(path, [&] {
            const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY, 0600);
            GiveAttributes(fd, attributes);
          }) == left);
  }
}

TEST_CASE("File attributes: an access list goes along, or group and others get nothing") {
  const TemporaryFolder folder;
  const std::string path = folder / "listed";
  WriteFile(path, Bytes(1));
  const Bytes list = ListFor65534();
  if (::setxattr(path.c_str(), "system.posix_acl_access", list.data(), list.size(), 0) != 0) {
    WARN("the file system has no access lists");
    return;
  }
  const auto attributes = OpenSource(path)->attributes();
  REQUIRE(attributes);
  CHECK(attributes->access_list == list);
  const std::string copy = MakeWith(folder, *attributes);
  CHECK(OpenSource(copy)->attributes()->access_list == list);
  CHECK(ModeOf(copy) == 0640);

  FileAttributes broken = *attributes;
  broken.access_list.resize(5);  // no file system takes it
  CHECK(ModeOf(MakeWith(folder, broken)) == 0600);
}

TEST_CASE("File attributes: before a file is complete, nobody else can read it") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  const auto sink = OpenSink(path, /*overwrite=*/false);
  sink->SetAttributes(Mine(0644));
  sink->Write(Bytes(10));
  // Without a name or with one: what this process has open is readable by its owner alone.
  int seen = 0;
  for (int fd = 3; fd < 64; ++fd) {
    struct stat info {};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size != 10) continue;
    CHECK((info.st_mode & 0077) == 0);
    ++seen;
  }
  CHECK(seen == 1);
  sink->Commit();
  CHECK(ModeOf(path) == 0644);
}

TEST_CASE("File attributes: nor where it has a name before it is complete") {
  if (::geteuid() != 0)
    return;  // only root can have a world without /proc, which nameless files need
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chroot(folder.path().c_str()) != 0 || ::chdir("/") != 0) ::_exit(1);
    const auto sink = OpenSink("x", /*overwrite=*/false);
    sink->SetAttributes(Mine(0644));
    sink->Write(Bytes(10));
    std::vector<mode_t> modes;
    for (const auto& entry : std::filesystem::directory_iterator("/"))
      modes.push_back(ModeOf(entry.path()));
    sink->Commit();
    ::_exit(modes == std::vector<mode_t>{0600} ? 0 : 2);
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(ModeOf(folder / "x") == 0644);
}

TEST_CASE("File attributes: the umask decides on new files and is never touched") {
  const mode_t mask = ::umask(027);
  CHECK(NewFilePermissions() == 0640);
  // umask(2) gives the mask only by changing it: a thread that did would show here.
  std::atomic<bool> stop = false;
  bool touched = false;
  std::thread watcher([&] {
    const TemporaryFolder folder;
    for (int i = 0; !stop; ++i) {
      const int fd = ::open((folder / std::to_string(i)).c_str(), O_CREAT | O_WRONLY, 0666);
      struct stat info {};
      touched = touched || ::fstat(fd, &info) != 0 || (info.st_mode & 0777) != 0640;
      ::close(fd);
    }
  });
  const TemporaryFolder folder;
  for (int i = 0; i < 200; ++i) WriteFile(folder / "x", Bytes(1));
  stop = true;
  watcher.join();
  ::umask(mask);
  CHECK_FALSE(touched);
}

}  // namespace
}  // namespace occam
