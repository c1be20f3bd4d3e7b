// Any bytes as a tokenizer, and any bytes as its text.
//
// Bytes 0 and 1: how long the tokenizer is, that it is coded (the highest bit). The rest is the
// tokenizer, then the text.
#include <algorithm>
#include <memory>

#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "coder/weights/tokenizer_codec.h"
#include "data/tokenizer/tokenizer.h"
#include "tests/fuzz/target.h"

namespace occam::fuzz {
namespace {

// Merges cost time as their number squared: so few that a fuzzer makes progress.
constexpr int kMostMerges = 300;

void CheckText(const Tokenizer& tokenizer, std::span<const uint8_t> text) {
  const std::vector<int32_t> tokens = tokenizer.Encode(text);
  for (const int32_t token : tokens)
    Require(token >= 0 && token < tokenizer.vocabulary(), "tokens are of the vocabulary");
  Require(tokenizer.DecodedBytes(tokens) == text.size(), "tokens tell their bytes");
  const Bytes back = tokenizer.Decode(tokens);
  Require(tokenizer.lost_bit() || std::ranges::equal(back, text), "tokens give their text");
  Require(!tokenizer.lost_bit() || tokenizer.Encode(back) == tokens, "only one bit is lost");
}

void CheckCoded(const Bytes& serialised) {
  RangeEncoder encoder;
  EncodeMerges(serialised, &encoder);
  const Bytes coded = encoder.Finish();
  RangeDecoder decoder(coded);
  const auto head = std::span(serialised).first(kTokenizerHeadBytes);
  Require(DecodeMerges(head, &decoder, "coded") == serialised, "coded merges are the merges");
  Require(decoder.ConsumedExactly(), "coded merges end where they end");
}

bool HasFewMerges(std::span<const uint8_t> serialised) {
  return !HasMerges(serialised) || serialised.size() < kTokenizerHeadBytes ||
         (serialised[1] | serialised[2] << 8) <= kMostMerges;
}

void Check(bool coded, std::span<const uint8_t> input, std::span<const uint8_t> text) {
  if (!HasFewMerges(input)) return;
  Bytes serialised(input.begin(), input.end());
  if (coded) {
    const size_t head = std::min(serialised.size(), kTokenizerHeadBytes);
    RangeDecoder decoder(input.subspan(head));
    if (!Succeeds([&] { serialised = DecodeMerges(input.first(head), &decoder, "coded"); })) return;
  }
  std::unique_ptr<Tokenizer> tokenizer;
  const bool loaded = Succeeds([&] { tokenizer = LoadTokenizer(serialised, "input"); });
  Require(loaded || !coded, "what was decoded is a tokenizer");
  if (!loaded) return;
  Require(tokenizer->Serialise() == serialised, "a tokenizer has one form");
  if (HasMerges(serialised)) CheckCoded(serialised);
  CheckText(*tokenizer, text);
}

}  // namespace
}  // namespace occam::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3 || size > 6000) return 0;
  const std::span<const uint8_t> rest(data + 2, size - 2);
  const size_t length = std::min(rest.size(), static_cast<size_t>((data[0] & 0x7f) << 8 | data[1]));
  occam::fuzz::Check((data[0] & 0x80) != 0, rest.first(length), rest.subspan(length));
  return 0;
}
