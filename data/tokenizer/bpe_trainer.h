// Byte-pair encoding learned from bytes (Gage, 1994, "A new algorithm for data compression";
// Sennrich et al., 2016, "Neural machine translation of rare words with subword units", section
// 3.2).
#ifndef OCCAM_DATA_TOKENIZER_BPE_TRAINER_H_
#define OCCAM_DATA_TOKENIZER_BPE_TRAINER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "data/tokenizer/bpe_merges.h"
#include "data/tokenizer/pieces.h"

namespace occam {

// Merges for `vocabulary` tokens, in [257, kMaxBpeVocabulary] (kUsage otherwise): tokens 0 to 255
// are the bytes, merge i makes token 256 + i of two earlier ones. Each merge is the pair of
// neighbours, within a piece, that occurs most often in the text as it is then (overlapping
// occurrences counted). Of equals it is the one with the smallest left token, then the smallest
// right one; pairs of more than kMaxTokenBytes are passed over. It is made from left to right
// wherever the pair stands. Ends before `vocabulary` when no pair occurs twice.
//
// Takes memory, with kWords, of some 40 bytes a byte of different pieces, with kNone of some 15 a
// byte of text. There may be 2^32 - 1 bytes of either at most (kUsage).
std::vector<TokenPair> TrainBpe(std::span<const uint8_t> text, int32_t vocabulary, PieceRule rule);

}  // namespace occam

#endif  // OCCAM_DATA_TOKENIZER_BPE_TRAINER_H_
