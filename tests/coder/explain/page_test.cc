// The page that explains costs: characters, sums, places and the page as a whole. What a browser
// makes of it is looked at by hand; python/tests reads its parts again.
#include "coder/explain/page.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "coder/explain/characters.h"
#include "coder/explain/stretches.h"
#include "coder/explain/summary.h"
#include "tests/catch.h"
#include "tests/coder/test_support.h"
#include "tests/error_kind.h"

namespace occam::explain {
namespace {

// Data with costs that tell their places.
struct Sample {
  explicit Sample(const std::string& text)
      : bytes(text.begin(), text.end()), bits(text.size()), by(text.size()) {
    for (size_t i = 0; i < bits.size(); ++i) bits[i] = 1 + 0.5f * static_cast<float>(i % 7);
  }
  Explanation explanation() const {
    return {.name = "name",
            .method = "method",
            .bytes = bytes,
            .bits = bits,
            .decided_by = by,
            .beside = "",
            .beside_bits = {}};
  }
  std::vector<Character> characters() const { return CharactersOf(explanation(), /*text=*/true); }

  Bytes bytes;
  std::vector<float> bits;
  std::vector<DecidedBy> by;
};

std::vector<size_t> SizesOf(const std::string& text) {
  std::vector<size_t> sizes;
  for (const Character& c : Sample(text).characters()) sizes.push_back(c.size);
  return sizes;
}

bool Has(const std::string& page, const std::string& text) {
  return page.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("Explain: characters are those of UTF-8, and what is none stands for itself") {
  CHECK(SizesOf("aé€𝄞\n") == std::vector<size_t>{1, 2, 3, 4, 1});
  // Cut off, too long, halves of pairs, beyond the last code point, and bytes that begin nothing.
  for (const std::string bad : {"\xc3", "\xe2\x82", "\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80",
                                "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\x80"}) {
    CHECK(SizesOf(bad) == std::vector<size_t>(bad.size(), 1));
  }
}

TEST_CASE("Explain: a character costs what its bytes cost, decided by the dearest of them") {
  Sample sample("a€");
  sample.bits = {2, 1, 5, 3};
  sample.by = {DecidedBy::kNetwork, DecidedBy::kWords, DecidedBy::kMatch, DecidedBy::kNone};
  const std::vector<Character> characters = sample.characters();
  REQUIRE(characters.size() == 2);
  CHECK(characters[1].bits == 9);
  CHECK(characters[1].by == DecidedBy::kMatch);
  CHECK(characters[1].begin == 1);
}

TEST_CASE("Explain: classes are told apart") {
  std::vector<Class> kinds;
  for (const Character& c : Sample("aZé7 \n.<_\x01\xff").characters()) kinds.push_back(c.kind);
  using enum Class;
  CHECK(kinds == std::vector<Class>{kLetter, kLetter, kLetter, kDigit, kSpace, kSpace, kPunctuation,
                                    kMarkup, kMarkup, kOther, kOther});
}

TEST_CASE("Explain: sums by class, by who decided and along the data are those of all bytes") {
  Sample sample(std::string(3000, 'a') + std::string(1000, '1') + "€€€");
  for (size_t i = 0; i < sample.by.size(); ++i) sample.by[i] = static_cast<DecidedBy>(i % 5);
  const Summary s = SummaryOf(sample.characters());
  const double all = std::accumulate(sample.bits.begin(), sample.bits.end(), 0.0);
  CHECK(s.all.bytes == 4009);
  CHECK(s.all.bits == all);
  const auto bits_of = [](const auto& sums) {
    return std::accumulate(sums.begin(), sums.end(), 0.0,
                           [](double sum, const Sum& one) { return sum + one.bits; });
  };
  CHECK(bits_of(s.classes) == Approx(all));
  CHECK(bits_of(s.deciders) == Approx(all));
  CHECK(bits_of(s.curve) == Approx(all));
  CHECK(s.curve.size() == kCurvePoints);
  for (const Sum& point : s.curve) CHECK((point.bytes >= 18 && point.bytes <= 23));
  CHECK(SummaryOf(Sample("abc").characters()).curve.size() == 3);
}

TEST_CASE("Explain: surprises are the dearest places, the dearest first, and not all at one") {
  Sample sample(std::string(5000, 'a'));
  std::ranges::fill(sample.bits, 1.0f);
  for (size_t i = 1000; i < 1100; ++i) sample.bits[i] = 9;
  sample.bits[1050] = 12;
  sample.bits[4000] = 10;
  const std::vector<size_t> found = SummaryOf(sample.characters()).surprises;
  REQUIRE(found.size() == kSurprises);
  CHECK(found[0] == 1050);
  CHECK(found[1] == 4000);
  for (const size_t a : found) {
    CHECK(std::ranges::count_if(found, [&](size_t b) {
            return std::max(a, b) - std::min(a, b) < kSurpriseDistance;
          }) == 1);
  }
}

TEST_CASE("Explain: what a codec adds for a stretch is shared among its bytes") {
  const Bytes bytes = RandomBytes(1000, 1);
  std::vector<size_t> asked;
  const std::vector<float> bits = SpreadLengths(bytes, [&](std::span<const uint8_t> begin) {
    asked.push_back(begin.size());
    return begin.size() == asked.front() ? size_t{50} : 40 + begin.size() / 10;  // less at first
  });
  CHECK(asked.size() == 32);
  CHECK(asked.back() == 1000);
  CHECK(std::accumulate(bits.begin(), bits.end(), 0.0) == Approx(8 * 140));
  CHECK(*std::ranges::min_element(bits) >= 0);
  CHECK(SpreadLengths(Bytes(5), [](auto begin) { return begin.size(); }) ==
        std::vector<float>(5, 8.0f));
  CHECK(SpreadLengths({}, [](auto) { return size_t{9}; }).empty());
}

TEST_CASE("Explain: a page escapes what it is given, and tells all parts") {
  const Sample sample("</script><b>\"&\\" + std::string(9000, 'x'));
  Explanation e = sample.explanation();
  e.name = "<name>";
  const std::string page = Page(e);
  CHECK(Has(page, "&lt;name&gt;: where the bits go"));
  CHECK(Has(page, R"("t":"\u003c/script>\u003cb>\u0022&\u005cxxx)"));
  for (const char* const id : {"id=\"p0\"", "id=\"p1\"", "id=\"p2\"", "Who decided"})
    CHECK(Has(page, id));
  CHECK_FALSE(Has(page, "id=\"p3\""));
  CHECK_FALSE(Has(page, "{{"));
  e.decided_by = {};
  CHECK_FALSE(Has(Page(e), "Who decided"));
  CHECK(Has(Page({}), "<b>0</b>"));
}

TEST_CASE("Explain: costs of other lengths than the data are refused") {
  const Sample sample("some bytes");
  Explanation e = sample.explanation();
  e.bits = e.bits.first(3);
  CHECK(ThrownBy([&] { Page(e); }).kind == ErrorKind::kUsage);
  e = sample.explanation();
  e.beside = "another";
  CHECK(ThrownBy([&] { Page(e); }).kind == ErrorKind::kUsage);
}

}  // namespace occam::explain
