#include "model/checkpoint/h5_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/catch.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

Bytes FileWith(float value) {
  H5Writer file(0);
  file.CreateGroup("/group");
  file.WriteDataset<float>("/group/values", {1, 2}, std::vector<float>{value, -0.0f});
  file.WriteAttribute<int64_t>("/group", "count", INT64_MIN);
  return file.Finish();
}

TEST_CASE("HDF5: every type and shape comes back as it was written") {
  H5Writer writer(512);
  writer.CreateGroup("/a");
  writer.CreateGroup("/a/b");
  const std::vector<float> floats = {1.0f, -0.0f, 1e-45f, 3e38f, 0.1f, 2.0f};
  const std::vector<double> doubles = {5e-324, -0.0};
  const std::vector<int32_t> ints = {INT32_MIN, -1, INT32_MAX};
  const Bytes bytes = {0, 255, 128};
  writer.WriteDataset<float>("/a/floats", {2, 3, 1}, floats);
  writer.WriteDataset<double>("/a/b/doubles", {2}, doubles);
  writer.WriteDataset<int32_t>("/ints", {3}, ints);
  writer.WriteDataset<uint8_t>("/bytes", {3}, bytes);
  writer.WriteDataset<float>("/nothing", {0, 4}, {});
  writer.WriteDataset<int64_t>("/scalar", {}, std::vector<int64_t>{INT64_MAX});
  writer.WriteAttribute<double>("/a", "number", -0.0);
  writer.WriteAttributeList<int32_t>("/a", "list", ints);
  writer.WriteAttributeList<int32_t>("/a", "empty list", {});
  const Bytes image = writer.Finish();

  CHECK(std::all_of(image.begin(), image.begin() + 512, [](uint8_t b) { return b == 0; }));
  const H5Reader reader(image, "x.h5");
  CHECK(reader.Shape("/a/floats") == H5Shape{2, 3, 1});
  const auto read = reader.ReadDataset<float>("/a/floats");
  REQUIRE(read.size() == floats.size());
  CHECK(std::memcmp(read.data(), floats.data(), 4 * floats.size()) == 0);
  CHECK(std::signbit(reader.ReadDataset<double>("/a/b/doubles")[1]));
  CHECK(reader.ReadDataset<double>("/a/b/doubles") == doubles);
  CHECK(reader.ReadDataset<int32_t>("/ints") == ints);
  CHECK(reader.ReadDataset<uint8_t>("/bytes") == bytes);
  CHECK(reader.ReadDataset<float>("/nothing").empty());
  CHECK(reader.ReadDataset<int64_t>("/scalar") == std::vector<int64_t>{INT64_MAX});
  CHECK(std::signbit(reader.ReadAttribute<double>("/a", "number")));
  CHECK(reader.ReadAttributeList<int32_t>("/a", "list") == ints);
  CHECK(reader.ReadAttributeList<int32_t>("/a", "empty list").empty());
  CHECK(reader.Members("/a") == std::vector<std::string>{"b", "floats"});
  CHECK(reader.Attributes("/a") == std::vector<std::string>{"empty list", "list", "number"});
  CHECK(reader.Has("/a/b/doubles"));
  CHECK_FALSE(reader.Has("/a/c/doubles"));
}

