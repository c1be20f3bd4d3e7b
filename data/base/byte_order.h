// Flat little-endian blocks: a writer, and a reader that checks every length before it believes it.
#ifndef OCCAM_DATA_BASE_BYTE_ORDER_H_
#define OCCAM_DATA_BASE_BYTE_ORDER_H_

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "data/base/error.h"
#include "data/base/file.h"

namespace occam {

class ByteWriter {
 public:
  // Makes room for as many bytes in all.
  void Reserve(size_t bytes) { bytes_.reserve(bytes); }

  template <std::unsigned_integral T>
  void Put(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  void PutFloat(float value) { Put(std::bit_cast<uint32_t>(value)); }
  void PutBytes(std::span<const uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  const Bytes& bytes() const { return bytes_; }
  Bytes Take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

// Reading past the end is kDamaged, with the name and the offset in the message. Does not own the
// bytes.
class ByteReader {
 public:
  ByteReader(std::span<const uint8_t> bytes, std::string name)
      : bytes_(bytes), name_(std::move(name)) {}

  template <std::unsigned_integral T>
  T Get() {
    const auto piece = GetBytes(sizeof(T));
    T value = 0;
    for (size_t i = 0; i < sizeof(T); ++i)
      value = static_cast<T>(value | (static_cast<T>(piece[i]) << (8 * i)));
    return value;
  }
  float GetFloat() { return std::bit_cast<float>(Get<uint32_t>()); }
  std::span<const uint8_t> GetBytes(uint64_t count) {
    if (count > remaining()) {
      throw DamagedError(name_ + " ends at byte " + std::to_string(bytes_.size()) +
                         ", where more is needed");
    }
    const auto piece = bytes_.subspan(position_, count);
    position_ += count;
    return piece;
  }
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  const std::string& name() const { return name_; }

 private:
  std::span<const uint8_t> bytes_;
  std::string name_;
  size_t position_ = 0;
};

}  // namespace occam

#endif  // OCCAM_DATA_BASE_BYTE_ORDER_H_
