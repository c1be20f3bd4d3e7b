// The rules of a memory against a twin that looks back over the whole past for each answer.
#include "model/row_rules.h"

#include <optional>

#include "data/base/random.h"
#include "tests/catch.h"

namespace occam {
namespace {

// Straight from the words of docs/spec/memory.md, section 2: which symbols a rule sees, or none.
std::optional<std::vector<uint32_t>> SeenBy(const RowRule& rule, const std::vector<int32_t>& past) {
  const auto letter = [](int32_t s) {
    return s >= 128 || (s >= 'A' && s <= 'Z') || (s >= 'a' && s <= 'z');
  };
  size_t begin = 0;
  if (rule.kind == RuleKind::kSymbols) {
    if (past.size() < rule.count) return std::nullopt;
    begin = past.size() - rule.count;
  } else {
    if (past.empty()) return std::nullopt;
    int words = 0;
    for (size_t i = past.size(); i-- > 0 && words < rule.count;) {
      if (letter(past[i]) && (i == 0 || !letter(past[i - 1]))) {
        begin = i;
        ++words;
      }
    }
    if (words < rule.count) begin = 0;
  }
  std::vector<uint32_t> seen;
  for (size_t i = begin; i < past.size(); ++i) {
    const int32_t s = past[i];
    const bool upper = s >= 'A' && s <= 'Z';
    seen.push_back(
        static_cast<uint32_t>(rule.kind == RuleKind::kWords && upper ? s - 'A' + 'a' : s));
  }
  return seen;
}

uint32_t RowOf(const RowRule& rule, const std::vector<int32_t>& past) {
  const auto seen = SeenBy(rule, past);
  if (!seen) return 1u << rule.bits;
  uint64_t h = 0;
  constexpr uint64_t kWrap = uint64_t{1} << 32;
  for (const uint32_t s : *seen) h = (h * 0x9E3779B1u + s + 1) % kWrap;
  const uint32_t salt = (rule.kind == RuleKind::kWords ? 512u : 0u) + rule.count;
  h = (h + uint64_t{salt} * 0x632BE5ABu) % kWrap;
  h = (h ^ (h >> 16)) * 0x7FEB352Du % kWrap;
  h = (h ^ (h >> 15)) * 0x846CA68Bu % kWrap;
  h ^= h >> 16;
  return static_cast<uint32_t>(h >> (32 - rule.bits));
}

ModelConfig AllRules() {
  ModelConfig config = FamilyConfig(48);
  for (uint8_t n = 1; n <= kMaxRuleSymbols; ++n)
    config.memory_rules.push_back({RuleKind::kSymbols, n, static_cast<uint8_t>(8 + n)});
  for (uint8_t n = 1; n <= kMaxRuleWords; ++n)
    config.memory_rules.push_back({RuleKind::kWords, n, static_cast<uint8_t>(20 + n - 1)});
  return config;
}

// Words of few letters, upper and lower, with one or more signs between them, and bytes above 127.
std::vector<int32_t> RandomText(size_t count, uint64_t seed) {
  constexpr char kSymbols[] = "aAbBzZ@[`{  .\n1";
  std::vector<int32_t> text(count);
  Random random(seed);
  for (int32_t& s : text) {
    const uint64_t i = random.Below(sizeof(kSymbols) + 1);
    s = i < sizeof(kSymbols) - 1 ? kSymbols[i] : static_cast<int32_t>(128 + random.Below(128));
  }
  return text;
}

TEST_CASE("Rules: each chooses the row that its definition gives, at every position") {
  const ModelConfig config = AllRules();
  const RowRules rules(config);
  for (const uint64_t seed : {1, 2, 3}) {
    const auto text = RandomText(300, seed);
    KnownPast past;
    std::vector<int32_t> known, rows(rules.count());
    for (size_t t = 0; t <= text.size(); ++t) {
      rules.Choose(past, rows);
      for (size_t i = 0; i < rows.size(); ++i) {
        const RowRule& rule = config.memory_rules[i];
        INFO(rule.name() << " position " << t);
        REQUIRE(static_cast<uint32_t>(rows[i] - rules.first_row(i)) == RowOf(rule, known));
      }
      if (t == text.size()) break;
      past.Append(text[t]);
      known.push_back(text[t]);
    }
  }
}

TEST_CASE("Rules: a known sequence gives the rows of its steps, with or without a begin symbol") {
  const ModelConfig config = AllRules();
  const RowRules rules(config);
  for (const bool fresh : {true, false}) {
    auto inputs = RandomText(50, 4);
    if (fresh) inputs[0] = config.begin_symbol();
    std::vector<int32_t> all(inputs.size() * rules.count()), rows(rules.count());
    rules.ChooseAll(inputs, config.begin_symbol(), all);
    KnownPast past;
    for (size_t t = 0; t < inputs.size(); ++t) {
      if (inputs[t] != config.begin_symbol()) past.Append(inputs[t]);
      rules.Choose(past, rows);
      CHECK(std::equal(rows.begin(), rows.end(),
                       all.begin() + static_cast<ptrdiff_t>(t * rows.size())));
    }
  }
}

TEST_CASE("Rules: tables follow each other, and the last row of each is for too short pasts") {
  const ModelConfig config = AllRules();
  const RowRules rules(config);
  std::vector<int32_t> rows(rules.count());
  rules.Choose(KnownPast(), rows);
  int64_t first = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    CHECK(rules.first_row(i) == first);
    first += config.memory_rules[i].rows();
    CHECK(rows[i] == first - 1);
  }
  CHECK(first == config.memory_rows());
}

TEST_CASE("Rules: the worked examples of docs/spec/memory.md") {
  ModelConfig config = FamilyConfig(48);
  config.memory_rules = {{RuleKind::kSymbols, 2, 15},
                         {RuleKind::kSymbols, 6, 15},
                         {RuleKind::kWords, 1, 15},
                         {RuleKind::kWords, 2, 15},
                         {RuleKind::kWords, 3, 15}};
  const RowRules rules(config);
  KnownPast past;
  for (const char s : std::string("The cat")) past.Append(s);
  std::vector<int32_t> rows(rules.count());
  rules.Choose(past, rows);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] -= rules.first_row(i);
  CHECK(rows == std::vector<int32_t>{26216, 5011, 25420, 2928, 31779});
}

}  // namespace
}  // namespace occam
