#include "data/tokenizer/table_tokenizer.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "data/base/byte_order.h"
#include "data/base/error.h"

namespace occam {
namespace {

constexpr size_t kBlockBytes = 65536;
constexpr int kBytes = 256;

// Bytes of the character of UTF-8 that begins here, 1 where there is none.
size_t CharacterBytes(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  if (size > text.size()) return 1;
  for (size_t i = 1; i < size; ++i) {
    if ((static_cast<uint8_t>(text[i]) & 0xc0) != 0x80) return 1;
  }
  return size;
}

uint64_t KeyOf(uint32_t left, uint32_t right) { return uint64_t{left} << 32 | right; }

}  // namespace

TableTokenizer::TableTokenizer(std::vector<std::string> tokens, std::vector<TableMerge> merges,
                               TableRules rules)
    : tokens_(std::move(tokens)),
      merges_(std::move(merges)),
      rules_(rules),
      ranks_(merges_.size() / 2) {
  if (tokens_.size() <= kBytes || tokens_.size() > size_t{kMaxTableVocabulary}) {
    throw UsageError("a table of " + std::to_string(tokens_.size()) +
                     " tokens is not one of 257 to 262144");
  }
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].size() > kMaxTokenBytes)
      throw UsageError("token " + std::to_string(i) + " has more than 255 bytes");
    if (!tokens_[i].empty()) sorted_.push_back(static_cast<int32_t>(i));
  }
  const auto text_of = [this](int32_t token) -> const std::string& {
    return tokens_[static_cast<size_t>(token)];
  };
  std::ranges::sort(sorted_, {}, text_of);
  const auto twice = std::ranges::adjacent_find(sorted_, {}, text_of);
  if (twice != sorted_.end())
    throw UsageError("token " + std::to_string(*twice) + " has the bytes of another one");
  for (int byte = 0; byte < kBytes; ++byte) {
    const auto found = Find(std::string(1, static_cast<char>(byte)));
    if (!found) throw UsageError("byte " + std::to_string(byte) + " has no token");
    bytes_.push_back(*found);
  }
  for (uint32_t rank = 0; rank < merges_.size(); ++rank) {
    const auto [left, right] = merges_[rank];
    const auto wrong = [rank] {
      return UsageError("merge " + std::to_string(rank) + " of the table is impossible");
    };
    const auto is_text = [this](uint32_t token) {
      return token < tokens_.size() && !tokens_[token].empty();
    };
    if (!is_text(left) || !is_text(right)) throw wrong();
    const auto made = Find(tokens_[left] + tokens_[right]);
    if (!made || ranks_.FindOrAdd(KeyOf(left, right), rank) != rank) throw wrong();
    results_.push_back(*made);
  }
}

std::optional<int32_t> TableTokenizer::Find(std::string_view text) const {
  const auto found = std::ranges::lower_bound(sorted_, text, {}, [this](int32_t token) {
    return std::string_view(tokens_[static_cast<size_t>(token)]);
  });
  if (found == sorted_.end() || tokens_[static_cast<size_t>(*found)] != text) return std::nullopt;
  return *found;
}

std::string TableTokenizer::name() const { return "table:" + std::to_string(vocabulary()); }

const std::string& TableTokenizer::TextOf(int32_t token) const {
  if (token < 0 || token >= vocabulary() || is_silent(token))
    throw DamagedError("token " + std::to_string(token) + " stands for no bytes");
  return tokens_[static_cast<size_t>(token)];
}

uint64_t TableTokenizer::DecodedBytes(std::span<const int32_t> tokens) const {
  uint64_t bytes = 0;
  for (const int32_t token : tokens) bytes += TextOf(token).size();
  return bytes;
}

Bytes TableTokenizer::Decode(std::span<const int32_t> tokens) const {
  Bytes bytes;
  bytes.reserve(DecodedBytes(tokens));
  for (const int32_t token : tokens) {
    const std::string& text = TextOf(token);
    bytes.insert(bytes.end(), text.begin(), text.end());
  }
  return bytes;
}

// The tokens of a block as a list that merges shorten. Pairs wait in a heap; one whose tokens have
// changed meanwhile is passed over when it comes out.
class TableTokenizer::Block {
 public:
  explicit Block(const TableTokenizer& table) : table_(table) {}

  void Encode(std::string_view text, std::vector<int32_t>* tokens) {
    if (table_.rules_.whole_pieces) {
      if (const auto whole = table_.Find(text)) return tokens->push_back(*whole);
    }
    const bool from_bytes = table_.rules_.split != SplitRule::kNone;
    nodes_.clear();
    while (!text.empty()) {
      size_t size = from_bytes ? 1 : CharacterBytes(text);
      const auto character = size > 1 ? table_.Find(text.substr(0, size)) : std::nullopt;
      if (!character) size = 1;
      const int32_t token = character ? *character : table_.bytes_[static_cast<uint8_t>(text[0])];
      const auto at = static_cast<int32_t>(nodes_.size());
      nodes_.push_back({token, at - 1, at + 1});
      text.remove_prefix(size);
    }
    nodes_.back().next = kNone;
    for (int32_t at = 0; nodes_[Index(at)].next != kNone; ++at) Offer(at);
    while (!waiting_.empty()) {
      const Pair pair = waiting_.top();
      waiting_.pop();
      Merge(pair);
    }
    for (int32_t at = 0; at != kNone; at = nodes_[Index(at)].next)
      tokens->push_back(nodes_[Index(at)].token);
  }

