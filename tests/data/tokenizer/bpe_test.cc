#include <algorithm>
#include <string>

#include "data/base/random.h"
#include "data/tokenizer/bpe_tokenizer.h"
#include "data/tokenizer/bpe_trainer.h"
#include "tests/catch.h"
#include "tests/error_kind.h"

namespace occam {
namespace {

Bytes BytesOf(const std::string& text) { return {text.begin(), text.end()}; }

std::vector<std::string> Pieces(const std::string& text, PieceRule rule) {
  const Bytes bytes = BytesOf(text);
  std::vector<std::string> pieces;
  for (size_t at = 0; at < bytes.size(); at += pieces.back().size())
    pieces.push_back(text.substr(at, PieceBytes(std::span(bytes).subspan(at), rule)));
  return pieces;
}

// Words of a few letters, some much more frequent than others, numbers, lines and other bytes.
Bytes SomeText(size_t size, uint64_t seed) {
  Random random(seed);
  Bytes text;
  while (text.size() < size) {
    const uint64_t word = random.Below(random.Below(60) + 1);
    Random letters(word);
    const size_t length = 1 + letters.Below(8);
    for (size_t i = 0; i < length; ++i)
      text.push_back(static_cast<uint8_t>("etaoinshr'"[letters.Below(10)]));
    switch (random.Below(12)) {
      case 0:
        for (size_t i = random.Below(5); i > 0; --i)
          text.push_back(static_cast<uint8_t>('0' + random.Below(10)));
        text.push_back('\n');
        break;
      case 1:
        text.push_back(static_cast<uint8_t>(random.Below(256)));
        break;
      case 2:
        text.insert(text.end(), 1 + random.Below(9), 'e');
        break;
      default:
        text.push_back(' ');
    }
  }
  text.resize(size);
  return text;
}

// The definition, slowly: all pairs are counted afresh for each merge.
using Row = std::vector<int32_t>;

std::vector<Row> RowsOf(const Bytes& text, PieceRule rule) {
  std::vector<Row> rows;
  for (size_t at = 0; at < text.size();) {
    const size_t size = PieceBytes(std::span(text).subspan(at), rule);
    rows.emplace_back(text.begin() + static_cast<std::ptrdiff_t>(at),
                      text.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
  }
  return rows;
}

void MergeRow(TokenPair pair, int32_t token, Row* row) {
  Row merged;
  for (size_t i = 0; i < row->size(); ++i) {
    const bool here = i + 1 < row->size() && (*row)[i] == pair.left && (*row)[i + 1] == pair.right;
    merged.push_back(here ? token : (*row)[i]);
    if (here) ++i;
  }
  *row = merged;
}

std::vector<TokenPair> TrainSlowly(const Bytes& text, int32_t vocabulary, PieceRule rule) {
  std::vector<Row> rows = RowsOf(text, rule);
  std::vector<TokenPair> merges;
  for (int32_t token = 256; token < vocabulary; ++token) {
    std::vector<int> counts(static_cast<size_t>(token) * static_cast<size_t>(token));
    for (const Row& row : rows) {
      for (size_t i = 0; i + 1 < row.size(); ++i)
        ++counts[static_cast<size_t>(row[i] * token + row[i + 1])];
    }
    const auto best = std::max_element(counts.begin(), counts.end());  // the first of equals
    if (*best < 2) break;
    const auto key = static_cast<int32_t>(best - counts.begin());
    merges.push_back({static_cast<uint16_t>(key / token), static_cast<uint16_t>(key % token)});
    for (Row& row : rows) MergeRow(merges.back(), token, &row);
  }
  return merges;
}

Row EncodeSlowly(const Bytes& text, const std::vector<TokenPair>& merges, PieceRule rule) {
  Row tokens;
  for (Row row : RowsOf(text, rule)) {
    for (size_t i = 0; i < merges.size(); ++i)
      MergeRow(merges[i], 256 + static_cast<int32_t>(i), &row);
    tokens.insert(tokens.end(), row.begin(), row.end());
  }
  return tokens;
}

const PieceRule kRules[] = {PieceRule::kNone, PieceRule::kWords};

TEST_CASE("Pieces: words, numbers, spaces and signs are kept apart") {
  using Strings = std::vector<std::string>;
  CHECK(Pieces("Hello, world 42x!", PieceRule::kWords) ==
        Strings{"Hello", ",", " world", " 42", "x", "!"});
  CHECK(Pieces("don't 'quote' a \"'b\"", PieceRule::kWords) ==
        Strings{"don", "'t", " '", "quote", "'", " a", " \"'", "b", "\""});
  CHECK(Pieces("a   b\n\n  c \n", PieceRule::kWords) ==
        Strings{"a", "  ", " b", "\n\n ", " c", " \n"});
  CHECK(Pieces("na\xc3\xafve", PieceRule::kWords) == Strings{"na\xc3\xafve"});
  CHECK(Pieces(" ", PieceRule::kWords) == Strings{" "});
  CHECK(Pieces("", PieceRule::kWords).empty());
  CHECK(Pieces("a b 1", PieceRule::kNone) == Strings{"a b 1"});
}

TEST_CASE("Pieces: none is longer than 64 KiB") {
  for (const PieceRule rule : kRules) {
    const auto pieces = Pieces(std::string(150000, 'x'), rule);
    REQUIRE(pieces.size() == 3);
    CHECK(pieces[0].size() == 65536);
    CHECK(pieces[2].size() == 150000 - 2 * 65536);
  }
}

TEST_CASE("Byte pairs: merges are the most frequent pairs, ties go to the smallest tokens") {
  // ab and cd occur three times each, bx twice.
  const auto merges = TrainBpe(BytesOf("cd cd cd ab ab abx bx"), 1000, PieceRule::kWords);
  REQUIRE(merges.size() >= 4);
  CHECK(merges[0] == TokenPair{' ', 'a'});  // also three times, and smaller
  CHECK(merges[1] == TokenPair{'c', 'd'});
  CHECK(merges[2] == TokenPair{256, 'b'});
  CHECK(merges[3] == TokenPair{' ', 257});
}

TEST_CASE("Byte pairs: merges and tokens are those of the plain definition") {
  for (const PieceRule rule : kRules) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const Bytes text = SomeText(3000, seed);
      const auto merges = TrainBpe(text, 400, rule);
      REQUIRE(merges == TrainSlowly(text, 400, rule));
      const BpeTokenizer tokenizer(merges, rule);
      for (const Bytes& other : {text, SomeText(2000, seed + 100)})
        CHECK(tokenizer.Encode(other) == EncodeSlowly(other, merges, rule));
    }
  }
}

TEST_CASE("Byte pairs: runs of one byte are merged from the left") {
  const Bytes text(300, 'a');  // too few for tokens beyond 128 bytes
  for (const PieceRule rule : kRules) {
    const auto merges = TrainBpe(text, 300, rule);
    CHECK(merges == TrainSlowly(text, 300, rule));
    const BpeTokenizer tokenizer(merges, rule);
    CHECK(tokenizer.Encode(text) == EncodeSlowly(text, merges, rule));
    CHECK(tokenizer.Encode(Bytes(7, 'a')).size() == 3);
  }
}

TEST_CASE("Byte pairs: any bytes come back, whatever the tokens were learned from") {
  for (const PieceRule rule : kRules) {
    for (const int32_t vocabulary : {257, 512, 1500}) {
      const Bytes learned = SomeText(60000, 1);
      const BpeTokenizer tokenizer(TrainBpe(learned, vocabulary, rule), rule);
      Random random(7);
      for (int i = 0; i < 60; ++i) {
        Bytes bytes =
            i % 2 == 0 ? SomeText(random.Below(300), random.Next()) : Bytes(random.Below(300));
        for (uint8_t& byte : bytes) {
          if (i % 2 == 1 || random.Below(20) == 0) byte = static_cast<uint8_t>(random.Next());
        }
        const auto tokens = tokenizer.Encode(bytes);
        CHECK(tokens.size() <= bytes.size());
        CHECK(tokenizer.DecodedBytes(tokens) == bytes.size());
        REQUIRE(tokenizer.Decode(tokens) == bytes);
      }
      const Bytes longer = SomeText(200000, 2);  // several blocks
      CHECK(tokenizer.Decode(tokenizer.Encode(longer)) == longer);
      CHECK(tokenizer.Encode({}).empty());
    }
  }
}

TEST_CASE("Byte pairs: any tokens decode, and those beyond the vocabulary are damage") {
  const BpeTokenizer tokenizer(TrainBpe(SomeText(5000, 1), 400, PieceRule::kWords),
                               PieceRule::kWords);
  Random random(3);
  std::vector<int32_t> tokens;
  for (int i = 0; i < 1000; ++i) tokens.push_back(static_cast<int32_t>(random.Below(400)));
  const Bytes bytes = tokenizer.Decode(tokens);
  CHECK(bytes.size() == tokenizer.DecodedBytes(tokens));
  for (const int32_t wrong : {-1, 400, INT32_MAX}) {
    tokens[500] = wrong;
    CHECK(ThrownBy([&] { tokenizer.Decode(tokens); }).kind == ErrorKind::kDamaged);
  }
}

TEST_CASE("Byte pairs: no token is longer than 255 bytes, and no pair means no more tokens") {
  const BpeTokenizer tokenizer(TrainBpe(Bytes(1 << 16, 0), 400, PieceRule::kNone),
                               PieceRule::kNone);
  size_t longest = 0;
  for (int32_t i = 0; i < tokenizer.vocabulary(); ++i)
    longest = std::max(longest, tokenizer.BytesOf(i).size());
  CHECK(longest == 128);
  CHECK(tokenizer.vocabulary() == 256 + 7);
  CHECK(TrainBpe({}, 400, PieceRule::kWords).empty());
  for (const int32_t vocabulary : {-1, 0, 256, 65535}) {
    CHECK(ThrownBy([&] { TrainBpe({}, vocabulary, PieceRule::kWords); }).kind == ErrorKind::kUsage);
  }
}

TEST_CASE("Byte pairs: what is serialised loads again, in few bytes") {
  const Bytes text = SomeText(60000, 5);
  for (const PieceRule rule : kRules) {
    for (const int32_t vocabulary : {257, 258, 511, 512, 513, 1300}) {
      const BpeTokenizer tokenizer(TrainBpe(text, vocabulary, rule), rule);
      const Bytes serialised = tokenizer.Serialise();
      CHECK(serialised.size() <= 3 + tokenizer.merges().size() * 11 / 4 + 1);
      const auto loaded = LoadTokenizer(serialised, "model.h5");
      CHECK(loaded->name() == tokenizer.name());
      CHECK(loaded->vocabulary() == tokenizer.vocabulary());
      CHECK(loaded->Serialise() == serialised);
      CHECK(loaded->Encode(text) == tokenizer.Encode(text));
    }
  }
}

TEST_CASE("Byte pairs: no other bytes load as a tokenizer") {
  const BpeTokenizer tokenizer(TrainBpe(SomeText(9000, 6), 500, PieceRule::kWords),
                               PieceRule::kWords);
  const Bytes serialised = tokenizer.Serialise();
  const auto refused = [](const Bytes& bytes) {
    const Thrown thrown = ThrownBy([&] { LoadTokenizer(bytes, "model.h5"); });
    return thrown.kind == ErrorKind::kDamaged && thrown.Mentions("model.h5");
  };
  for (size_t size = 0; size < serialised.size(); ++size)
    CHECK(refused({serialised.begin(), serialised.begin() + static_cast<std::ptrdiff_t>(size)}));
  Bytes more = serialised;
  more.push_back(0);
  CHECK(refused(more));
  CHECK(refused({2, 255, 255}));
  // Whatever loads is what it says: each tokenizer has one form.
  Random random(11);
  for (int i = 0; i < 2000; ++i) {
    Bytes changed = serialised;
    changed[random.Below(changed.size())] ^= static_cast<uint8_t>(1 << random.Below(8));
    Bytes again;
    const Thrown thrown =
        ThrownBy([&] { again = LoadTokenizer(changed, "model.h5")->Serialise(); });
    CHECK((thrown.kind == ErrorKind::kDamaged || again == changed));
  }
}

TEST_CASE("Byte pairs: impossible merges are refused") {
  using Merges = std::vector<TokenPair>;
  const auto kind = [](Merges merges) {
    return ThrownBy([&] { BpeTokenizer(std::move(merges), PieceRule::kNone); }).kind;
  };
  CHECK(kind({{256, 'a'}}) == ErrorKind::kUsage);              // not yet made
  CHECK(kind({{'a', 'b'}, {'a', 'b'}}) == ErrorKind::kUsage);  // twice
  Merges doubling = {{'a', 'a'}};
  while (doubling.size() < 7) {
    const auto last = static_cast<uint16_t>(255 + doubling.size());
    doubling.push_back({last, last});
  }
  CHECK(!kind(doubling));
  doubling.push_back({262, 262});  // 256 bytes
  CHECK(kind(doubling) == ErrorKind::kUsage);
}

}  // namespace
}  // namespace occam
