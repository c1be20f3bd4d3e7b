#include "data/corpus.h"

#include <stdlib.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/catch.h"
#include "tests/data/packed.h"
#include "tests/error_kind.h"
#include "tests/temporary_folder.h"

namespace occam {
namespace {

namespace fs = std::filesystem;

Bytes BytesOf(const std::string& text) { return {text.begin(), text.end()}; }

void Write(const std::string& path, const Bytes& bytes) {
  fs::create_directories(fs::path(path).parent_path());
  WriteFile(path, bytes);
}
void Write(const std::string& path, const std::string& text) { Write(path, BytesOf(text)); }

std::string TextOf(const std::string& where) {
  const Corpus corpus = LoadCorpus(where);
  CHECK(corpus.name == where);
  return {corpus.bytes.begin(), corpus.bytes.end()};
}

Thrown LoadingOf(const std::string& where) {
  return ThrownBy([&] { LoadCorpus(where); });
}

// Sets an environment variable, or unsets it, until the end of the scope.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* old = ::getenv(name)) old_ = old;
    Set(value);
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ~ScopedVariable() { Set(old_ ? old_->c_str() : nullptr); }

 private:
  void Set(const char* value) {
    if (value == nullptr) {
      ::unsetenv(name_);
    } else {
      ::setenv(name_, value, 1);
    }
  }
  const char* name_;
  std::optional<std::string> old_;
};

TEST_CASE("Corpus: a file is read as it is, or unpacked by what it holds, not by its name") {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i) + " bottles\n";
  Write(folder / "plain.xz", text);
  Write(folder / "a.txt", Gzipped(BytesOf(text)));
  Write(folder / "b", Xzed(BytesOf(text)));
  Write(folder / "c.gz", Zstded(BytesOf(text)));
  for (const char* name : {"plain.xz", "a.txt", "b", "c.gz"}) CHECK(TextOf(folder / name) == text);
}

TEST_CASE("Corpus: a folder is all of its files at any depth, in the byte order of their paths") {
  const TemporaryFolder folder;
  Write(folder / "b", "4");
  Write(folder / "a/z", Gzipped(BytesOf("3")));
  Write(folder / "a.txt", "1");
  Write(folder / "a/deep/er/file", "2");
  Write(folder / "B", "0");
  Write(folder / "empty", "");
  fs::create_directories(folder / "nothing");
  fs::create_symlink("b", folder / "c");
  fs::create_symlink("none", folder / "dangling");
  fs::create_directory_symlink(".", folder / "loop");
  CHECK(TextOf(folder.path()) == "012344");
}

TEST_CASE("Corpus: a glob is what matches, sorted, each file once") {
  const TemporaryFolder folder;
  Write(folder / "x2.txt", "2");
  Write(folder / "x1.txt", Xzed(BytesOf("1")));
  Write(folder / "x10.txt", "10");
  Write(folder / "y.txt", "y");
  Write(folder / "x.d/inner", "i");
  CHECK(TextOf(folder / "x*.txt") == "1102");
  CHECK(TextOf(folder / "x[12].txt") == "12");
  CHECK(TextOf(folder / "x?d") == "i");
  CHECK(TextOf(folder / "x*") == "i1102");
}

TEST_CASE("Corpus: a file whose name looks like a glob is that file") {
  const TemporaryFolder folder;
  Write(folder / "a[1].txt", "literal");
  Write(folder / "a1.txt", "matched");
  CHECK(TextOf(folder / "a[1].txt") == "literal");
}

TEST_CASE("Corpus: what is missing, unreadable or empty says so") {
  const TemporaryFolder folder;
  Thrown thrown = LoadingOf(folder / "none.txt");
  CHECK(thrown.kind == ErrorKind::kIo);
  CHECK(thrown.Mentions(folder / "none.txt"));
  thrown = LoadingOf(folder / "none*");
  CHECK(thrown.kind == ErrorKind::kIo);
  CHECK(thrown.Mentions("no file matches"));
  CHECK(LoadingOf(folder.path()).kind == ErrorKind::kUsage);
  Write(folder / "empty", "");
  Write(folder / "empty.gz", Gzipped({}));
  CHECK(LoadingOf(folder / "empty").kind == ErrorKind::kUsage);
  CHECK(LoadingOf(folder / "empty.gz").kind == ErrorKind::kUsage);
  CHECK(LoadingOf(folder.path()).kind == ErrorKind::kUsage);
  CHECK(LoadingOf("").kind == ErrorKind::kIo);
  CHECK(LoadingOf("/dev/null/below").kind == ErrorKind::kIo);
}

