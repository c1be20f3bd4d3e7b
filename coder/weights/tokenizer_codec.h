// A byte-pair tokenizer entropy-coded, as a coded model ships it (coder/weights/model_codec.h).
#ifndef OCCAM_CODER_WEIGHTS_TOKENIZER_CODEC_H_
#define OCCAM_CODER_WEIGHTS_TOKENIZER_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "coder/entropy/range_decoder.h"
#include "coder/entropy/range_encoder.h"
#include "data/base/file.h"
#include "data/tokenizer/tokenizer.h"

namespace occam {

// Returns whether a tokenizer, serialised, is one of byte pairs. Others are too small to code.
bool HasMerges(std::span<const uint8_t> tokenizer);

// The first bytes of a serialised tokenizer of byte pairs: its kind and the number of its merges.
constexpr size_t kTokenizerHeadBytes = 3;

// Codes the merges, which is what follows the head; merge_walk.h says how. Throws kDamaged where
// the bytes are no tokenizer of byte pairs.
void EncodeMerges(std::span<const uint8_t> tokenizer, RangeEncoder* encoder);

// The serialised tokenizer. Throws kDamaged, `name` in the message, where the head is none or the
// merges cannot be. Takes a few seconds for the largest vocabulary; `keep_on`, which may be null,
// is called often meanwhile.
Bytes DecodeMerges(std::span<const uint8_t> head, RangeDecoder* decoder, const std::string& name,
                   const std::function<void()>& keep_on = nullptr);

// The most that DecodeMerges takes: 65,278 tokens of 255 bytes, twice, and how they are predicted.
constexpr uint64_t kMostMergesBytes = uint64_t{48} << 20;

// Returns the bytes that a tokenizer takes in a coded model.
size_t CodedTokenizerBytes(std::span<const uint8_t> tokenizer);

}  // namespace occam

#endif  // OCCAM_CODER_WEIGHTS_TOKENIZER_CODEC_H_
