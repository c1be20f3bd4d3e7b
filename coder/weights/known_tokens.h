// The tokens that a tokenizer has so far, while its merges are coded one by one
// (coder/weights/merge_walk.h).
#ifndef OCCAM_CODER_WEIGHTS_KNOWN_TOKENS_H_
#define OCCAM_CODER_WEIGHTS_KNOWN_TOKENS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/base/file.h"
#include "data/tokenizer/bpe_merges.h"

namespace occam {

// Tokens in the order of their bytes; of those with the same bytes the newest comes first.
class KnownTokens {
 public:
  // Places [first, end) of that order.
  struct Range {
    size_t first;
    size_t end;
    size_t size() const { return end - first; }
  };

  KnownTokens();  // the bytes
  // Adds the next token. Throws kDamaged where it is longer than kMaxTokenBytes.
  void Add(TokenPair pair);

  uint32_t count() const { return static_cast<uint32_t>(starts_.size()); }
  uint16_t at(size_t place) const { return sorted_[place]; }
  size_t length(uint16_t token) const { return lengths_[token]; }
  // Returns 0 beyond its end.
  uint8_t ByteOf(uint16_t token, size_t i) const {
    return i < lengths_[token] ? text_[starts_[token] + i] : 0;
  }
  // Returns where, of tokens that begin with the same `depth` bytes, those end that have no more.
  size_t EndOfShort(Range range, size_t depth) const;
  // Returns where, of tokens longer than the `depth` bytes that they begin with, those begin whose
  // next byte is at least `byte`.
  size_t FirstFrom(Range range, size_t depth, uint32_t byte) const;

 private:
  std::vector<uint16_t> sorted_;
  std::vector<uint16_t> lengths_;  // in bytes
  std::vector<uint32_t> starts_;   // of their bytes in text_
  Bytes text_;
};

// Weighs left tokens by the distance to the left token before: up or down, by half octaves, or the
// newest token. Counts how often a token of each distance could have come and did.
class TokenOrder {
 public:
  explicit TokenOrder(size_t tokens) : weights_(tokens), sums_(tokens + 1) {}
  // Called before each merge.
  void Weigh(const KnownTokens& tokens);
  // The sum of the weights of the tokens at these places.
  uint64_t Sum(KnownTokens::Range range) const { return sums_[range.end] - sums_[range.first]; }
  // Learns which the left token was, of those that were weighed.
  void Count(uint16_t left);

 private:
  // The first distance of each half octave: 0, 1, 2, 3, 4, 6, 8, 12, ...
  static constexpr size_t kGroups = 34;
  static uint32_t FirstDistance(size_t group) {
    return group < 2 ? static_cast<uint32_t>(group)
                     : (2 + static_cast<uint32_t>(group & 1)) << (group / 2 - 1);
  }
  struct Group {
    uint64_t came = 0;
    uint64_t could = 0;
    uint32_t Weight() const {
      return static_cast<uint32_t>((came * 256 + 64) * 4096 / (could + 64) + 1);
    }
  };
  // Gives tokens [begin, end), as far as they are older than the newest, the weight of their group.
  void Fill(int64_t begin, int64_t end, Group* group);

  uint32_t newest_ = 0;
  uint16_t before_ = 0;  // the left token of the merge before
  std::array<Group, kGroups> up_;
  std::array<Group, kGroups> down_;
  Group last_;                     // the newest token
  std::vector<uint32_t> weights_;  // by token
  std::vector<uint64_t> sums_;     // of the weights of the tokens before each place
};

}  // namespace occam

#endif  // OCCAM_CODER_WEIGHTS_KNOWN_TOKENS_H_
