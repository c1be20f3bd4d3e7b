// A tokenizer that is a table from tokens to bytes, as imported models have it
// (docs/spec/import.md, section 5). The table is all that a decoder needs.
#ifndef OCCAM_DATA_TOKENIZER_TABLE_TOKENIZER_H_
#define OCCAM_DATA_TOKENIZER_TABLE_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/bpe_merges.h"
#include "data/tokenizer/split_rules.h"
#include "data/tokenizer/tokenizer.h"

namespace occam {

constexpr uint8_t kTableKind = 6;
constexpr uint8_t kWideTableKind = 7;  // of more tokens than 16 bits can number, or with rules
constexpr int32_t kMaxTableVocabulary = 1 << 18;

// Two neighbours that become one token.
struct TableMerge {
  uint32_t left = 0;
  uint32_t right = 0;
  bool operator==(const TableMerge&) const = default;
};

// Rules by which an encoder cuts a text and begins with a piece. A decoder needs none of it.
struct TableRules {
  SplitRule split = SplitRule::kNone;
  bool whole_pieces = false;  // a piece that is a token becomes it without merges
  bool operator==(const TableRules&) const = default;
};

// Each token stands for its own bytes, or, a silent one, for none: no encoder writes it. Every byte
// has a token. Text is cut by the rule of splitting, and every 65536 bytes. Without such a rule
// encoding starts from characters of UTF-8 that are tokens, and from bytes; with one from bytes
// alone. Then pairs of neighbours are merged, the first of `merges` first, of equals the leftmost
// (Sennrich et al., 2016, algorithm 1).
class TableTokenizer final : public Tokenizer {
 public:
  // Throws kUsage for an impossible table. There are 257 to 2^18 tokens of at most 255 bytes, every
  // byte among them. They differ, but for silent ones. Each merge makes one, and no pair
  // comes twice.
  TableTokenizer(std::vector<std::string> tokens, std::vector<TableMerge> merges,
                 TableRules rules = {});
  // Throws kDamaged for what Serialise does not write.
  static TableTokenizer Load(std::span<const uint8_t> serialised, const std::string& name);

  std::string name() const override;
  int32_t vocabulary() const override { return static_cast<int32_t>(tokens_.size()); }
  bool is_silent(int32_t token) const override {
    return tokens_[static_cast<size_t>(token)].empty();
  }
  std::vector<int32_t> Encode(std::span<const uint8_t> bytes) const override;
  // A silent token is kDamaged, too.
  uint64_t DecodedBytes(std::span<const int32_t> tokens) const override;
  Bytes Decode(std::span<const int32_t> tokens) const override;
  Bytes Serialise() const override;

  // Returns how many bytes a tokenizer takes at most that serialises to so many.
  static uint64_t MemoryBytes(uint64_t serialised_bytes) { return 32 * serialised_bytes; }

 private:
  class Block;

  const std::string& TextOf(int32_t token) const;
  bool is_wide() const { return vocabulary() > 65536 || rules_ != TableRules(); }
  std::optional<int32_t> Find(std::string_view text) const;

  std::vector<std::string> tokens_;
  std::vector<TableMerge> merges_;
  TableRules rules_;
  std::vector<int32_t> results_;  // [merges], what they make
  std::vector<int32_t> sorted_;   // tokens that are not silent, by their bytes
  std::vector<int32_t> bytes_;    // [256], the token of each byte
  BasicPairMap<uint64_t> ranks_;  // of merges
};

}  // namespace occam

#endif  // OCCAM_DATA_TOKENIZER_TABLE_TOKENIZER_H_
