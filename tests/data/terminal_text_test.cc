#include "data/terminal_text.h"

#include <string>
#include <string_view>

#include "data/base/file.h"
#include "data/base/random.h"
#include "tests/catch.h"

namespace occam {
namespace {

Bytes BytesOf(std::string_view text) { return {text.begin(), text.end()}; }

std::string Shown(std::string_view text) {
  TerminalText terminal;
  const std::string shown = terminal.Take(BytesOf(text));
  return shown + terminal.Finish();
}

}  // namespace

TEST_CASE("Terminal text: text passes as it is") {
  for (const char* text : {"", "plain\ttext\n", "\u00a0\u00e9\u07ff",
                           "\u0800\u20ac\ud7ff\ue000\uffff", "\U00010000\U0001f600\U0010ffff"}) {
    CHECK(Shown(text) == text);
  }
}

TEST_CASE("Terminal text: a character shows when its last byte has come") {
  TerminalText terminal;
  CHECK(terminal.Take(BytesOf("a\xe2")) == "a");
  CHECK(terminal.Take(BytesOf("\x82")).empty());
  CHECK(terminal.Take(BytesOf("\xac!")) == "\u20ac!");
  CHECK(terminal.Take(BytesOf("\xf0\x9f")).empty());
  CHECK(terminal.Finish() == "\ufffd");
  CHECK(terminal.Finish().empty());
  CHECK(terminal.Take(BytesOf("b")) == "b");
}

TEST_CASE("Terminal text: what could command a terminal is replaced") {
  CHECK(Shown("\x1b[2J") == "\ufffd[2J");
  CHECK(Shown("over\rwrite\b\x7f") == "over\ufffdwrite\ufffd\ufffd");
  CHECK(Shown(std::string_view("\0\a", 2)) == "\ufffd\ufffd");
  CHECK(Shown("\xc2\x9b"
              "2J\xc2\xa0") == "\ufffd2J\u00a0");  // a control character of two bytes
}

TEST_CASE("Terminal text: what is no UTF-8 is replaced, and what follows is not lost") {
  CHECK(Shown("\x80z") == "\ufffdz");
  CHECK(Shown("\xff\xfe") == "\ufffd\ufffd");
  CHECK(Shown("\xe2\x82z") == "\ufffdz");
  CHECK(Shown("\xe2\xe2\x82\xac") == "\ufffd\u20ac");
  CHECK(Shown("\xc0\xaf") == "\ufffd\ufffd");                      // a longer form of '/'
  CHECK(Shown("\xe0\x9f\xbf") == "\ufffd\ufffd\ufffd");            // longer than needed
  CHECK(Shown("\xed\xa0\x80") == "\ufffd\ufffd\ufffd");            // a surrogate
  CHECK(Shown("\xf4\x90\x80\x80") == "\ufffd\ufffd\ufffd\ufffd");  // beyond Unicode
}

TEST_CASE("Terminal text: bytes one by one show what they show at once, which shows as itself") {
  Random random(1);
  for (int run = 0; run < 200; ++run) {
    std::string text;
    for (int i = 0; i < 50; ++i) {
      const uint64_t kind = random.Below(3);
      text += static_cast<char>(kind == 0   ? random.Below(256)
                                : kind == 1 ? 0x80 + random.Below(64)
                                            : 0xe0 + random.Below(24));
    }
    TerminalText terminal;
    std::string shown;
    for (const char c : text) shown += terminal.Take(BytesOf({&c, 1}));
    shown += terminal.Finish();
    REQUIRE(shown == Shown(text));
    REQUIRE(Shown(shown) == shown);
  }
}

}  // namespace occam