TEST_CASE("HDF5: texts of any bytes come back") {
  std::string every;
  for (int i = 0; i < 256; ++i) every.push_back(static_cast<char>(i));
  const std::vector<std::string> texts = {"",
                                          "a",
                                          std::string(1, '\0'),
                                          std::string(2, '\0'),
                                          every,
                                          every.substr(1),
                                          std::string(200'000, 'y')};
  H5Writer writer(0);
  for (size_t i = 0; i < texts.size(); ++i) writer.WriteText("/", std::to_string(i), texts[i]);
  const Bytes image = writer.Finish();
  const H5Reader reader(image, "x.h5");
  for (size_t i = 0; i < texts.size(); ++i)
    CHECK(reader.ReadText("/", std::to_string(i)) == texts[i]);
}

TEST_CASE("HDF5: the same contents give the same bytes") { CHECK(FileWith(1) == FileWith(1)); }

TEST_CASE("HDF5: files open at once keep apart") {
  const Bytes one = FileWith(1);
  const Bytes two = FileWith(2);
  const H5Reader first(one, "1.h5");
  const H5Reader second(two, "2.h5");
  H5Writer writer(0);
  CHECK(first.ReadDataset<float>("/group/values")[0] == 1);
  CHECK(second.ReadDataset<float>("/group/values")[0] == 2);
}

TEST_CASE("HDF5: what is missing, of another type or shape is damaged, with its path") {
  const Bytes image = FileWith(1);
  const H5Reader reader(image, "x.h5");
  const auto require_damaged = [](const auto& action, const std::string& path) {
    const Thrown thrown = ThrownBy(action);
    CHECK(thrown.kind == ErrorKind::kDamaged);
    CHECK(thrown.Mentions("x.h5"));
    CHECK(thrown.Mentions(path));
  };
  std::vector<float> two(2);
  require_damaged([&] { reader.ReadDataset<float>("/group/none"); }, "/group/none");
  require_damaged([&] { reader.ReadDataset<float>("/group"); }, "/group");
  require_damaged([&] { reader.ReadDataset<double>("/group/values"); }, "/group/values");
  require_damaged([&] { reader.ReadDataset<int32_t>("/group/values"); }, "/group/values");
  require_damaged([&] { reader.ReadDataset<float>("/group/values", {2}, two); }, "/group/values");
  require_damaged(
      [&] {
        reader.ReadDataset<float>("/group/values", {2, 1}, two);
      },
      "/group/values");
  require_damaged([&] { reader.ReadAttribute<int64_t>("/group", "none"); }, "none");
  require_damaged([&] { reader.ReadAttribute<int64_t>("/none", "count"); }, "/none");
  require_damaged([&] { reader.ReadAttribute<int32_t>("/group", "count"); }, "count");
  require_damaged([&] { reader.ReadAttributeList<int64_t>("/group", "count"); }, "count");
  require_damaged([&] { reader.ReadText("/group", "count"); }, "count");
  require_damaged([&] { reader.Members("/group/values"); }, "/group/values");
  CHECK(ThrownBy([&] {
          reader.ReadDataset<float>("/group/values", {1, 2}, std::span(two).first(1));
        }).kind == ErrorKind::kInternal);
}

TEST_CASE("HDF5: no file at all is damaged") {
  const Bytes text = {'h', 'e', 'l', 'l', 'o'};
  CHECK(ThrownBy([&] { H5Reader(text, "x.h5"); }).kind == ErrorKind::kDamaged);
  CHECK(ThrownBy([&] { H5Reader({}, "x.h5"); }).kind == ErrorKind::kDamaged);
}

TEST_CASE("HDF5: what cannot be written is a bug of ours") {
  H5Writer file(0);
  const std::vector<float> two(2);
  const auto kind = [](const auto& action) { return ThrownBy(action).kind; };
  CHECK(kind([&] { file.WriteDataset<float>("/x", {3}, two); }) == ErrorKind::kInternal);
  CHECK(kind([&] { file.WriteDataset<float>("/none/x", {2}, two); }) == ErrorKind::kInternal);
  CHECK(kind([&] { file.WriteText("/", "", "x"); }) == ErrorKind::kInternal);
  CHECK(kind([&] { file.WriteText("/", std::string("a\0b", 3), "x"); }) == ErrorKind::kInternal);
  file.WriteDataset<float>("/x", {2}, two);
  CHECK(kind([&] { file.WriteDataset<float>("/x", {2}, two); }) == ErrorKind::kInternal);
}

}  // namespace
}  // namespace occam
