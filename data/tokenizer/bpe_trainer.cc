#include "data/tokenizer/bpe_trainer.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "data/base/error.h"

namespace occam {
namespace {

// Ends every piece; no token.
constexpr uint16_t kBoundary = 0xfffe;

// Pieces one after the other, a boundary after each, and how often each stands in the text.
struct PieceList {
  std::vector<uint16_t> ids;
  std::vector<uint32_t> counts;  // of the piece that a place is of; empty: 1 everywhere

  void Add(std::span<const uint8_t> piece, uint32_t count, bool counted) {
    ids.insert(ids.end(), piece.begin(), piece.end());
    ids.push_back(kBoundary);
    if (counted) counts.resize(ids.size(), count);
    if (ids.size() > std::numeric_limits<uint32_t>::max())
      throw UsageError("the text is too long to learn tokens from");
  }
};

std::string_view ViewOf(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Different pieces in the order in which they first occur.
PieceList CountPieces(std::span<const uint8_t> text, PieceRule rule) {
  PieceList list;
  if (rule == PieceRule::kNone) {
    list.ids.reserve(text.size() + text.size() / kMaxPieceBytes + 1);
    for (; !text.empty(); text = text.subspan(PieceBytes(text, rule)))
      list.Add(text.first(PieceBytes(text, rule)), 1, /*counted=*/false);
    return list;
  }
  std::unordered_map<std::string_view, size_t> numbers;
  std::vector<std::pair<std::span<const uint8_t>, uint32_t>> pieces;
  while (!text.empty()) {
    const auto piece = text.first(PieceBytes(text, rule));
    text = text.subspan(piece.size());
    const auto [found, fresh] = numbers.try_emplace(ViewOf(piece), pieces.size());
    if (fresh) pieces.emplace_back(piece, 0);
    ++pieces[found->second].second;
  }
  for (const auto& [piece, count] : pieces) list.Add(piece, count, /*counted=*/true);
  return list;
}

class Trainer {
 public:
  explicit Trainer(PieceList list)
      : list_(std::move(list)), row_(list_.ids.data(), list_.ids.size(), lengths_) {
    lengths_.assign(size_t{1} << 16, 1);
    CountAll();
  }

  std::vector<TokenPair> Run(int32_t vocabulary) {
    std::vector<TokenPair> merges;
    while (kByteTokens + static_cast<int32_t>(merges.size()) < vocabulary) {
      const uint32_t best = TakeMostFrequent();
      if (best == PairMap::kNone) break;
      const auto token = static_cast<uint16_t>(kByteTokens + static_cast<int32_t>(merges.size()));
      merges.push_back(pairs_[best].pair);
      Merge(best, token);
    }
    return merges;
  }

 private:
  struct Pair {
    TokenPair pair;
    uint64_t count = 0;
    // Where the left token began when the pair came to be there, rising; it may be gone.
    std::vector<uint32_t> places;
  };
  // Greater is to be merged first. The count is that of a moment: counts of pairs of older tokens
  // only fall, so that it is never too small.
  struct Candidate {
    uint64_t count;
    uint32_t number;  // in pairs_
    uint32_t key;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : key > other.key;
    }
  };

  uint32_t CountAt(size_t place) const { return list_.counts.empty() ? 1 : list_.counts[place]; }

  uint32_t NumberOf(uint16_t left, uint16_t right) {
    const auto fresh = static_cast<uint32_t>(pairs_.size());
    const uint32_t number = numbers_.FindOrAdd(PairKey(left, right), fresh);
    if (number == fresh) pairs_.push_back({{left, right}, 0, {}});
    return number;
  }

  void Add(uint16_t left, uint16_t right, size_t place, uint32_t count) {
    Pair& pair = pairs_[NumberOf(left, right)];
    pair.count += count;
    pair.places.push_back(static_cast<uint32_t>(place));
  }

  void Offer(uint32_t number) {
    const Pair& pair = pairs_[number];
    if (lengths_[pair.pair.left] + size_t{lengths_[pair.pair.right]} <= kMaxTokenBytes)
      candidates_.push({pair.count, number, PairKey(pair.pair.left, pair.pair.right)});
  }

  void CountAll() {
    for (size_t i = 0; i + 1 < list_.ids.size(); ++i) {
      if (list_.ids[i] != kBoundary && list_.ids[i + 1] != kBoundary)
        Add(list_.ids[i], list_.ids[i + 1], i, CountAt(i));
    }
    for (uint32_t i = 0; i < pairs_.size(); ++i) Offer(i);
  }

  uint32_t TakeMostFrequent() {
    while (!candidates_.empty()) {
      const Candidate top = candidates_.top();
      const uint64_t count = pairs_[top.number].count;
      if (top.count == count) return count > 1 ? top.number : PairMap::kNone;
      candidates_.pop();
      if (count > 1) candidates_.push({count, top.number, top.key});
    }
    return PairMap::kNone;
  }

  void Merge(uint32_t number, uint16_t token) {
    candidates_.pop();
    const TokenPair pair = pairs_[number].pair;
    const std::vector<uint32_t> places = std::move(pairs_[number].places);
    lengths_[token] = static_cast<uint16_t>(lengths_[pair.left] + lengths_[pair.right]);
    const auto first_new = static_cast<uint32_t>(pairs_.size());
    for (const uint32_t place : places) {
      if (row_.Holds(place, pair)) Join(place, pair, token);
    }
    pairs_[number].count = 0;
    for (uint32_t i = first_new; i < pairs_.size(); ++i) Offer(i);
  }

  // The pairs that the two tokens were in with their neighbours make room for those of the new one.
  void Join(size_t place, TokenPair pair, uint16_t token) {
    const uint32_t count = CountAt(place);
    const size_t end = row_.Join(place, row_.Next(place), token);
    if (place > 0 && row_.at(place - 1) != kBoundary) {
      const size_t before = row_.Previous(place);
      const uint16_t left = row_.at(before);
      pairs_[NumberOf(left, pair.left)].count -= count;
      Add(left, token, before, count);
    }
    if (const uint16_t right = row_.at(end); right != kBoundary) {
      pairs_[NumberOf(pair.right, right)].count -= count;
      Add(token, right, place, count);
    }
  }

  PieceList list_;
  std::vector<uint16_t> lengths_;  // in bytes, of all tokens
  TokenRow row_;
  PairMap numbers_;
  std::vector<Pair> pairs_;
  std::priority_queue<Candidate> candidates_;
};

}  // namespace

std::vector<TokenPair> TrainBpe(std::span<const uint8_t> text, int32_t vocabulary, PieceRule rule) {
  if (vocabulary <= kByteTokens || vocabulary > kMaxBpeVocabulary) {
    throw UsageError("a vocabulary of byte pairs has " + std::to_string(kByteTokens + 1) + " to " +
                     std::to_string(kMaxBpeVocabulary) + " tokens, not " +
                     std::to_string(vocabulary));
  }
  return Trainer(CountPieces(text, rule)).Run(vocabulary);
}

}  // namespace occam
