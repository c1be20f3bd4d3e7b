#include "data/tokenizer/tokenizer.h"

#include "data/base/error.h"
#include "data/tokenizer/bpe_tokenizer.h"
#include "data/tokenizer/seven_bit_tokenizer.h"
#include "data/tokenizer/table_tokenizer.h"

namespace occam {
namespace {

constexpr uint8_t kBytesKind = 1;

}  // namespace

std::vector<int32_t> ByteTokenizer::Encode(std::span<const uint8_t> bytes) const {
  return {bytes.begin(), bytes.end()};
}

uint64_t ByteTokenizer::DecodedBytes(std::span<const int32_t> tokens) const {
  for (const int32_t token : tokens) {
    if (token < 0 || token > 255) {
      throw DamagedError("token " + std::to_string(token) + " is no byte");
    }
  }
  return tokens.size();
}

Bytes ByteTokenizer::Decode(std::span<const int32_t> tokens) const {
  Bytes bytes;
  bytes.reserve(DecodedBytes(tokens));
  for (const int32_t token : tokens) bytes.push_back(static_cast<uint8_t>(token));
  return bytes;
}

Bytes ByteTokenizer::Serialise() const { return {kBytesKind}; }

std::unique_ptr<Tokenizer> LoadTokenizer(std::span<const uint8_t> serialised,
                                         const std::string& name) {
  if (serialised.empty()) throw DamagedError(name + " holds no tokenizer");
  if (serialised[0] == kPlainBpeKind || serialised[0] == kWordBpeKind) {
    const PieceRule rule = serialised[0] == kWordBpeKind ? PieceRule::kWords : PieceRule::kNone;
    return std::make_unique<BpeTokenizer>(BpeTokenizer::Load(serialised.subspan(1), rule, name));
  }
  if (serialised[0] == kTableKind || serialised[0] == kWideTableKind)
    return std::make_unique<TableTokenizer>(TableTokenizer::Load(serialised, name));
  const bool seven_bits = serialised[0] == kSevenTopKind || serialised[0] == kSevenLowKind;
  if (serialised[0] != kBytesKind && !seven_bits) {
    throw DamagedError(name + " holds a tokenizer of kind " + std::to_string(serialised[0]) +
                       ", which this program does not know; it may be newer or damaged");
  }
  if (serialised.size() != 1) {
    throw DamagedError(name + " holds a byte tokenizer of " + std::to_string(serialised.size()) +
                       " bytes instead of 1");
  }
  if (seven_bits) {
    return std::make_unique<SevenBitTokenizer>(serialised[0] == kSevenTopKind ? LostBit::kTop
                                                                              : LostBit::kBottom);
  }
  return std::make_unique<ByteTokenizer>();
}

}  // namespace occam
