#include "coder/explain/page.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <vector>

#include "coder/explain/characters.h"
#include "coder/explain/page_template.h"
#include "coder/explain/parts.h"
#include "coder/explain/summary.h"
#include "data/base/error.h"
#include "data/base/format.h"

namespace occam::explain {
namespace {

using Texts = std::map<std::string, std::string, std::less<>>;

constexpr const char* kDeciderNames[] = {"network", "match", "words", "orders", "nobody"};
constexpr const char* kDeciderNotes[] = {
    "the transformer", "a long string that came before, here or in another lane",
    "what followed the word so far", "what followed the last four and six bytes",
    "8 bits and more: as dear as noise"};

// "1,234,567".
std::string Grouped(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string BytesOfBits(double bits) { return Grouped(static_cast<uint64_t>(std::ceil(bits / 8))); }

double Share(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

// The classes of page.html's colours for a cost.
int ColourOf(float bits) {
  static constexpr float kSteps[] = {0.25f, 0.75f, 1.5f, 2.5f, 3.5f, 4.5f, 6, 8, 11};
  return static_cast<int>(std::ranges::upper_bound(kSteps, bits) - std::begin(kSteps));
}

// ---- The summary -------------------------------------------------------------------------------

std::string Tile(const std::string& value, const std::string& what) {
  return fmt::format("<div class=\"tile\"><b>{}</b><span class=\"quiet\">{}</span></div>\n", value,
                     what);
}

std::string Tiles(const Explanation& e, const Summary& s) {
  const auto bytes = static_cast<double>(s.all.bytes);
  std::string tiles = Tile(Grouped(s.all.bytes), "bytes") +
                      Tile(BytesOfBits(s.all.bits), "bytes coded") +
                      Tile(fmt::format("{:.3f}", s.all.bits_per_byte()), "bits a byte") +
                      Tile(fmt::format("{:.2f} %", Share(s.all.bits / 8, bytes)), "of the size");
  if (!e.beside.empty()) {
    tiles += Tile(BytesOfBits(s.all.beside_bits), "bytes by " + Escaped(e.beside));
    tiles += Tile(fmt::format("{:.2f} %", Share(s.all.beside_bits / 8, bytes)),
                  "of the size by " + Escaped(e.beside));
  }
  return tiles;
}

double CurveTop(const Summary& s) {
  double top = 1;
  for (const Sum& point : s.curve) {
    const auto bytes = static_cast<double>(point.bytes);
    top = std::max({top, point.bits_per_byte(), point.beside_bits / bytes});
  }
  return std::ceil(top);
}

std::string Polyline(const Summary& s, const std::string& name, double Sum::*bits) {
  std::string points;
  const double step = 1000 / static_cast<double>(s.curve.size());
  for (size_t i = 0; i < s.curve.size(); ++i) {
    const double y =
        100 - 100 * s.curve[i].*bits / static_cast<double>(s.curve[i].bytes) / CurveTop(s);
    // A stretch is level, so that a single one is a line, too.
    const auto x = static_cast<double>(i);
    points += fmt::format("{:.1f},{:.1f} {:.1f},{:.1f} ", x * step, y, (x + 1) * step, y);
  }
  return fmt::format("<polyline class=\"{}\" points=\"{}\"/>", name, points);
}

std::string Row(const Explanation& e, const Summary& s, const std::string& name, const Sum& sum) {
  const std::string beside =
      e.beside.empty()
          ? ""
          : fmt::format("<td>{:.3f}</td>", sum.beside_bits / static_cast<double>(sum.bytes));
  const double share = Share(sum.bits, s.all.bits);
  return fmt::format(
      "<tr><td>{}</td><td>{}</td><td>{:.3f}</td>{}<td>{:.1f} %</td>"
      "<td class=\"bar\"><i style=\"width:{:.1f}%\"></i></td></tr>\n",
      name, Grouped(sum.bytes), sum.bits_per_byte(), beside, share, share);
}

std::string ClassRows(const Explanation& e, const Summary& s) {
  std::string rows;
  for (size_t i = 0; i < kClasses; ++i) {
    if (s.classes[i].bytes == 0) continue;
    const auto kind = static_cast<Class>(i);
    rows +=
        Row(e, s, fmt::format("{}<small>{}</small>", NameOf(kind), ExamplesOf(kind)), s.classes[i]);
  }
  return rows;
}

std::string Deciders(const Explanation& e, const Summary& s, const std::string& beside_column) {
  if (e.decided_by.empty()) return "";
  std::string table = fmt::format(
      "<h2>Who decided</h2>\n<p class=\"quiet\">The network, unless the others made a byte half a "
      "bit "
      "cheaper than it alone; then the one with the most evidence.</p>\n<div "
      "class=\"scroll\"><table>\n<tr><th>predictor</th>"
      "<th>bytes</th><th>bits a byte</th>{}<th>share of bits</th><th class=\"bar\"></th></tr>\n",
      beside_column);
  for (size_t i = 0; i < kDeciders; ++i) {
    if (s.deciders[i].bytes == 0) continue;
    table += Row(e, s,
                 fmt::format("<span class=\"one\"><span class=\"key d{}\"></span>{}</span>"
                             "<small>{}</small>",
                             i, kDeciderNames[i], kDeciderNotes[i]),
                 s.deciders[i]);
  }
  return table + "</table></div>";
}

// The characters around a place, that one in the colour of its cost. A byte takes three columns, so
// that fewer of them are a line.
std::string Place(const Explanation& e, std::span<const Character> all, bool text, size_t at) {
  const size_t before = text ? 40 : 14, after = text ? 20 : 8;
  std::string line;
  for (size_t i = at - std::min(at, before); i < std::min(all.size(), at + after); ++i) {
    const std::string one =
        text ? HtmlOf(e.bytes, all[i]) : fmt::format("{:02x}", e.bytes[all[i].begin]);
    line +=
        i == at ? fmt::format("<span class=\"c{}\">{}</span>", ColourOf(all[i].bits), one) : one;
    if (!text) line += ' ';
  }
  const std::string by = e.decided_by.empty()
                             ? ""
                             : std::string(", ") + kDeciderNames[static_cast<size_t>(all[at].by)];
  return fmt::format(
      "<li><span class=\"cost\">{:.1f} bits</span><a href=\"#text\" data-byte=\"{}\" title=\"byte "
      "{}{}\">{}</a></li>\n",
      all[at].bits, all[at].begin, Grouped(all[at].begin), by, line);
}

// ---- The text ----------------------------------------------------------------------------------

std::string About(const Explanation& e, const Parts& parts, bool text) {
  std::string deciders;
  for (const char* const name : kDeciderNames)
    deciders += (deciders.empty() ? "" : ",") + Quoted(name);
  return fmt::format(R"({{"bytes":{},"hex":{},"scale":{},"name":{},"beside":{},"deciders":[{}],)"
                     R"("parts":[{}],"lines":[{}]}})",
                     e.bytes.size(), text ? "false" : "true", kCostScale, Quoted(e.method),
                     Quoted(e.beside), deciders, parts.begins, parts.lines);
}

std::string Choices(const Explanation& e) {
  const auto choice = [](const char* value, const std::string& name, bool checked) {
    return fmt::format("<label><input type=\"radio\" name=\"colours\" value=\"{}\"{}> {}</label>\n",
                       value, checked ? " checked" : "", name);
  };
  std::string choices = choice("cost", "cost", true);
  if (!e.decided_by.empty()) choices += choice("by", "who decided", false);
  if (!e.beside.empty()) choices += choice("beside", "against " + Escaped(e.beside), false);
  return choices;
}

// ---- The page ----------------------------------------------------------------------------------

void Check(const Explanation& e) {
  const size_t size = e.bytes.size();
  const auto fits = [size](size_t n, bool may_be_empty) {
    return n == size || (may_be_empty && n == 0);
  };
  if (!fits(e.bits.size(), false) || !fits(e.decided_by.size(), true) ||
      !fits(e.beside_bits.size(), e.beside.empty()) || size > UINT32_MAX)
    throw UsageError("each byte has one cost, and may have one decider and one cost of another");
}

std::string Filled(std::string_view page, const Texts& texts) {
  std::string result;
  while (true) {
    const size_t begin = page.find("{{");
    result += page.substr(0, begin);
    if (begin == std::string_view::npos) return result;
    const size_t end = page.find("}}", begin);
    const auto text = texts.find(page.substr(begin + 2, end - begin - 2));
    if (text == texts.end()) throw InternalError("the page wants a text that there is none of");
    result += text->second;
    page.remove_prefix(end + 2);
  }
}

std::string Note(const Explanation& e) {
  if (e.beside_stretches == 0) return "";
  return fmt::format(
      "<p class=\"quiet\">What {} adds for each of {} stretches is shared evenly among their "
      "bytes.</p>",
      Escaped(e.beside), e.beside_stretches);
}

}  // namespace

std::string Page(const Explanation& e) {
  Check(e);
  std::vector<Character> characters = CharactersOf(e, /*text=*/true);
  const bool text = IsText(characters);
  if (!text) characters = CharactersOf(e, /*text=*/false);
  const Summary s = SummaryOf(characters);
  const Parts parts = PartsOf(e, characters, text);
  const bool compares = !e.beside.empty();
  const std::string beside = Escaped(e.beside);
  const std::string method = Escaped(e.method);
  const std::string beside_column = compares ? "<th>by " + beside + "</th>" : "";
  std::string places;
  for (const size_t place : s.surprises) places += Place(e, characters, text, place);
  return Filled(kPageTemplate,
                {{"title", Escaped(e.name) + ": where the bits go"},
                 {"name", Escaped(e.name)},
                 {"method", method},
                 {"beside_title", compares ? ", beside " + beside : ""},
                 {"tiles", Tiles(e, s)},
                 {"note", Note(e)},
                 {"stretches", std::to_string(s.curve.size())},
                 {"curve_names", compares ? fmt::format(" <b class=\"first-name\">{}</b>, "
                                                        "<b class=\"second-name\">{}</b>.",
                                                        method, beside)
                                          : ""},
                 {"curve_top", fmt::format("{:.0f}", CurveTop(s))},
                 {"curve_middle", fmt::format("{:g}", CurveTop(s) / 2)},
                 {"curve", (compares ? Polyline(s, "second", &Sum::beside_bits) : "") +
                               Polyline(s, "first", &Sum::bits)},
                 {"half_bytes", Grouped(e.bytes.size() / 2)},
                 {"all_bytes", Grouped(e.bytes.size())},
                 {"beside_column", beside_column},
                 {"classes", ClassRows(e, s)},
                 {"deciders", Deciders(e, s, beside_column)},
                 {"places", places},
                 {"content", text ? "The text" : "The bytes"},
                 {"choices", Choices(e)},
                 {"about", About(e, parts, text)},
                 {"parts", parts.scripts}});
}

}  // namespace occam::explain
