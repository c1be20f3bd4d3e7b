// The token table of an imported model, from the file of its tokenizer.
#ifndef OCCAM_MODEL_IMPORT_TOKEN_TABLE_H_
#define OCCAM_MODEL_IMPORT_TOKEN_TABLE_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "data/tokenizer/table_tokenizer.h"

namespace occam {

// Tokens of the network, then a token for each byte that none of them stands for: the escapes.
struct TokenTable {
  std::vector<std::string> tokens;  // bytes; empty: silent
  std::vector<TableMerge> merges;   // the first to be made first
  TableRules rules;
  int32_t escapes = 0;
  int32_t escape_token = 0;  // 0 without escapes
};

// A tokenizer.json of Hugging Face's `tokenizers`, byte pairs of one of two manners. In
// SentencePiece's, spaces are U+2581, <0xNN> are bytes, and there is no pre-tokenizer. In GPT-2's,
// each byte is a character of a map, and the pre-tokenizer is one of those of GPT-2, SmolLM2, Llama
// 3 and Qwen. Normalisers that add a prefix, replace spaces or compose characters are left out:
// what is coded is the text as it is. Added tokens are text, too, and never written; so are tokens
// of more than 255 bytes. Throws kDamaged, and kUsage by name for what is not supported: another
// model, another normaliser, another pre-tokenizer.
TokenTable ReadTokenizerJson(std::span<const uint8_t> bytes, int32_t tokens,
                             const std::string& name);

// The pre-tokenizer of a tokenizer.json that has the rule kLlama3 or kQwen.
nlohmann::json LinePreTokenizer(SplitRule rule);

// Tokens of SentencePiece's byte pairs, empty where they are no text. <0xNN> is a byte, U+2581 a
// space. A pair is merged by the score of what it makes. Bytes without a token are escaped by token
// 0. Throws kDamaged where a score is no number.
struct ScoredToken {
  std::string text;
  float score = 0;
};
TokenTable TableByScores(std::vector<ScoredToken> tokens, const std::string& name);

// A tokenizer.bin of llama2.c: a score and bytes for each token. A pair is merged by the score of
// what it makes. Throws kDamaged.
TokenTable ReadLlama2cTokens(std::span<const uint8_t> bytes, int32_t tokens,
                             const std::string& name);

}  // namespace occam

#endif  // OCCAM_MODEL_IMPORT_TOKEN_TABLE_H_
