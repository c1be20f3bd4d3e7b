// Bytes to tokens by byte-pair encoding, and back.
#ifndef OCCAM_DATA_TOKENIZER_BPE_TOKENIZER_H_
#define OCCAM_DATA_TOKENIZER_BPE_TOKENIZER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/tokenizer/bpe_merges.h"
#include "data/tokenizer/pieces.h"
#include "data/tokenizer/tokenizer.h"

namespace occam {

// Encode cuts the bytes into pieces and makes the merges within each in the order in which they
// were learned. Each goes from left to right wherever its pair stands. Any tokens at all decode to
// bytes; other tokens than those of Encode may decode to the same.
//
// The serialised form is the kind, 2 for PieceRule::kNone and 3 for kWords; the number n of merges,
// 16 bits; then the pairs, left token before right. Merge i may name m = 256 + i tokens, 2^k <= m <
// 2^(k+1). The first 2^(k+1) - m of them take k bits; the others, moved up by that number, k + 1.
// Bits fill each byte from its lowest on, numbers from their highest; zeros fill the last.
class BpeTokenizer final : public Tokenizer {
 public:
  // Throws kUsage unless each merge names two earlier tokens, none twice, no token is longer than
  // kMaxTokenBytes and there are at most kMaxBpeVocabulary.
  BpeTokenizer(std::vector<TokenPair> merges, PieceRule rule);

  std::string name() const override;  // "bpe:4096", "bpe-plain:4096"
  int32_t vocabulary() const override { return kByteTokens + static_cast<int32_t>(merges_.size()); }
  std::vector<int32_t> Encode(std::span<const uint8_t> bytes) const override;
  uint64_t DecodedBytes(std::span<const int32_t> tokens) const override;
  Bytes Decode(std::span<const int32_t> tokens) const override;
  Bytes Serialise() const override;
  // The rest of what Serialise gives, after the kind. Throws kDamaged.
  static BpeTokenizer Load(std::span<const uint8_t> serialised, PieceRule rule,
                           const std::string& name);

  const std::vector<TokenPair>& merges() const { return merges_; }
  std::span<const uint8_t> BytesOf(int32_t token) const {
    const auto i = static_cast<size_t>(token);
    return std::span(text_).subspan(starts_[i], lengths_[i]);
  }

 private:
  class Encoder;

  PieceRule rule_;
  std::vector<TokenPair> merges_;
  PairMap ranks_;                  // of the pairs
  std::vector<uint16_t> lengths_;  // in bytes, of all tokens
  std::vector<uint32_t> starts_;   // of their bytes in text_
  Bytes text_;
};

// The bytes' kinds, as LoadTokenizer tells them apart.
constexpr uint8_t kPlainBpeKind = 2;
constexpr uint8_t kWordBpeKind = 3;

}  // namespace occam

#endif  // OCCAM_DATA_TOKENIZER_BPE_TOKENIZER_H_
