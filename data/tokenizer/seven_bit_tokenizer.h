// Bytes as symbols of 7 bits.
#ifndef OCCAM_DATA_TOKENIZER_SEVEN_BIT_TOKENIZER_H_
#define OCCAM_DATA_TOKENIZER_SEVEN_BIT_TOKENIZER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/tokenizer/seven_bits.h"
#include "data/tokenizer/tokenizer.h"

namespace occam {

// One token a byte, V = 128: what a model that knows only ASCII is fed (Deletang et al., 2024,
// section 3.1). The bit that this takes from each byte is for the coder to keep (lost_bit of
// Tokenizer); Decode gives bytes without it. Its serialised form is one byte, 4 for LostBit::kTop
// and 5 for kBottom.
class SevenBitTokenizer final : public Tokenizer {
 public:
  explicit SevenBitTokenizer(LostBit lost) : lost_(lost) {}
  std::string name() const override;  // "ascii7", "ascii7-low"
  int32_t vocabulary() const override { return 128; }
  std::optional<LostBit> lost_bit() const override { return lost_; }
  std::vector<int32_t> Encode(std::span<const uint8_t> bytes) const override;
  uint64_t DecodedBytes(std::span<const int32_t> tokens) const override;
  Bytes Decode(std::span<const int32_t> tokens) const override;
  Bytes Serialise() const override;

 private:
  LostBit lost_;
};

// The bytes' kinds, as LoadTokenizer tells them apart.
constexpr uint8_t kSevenTopKind = 4;
constexpr uint8_t kSevenLowKind = 5;

}  // namespace occam

#endif  // OCCAM_DATA_TOKENIZER_SEVEN_BIT_TOKENIZER_H_
