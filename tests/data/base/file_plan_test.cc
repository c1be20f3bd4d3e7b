#include "data/base/file_plan.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "data/base/file.h"
#include "tests/catch.h"
#include "tests/error_kind.h"
#include "tests/temporary_folder.h"

namespace occam {
namespace {

namespace fs = std::filesystem;

// A folder with the file a, another name of it, and a link to it.
struct Files {
  TemporaryFolder folder;
  std::string a = folder / "a";
  std::string other_name = folder / "other name";
  std::string link = folder / "link";
  std::string roundabout = folder.path() + "/./a";
  Files() {
    WriteFile(a, Bytes(3, 'a'));
    fs::create_hard_link(a, other_name);
    fs::create_symlink("a", link);
  }
};

TEST_CASE("FilePlan: a file that is read is not written under any of its names, in either order") {
  const Files files;
  for (const std::string& name : {files.a, files.other_name, files.link, files.roundabout}) {
    FilePlan plan;
    plan.Read(files.a, "the model");
    const Thrown thrown = ThrownBy([&] { plan.Write(name, "the output"); });
    CHECK(thrown.kind == ErrorKind::kUsage);
    CHECK(thrown.Mentions("the model"));
    CHECK(thrown.Mentions("the output"));
    FilePlan other;
    other.Write(name, "the output");
    CHECK(ThrownBy([&] { other.Read(files.a, "the model"); }).kind == ErrorKind::kUsage);
  }
}

TEST_CASE("FilePlan: two outputs are two files, also where none is there yet") {
  const Files files;
  fs::create_directory_symlink(files.folder.path(), files.folder / "same folder");
  FilePlan plan;
  plan.Write(files.folder / "new", "the log");
  plan.Write(files.folder / "newer", "the model");
  CHECK(ThrownBy([&] { plan.Write(files.folder / "new", "the model"); }).Mentions("the log"));
  CHECK(ThrownBy([&] { plan.Write(files.folder / "same folder/new", "the model"); }).kind ==
        ErrorKind::kUsage);
  plan.Write(files.folder / "new", "the log");  // said twice
}

TEST_CASE("FilePlan: what is read may be removed afterwards, but not what has another role") {
  const Files files;
  FilePlan plan;
  plan.Read(files.a, "an input");
  plan.Remove(files.a, "an input");
  plan.Read(files.a, "an input");
  CHECK(ThrownBy([&] { plan.Read(files.link, "the model"); }).Mentions("removed"));
  CHECK(ThrownBy([&] { plan.Write(files.other_name, "an output"); }).Mentions("overwritten"));
}

TEST_CASE("FilePlan: reading one file twice is fine, and pipes and devices are not looked at") {
  const Files files;
  REQUIRE(::mkfifo((files.folder / "pipe").c_str(), 0600) == 0);
  FilePlan plan;
  plan.Read(files.a, "the model");
  plan.Read(files.link, "an input");
  for (const std::string& name : {std::string("/dev/null"), files.folder / "pipe"}) {
    plan.Read(name, "an input");
    plan.Write(name, "an output");
  }
  plan.Write("/nowhere/at all", "an output");
  plan.Read("/nowhere/at all", "an input");
}

}  // namespace
}  // namespace occam
