// A tokenizer that is a table from tokens to bytes, as imported models have it
// (docs/spec/import.md, section 5). The table is all that a decoder needs.
#ifndef OCCAM_DATA_TOKENIZER_TABLE_TOKENIZER_H_
#define OCCAM_DATA_TOKENIZER_TABLE_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/bpe_merges.h"
#include "data/tokenizer/tokenizer.h"

namespace occam {

constexpr uint8_t kTableKind = 6;
constexpr int32_t kMaxTableVocabulary = 65536;

// Each token stands for its own bytes, or, a silent one, for none: no encoder writes it. Every byte
// has a token. Encoding starts from characters of UTF-8 that are tokens, and from bytes; then pairs
// of neighbours are merged, the first of `merges` first, of equals the leftmost (Sennrich et al.,
// 2016, algorithm 1). It works on blocks of 65536 bytes.
class TableTokenizer final : public Tokenizer {
 public:
  // Throws kUsage for an impossible table. There are 257 to 65536 tokens of at most 255 bytes,
  // every byte among them. They differ, but for silent ones. Each merge makes one, and no pair
  // comes twice.
  TableTokenizer(std::vector<std::string> tokens, std::vector<TokenPair> merges);
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

 private:
  class Block;

  const std::string& TextOf(int32_t token) const;

  std::vector<std::string> tokens_;
  std::vector<TokenPair> merges_;
  std::vector<int32_t> results_;                     // [merges], what they make
  std::map<std::string, int32_t, std::less<>> ids_;  // of those that are not silent
  std::vector<int32_t> bytes_;                       // [256], the token of each byte
  PairMap ranks_;                                    // of merges
};

}  // namespace occam

#endif  // OCCAM_DATA_TOKENIZER_TABLE_TOKENIZER_H_
