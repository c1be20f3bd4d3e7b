// Tables of tokens, as imported models have them.
#include <algorithm>

#include "data/base/random.h"
#include "data/tokenizer/table_tokenizer.h"
#include "tests/catch.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

// Two silent tokens, all bytes but "e" before the words, "e" at the end, and merges.
struct Table {
  std::vector<std::string> tokens = {"", ""};
  std::vector<TableMerge> merges;

  Table() {
    for (int byte = 0; byte < 256; ++byte) {
      if (byte != 'e') tokens.emplace_back(1, static_cast<char>(byte));
    }
    for (const char* text :
         {"th", "the", " the", "er", "\xc3\xa9", "aa", "aaaa", "\xc3\xa9\xc3\xa9"})
      tokens.emplace_back(text);
    tokens.emplace_back("e");
    for (const auto& [left, right] : {std::pair("t", "h"),
                                      {"th", "e"},
                                      {"e", "r"},
                                      {" ", "the"},
                                      {"a", "a"},
                                      {"aa", "aa"},
                                      {"\xc3\xa9", "\xc3\xa9"}})
      merges.push_back({Id(left), Id(right)});
  }
  uint32_t Id(const std::string& text) const {
    return static_cast<uint32_t>(std::ranges::find(tokens, text) - tokens.begin());
  }
  TableTokenizer Make() const { return {tokens, merges}; }
};

Bytes BytesOf(const std::string& text) { return {text.begin(), text.end()}; }

std::vector<std::string> Pieces(const Table& table, const std::string& text) {
  std::vector<std::string> pieces;
  for (const int32_t token : table.Make().Encode(BytesOf(text)))
    pieces.push_back(table.tokens[static_cast<size_t>(token)]);
  return pieces;
}

