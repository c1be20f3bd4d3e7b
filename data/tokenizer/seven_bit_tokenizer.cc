#include "data/tokenizer/seven_bit_tokenizer.h"

#include "data/base/error.h"

namespace occam {

std::string SevenBitTokenizer::name() const {
  return lost_ == LostBit::kTop ? "ascii7" : "ascii7-low";
}

std::vector<int32_t> SevenBitTokenizer::Encode(std::span<const uint8_t> bytes) const {
  std::vector<int32_t> tokens;
  tokens.reserve(bytes.size());
  for (const uint8_t byte : bytes)
    tokens.push_back(lost_ == LostBit::kTop ? byte & 127 : byte >> 1);
  return tokens;
}

uint64_t SevenBitTokenizer::DecodedBytes(std::span<const int32_t> tokens) const {
  for (const int32_t token : tokens) {
    if (token < 0 || token >= vocabulary())
      throw DamagedError("token " + std::to_string(token) + " is not one of " + name());
  }
  return tokens.size();
}

Bytes SevenBitTokenizer::Decode(std::span<const int32_t> tokens) const {
  Bytes bytes;
  bytes.reserve(DecodedBytes(tokens));
  for (const int32_t token : tokens)
    bytes.push_back(static_cast<uint8_t>(lost_ == LostBit::kTop ? token : token << 1));
  return bytes;
}

Bytes SevenBitTokenizer::Serialise() const {
  return {lost_ == LostBit::kTop ? kSevenTopKind : kSevenLowKind};
}

}  // namespace occam
