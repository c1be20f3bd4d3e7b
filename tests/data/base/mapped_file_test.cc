#include "data/base/mapped_file.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "data/base/file.h"
#include "tests/catch.h"
#include "tests/temporary_folder.h"

namespace occam {
namespace {

TEST_CASE("Mapped file: its bytes are those of the file, and stay when it is replaced or moved") {
  const TemporaryFolder folder;
  Bytes bytes(10000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * i);
  WriteFile(folder / "data", bytes);
  MappedFile file = MappedFile::Open(folder / "data");
  REQUIRE(file.bytes().size() == bytes.size());
  CHECK(std::ranges::equal(file.bytes(), bytes));
  const uint8_t* const begin = file.bytes().data();
  MappedFile moved = std::move(file);
  CHECK(moved.bytes().data() == begin);
  WriteFile(folder / "data", Bytes(10));
  CHECK(std::ranges::equal(moved.bytes(), bytes));
  moved = MappedFile::Open(folder / "data");
  CHECK(moved.bytes().size() == 10);
}

TEST_CASE("Mapped file: what is no regular file with bytes maps nothing") {
  const TemporaryFolder folder;
  WriteFile(folder / "empty", {});
  for (const std::string& path :
       {folder / "empty", folder / "missing", folder.path(), std::string("/dev/null")})
    CHECK(MappedFile::Open(path).bytes().empty());
  REQUIRE(std::system(("mkfifo '" + (folder / "pipe") + "'").c_str()) == 0);
  CHECK(MappedFile::Open(folder / "pipe").bytes().empty());
}

}  // namespace
}  // namespace occam
