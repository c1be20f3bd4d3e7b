#include "data/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/catch.h"
#include "tests/error_kind.h"
#include "tests/temporary_folder.h"

namespace occam {
namespace {

namespace fs = std::filesystem;

Bytes BytesOf(const std::string& text) { return {text.begin(), text.end()}; }
std::string TextOf(const std::string& path) {
  const Bytes bytes = ReadFile(path);
  return {bytes.begin(), bytes.end()};
}

TEST_CASE("File: what is written is read, at sizes around the pieces of reading") {
  const TemporaryFolder folder;
  for (const size_t size : {0u, 1u, (1u << 20) - 1, 1u << 20, (1u << 20) + 1, 5'000'000u}) {
    Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 7 + i / 256);
    WriteFile(folder / "x", bytes);
    CHECK(ReadFile(folder / "x") == bytes);
    CHECK(OpenSource(folder / "x")->size_bytes() == size);
  }
  CHECK(folder.size() == 1);
}

TEST_CASE("File: nothing is visible under the name before it is committed") {
  const TemporaryFolder folder;
  WriteFile(folder / "x", BytesOf("old"));
  const auto sink = OpenSink(folder / "x", /*overwrite=*/true);
  sink->Write(BytesOf("new "));
  CHECK(TextOf(folder / "x") == "old");
  sink->Write(BytesOf("text"));
  CHECK(TextOf(folder / "x") == "old");
  sink->Commit();
  CHECK(TextOf(folder / "x") == "new text");
  CHECK(folder.size() == 1);
}

TEST_CASE("File: a sink that is not committed leaves nothing, and what was there stays") {
  const TemporaryFolder folder;
  WriteFile(folder / "old", BytesOf("old"));
  for (const char* name : {"old", "new"}) {
    const auto sink = OpenSink(folder / name, /*overwrite=*/true);
    sink->Write(Bytes(100'000));
  }
  CHECK(TextOf(folder / "old") == "old");
  CHECK(folder.size() == 1);
}

TEST_CASE("File: a file that exists is not replaced unless asked, not even one that comes later") {
  const TemporaryFolder folder;
  WriteFile(folder / "x", BytesOf("old"));
  const Thrown thrown = ThrownBy([&] { OpenSink(folder / "x", /*overwrite=*/false); });
  CHECK(thrown.kind == ErrorKind::kIo);
  CHECK(thrown.Mentions("exists"));

  {
    const auto sink = OpenSink(folder / "late", /*overwrite=*/false);
    sink->Write(BytesOf("ours"));
    WriteFile(folder / "late", BytesOf("theirs"));
    CHECK(ThrownBy([&] { sink->Commit(); }).kind == ErrorKind::kIo);
  }
  CHECK(TextOf(folder / "late") == "theirs");

  const auto sink = OpenSink(folder / "fine", /*overwrite=*/false);
  sink->Write(BytesOf("ours"));
  sink->Commit();
  CHECK(TextOf(folder / "fine") == "ours");
}

TEST_CASE("File: no temporary file stays after a commit that could not be") {
  const TemporaryFolder folder;
  {
    const auto sink = OpenSink(folder / "x", /*overwrite=*/true);
    sink->Write(BytesOf("text"));
    fs::create_directories(folder / "x/in the way");
    CHECK(ThrownBy([&] { sink->Commit(); }).kind == ErrorKind::kIo);
  }
  CHECK(folder.size() == 1);
}

TEST_CASE("File: what killed writers left is removed, what others write or own is not") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.h5";
  WriteFile(path, BytesOf("old"));
  for (const char* kept :
       {"x.h5.backup", "x.h5.partial-", "x.h5.partial-toolong", "y.h5.partial-AbC123"})
    WriteFile(folder / kept, BytesOf("mine"));
  fs::create_directory(folder / "x.h5.partial-folder");
  fs::create_symlink("x.h5.backup", folder / "x.h5.partial-symlnk");
  WriteFile(folder / "x.h5.partial-AbC123", BytesOf("left"));
  const auto sink = OpenSink(path, /*overwrite=*/true);
  sink->Write(BytesOf("new"));
  const long before = folder.size();
  RemoveLeftovers(path);
  CHECK(folder.size() == before - 1);
  CHECK_FALSE(fs::exists(folder / "x.h5.partial-AbC123"));
  sink->Commit();
  CHECK(TextOf(path) == "new");
  RemoveLeftovers("/nowhere/at/all");
}

TEST_CASE("File: a new file has the permissions that the umask leaves") {
  const TemporaryFolder folder;
  const mode_t mask = ::umask(027);
  WriteFile(folder / "x", BytesOf("text"));
  ::umask(mask);
  struct stat info {};
  REQUIRE(::stat((folder / "x").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
}

TEST_CASE("File: missing files, folders and full disks are input or output errors") {
  const TemporaryFolder folder;
  const auto kind = [](const auto& action) { return ThrownBy(action).kind; };
  CHECK(kind([&] { ReadFile(folder / "none"); }) == ErrorKind::kIo);
  CHECK(kind([&] { ReadFile(folder.path()); }) == ErrorKind::kIo);
  CHECK(kind([&] { OpenSink(folder.path(), true); }) == ErrorKind::kIo);
  CHECK(kind([&] { OpenSink(folder / "none/x", true); }) == ErrorKind::kIo);
  CHECK(kind([&] { WriteFile("/dev/full", Bytes(10)); }) == ErrorKind::kIo);
  CHECK(ThrownBy([&] { ReadFile(folder / "none"); }).Mentions(folder / "none"));
}

TEST_CASE("File: a device and a named pipe are written to and read from directly") {
  WriteFile("/dev/null", Bytes(10));
  CHECK(fs::is_character_file("/dev/null"));
  CHECK(ReadFile("/dev/null").empty());

  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const Bytes bytes(300'000, 'x');  // more than a pipe holds
  std::thread writer([&] { WriteFile(folder / "pipe", bytes); });
  const auto source = OpenSource(folder / "pipe");
  CHECK(source->size_bytes() == std::nullopt);
  const Bytes read = ReadAll(*source);
  writer.join();
  CHECK(read == bytes);
  CHECK(fs::is_fifo(folder / "pipe"));
}

TEST_CASE("File: a file can be entered anywhere, a pipe cannot") {
  const TemporaryFolder folder;
  WriteFile(folder / "x", BytesOf("0123456789"));
  const Bytes bytes = ReadFile(folder / "x");
  const auto memory = MemorySource(bytes);
  const auto file = OpenSource(folder / "x");
  for (ByteSource* source : {memory.get(), file.get()}) {
    Bytes piece(3);
    for (const size_t position : {6u, 0u, 7u}) {
      REQUIRE(source->Seek(position));
      REQUIRE(source->Read(piece) == 3);
      CHECK(piece[0] == '0' + position);
    }
    REQUIRE(source->Seek(1000));
    CHECK(source->Read(piece) == 0);
  }
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  std::thread writer([&] { WriteFile(folder / "pipe", bytes); });
  const auto pipe = OpenSource(folder / "pipe");
  CHECK_FALSE(pipe->Seek(0));
  CHECK(ReadAll(*pipe) == bytes);
  writer.join();
}

TEST_CASE("File: who waits for a pipe that gives nothing can be stopped") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const int both = ::open((folder / "pipe").c_str(), O_RDWR);  // a writer that does not go away
  REQUIRE(both >= 0);
  std::atomic<bool> stop = false;
  const auto source = OpenSource(folder / "pipe", &stop);
  Bytes bytes(3);
  REQUIRE(::write(both, "abc", 3) == 3);
  REQUIRE(source->Read(bytes) == 3);
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop = true;
  });
  CHECK(ThrownBy([&] { source->Read(bytes); }).kind == ErrorKind::kIo);
  later.join();
  ::close(both);
}

TEST_CASE("File: permissions and times go from file to file") {
  const TemporaryFolder folder;
  WriteFile(folder / "from", BytesOf("x"));
  REQUIRE(::chmod((folder / "from").c_str(), 0640) == 0);
  const std::timespec times[2] = {{1000000000, 5000}, {900000000, 7000}};
  REQUIRE(::utimensat(AT_FDCWD, (folder / "from").c_str(), times, 0) == 0);
  const auto attributes = OpenSource(folder / "from")->attributes();
  REQUIRE(attributes);
  const auto sink = OpenSink(folder / "to", /*overwrite=*/false);
  sink->SetAttributes(*attributes);
  sink->Write(BytesOf("y"));
  sink->Commit();
  struct stat info {};
  REQUIRE(::stat((folder / "to").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
  CHECK(info.st_atim.tv_sec == 1000000000);
  CHECK(info.st_mtim.tv_sec == 900000000);
  CHECK_FALSE(OpenSource("/dev/null")->attributes());
}

TEST_CASE("File: names of up to 255 bytes are written, and their temporary names are found again") {
  const TemporaryFolder folder;
  for (const size_t size : {240u, 241u, 255u}) {
    const std::string path = folder / std::string(size, 'n');
    WriteFile(path, BytesOf("text"));
    CHECK(TextOf(path) == "text");
    const size_t kept = std::min<size_t>(size, 255 - 15);
    WriteFile(folder / (std::string(kept, 'n') + ".partial-AbC123"), BytesOf("left"));
    RemoveLeftovers(path);
    CHECK(TextOf(path) == "text");
    fs::remove(path);
    CHECK(folder.size() == 0);
  }
  const Thrown thrown = ThrownBy([&] { OpenSink(folder / std::string(256, 'n'), true); });
  CHECK(thrown.kind == ErrorKind::kIo);
}

TEST_CASE("File: files that belong together are all written, or all stay as they were") {
  const TemporaryFolder folder;
  WriteFile(folder / "a", BytesOf("old a"));
  WriteFile(folder / "c", BytesOf("old c"));
  const Bytes a = BytesOf("new a");
  const Bytes b = BytesOf("new b");
  const auto write = [&](const std::string& third) {
    const std::vector<NamedContents> files = {{folder / "a", a}, {folder / "b", b}, {third, a}};
    WriteTogether(files);
  };
  // What cannot be made is seen before anything is replaced.
  CHECK(ThrownBy([&] { write(folder.path()); }).kind == ErrorKind::kIo);
  CHECK(ThrownBy([&] { write("/nowhere/c"); }).kind == ErrorKind::kIo);
  CHECK(TextOf(folder / "a") == "old a");
  CHECK_FALSE(fs::exists(folder / "b"));
  CHECK(folder.size() == 2);
  write(folder / "c");
  CHECK(TextOf(folder / "a") == "new a");
  CHECK(TextOf(folder / "b") == "new b");
  CHECK(TextOf(folder / "c") == "new a");
  CHECK(folder.size() == 3);
}

TEST_CASE("File: what was read is removed, but not what has its name by now") {
  const TemporaryFolder folder;
  const std::string path = folder / "x";
  WriteFile(path, BytesOf("text"));
  const auto attributes = OpenSource(path)->attributes();
  REQUIRE(attributes);
  WriteFile(path, BytesOf("text"));  // another file
  CHECK(ThrownBy([&] { RemoveRead(path, *attributes); }).Mentions("changed"));
  CHECK(fs::exists(path));
  const auto again = OpenSource(path)->attributes();
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND);
  REQUIRE(::write(fd, "more", 4) == 4);
  ::close(fd);
  CHECK(ThrownBy([&] { RemoveRead(path, *again); }).kind == ErrorKind::kIo);
  RemoveRead(path, *OpenSource(path)->attributes());
  CHECK(folder.size() == 0);
  CHECK(ThrownBy([&] { RemoveRead(path, *again); }).kind == ErrorKind::kIo);
}

TEST_CASE("File: memory is a source and a sink") {
  Bytes out = BytesOf("a");
  const auto sink = MemorySink(&out);
  sink->Write(BytesOf("bc"));
  sink->Write({});
  sink->Commit();
  CHECK(out == BytesOf("abc"));

  const auto source = MemorySource(out, "name");
  CHECK(source->name() == "name");
  CHECK(source->size_bytes() == 3);
  Bytes piece(2);
  CHECK(source->Read(piece) == 2);
  CHECK(piece == BytesOf("ab"));
  CHECK(source->Read(piece) == 1);
  CHECK(piece == BytesOf("cb"));
  CHECK(source->Read(piece) == 0);
}

}  // namespace
}  // namespace occam
