#include "data/base/printable.h"

#include "tests/catch.h"

namespace occam {

TEST_CASE("Printable: text of any language stays as it is") {
  for (const char* text :
       {"", "plain text, 100 % of it", "\xc3\xa9t\xc3\xa9", "\xe5\xa4\xa9\xe5\x9c\xb0",
        "\xf0\x9f\xa6\x89", "\xc2\xa0", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf"}) {
    CHECK(Printable(text) == text);
  }
}

TEST_CASE("Printable: nothing that a terminal obeys is left, and no line is made two") {
  CHECK(Printable("\x1b[2J") == "\\x1b[2J");
  CHECK(Printable("a\nb\tc\rd\x7f") == "a\\x0ab\\x09c\\x0dd\\x7f");
  CHECK(Printable("a\nb\tc\rd", "\n\t") == "a\nb\tc\\x0dd");
  CHECK(Printable("\xc2\x9b"
                  "31m") == "\\xc2\\x9b31m");  // the C1 form of escape and bracket
  CHECK(Printable(std::string_view("\0x", 2)) == "\\x00x");
}

TEST_CASE("Printable: bytes that are no UTF-8 are shown one by one") {
  CHECK(Printable("caf\xe9") == "caf\\xe9");
  CHECK(Printable("\xe5\xa4") == "\\xe5\\xa4");
  CHECK(Printable("\xe5\xa4z") == "\\xe5\\xa4z");
  CHECK(Printable("\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xff") ==
        "\\xc0\\xaf\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80\\xff");
  // Whatever the bytes are, what is shown is printable.
  std::string any;
  for (int i = 0; i < 4096; ++i) any += static_cast<char>(i * i % 251 + i / 16);
  CHECK(Printable(Printable(any)) == Printable(any));
}

}  // namespace occam