 private:
  static constexpr int32_t kNone = -1;
  static constexpr uint32_t kNoRank = BasicPairMap<uint64_t>::kNone;
  struct Node {
    int32_t token;  // kNone: it was merged into the one before
    int32_t before;
    int32_t next;
  };
  struct Pair {
    uint32_t rank;
    int32_t at;  // of the left one
    bool operator>(const Pair& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  static size_t Index(int32_t at) { return static_cast<size_t>(at); }

  uint32_t RankAt(int32_t at) const {
    const Node& left = nodes_[Index(at)];
    if (left.token == kNone || left.next == kNone) return kNoRank;
    return table_.ranks_.Find(KeyOf(static_cast<uint32_t>(left.token),
                                    static_cast<uint32_t>(nodes_[Index(left.next)].token)));
  }
  void Offer(int32_t at) {
    const uint32_t rank = RankAt(at);
    if (rank != kNoRank) waiting_.push({rank, at});
  }
  void Merge(const Pair& pair) {
    if (RankAt(pair.at) != pair.rank) return;
    Node& left = nodes_[Index(pair.at)];
    Node& right = nodes_[Index(left.next)];
    left.token = table_.results_[pair.rank];
    left.next = right.next;
    right.token = kNone;
    if (left.next != kNone) nodes_[Index(left.next)].before = pair.at;
    Offer(pair.at);
    if (left.before != kNone) Offer(left.before);
  }

  const TableTokenizer& table_;
  std::vector<Node> nodes_;
  std::priority_queue<Pair, std::vector<Pair>, std::greater<>> waiting_;
};

std::vector<int32_t> TableTokenizer::Encode(std::span<const uint8_t> bytes) const {
  std::vector<int32_t> tokens;
  Block block(*this);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = begin + SplitBytes(text.substr(begin), rules_.split);
    for (; begin < end; begin += std::min(kBlockBytes, end - begin))
      block.Encode(text.substr(begin, std::min(kBlockBytes, end - begin)), &tokens);
  }
  return tokens;
}

Bytes TableTokenizer::Serialise() const {
  ByteWriter out;
  out.Put(is_wide() ? kWideTableKind : kTableKind);
  if (is_wide()) {
    out.Put(static_cast<uint8_t>(rules_.split));
    out.Put(static_cast<uint8_t>(rules_.whole_pieces ? 1 : 0));
  }
  out.Put(static_cast<uint32_t>(tokens_.size()));
  for (const std::string& text : tokens_) {
    out.Put(static_cast<uint8_t>(text.size()));
    out.PutBytes({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }
  out.Put(static_cast<uint32_t>(merges_.size()));
  for (const TableMerge& merge : merges_) {
    for (const uint32_t token : {merge.left, merge.right}) {
      if (is_wide()) {
        out.Put(token);
      } else {
        out.Put(static_cast<uint16_t>(token));
      }
    }
  }
  return out.Take();
}

TableTokenizer TableTokenizer::Load(std::span<const uint8_t> serialised, const std::string& name) {
  ByteReader in(serialised, name + ", its tokenizer");
  const bool wide = in.Get<uint8_t>() == kWideTableKind;
  TableRules rules;
  if (wide) {
    const auto split = in.Get<uint8_t>(), flags = in.Get<uint8_t>();
    if (split >= kSplitRules || flags > 1)
      throw DamagedError(in.name() + " has a rule that is not known here: it needs a newer Occam");
    rules = {static_cast<SplitRule>(split), flags == 1};
  }
  const auto count = in.Get<uint32_t>();
  if (count > in.remaining()) throw DamagedError(in.name() + " is no table of tokens");
  std::vector<std::string> tokens(count);
  for (std::string& text : tokens) {
    const auto bytes = in.GetBytes(in.Get<uint8_t>());
    text.assign(bytes.begin(), bytes.end());
  }
  const auto merge_count = in.Get<uint32_t>();
  if (uint64_t{merge_count} * (wide ? 8 : 4) != in.remaining())
    throw DamagedError(in.name() + " has another number of merges than it says");
  std::vector<TableMerge> merges(merge_count);
  for (TableMerge& merge : merges) {
    for (uint32_t* token : {&merge.left, &merge.right})
      *token = wide ? in.Get<uint32_t>() : in.Get<uint16_t>();
  }
  try {
    TableTokenizer table(std::move(tokens), std::move(merges), rules);
    if (table.is_wide() != wide) throw DamagedError(in.name() + " is of another kind than it says");
    return table;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUsage) throw;
    throw DamagedError(in.name() + ": " + error.what());
  }
}

}  // namespace occam
