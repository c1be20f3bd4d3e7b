// Rules that cut text into pieces, and the classes of characters.
#include "data/base/random.h"
#include "data/tokenizer/split_rules.h"
#include "data/tokenizer/unicode_classes.h"
#include "tests/catch.h"

namespace occam {
namespace {

std::string Cut(std::string_view text, SplitRule rule) {
  std::string cut;
  while (!text.empty()) {
    const size_t size = SplitBytes(text, rule);
    REQUIRE(size > 0);
    REQUIRE(size <= text.size());
    cut += (cut.empty() ? "" : "|") + std::string(text.substr(0, size));
    text.remove_prefix(size);
  }
  return cut;
}

TEST_CASE("Split: the rule of GPT-2 cuts words, numbers, signs and white space apart") {
  constexpr auto kRule = SplitRule::kGpt2;
  CHECK(Cut("Hello world", kRule) == "Hello| world");
  CHECK(Cut("I don't, we'LL", kRule) == "I| don|'t|,| we|'|LL");
  CHECK(Cut("a1b22 33", kRule) == "a|1|b|22| 33");
  CHECK(Cut("a   b  ", kRule) == "a|  | b|  ");
  CHECK(Cut("x\n\n y", kRule) == "x|\n\n| y");
  CHECK(Cut("x\ny", kRule) == "x|\n|y");
  CHECK(Cut("ab\xff\xff!", kRule) == "ab|\xff\xff!");
  CHECK(Cut("", kRule).empty());
}

TEST_CASE("Split: numbers stand alone for SmolLM2") {
  constexpr auto kRule = SplitRule::kDigits;
  CHECK(Cut("a 12", kRule) == "a| |1|2");
  CHECK(Cut("a  12 b", kRule) == "a|  |1|2| b");
  CHECK(Cut("\u00bd!", kRule) == "\u00bd|!");
}

TEST_CASE("Split: lines and signs go with words for Llama 3 and Qwen") {
  CHECK(Cut("(word) 12345 x", SplitRule::kLlama3) == "(word|)| |123|45| x");
  CHECK(Cut("(word) 12345", SplitRule::kQwen) == "(word|)| |1|2|3|4|5");
  CHECK(Cut("We'LL see.\n\n  ok", SplitRule::kLlama3) == "We|'LL| see|.\n\n| | ok");
  CHECK(Cut("a \n \n  b", SplitRule::kQwen) == "a| \n \n| | b");
  CHECK(Cut("\tx\t\ty", SplitRule::kQwen) == "\tx|\t|\ty");
}

TEST_CASE("Split: classes are those of Unicode 14") {
  CHECK(ClassOf('a') == CharacterClass::kLetter);
  CHECK(ClassOf(0x4e2d) == CharacterClass::kLetter);
  CHECK(ClassOf(0x2167) == CharacterClass::kNumber);
  CHECK(ClassOf(0x3000) == CharacterClass::kSpace);
  CHECK(ClassOf(0x85) == CharacterClass::kSpace);
  CHECK(ClassOf(0x1f) == CharacterClass::kOther);
  CHECK(ClassOf(0x301) == CharacterClass::kOther);
  CHECK(ClassOf(0x0cf1) == CharacterClass::kLetter);
  CHECK(ClassOf(0x13460) == CharacterClass::kOther);  // a letter from version 16 on
  CHECK(ClassOf(0x10ffff) == CharacterClass::kOther);
  CHECK(ClassOf(0xffffffff) == CharacterClass::kOther);
  uint64_t letters = 0, numbers = 0, spaces = 0;
  for (uint32_t code = 0; code < 0x110000; ++code) {
    letters += ClassOf(code) == CharacterClass::kLetter ? 1 : 0;
    numbers += ClassOf(code) == CharacterClass::kNumber ? 1 : 0;
    spaces += ClassOf(code) == CharacterClass::kSpace ? 1 : 0;
  }
  CHECK(letters == 131756);
  CHECK(numbers == 1791);
  CHECK(spaces == 25);
}

TEST_CASE("Split: any bytes are cut, and pieces make the whole") {
  Random random(5);
  for (int run = 0; run < 300; ++run) {
    std::string text(random.Below(40), 'a');
    for (char& c : text) c = static_cast<char>("a1 '\n\xc3\xa9\xf0\x9f\xff.s"[random.Below(12)]);
    for (int rule = 0; rule < kSplitRules; ++rule) {
      std::string whole;
      for (std::string_view left = text; !left.empty();) {
        const size_t size = SplitBytes(left, static_cast<SplitRule>(rule));
        REQUIRE((size > 0 && size <= left.size()));
        whole += left.substr(0, size);
        left.remove_prefix(size);
      }
      REQUIRE(whole == text);
    }
  }
}

}  // namespace
}  // namespace occam
