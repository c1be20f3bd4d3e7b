#include "coder/weights/tokenizer_codec.h"

#include <utility>
#include <vector>

#include "coder/entropy/bit_coder.h"
#include "coder/weights/merge_walk.h"
#include "data/base/error.h"
#include "data/tokenizer/bpe_tokenizer.h"

namespace occam {
namespace {

constexpr int32_t kLeastProbability = 32;  // out of 65536

PieceRule RuleOf(uint8_t kind) {
  return kind == kWordBpeKind ? PieceRule::kWords : PieceRule::kNone;
}

}  // namespace

bool HasMerges(std::span<const uint8_t> tokenizer) {
  return !tokenizer.empty() && (tokenizer[0] == kPlainBpeKind || tokenizer[0] == kWordBpeKind);
}

void EncodeMerges(std::span<const uint8_t> tokenizer, RangeEncoder* encoder) {
  if (!HasMerges(tokenizer)) throw DamagedError("a tokenizer without merges was to be coded");
  std::vector<TokenPair> merges =
      BpeTokenizer::Load(tokenizer.subspan(1), RuleOf(tokenizer[0]), "the model to code").merges();
  BitEncoder bits(encoder, kLeastProbability);
  MergeWalk(&bits).Merges(&merges);
}

Bytes DecodeMerges(std::span<const uint8_t> head, RangeDecoder* decoder, const std::string& name,
                   const std::function<void()>& keep_on) {
  const auto damaged = [&](const std::string& what) {
    return DamagedError(name + " holds a damaged tokenizer: " + what);
  };
  if (!HasMerges(head) || head.size() != kTokenizerHeadBytes) throw damaged("its head is none");
  const size_t count = head[1] | static_cast<size_t>(head[2]) << 8;
  if (count > static_cast<size_t>(kMaxBpeVocabulary - kByteTokens))
    throw damaged(std::to_string(count) + " merges are too many");
  std::vector<TokenPair> merges(count);
  BitDecoder bits(decoder, kLeastProbability);
  try {
    MergeWalk(&bits).Merges(&merges, keep_on);
    return BpeTokenizer(std::move(merges), RuleOf(head[0])).Serialise();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUsage && error.kind() != ErrorKind::kDamaged) throw;
    throw damaged(error.what());
  }
}

size_t CodedTokenizerBytes(std::span<const uint8_t> tokenizer) {
  if (!HasMerges(tokenizer)) return tokenizer.size();
  RangeEncoder encoder;
  EncodeMerges(tokenizer, &encoder);
  return kTokenizerHeadBytes + encoder.Finish().size();
}

}  // namespace occam
