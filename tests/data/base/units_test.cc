#include "data/base/units.h"

#include "tests/catch.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

TEST_CASE("Units: counts are read as people write them") {
  CHECK(ParseCount("0", "x") == 0);
  CHECK(ParseCount("62000000", "x") == 62'000'000);
  CHECK(ParseCount("200K", "x") == 200'000);
  CHECK(ParseCount("200k", "x") == 200'000);
  CHECK(ParseCount("3.2M", "x") == 3'200'000);
  CHECK(ParseCount("1G", "x") == 1'000'000'000);
  CHECK(ParseCount("2T", "x") == 2'000'000'000'000);
  CHECK(ParseCount("2MB", "x") == 2'000'000);
  CHECK(ParseCount("64KiB", "x") == 65'536);
  CHECK(ParseCount("1.5Mi", "x") == 1'572'864);
  CHECK(ParseCount("17B", "x") == 17);
  CHECK(ParseCount("1e6", "x") == 1'000'000);
  CHECK(ParseCount("0.1K", "x") == 100);
}

TEST_CASE("Units: what is no count is refused, and its option named") {
  for (const char* text : {"", "K", "-1", "3X", "3KK", "1,000", "0x10", " 5", "5 K", "nan", "inf",
                           "1e30", "10000000T", "+5", "five", "5K5"}) {
    const Thrown thrown = ThrownBy([&] { ParseCount(text, "--params"); });
    INFO(text);
    CHECK(thrown.kind == ErrorKind::kUsage);
    CHECK(thrown.Mentions("--params"));
  }
}

TEST_CASE("Units: ranges have a beginning and an end, either of which may be missing") {
  const auto range = [](const std::string& text) { return ParseByteRange(text, 64'000'000, "x"); };
  CHECK(range("1K:62M").begin == 1000);
  CHECK(range("1K:62M").end == 62'000'000);
  CHECK(range("62M:").begin == 62'000'000);
  CHECK(range("62M:").end == 64'000'000);
  CHECK(range(":5").size() == 5);
  CHECK(range(":").size() == 64'000'000);
  CHECK(range("0:64M").size() == 64'000'000);
}

TEST_CASE("Units: ranges that are empty, turned around or past the end are refused") {
  for (const char* text : {"", "5", "5:5", "6:5", "0:65M", "64M:", ":0", "a:5", "5:b", "1:2:3"}) {
    INFO(text);
    CHECK(ThrownBy([&] { ParseByteRange(text, 64'000'000, "x"); }).kind == ErrorKind::kUsage);
  }
  CHECK(ThrownBy([&] { ParseByteRange(":", 0, "x"); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Units: sizes have three digits and a unit") {
  CHECK(FormatBytes(0) == "0 B");
  CHECK(FormatBytes(999) == "999 B");
  CHECK(FormatBytes(1000) == "1 KB");
  CHECK(FormatBytes(1'954'321) == "1.95 MB");
  CHECK(FormatBytes(999'499) == "999 KB");
  CHECK(FormatBytes(999'600) == "1 MB");
  CHECK(FormatBytes(62'000'000) == "62 MB");
  CHECK(FormatBytes(1e18) == "1e+03 PB");
}

TEST_CASE("Units: durations have the two units that matter") {
  CHECK(FormatDuration(0.4) == "0 s");
  CHECK(FormatDuration(12) == "12 s");
  CHECK(FormatDuration(59.6) == "1 min 00 s");
  CHECK(FormatDuration(187) == "3 min 07 s");
  CHECK(FormatDuration(3599.7) == "1 h 00 min");
  CHECK(FormatDuration(7500) == "2 h 05 min");
  CHECK(FormatDuration(-1) == "?");
  CHECK(FormatDuration(0.0 / 0.0) == "?");
}

}  // namespace
}  // namespace occam
