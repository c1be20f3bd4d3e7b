// The symbols of some bytes as they are coded, and the bits that a tokenizer of seven bits takes
// from them.
#ifndef OCCAM_CODER_ARCHIVE_CODED_SYMBOLS_H_
#define OCCAM_CODER_ARCHIVE_CODED_SYMBOLS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "data/base/file.h"
#include "data/tokenizer/tokenizer.h"

namespace occam {

struct CodedSymbols {
  std::vector<int32_t> tokens;
  Bytes lost_bits;  // coder/archive/lost_bits.h; empty where tokens lose none
};

// `tokenizer` may be null: a symbol is a byte. BytesOf undoes SymbolsOf.
CodedSymbols SymbolsOf(std::span<const uint8_t> bytes, const Tokenizer* tokenizer);
Bytes BytesOf(const CodedSymbols& symbols, const Tokenizer* tokenizer);

}  // namespace occam

#endif  // OCCAM_CODER_ARCHIVE_CODED_SYMBOLS_H_
