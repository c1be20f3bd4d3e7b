// The cost of compressed data when everything that its decoder needs is charged (docs/charges.md).
// It counts real bytes and, for comparison, the charge of Deletang et al., 2024 ("Language Modeling
// Is Compression", section 3.1), 2 bytes a parameter.
#ifndef OCCAM_CODER_WEIGHTS_LEDGER_H_
#define OCCAM_CODER_WEIGHTS_LEDGER_H_

#include <cstdint>

namespace occam {

struct Ledger {
  uint64_t original_bytes = 0;
  uint64_t payload_bytes = 0;   // coded symbols, and what they lose of the bytes
  uint64_t lost_bit_bytes = 0;  // of the payload: what a tokenizer of 7 bits loses
  uint64_t header_bytes = 0;    // all else of the file
  uint64_t model_bytes = 0;  // entropy-coded (model_codec.h), its tokenizer included; 0: no model
  uint64_t parameters = 0;

  uint64_t file_bytes() const { return payload_bytes + header_bytes; }
  // Compressed / original; 0.16 is 16 %. It is not a number for empty data.
  double RawRate() const;
  double AdjustedRate() const;       // with the model's real bytes
  double PaperAdjustedRate() const;  // with 2 bytes a parameter
  double BitsPerByte() const;        // of RawRate
};

// The size of data in bytes from which file and model together are smaller than what a codec of
// `baseline_rate` makes of it. Both rates stay what they are. It is infinite when never, 0 when
// always.
double BreakEvenBytes(const Ledger& ledger, double baseline_rate);

}  // namespace occam

#endif  // OCCAM_CODER_WEIGHTS_LEDGER_H_
