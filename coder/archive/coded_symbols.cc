#include "coder/archive/coded_symbols.h"

namespace occam {

CodedSymbols SymbolsOf(std::span<const uint8_t> bytes, const Tokenizer* tokenizer) {
  if (tokenizer == nullptr) return {{bytes.begin(), bytes.end()}, {}};
  CodedSymbols symbols{tokenizer->Encode(bytes), {}};
  if (const auto bit = tokenizer->lost_bit()) {
    Bytes values(bytes.begin(), bytes.end());
    symbols.lost_bits = TakeLostBits(values, *bit);
  }
  return symbols;
}

Bytes BytesOf(const CodedSymbols& symbols, const Tokenizer* tokenizer) {
  if (tokenizer == nullptr || tokenizer->lost_bit()) {
    Bytes values(symbols.tokens.begin(), symbols.tokens.end());
    if (tokenizer != nullptr) ReturnLostBits(values, symbols.lost_bits, *tokenizer->lost_bit());
    return values;
  }
  return tokenizer->Decode(symbols.tokens);
}

}  // namespace occam