// The superuser may read everything; while this lives, it is nobody.
class AsNobody {
 public:
  AsNobody() : was_root_(::geteuid() == 0) {
    constexpr uid_t kNobody = 65534;
    if (was_root_) REQUIRE(::seteuid(kNobody) == 0);
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  ~AsNobody() {
    if (was_root_ && ::seteuid(0) != 0) std::abort();
  }

 private:
  bool was_root_;
};

TEST_CASE("Corpus: unreadable files and folders are input errors") {
  const AsNobody nobody;
  const TemporaryFolder folder;
  Write(folder / "secret/file", "x");
  fs::permissions(folder / "secret/file", fs::perms::none);
  CHECK(LoadingOf(folder / "secret/file").kind == ErrorKind::kIo);
  CHECK(LoadingOf(folder.path()).kind == ErrorKind::kIo);
  fs::permissions(folder / "secret", fs::perms::none);
  CHECK(LoadingOf(folder / "secret").kind == ErrorKind::kIo);
  CHECK(LoadingOf(folder / "secret/file").kind == ErrorKind::kIo);
  CHECK(LoadingOf(folder / "secret/*").kind == ErrorKind::kIo);
  CHECK(LoadingOf(folder.path()).kind == ErrorKind::kIo);
  fs::permissions(folder / "secret", fs::perms::owner_all);
}

TEST_CASE("Corpus: a damaged archive among many files is named") {
  const TemporaryFolder folder;
  Write(folder / "good", "text");
  Bytes packed = Xzed(BytesOf("some more text"));
  packed.resize(packed.size() - 5);
  Write(folder / "cut.xz", packed);
  const Thrown thrown = LoadingOf(folder.path());
  CHECK(thrown.kind == ErrorKind::kDamaged);
  CHECK(thrown.Mentions("cut.xz"));
}

TEST_CASE("Corpus: the cache folder is that of OCCAM_CACHE, XDG_CACHE_HOME or HOME") {
  const ScopedVariable home("HOME", "/home/someone");
  const ScopedVariable xdg("XDG_CACHE_HOME", "/xdg");
  {
    const ScopedVariable own("OCCAM_CACHE", "/own");
    CHECK(CachePath("enwik8") == "/own/enwik8");
  }
  const ScopedVariable own("OCCAM_CACHE", "");
  CHECK(CachePath("enwik9") == "/xdg/occam/enwik9");
  const ScopedVariable no_xdg("XDG_CACHE_HOME", nullptr);
  CHECK(CachePath("enwik8") == "/home/someone/.cache/occam/enwik8");
  const ScopedVariable no_home("HOME", nullptr);
  CHECK(ThrownBy([] { CachePath("enwik8"); }).kind == ErrorKind::kUsage);
  CHECK(ThrownBy([] { CachePath("enwik7"); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Corpus: enwik8 is a file or folder of that name, else what the cache holds") {
  const TemporaryFolder folder;
  const ScopedVariable own("OCCAM_CACHE", (folder / "cache").c_str());
  const fs::path before = fs::current_path();
  fs::create_directories(folder / "work");
  fs::current_path(folder / "work");

  Thrown thrown = LoadingOf("enwik8");
  CHECK(thrown.kind == ErrorKind::kIo);
  CHECK(thrown.Mentions("tools/fetch_enwik.sh enwik8"));

  Write(folder / "cache/enwik8", "short");
  thrown = LoadingOf("enwik8");
  CHECK(thrown.kind == ErrorKind::kDamaged);
  CHECK(thrown.Mentions("tools/fetch_enwik.sh enwik8"));

  fs::resize_file(folder / "cache/enwik8", 100'000'000);  // a hole takes no space
  CHECK(LoadCorpus("enwik8").bytes.size() == 100'000'000);

  Write("./enwik8/part", "from here");
  CHECK(TextOf("enwik8") == "from here");
  fs::current_path(before);
}

TEST_CASE("Corpus: the digest of a range is that of its bytes alone") {
  const Corpus corpus{BytesOf("xxabcyy"), "made up"};
  CHECK(Hex(corpus.DigestOf({2, 5})) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

void CheckSplit(int64_t size, const std::string& train, const std::string& val,
                ByteRange wanted_train, ByteRange wanted_val) {
  INFO(size << " bytes, train '" << train << "', validation '" << val << "'");
  const Split split = MakeSplit(size, train, val);
  CHECK(split.train.begin == wanted_train.begin);
  CHECK(split.train.end == wanted_train.end);
  CHECK(split.validation.begin == wanted_val.begin);
  CHECK(split.validation.end == wanted_val.end);
}

TEST_CASE("Split: by default the last 5 %, at most 10 MB, validate, and the rest trains") {
  CheckSplit(1000, "", "", {0, 950}, {950, 1000});
  CheckSplit(2, "", "", {0, 1}, {1, 2});
  CheckSplit(199'999'999, "", "", {0, 190'000'000}, {190'000'000, 199'999'999});
  CheckSplit(1'000'000'000, "", "", {0, 990'000'000}, {990'000'000, 1'000'000'000});
}

TEST_CASE("Split: counts are the first bytes for training and the last for validation") {
  CheckSplit(64'000'000, "62M", "2M", {0, 62'000'000}, {62'000'000, 64'000'000});
  CheckSplit(64'000'000, "", "2M", {0, 62'000'000}, {62'000'000, 64'000'000});
  CheckSplit(1000, "100", "", {0, 100}, {950, 1000});
  CheckSplit(1000, "950", "", {0, 950}, {950, 1000});
}

TEST_CASE("Split: ranges may be anywhere, and what is not given goes around them") {
  CheckSplit(1000, "500:", ":10", {500, 1000}, {0, 10});
  CheckSplit(1000, "", "0:100", {100, 1000}, {0, 100});
  CheckSplit(1000, "", "300:400", {0, 300}, {300, 400});
  CheckSplit(1000, "10:20", "", {10, 20}, {950, 1000});
}

TEST_CASE("Split: parts that overlap, are empty or not within the data are refused") {
  const auto refused = [](int64_t size, const std::string& train, const std::string& val) {
    const Thrown thrown = ThrownBy([&] { MakeSplit(size, train, val); });
    INFO(train << ' ' << val);
    CHECK(thrown.kind == ErrorKind::kUsage);
    return thrown;
  };
  CHECK(refused(1000, "951", "").Mentions("choose the validation part"));
  refused(1000, "900", "101");
  refused(1000, ":", "10");
  refused(1000, "", "1000");
  refused(1000, "", "0:1000");
  refused(1000, "", "0");
  refused(1000, "0", "");
  refused(1000, "1001", "");
  refused(1000, "", "1001");
  refused(1000, "500:400", "");
  refused(1000, "", "500:1001");
  refused(1000, "many", "");
  refused(1, "", "");
  refused(0, "", "");
}

}  // namespace
}  // namespace occam
