#include "tools/commands/train/tokenizer_option.h"

#include <string>

#include "data/base/error.h"
#include "data/base/format.h"
#include "data/base/units.h"
#include "data/tokenizer/bpe_tokenizer.h"
#include "data/tokenizer/bpe_trainer.h"
#include "data/tokenizer/seven_bit_tokenizer.h"

namespace occam {
namespace {

struct TokenizerAsked {
  enum class Kind { kBytes, kSevenBits, kPairs };
  Kind kind = Kind::kBytes;
  int32_t vocabulary = ByteTokenizer().vocabulary();
  LostBit lost = LostBit::kTop;       // of kSevenBits
  PieceRule rule = PieceRule::kNone;  // of kPairs
};

TokenizerAsked Parse(const std::string& text) {
  using Kind = TokenizerAsked::Kind;
  if (text == "bytes") return {};
  for (const LostBit lost : {LostBit::kTop, LostBit::kBottom}) {
    const SevenBitTokenizer tokenizer(lost);
    if (text == tokenizer.name()) return {Kind::kSevenBits, tokenizer.vocabulary(), lost};
  }
  const size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  if (colon == text.npos || (kind != "bpe" && kind != "bpe-plain")) {
    throw UsageError(
        fmt::format("--tokenizer is bytes, ascii7, ascii7-low, bpe:N or bpe-plain:N, such as "
                    "bpe:4096, not {}",
                    text));
  }
  const int64_t vocabulary = ParseCount(text.substr(colon + 1), "--tokenizer");
  if (vocabulary <= kByteTokens || vocabulary > kMaxBpeVocabulary) {
    throw UsageError(fmt::format("--tokenizer {}: a vocabulary of byte pairs has {} to {} tokens",
                                 text, kByteTokens + 1, kMaxBpeVocabulary));
  }
  return {Kind::kPairs, static_cast<int32_t>(vocabulary), LostBit::kTop,
          kind == "bpe" ? PieceRule::kWords : PieceRule::kNone};
}

TokenizerAsked AskedBy(const cxxopts::ParseResult& args) {
  return Parse(args["tokenizer"].as<std::string>());
}

}  // namespace

int32_t VocabularyAsked(const cxxopts::ParseResult& args) { return AskedBy(args).vocabulary; }

bool PairsAsked(const cxxopts::ParseResult& args) {
  return AskedBy(args).kind == TokenizerAsked::Kind::kPairs;
}

std::unique_ptr<Tokenizer> LearnTokenizer(const cxxopts::ParseResult& args,
                                          std::span<const uint8_t> training_bytes) {
  const TokenizerAsked asked = AskedBy(args);
  if (asked.kind == TokenizerAsked::Kind::kBytes) return std::make_unique<ByteTokenizer>();
  if (asked.kind == TokenizerAsked::Kind::kSevenBits)
    return std::make_unique<SevenBitTokenizer>(asked.lost);
  auto tokenizer = std::make_unique<BpeTokenizer>(
      TrainBpe(training_bytes, asked.vocabulary, asked.rule), asked.rule);
  if (tokenizer->vocabulary() < asked.vocabulary) {
    throw UsageError(fmt::format(
        "the training part has pairs that occur twice for a vocabulary of {} only, not {}",
        tokenizer->vocabulary(), asked.vocabulary));
  }
  return tokenizer;
}

}  // namespace occam
