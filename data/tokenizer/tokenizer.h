// Bytes to symbols and back. Lossless, Decode(Encode(bytes)) == bytes for any bytes at all, but for
// the bit of each byte that lost_bit tells.
#ifndef OCCAM_DATA_TOKENIZER_TOKENIZER_H_
#define OCCAM_DATA_TOKENIZER_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/base/file.h"
#include "data/tokenizer/seven_bits.h"

namespace occam {

// Immutable, shared by any number of threads.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::string name() const = 0;    // for reports: "bytes"
  virtual int32_t vocabulary() const = 0;  // V: tokens are in [0, V)
  // The bit of each byte that tokens, one a byte, do not hold: Decode gives 0 for it, and whoever
  // codes has to keep it. Most have none.
  virtual std::optional<LostBit> lost_bit() const { return std::nullopt; }
  // Returns whether a token stands for no bytes, as marks of a text's end do: no encoder writes it.
  virtual bool is_silent(int32_t /*token*/) const { return false; }
  virtual std::vector<int32_t> Encode(std::span<const uint8_t> bytes) const = 0;
  // Returns how many bytes Decode gives, without making them. A token outside [0, V) is kDamaged.
  virtual uint64_t DecodedBytes(std::span<const int32_t> tokens) const = 0;
  // A token outside [0, V) is kDamaged.
  virtual Bytes Decode(std::span<const int32_t> tokens) const = 0;
  // Returns what LoadTokenizer reads: one byte that names the kind, then what the kind needs. 1 is
  // for bytes, 2 and 3 for byte pairs (bpe_tokenizer.h), 4 and 5 for 7 bits
  // (seven_bit_tokenizer.h), 6 and 7 for a table (table_tokenizer.h). It has no checksum of its
  // own, since it travels inside files that do, and it is charged to the model.
  virtual Bytes Serialise() const = 0;
};

// One token a byte, V = 256; serialised as the one byte 1.
class ByteTokenizer final : public Tokenizer {
 public:
  std::string name() const override { return "bytes"; }
  int32_t vocabulary() const override { return 256; }
  std::vector<int32_t> Encode(std::span<const uint8_t> bytes) const override;
  uint64_t DecodedBytes(std::span<const int32_t> tokens) const override;
  Bytes Decode(std::span<const int32_t> tokens) const override;
  Bytes Serialise() const override;
};

// Throws kDamaged for anything that no Serialise writes; `name` is for the message.
std::unique_ptr<Tokenizer> LoadTokenizer(std::span<const uint8_t> serialised,
                                         const std::string& name);

}  // namespace occam

#endif  // OCCAM_DATA_TOKENIZER_TOKENIZER_H_