TEST_CASE("Table: any bytes come back") {
  const TableTokenizer table = Table().Make();
  Bytes all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<uint8_t>(byte));
  Random random(3);
  std::vector<Bytes> texts = {{}, all, BytesOf("the ether \xc3\xa9\xc3 the"), Bytes(200'000, 'a')};
  for (const size_t size : {1u, 2u, 1000u, 70'000u}) {
    Bytes& bytes = texts.emplace_back(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Below(256));
    Bytes& letters = texts.emplace_back(size);
    for (uint8_t& byte : letters) byte = static_cast<uint8_t>("the ar\xc3\xa9"[random.Below(8)]);
  }
  for (const Bytes& text : texts) {
    const auto tokens = table.Encode(text);
    CHECK(table.DecodedBytes(tokens) == text.size());
    CHECK((table.Decode(tokens) == text));
  }
}

TEST_CASE("Table: the first merge comes first, of equals the leftmost") {
  const Table table;
  CHECK(Pieces(table, "the") == std::vector<std::string>{"the"});
  // "th e" comes before "e r", and " the" is made last.
  CHECK(Pieces(table, " there") == std::vector<std::string>{" the", "r", "e"});
  CHECK(Pieces(table, "er") == std::vector<std::string>{"er"});
  CHECK(Pieces(table, "aaa") == std::vector<std::string>{"aa", "a"});
  CHECK(Pieces(table, "aaaaaaa") == std::vector<std::string>{"aaaa", "aa", "a"});
  // A character that is a token is one from the start; half of one is a byte.
  CHECK(Pieces(table, "\xc3\xa9\xc3\xa9\xc3") ==
        std::vector<std::string>{"\xc3\xa9\xc3\xa9", "\xc3"});
}

// The same by looking at all pairs again for each merge.
std::vector<int32_t> EncodeSlowly(const Table& table, const Bytes& text) {
  std::vector<std::string> row;
  for (size_t i = 0; i < text.size();) {
    const bool two = i + 1 < text.size() && text[i] == 0xc3 && text[i + 1] == 0xa9;
    row.emplace_back(text.begin() + static_cast<ptrdiff_t>(i),
                     text.begin() + static_cast<ptrdiff_t>(i + (two ? 2 : 1)));
    i += two ? 2 : 1;
  }
  for (bool again = true; again;) {
    again = false;
    for (const TableMerge& pair : table.merges) {
      for (size_t i = 0; i + 1 < row.size() && !again; ++i) {
        if (row[i] != table.tokens[pair.left] || row[i + 1] != table.tokens[pair.right]) continue;
        row[i] += row[i + 1];
        row.erase(row.begin() + static_cast<ptrdiff_t>(i) + 1);
        again = true;
      }
      if (again) break;
    }
  }
  std::vector<int32_t> tokens;
  for (const std::string& text_of : row) tokens.push_back(static_cast<int32_t>(table.Id(text_of)));
  return tokens;
}

TEST_CASE("Table: the encoder does what looking at all pairs for each merge does") {
  const Table table;
  Random random(8);
  for (int run = 0; run < 40; ++run) {
    Bytes text(random.Below(60));
    for (uint8_t& byte : text) byte = static_cast<uint8_t>("the ra\xc3\xa9"[random.Below(8)]);
    CHECK(table.Make().Encode(text) == EncodeSlowly(table, text));
  }
}

TEST_CASE("Table: tokens that stand for nothing are damage, and are named silent") {
  const TableTokenizer table = Table().Make();
  CHECK(table.is_silent(1));
  CHECK_FALSE(table.is_silent(2));
  for (const int32_t token : {-1, 0, 1, table.vocabulary(), INT32_MAX, INT32_MIN}) {
    const std::vector<int32_t> tokens = {2, token};
    CHECK(ThrownBy([&] { table.Decode(tokens); }).kind == ErrorKind::kDamaged);
    CHECK(ThrownBy([&] { table.DecodedBytes(tokens); }).kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Table: it is what it serialises, and every other form is damaged") {
  const Table table;
  const Bytes good = table.Make().Serialise();
  const auto loaded = LoadTokenizer(good, "model");
  CHECK(loaded->vocabulary() == table.Make().vocabulary());
  CHECK(loaded->name() == "table:266");
  CHECK(loaded->Serialise() == good);
  CHECK(loaded->Encode(BytesOf(" there")) == table.Make().Encode(BytesOf(" there")));
  const auto damaged = [&](const Bytes& bytes) {
    CHECK(ThrownBy([&] { LoadTokenizer(bytes, "model"); }).kind == ErrorKind::kDamaged);
  };
  for (size_t n = 1; n < good.size(); n += 7)
    damaged({good.begin(), good.begin() + static_cast<ptrdiff_t>(n)});
  Bytes longer = good;
  longer.push_back(0);
  damaged(longer);
  Bytes many = good;  // a count that no file has room for
  many[4] = 0xff;
  damaged(many);
}

// Tokens beyond 16 bits, and merges of them.
TEST_CASE("Table: up to 2^18 tokens stand in a wide form of their own") {
  Table wide;
  const std::string digits = "0123456789abcdef";
  while (wide.tokens.size() + 1 < size_t{kMaxTableVocabulary}) {
    std::string text = "#";
    for (size_t n = wide.tokens.size(); n > 0; n /= 16) text += digits[n % 16];
    wide.tokens.push_back(text);
  }
  wide.tokens.emplace_back("thethe");
  wide.merges.push_back({wide.Id("the"), wide.Id("the")});
  wide.tokens[300] = "xx";  // one more merge makes the last but one of three
  wide.merges.push_back({wide.Id("x"), wide.Id("x")});
  const TableTokenizer table = wide.Make();
  CHECK(table.vocabulary() == kMaxTableVocabulary);
  const Bytes text = BytesOf("thethe xx the #\xff");
  const auto tokens = table.Encode(text);
  CHECK(tokens[0] == kMaxTableVocabulary - 1);
  CHECK(tokens[2] == 300);
  CHECK((table.Decode(tokens) == text));
  const Bytes form = table.Serialise();
  CHECK(form[0] == kWideTableKind);
  const auto loaded = LoadTokenizer(form, "model");
  CHECK(loaded->Serialise() == form);
  CHECK(loaded->Encode(text) == tokens);
  CHECK(loaded->Decode(tokens) == text);

  const auto damaged = [&](const Bytes& bytes) {
    CHECK(ThrownBy([&] { LoadTokenizer(bytes, "model"); }).kind == ErrorKind::kDamaged);
  };
  Bytes changed = form;
  changed[0] = kTableKind;
  damaged(changed);
  changed = form;
  changed[1] = 200;  // a rule of a newer program
  damaged(changed);
  changed = form;
  changed.resize(changed.size() - 4);
  damaged(changed);
  // Few tokens have the narrow form alone.
  Bytes small = Table().Make().Serialise();
  small[0] = kWideTableKind;
  small.insert(small.begin() + 1, {0, 0});
  damaged(small);
  wide.tokens.emplace_back("one too many");
  CHECK(ThrownBy([&] { wide.Make(); }).kind == ErrorKind::kUsage);
}

TEST_CASE("Table: an impossible table is refused") {
  const auto refused = [](const auto& change) {
    Table table;
    change(&table);
    CHECK(ThrownBy([&] { table.Make(); }).kind == ErrorKind::kUsage);
  };
  refused([](Table* t) { t->tokens.back() = "f"; });  // "e" has no token, "f" has two
  refused([](Table* t) { t->tokens[3] = std::string(256, 'x'); });
  refused([](Table* t) { t->tokens.resize(256); });
  refused([](Table* t) { t->merges.push_back({t->Id("t"), t->Id("r")}); });  // makes no token
  refused([](Table* t) { t->merges.push_back(t->merges[0]); });
  refused([](Table* t) { t->merges.push_back({0, t->Id("a")}); });
  refused([](Table* t) { t->merges.push_back({9999, t->Id("a")}); });
}

}  // namespace
}  // namespace occam
