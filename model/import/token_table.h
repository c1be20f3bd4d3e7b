// The token table of an imported model, from the file of its tokenizer.
#ifndef OCCAM_MODEL_IMPORT_TOKEN_TABLE_H_
#define OCCAM_MODEL_IMPORT_TOKEN_TABLE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/tokenizer/bpe_merges.h"

namespace occam {

// Tokens of the network, then a token for each byte that none of them stands for: the escapes.
struct TokenTable {
  std::vector<std::string> tokens;  // bytes; empty: silent
  std::vector<TokenPair> merges;    // the first to be made first
  int32_t escapes = 0;
  int32_t escape_token = 0;  // 0 without escapes
};

// A tokenizer.json of Hugging Face's `tokenizers`, byte pairs in SentencePiece's manner: spaces are
// U+2581, <0xNN> are bytes. Normalisers that add a prefix or replace spaces are left out: what is
// coded is the text as it is. Throws kDamaged, and kUsage by name for what is not supported:
// another model, another normaliser, a pre-tokenizer.
TokenTable ReadTokenizerJson(std::span<const uint8_t> bytes, int32_t tokens,
                             const std::string& name);

// A tokenizer.bin of llama2.c: a score and bytes for each token. A pair is merged by the score of
// what it makes. Throws kDamaged.
TokenTable ReadLlama2cTokens(std::span<const uint8_t> bytes, int32_t tokens,
                             const std::string& name);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_TOKEN_TABLE_H_
